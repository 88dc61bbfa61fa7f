"""What people do, as the rest of the recommender counts it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of event and what it says about taste."""

    name: str
    weight: float
    """What one of them counts; negative where it speaks against the item."""
    half_life_days: float
    """After so many days it counts half."""
    with_share: bool = False
    """Whether its events say how much of the item was taken in, from 0 to 1."""

    def strength(self, *, age_days: float, share: float | None = None) -> float:
        """What an event of that age counts now: weight x share / 2 ** (age / half-life)."""
        taken = share if self.with_share and share is not None else 1.0
        return float(self.weight * taken * 0.5 ** (max(age_days, 0.0) / self.half_life_days))
