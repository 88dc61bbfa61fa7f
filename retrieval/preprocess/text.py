"""Cleaning of strings, and which strings stand for an item."""

import re
import unicodedata
from collections.abc import Iterable

from catalog.visible import INVISIBLE, is_kept

MAX_CHARS = 2_000
"""Longer texts are cut: E5 windows at 512 tokens, and a page is not a better query than its start."""

_SPACE = re.compile(r"\s+")
_SPLIT_AM = re.compile("([\u0e4d\u0ecd])([\u0e48-\u0e4b\u0ec8-\u0ecb]?)([\u0e32\u0eb2])")
_AM = {"\u0e4d": "\u0e33", "\u0ecd": "\u0eb3"}


def normalise(text: str, limit: int = MAX_CHARS) -> str:
    """NFKC, no control characters nor lone surrogates, single spaces, at most ``limit`` characters.

    Empty where nothing visible is left.
    """
    # NFKC grows one character to at most 18 (U+FDFA): cutting first bounds the work.
    composed = unicodedata.normalize("NFKC", text[: limit * 4])
    kept = composed
    if not composed.isprintable():  # else there is nothing to drop: three times as quick
        kept = "".join(c if is_kept(c) else " " if c.isspace() else "" for c in composed)
    cleaned = _SPACE.sub(" ", kept).strip()[:limit].rstrip()
    return cleaned if cleaned.strip(INVISIBLE) else ""


def with_whole_vowels(text: str) -> str:
    """With the Thai and Lao vowel *am* as its one letter: NFKC takes it apart, no dictionary does."""
    return _SPLIT_AM.sub(lambda match: match[2] + _AM[match[1]], text)


def document_texts(title: str, description: str = "", tags: Iterable[str] = ()) -> list[str]:
    """The texts encoded (role ``document``) for an item in one language, without empty ones.

    The item's text feature is the mean of the vectors of all these, over all its languages:
    see ``retrieval.fusion.pool``.
    """
    heading = normalise(title)
    listed = ", ".join(filter(None, (normalise(tag) for tag in tags)))
    parts = (heading.rstrip("."), normalise(description).rstrip("."), listed)
    body = normalise(". ".join(filter(None, parts)))
    return list(dict.fromkeys(filter(None, (heading, body))))
