"""The names that a catalog gives things: categories and brands, and what its prices are like. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from recommender.llm.understanding import languages
from recommender.llm.understanding.languages.chinese import BRANDS
from recommender.llm.understanding.languages.english import IRREGULAR


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``categories``: word, folded and singular, -> paths; ``brands``: folded -> as items spell it.

    ``roles``: what words can ask for -> the declared attribute, of those that items have.
    ``low`` and ``high``: prices.
    """

    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    brands: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None

    def category(self, words: str, language: str = "") -> tuple[str, ...]:
        """Paths of the categories that these words name, ``()`` if none.

        ``language``: that they are in, beside English and Chinese.
        """
        return next(filter(None, map(self._paths, _names(words, language))), ())

    def _paths(self, name: str) -> tuple[str, ...]:
        return self.categories.get(name, ())

    def kind(self, words: str, language: str = "") -> tuple[str, ...]:
        """Paths of the categories whose whole name this is, for words that deny it.

        ``()`` for a quality: who wants nothing of plastic means no category of plastic flowers.
        """
        if languages.quality(folded(words), language) is not None:
            return ()
        names = _names(words, language)
        found = self.category(words, language)
        last = (path.rpartition("/")[2] for path in found)
        return found if any(singular(folded(each)) in names for each in last) else ()

    def brand(self, words: str) -> str | None:
        """As items spell it; None for what is no brand."""
        name = folded(words)
        return self.brands.get(name) or self.brands.get(BRANDS.get(name, ""))


def _names(words: str, language: str) -> tuple[str, ...]:
    """What a catalog may call a kind of thing, folded and singular: as it is said, then in English."""
    name = folded(words)
    spelled = languages.TABLED[language].forms(name) if language in languages.TABLED else ()
    said = dict.fromkeys((singular(name), *spelled))
    return (*said, *(other for each in said for other in languages.named(each, language)))


def category_names(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Word -> the topmost paths that have it for a name, or for one of the names that ``&`` joins."""
    found: dict[str, list[str]] = {}
    for path in sorted(paths):
        last = path.rpartition("/")[2]
        names = {last, *re.split(r"\s*[&,+]\s*|\s+and\s+", last)}
        for name in {singular(folded(name)) for name in names}:
            known = found.setdefault(name, [])
            if name and not any(path.startswith(f"{above}/") for above in known):
                known.append(path)
    return {name: tuple(paths) for name, paths in found.items() if name}


def folded(text: str) -> str:
    """Lower case, compatible forms, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def singular(text: str) -> str:
    """Of the last word, by English rules of spelling; the same for both sides of a comparison."""
    head, blank, word = text.rpartition(" ")
    return head + blank + (IRREGULAR.get(word) or _singular(word))


def _singular(word: str) -> str:
    for ending, replacement in (
        ("ies", "y"), ("ves", "f"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"),
        ("zzes", "zz"), ("oes", "o"), ("ss", "ss"), ("us", "us"), ("is", "is"),
        ("s", ""),
    ):  # fmt: skip
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + replacement
    return word
