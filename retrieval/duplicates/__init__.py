"""Items that may be the same thing: exact, near or merely similar, and what people decide.

- ``find_duplicates()``: compares the catalog, stores pairs; decisions stand
- ``pair_keep``, ``pair_hide``, ``pair_merge`` (``merge_preview`` first), ``pair_reopen``
- ``mover_register(mover)``: how another app moves what it keeps about an item
"""

from retrieval.duplicates.decisions import (
    Preview,
    content_now,
    merge_preview,
    pair_hide,
    pair_keep,
    pair_merge,
    pair_reopen,
)
from retrieval.duplicates.finding import Found, find_duplicates
from retrieval.duplicates.movers import Mover, mover_register

__all__ = [
    "Found",
    "Mover",
    "Preview",
    "content_now",
    "find_duplicates",
    "merge_preview",
    "mover_register",
    "pair_hide",
    "pair_keep",
    "pair_merge",
    "pair_reopen",
]
