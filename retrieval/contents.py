"""What an item is, in a few letters: decisions of people are about that, not about a version."""

import hashlib
from collections.abc import Iterable

from catalog import selectors
from catalog.selectors import ItemDocument
from retrieval import outputs


def fingerprint(document: ItemDocument) -> str:
    """Of the words in every language and the bytes of every file, in any order.

    The same in every space, and after "Embed again".
    """
    keys = sorted({f"{piece.modality}:{piece.sha256}" for piece in outputs.pieces_of(document)})
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


def fingerprints(item_ids: Iterable[int]) -> dict[int, str]:
    """By item; unknown ids are left out. Three queries."""
    return {each.item_id: fingerprint(each) for each in selectors.documents(item_ids)}
