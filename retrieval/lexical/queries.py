"""A text as a query of the lexical index: its readings in the catalog's languages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from retrieval.lexical import vocabulary
from retrieval.lexical.documents import quoted
from retrieval.lexical.lexemes import (
    Lexemes,
    han_pairs,
    is_picture,
    picture_codes,
    picture_names,
)
from retrieval.preprocess.languages import primary
from retrieval.preprocess.segmentation import words
from retrieval.preprocess.stop_words import STOP_WORDS

MAX_TERMS = 32
"""Words of a query that count; the rest of a page that somebody pasted changes little."""
MAX_READINGS = 8
UNKNOWN = "und"
NAMES_LANGUAGE = "en"

Cut = Sequence[tuple[str, str]]
"""The words of one reading, each with the language it is stemmed in."""


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a query: what finds it, as alternatives of lexemes that must all be there."""

    alternatives: tuple[tuple[str, ...], ...]
    is_function_word: bool = False
    """In some language of the catalog: alone it brings no item."""

    def tsquery(self, weight: str = "") -> str:
        """In Postgres' text form; ``weight`` A finds it in titles only."""
        suffix = f":{weight}" if weight else ""
        each = (
            " & ".join(quoted(lexeme) + suffix for lexeme in lexemes)
            for lexemes in self.alternatives
        )
        return "(" + " | ".join(f"({lexemes})" for lexemes in each) + ")"


Reading = tuple[Term, ...]
"""The words of a query as one language cuts and stems them."""


def readings(text: str, language: str | None = None) -> list[Reading]:
    """The different readings in the language, or in every language of the catalog, at most
    MAX_READINGS; none if the text has no word.
    """
    return _read(_cuts(text, language), {})


def widened(text: str, language: str | None = None) -> tuple[list[Reading], list[Reading]]:
    """The readings with every word or what it may mean if it is mistyped, and the readings with that
    for those words alone that do not occur.
    """
    cuts = _cuts(text, language)
    near = vocabulary.near({word for cut in cuts for word, _ in cut})
    unknown = {word: found.words for word, found in near.items() if not found.is_known}
    return _read(cuts, {word: found.words for word, found in near.items()}), _read(cuts, unknown)


def joined(found: Iterable[Reading], weight: str = "") -> str:
    """A tsquery of everything that any reading finds whole."""
    return " | ".join(
        "(" + " & ".join(term.tsquery(weight) for term in reading) + ")" for reading in found
    )


def _cuts(text: str, language: str | None) -> list[Cut]:
    tags = [language] if language else [*vocabulary.languages(), UNKNOWN]
    cuts = []
    for tag in tags:
        cut = list(dict.fromkeys(words(text, tag)))[:MAX_TERMS]
        cuts.append([(word, tag) for word in cut])
    return [cut for cut in cuts if cut]


def _read(cuts: Sequence[Cut], near: Mapping[str, Sequence[str]]) -> list[Reading]:
    spelt = {
        (each, tag) for cut in cuts for word, tag in cut for each in (word, *near.get(word, ()))
    }
    names = {
        (name, NAMES_LANGUAGE)
        for cut in cuts
        for word, _ in cut
        if is_picture(word)
        for name in picture_names(word)
    }
    lexemes = Lexemes(spelt | names)
    languages = {primary(tag) for cut in cuts for _, tag in cut}
    functions = frozenset().union(*(STOP_WORDS.get(language, ()) for language in languages))
    found: dict[Reading, None] = {}
    for cut in cuts:
        reading = tuple(
            Term(_alternatives(word, tag, near.get(word, ()), lexemes), word in functions)
            for word, tag in cut
        )
        found[reading] = None
    return list(found)[:MAX_READINGS]


def _alternatives(
    word: str, language: str, near: Sequence[str], lexemes: Lexemes
) -> tuple[tuple[str, ...], ...]:
    alternatives: list[tuple[str, ...]] = [(each,) for each in lexemes.of(word, language)]
    for meant in near:
        alternatives += [(each,) for each in lexemes.of(meant, language)]
    if pairs := han_pairs(word):
        alternatives.append(tuple(pairs))
    if is_picture(word):
        alternatives.append(tuple(picture_codes(word)))
        names = picture_names(word)
        if names:
            alternatives.append(tuple(lexemes.of(name, NAMES_LANGUAGE)[0] for name in names))
    return tuple(dict.fromkeys(filter(None, alternatives)))
