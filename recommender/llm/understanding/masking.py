"""Phrases that look like denials and are none stand as single signs while a question is read."""

import re
from collections.abc import Sequence
from typing import Final

from recommender.llm.understanding.types import MARK

FIRST_SIGN: Final = 0xE000
_OWN: Final = re.compile(f"[\ue000-\uf8ff{MARK}]")


def without_signs(text: str) -> str:
    """What readings write into a text, a question may not bring along."""
    return _OWN.sub(" ", text)


def masked(text: str, phrases: re.Pattern[str], kept: Sequence[str] = ()) -> tuple[str, list[str]]:
    """The text with a sign for each phrase, and all phrases: after those ``kept`` from it before."""
    all_kept = list(kept)

    def keep(match: re.Match[str]) -> str:
        all_kept.append(match[0])
        return chr(FIRST_SIGN + len(all_kept) - 1)

    return phrases.sub(keep, text), all_kept


def unmasked(text: str, kept: Sequence[str]) -> str:
    """The text with its phrases again."""
    for at, phrase in enumerate(kept):
        text = text.replace(chr(FIRST_SIGN + at), phrase)
    return text
