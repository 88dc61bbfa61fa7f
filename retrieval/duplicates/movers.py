"""What other apps keep about items, and move when two items become one.

An app that stores something under an item registers a ``Mover`` when it starts (``AppConfig.ready``);
the recommender does so for events and rules. Movers run in the merge's own transaction: all or nothing.
"""

from typing import Protocol

_movers: dict[str, "Mover"] = {}


class Mover(Protocol):
    """Counts and moves one kind of rows."""

    noun: str
    """What they are, in the plural: ``events``."""

    def count(self, item_id: int) -> int:
        """Rows about the item."""

    def move(self, kept_id: int, other_id: int, by: str) -> int:
        """Make the rows about ``other_id`` rows about ``kept_id``; how many. ``by`` is who merges them. In
        the caller's transaction, both items locked.
        """


def mover_register(mover: Mover) -> None:
    """Once for each noun: the later one replaces the earlier."""
    _movers[mover.noun] = mover


def counted(item_id: int) -> dict[str, int]:
    """What a merge would move away from an item, by noun."""
    return {noun: mover.count(item_id) for noun, mover in _movers.items()}


def moved(kept_id: int, other_id: int, by: str) -> dict[str, int]:
    """Move everything; how much, by noun."""
    return {noun: mover.move(kept_id, other_id, by) for noun, mover in _movers.items()}
