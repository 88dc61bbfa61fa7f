"""A text as a query of the lexical index: its readings in the catalog's languages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from retrieval.lexical import vocabulary
from retrieval.lexical.documents import quoted
from retrieval.lexical.folding import UNSPACED
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
LIKELIER = 0.8
"""What a word that may be meant counts of one that is likelier; by judgement."""
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
    doubts: tuple[int, ...] = ()
    """How many words are likelier to be meant than the one of each alternative; () for none."""

    @property
    def trusts(self) -> list[float]:
        """How much each alternative counts."""
        return [LIKELIER**doubt for doubt in self.doubts or (0,) * len(self.alternatives)]

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


def cuts_of(text: str, language: str | None = None) -> list[Cut]:
    """The words as the language cuts them, or every language of the catalog."""
    tags = [language] if language else [*vocabulary.languages(), UNKNOWN]
    cuts = []
    for tag in tags:
        cut = list(dict.fromkeys(words(text, tag)))[:MAX_TERMS]
        cuts.append([(word, tag) for word in cut])
    return [cut for cut in cuts if cut]


def readings(cuts: Sequence[Cut]) -> list[Reading]:
    """The different readings, at most MAX_READINGS; none if the text has no word."""
    return _read(cuts, {})


def widened(cuts: Sequence[Cut]) -> tuple[list[Reading], list[Reading]]:
    """The readings with every word or what it may mean if it is mistyped, and the readings with that
    for those words alone that do not occur.
    """
    near = vocabulary.near({word for cut in cuts for word, _ in cut})
    unknown = {word: found.words for word, found in near.items() if not found.is_known}
    return _read(cuts, {word: found.words for word, found in near.items()}), _read(cuts, unknown)


def widened_unknown(cuts: Sequence[Cut]) -> list[Reading]:
    """The readings with what words that do not occur as they are may mean; none where all occur.

    Words of scripts without spaces have no stems: they are found as they are or not at all.
    """
    words = {word for cut in cuts for word, _ in cut if not UNSPACED.search(word)}
    near = vocabulary.near(words - vocabulary.occurring(words))
    return _read(cuts, {word: found.words for word, found in near.items()}) if near else []


def joined(found: Iterable[Reading], weight: str = "") -> str:
    """A tsquery of everything that any reading finds whole."""
    return " | ".join(
        "(" + " & ".join(term.tsquery(weight) for term in reading) + ")" for reading in found
    )


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
            _term(word, tag, near.get(word, ()), lexemes, word in functions) for word, tag in cut
        )
        found[reading] = None
    return list(found)[:MAX_READINGS]


def _term(
    word: str, language: str, near: Sequence[str], lexemes: Lexemes, is_function_word: bool
) -> Term:
    """``near`` are the words that may be meant, the likeliest first."""
    said: list[tuple[str, ...]] = [(each,) for each in lexemes.of(word, language)]
    if pairs := han_pairs(word):
        said.append(tuple(pairs))
    if is_picture(word):
        said.append(tuple(picture_codes(word)))
        if names := picture_names(word):
            said.append(tuple(lexemes.of(name, NAMES_LANGUAGE)[0] for name in names))
    doubts = dict.fromkeys(filter(None, said), 0)
    for place, meant in enumerate(near):
        for lexeme in lexemes.of(meant, language):
            doubts.setdefault((lexeme,), place)
    unlikely = tuple(doubts.values()) if any(doubts.values()) else ()
    return Term(tuple(doubts), is_function_word, unlikely)
