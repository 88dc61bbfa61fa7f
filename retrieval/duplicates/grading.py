"""How much the same two items are, from what they have in common. Pure functions.

Thresholds were chosen on one half of the demo's items, with copies planted, and checked on the other
half: `python -m benchmarks.duplicates`; docs/howto/review.md has the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Grade = Literal["exact", "near", "similar"]

PICTURE: Final = 0.96
LOOK: Final = 0.95
PICTURE_TOO: Final = 0.9
"""Of pictures that the encoder sees as the same: alone its word would make copies of all clocks."""
SOUND: Final = 0.85
WORDS: Final = 0.8
SHARED: Final = 0.5
"""Of all files of both: a logo that many items show makes none of them a copy."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What two items have in common, each from 0 to 1; None where one of them has no such thing."""

    files: float = 0.0
    """Files of equal bytes, of all that either has."""
    same_files: bool = False
    """Both have files, and the very same."""
    picture: float | None = None
    """Correlation of the most alike pictures, mirrored or not."""
    mirrored: bool = False
    """That they are alike in a mirror."""
    look: float | None = None
    """Cosine of what the encoder says of them."""
    sound: float | None = None
    words: float | None = None
    """Letter triples in common, mean of the languages that both have."""
    same_words: bool = False
    """In all languages of both."""
    bare: bool = False
    """Neither has any file."""
    space: float | None = None
    """Cosine of the fused vectors."""
    close: bool = False
    """Each among the other's nearest, and nearer than is usual."""

    def as_json(self) -> dict[str, float | bool]:
        """What is there, for people to see."""
        shown = ("picture", "look", "sound", "words", "space")
        found: dict[str, float | bool] = {
            name: round(value, 4) for name in shown if (value := getattr(self, name)) is not None
        }
        if self.files:
            found["files"] = round(self.files, 4)
        if self.mirrored:
            found["mirrored"] = True
        return found


def grade(signals: Signals) -> tuple[Grade, float] | None:
    """The class of a pair and how much the same they are, from 0 to 1; None if they are two things.

    Of copies, that is their strongest signal; of two things that share a sound only, what their sounds,
    pictures and words have in common on the average.
    """
    if signals.same_files or (signals.bare and signals.same_words):
        return "exact", 1.0
    if near := [float(getattr(signals, name) or 0.0) for name in matching(signals)]:
        return "near", min(1.0, max(near))
    if signals.close or _least(signals.words, WORDS):
        return "similar", max(0.0, signals.space or 0.0, signals.words or 0.0)
    return ("similar", _mean(signals)) if _least(signals.sound, SOUND) else None


def matching(signals: Signals) -> list[str]:
    """The signals that make them copies, by name."""
    strong: Mapping[str, bool] = {
        "files": signals.files >= SHARED,
        "picture": _least(signals.picture, PICTURE),
        "look": _least(signals.look, LOOK) and _least(signals.picture, PICTURE_TOO),
        # the same sound of two pictures and two names: one recording of several things
        "sound": _least(signals.sound, SOUND) and not _other_thing(signals),
        # the same words of two pictures: two colours of one shirt
        "words": _least(signals.words, WORDS) and not _other_media(signals),
    }
    return [name for name, holds in strong.items() if holds]


def _other_thing(signals: Signals) -> bool:
    """Pictures and words can both be compared, and both differ."""
    other_pictures = signals.picture is not None and signals.picture < PICTURE_TOO
    return other_pictures and signals.words is not None and signals.words < WORDS


def _mean(signals: Signals) -> float:
    """Of sounds, pictures and words, as far as both have them."""
    known = [each for each in (signals.sound, signals.picture, signals.words) if each is not None]
    return sum(known) / len(known)


def _least(value: float | None, threshold: float) -> bool:
    return value is not None and value >= threshold


def _other_media(signals: Signals) -> bool:
    return signals.picture is not None or signals.look is not None or signals.sound is not None
