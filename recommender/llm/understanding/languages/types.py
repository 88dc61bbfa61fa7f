"""What a question's language is known by: tables of its words and small patterns of its grammar."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from recommender.llm.understanding.types import Sort

Names: TypeAlias = Mapping[str, tuple[str, ...]]
Bound: TypeAlias = Literal["lt", "lte", "gt", "gte", "about"]
Said: TypeAlias = Sequence[tuple[Bound, str]]
Level: TypeAlias = Literal["low", "modest", "high", "notlow"]
UNITS: Final = r"kg|g|mg|cm|mm|m|km|m²|l|ml|cl|h|min|s|gb|mb|tb|w|kw|v|mah|hz|khz|db|mp|zoll|°|%|px"
"""After a number in any language: then it is no price."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language that ``tabled`` reads by tables.

    Patterns are regular expressions, searched without regard to case; those of words must match whole
    words where the language parts them by blanks. What is left at its default the language has not.
    """

    code: str
    asking: Sequence[str]
    """What only makes a sentence a question."""
    names: Names
    """Word -> English names that a catalog may give that kind of thing, the likeliest first."""
    qualities: Mapping[str, int]
    letters: str = ""
    """That none of the other languages here writes."""
    denied_ahead: Sequence[str] = ()
    """What denies the words behind it, the longest first: *ohne*, *pas de*."""
    denied_behind: Sequence[str] = ()
    """What denies the words before it, as far as their clause: 以外, *no quiero*."""
    denied_within: Sequence[str] = ()
    """What denies one of its own groups: *ne volent pas*."""
    plain: Callable[[re.Match[str]], Sequence[str]] = lambda match: [*filter(None, match.groups())]
    """What such a match denies, in words: 飛べる of 飛べない."""
    rhetorical: Sequence[str] = ()
    """Denies nothing and says nothing: *gibt es keine …?*"""
    kept: Sequence[str] = ()
    """Holds a denying word and denies nothing: *nicht nur*, *sans fil*."""
    joined: str = r"$^"
    """Between things of one list."""
    scope_end: str = r"$^"
    """Where what is denied ends inside a clause."""
    scope_start: str = r"$^"
    """Where what is denied from behind begins inside a clause."""
    leading: str = r"$^"
    trailing: str = r"$^"
    """Small words around a thing: articles, *können*."""
    noun: str = r"$^"
    """How a word begins that is the name of a thing; case counts."""
    of: str = r"$^"
    """Between a thing and what it is made of or has: *chaises* en *plastique*."""
    describing: str = r"$^"
    """Where what a thing is ends and what else is said of it begins."""
    endings: Sequence[str] = ()
    """That a word may have beside the form that a table lists."""
    money: str = r"€|euros?|eur|[$£¥]|usd|gbp|dollars?"
    measures: str = ""
    """After a number: then it is no price; beside UNITS."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    ahead: Said = ()
    """Before an amount."""
    behind: Said = ()
    """After an amount."""
    ranges: Sequence[str] = ()
    """With ``{low}`` and ``{high}``."""
    levels: Sequence[tuple[Level, str]] = ()
    """Tried in order, each as it is meant where nothing denies it."""
    compared: str = r"$^"
    """In a level: that it is one of what was shown (*teurer*)."""
    complaint: str = r"$^"
    """In a level: that it asks for the opposite (*zu teuer*)."""
    paying: str = r"$^"
    """Verbs that may stand between a denial and a price, or behind it: *ausgeben*."""
    sorts: Sequence[tuple[Sort, str]] = ()
    dates: Sequence[tuple[str, str]] = ()
    """With ``{year}``; names as ``numbers.year_bounds`` takes them."""
    in_stock: str = r"$^"
    own: str = r"$^"
    """A question about what is the asker's own already: *où est ma commande*."""
    now: str = r"$^"
    """A question about how the world is just now: *quelle heure est-il*."""
    does: Mapping[str, str] = field(default_factory=dict)
    """A form of a verb -> the English verb of ``abilities.DOERS``: *fliegen* -> fly."""
    is_spaced: bool = True
    """Whether blanks part its words."""
    is_head_last: bool = True
    """Whether a thing is named last (*rote Stühle*) or first (*chaises rouges*)."""

    def forms(self, word: str) -> tuple[str, ...]:
        """The folded word as tables may have it: itself, then without its endings."""
        cut = (word.removesuffix(end) for end in self.endings if len(word) - len(end) > 2)
        return tuple(dict.fromkeys((word, *cut)))

    def named(self, word: str) -> tuple[str, ...]:
        """English names of a folded word; () for one that is not listed."""
        return next((self.names[each] for each in self.forms(word) if each in self.names), ())

    def quality(self, word: str) -> int | None:
        """The kind of quality that a folded word is; None for none."""
        found = (self.qualities[each] for each in self.forms(word) if each in self.qualities)
        return next(found, None)

    def words(self, *patterns: str) -> re.Pattern[str]:
        """Any of the patterns, as whole words where words are parted."""
        joined = "|".join(f"(?:{each})" for each in patterns) or r"$^"
        whole = rf"(?<![\w-])(?:{joined})(?![\w-])" if self.is_spaced else f"(?:{joined})"
        return re.compile(whole, re.IGNORECASE)


def table(listed: str) -> dict[str, tuple[str, ...]]:
    """``word: other, other`` a line; several words before the colon are parted by commas."""
    found: dict[str, tuple[str, ...]] = {}
    for line in listed.casefold().strip().splitlines():
        words, _, names = line.partition(":")
        found |= dict.fromkeys(
            map(str.strip, words.split(",")), tuple(map(str.strip, names.split(",")))
        )
    return found


def classes(listed: str) -> dict[str, int]:
    """Words of a line stand for one quality: a new one takes the place of another.

    The lines are the same in every language: colours, materials, sizes, loudness, weight, length,
    warmth, plainness, age.
    """
    return {
        word: number
        for number, line in enumerate(listed.casefold().strip().splitlines())
        for word in line.split()
    }


def forms(listed: str) -> dict[str, str]:
    """``form form: verb`` a line."""
    pairs = (line.split(":") for line in listed.strip().splitlines())
    return {form: verb.strip() for said, verb in pairs for form in said.split()}
