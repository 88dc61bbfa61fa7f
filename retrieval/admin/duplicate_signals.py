"""How much two items are alike by their words, pictures and sounds, in the admin."""

from typing import Any, Final

from django.utils.safestring import SafeString

from catalog.admin import html
from retrieval.admin.reviews import bar
from retrieval.duplicates import grading
from retrieval.models import DuplicatePair

SIGNALS: Final = {
    "files": "equal files",
    "picture": "pictures, point by point",
    "look": "pictures, as the encoder sees them",
    "sound": "sounds",
    "words": "words",
    "space": "in the space",
}
SHORT: Final = {"files": "files", "picture": "pictures", "sound": "sounds", "words": "words"}


def badges(pair: DuplicatePair) -> SafeString:
    """Each by itself; what makes them copies stands out."""
    matching = _matching(pair)
    parts = [
        html.badge(f"{label} {pair.signals[name]:.2f}", "success" if name in matching else "")
        for name, label in SHORT.items()
        if name in pair.signals
    ]
    return html.badges([*parts, *([html.badge("mirrored")] if mirrored(pair) else [])])


def bars(pair: DuplicatePair) -> list[dict[str, Any]]:
    """A bar a signal, and whether it makes them copies."""
    matching = _matching(pair)
    return [
        {
            "name": label,
            "bar": bar(pair.signals[name], pair.signals[name]),
            "matches": name in matching,
        }
        for name, label in SIGNALS.items()
        if name in pair.signals
    ]


def mirrored(pair: DuplicatePair) -> bool:
    """Their pictures are copies in a mirror; of other pictures it says nothing."""
    return bool(pair.signals.get("mirrored")) and not {"picture", "look"}.isdisjoint(
        _matching(pair)
    )


def _matching(pair: DuplicatePair) -> list[str]:
    """What makes them copies."""
    return grading.matching(grading.Signals(**pair.signals))
