"""What every stage of one recommendation said, for people to read: ``pipeline.recommend`` fills it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from recommender.candidates import Gathered
from recommender.setups import Setup
from recommender.types import Candidate, Placed, Taste


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of ``rerank`` made of the list."""

    name: str
    placed: tuple[Placed, ...]
    """All candidates that are left, best first: also those beyond the depth that was asked for."""


@dataclass(slots=True)
class Trace:
    """Empty before the run; each stage adds what it handed to the next one."""

    setup: Setup | None = None
    taste: Taste = field(default_factory=Taste)
    done: frozenset[int] = frozenset()
    """What the visitor is done with, which no source looks for."""
    gathered: Gathered | None = None
    candidates: tuple[Candidate, ...] = ()
    """Ranked, best first."""
    steps: list[Step] = field(default_factory=list)

    def step(self, name: str, placed: Sequence[Placed]) -> None:
        """Note what a step of ``rerank`` made."""
        self.steps.append(Step(name, tuple(placed)))
