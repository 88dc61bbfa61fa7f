"""The patterns of a language's tables, compiled once, and the amounts that they find."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from recommender.llm.understanding import numbers
from recommender.llm.understanding.languages import TABLED, Language
from recommender.llm.understanding.languages.types import UNITS
from recommender.llm.understanding.types import MARK
from recommender.llm.understanding.vocabulary import folded

STOPS: Final = f"{MARK}.;:!?¿¡()。！？；（）「」"
CLAUSES: Final = re.compile(rf"[,，、{re.escape(STOPS)}]+(?!\d)")


@dataclass(frozen=True, slots=True)
class Patterns:
    """Of a language, compiled."""

    kept: re.Pattern[str]
    rhetorical: re.Pattern[str]
    bounds: Sequence[tuple[str, re.Pattern[str]]]
    levels: Sequence[tuple[str, re.Pattern[str]]]
    denied: Sequence[re.Pattern[str]]
    """Each with a group ``what``."""
    cue: re.Pattern[str]
    denied_after: re.Pattern[str]
    """Behind an amount or a level, as far as its clause."""
    paying: re.Pattern[str]
    compared: re.Pattern[str]
    complaint: re.Pattern[str]
    asking: re.Pattern[str]
    edges: re.Pattern[str]
    """What only asks, at the ends of a clause."""
    joined: re.Pattern[str]
    leading: re.Pattern[str]
    trailing: re.Pattern[str]


def patterns(language: Language) -> Patterns:
    return _by_code(language.code)


@lru_cache(maxsize=16)
def _by_code(code: str) -> Patterns:
    return _made(TABLED[code])


def _made(language: Language) -> Patterns:
    asking = language.words(*language.asking)
    ahead = rf"(?<![\w-])(?:{'|'.join(language.denied_ahead)})(?:\s+|(?<='))"
    return Patterns(
        kept=language.words(*language.kept),
        rhetorical=language.words(*language.rhetorical),
        bounds=_bounds(language),
        levels=[(name, language.words(words)) for name, words in language.levels],
        denied=_denied(language, ahead),
        cue=_compile(ahead if language.denied_ahead else r"$^"),
        denied_after=_denied_after(language),
        paying=language.words(language.paying),
        compared=language.words(language.compared),
        complaint=language.words(language.complaint),
        asking=asking,
        edges=_compile(rf"^(?:{asking.pattern})\s*|\s*(?:{asking.pattern})$"),
        joined=_compile(language.joined),
        leading=_compile(rf"^(?:{language.leading})+"),
        trailing=_compile(rf"(?:{language.trailing})+$"),
    )


def _bounds(language: Language) -> list[tuple[str, re.Pattern[str]]]:
    """Words behind an amount say more than those before it: *bis 50 Euro oder weniger*."""
    amount = amount_pattern(language, "amount")
    units = "|".join(filter(None, (UNITS, language.measures)))
    ends = rf"(?!\w|[.,]\d|\s?(?:{units})(?!\w))" if language.is_spaced else r"(?!\d)"
    start = r"(?<!\w)" if language.is_spaced else ""
    money = rf"{start}(?P<amount>{_number(language)})\s?(?:{language.money})"
    return [
        # "10 euros ou plus de 100": the words behind are before another amount
        *(
            (name, _compile(rf"{amount}\s*(?:{words})(?!\s+(?:d[e']\s*|als\s+)?[€$£]?\s?\d)"))
            for name, words in language.behind
        ),
        *(
            (name, _compile(rf"{start}(?:{words})\s*{amount}{ends}"))
            for name, words in language.ahead
        ),
        ("about", _compile(rf"{money}(?!\w)" if language.is_spaced else money)),
    ]


def _denied(language: Language, ahead: str) -> list[re.Pattern[str]]:
    """Each with what it denies: what stands behind *pas de* in its clause, what stands before 以外."""
    start = r"(?<![\w-])" if language.is_spaced else ""
    found = [_compile(rf"{start}(?:{each})") for each in language.denied_within]
    behind, stops = "|".join(language.denied_behind), re.escape(STOPS)
    if behind and language.is_spaced:  # at the end of its clause
        within = rf"(?:^|(?<=[,{stops}]))(?P<what>[^,{stops}]+?)"
        found.append(_compile(rf"{within}\s+(?:{behind})\s*(?=[,{stops}]|$)"))
    elif behind:
        found.append(_compile(rf"(?P<what>[^{stops}]+?)(?:{behind})"))
    if language.denied_ahead:
        found.append(_compile(rf"{ahead}(?P<what>[^{stops}]+)"))
    return found


def _denied_after(language: Language) -> re.Pattern[str]:
    behind = "|".join(language.denied_behind)
    if not behind:
        return _compile(r"$^")
    if language.is_spaced:
        return _compile(rf"\s+(?:{behind})\s*(?=[,{re.escape(STOPS)}]|$)")
    return _compile(rf"(?:の|もの|やつ|商品|値段)?(?:{behind})")


def thing_of(text: str, says: Patterns) -> str:
    """Without the small words around it."""
    before = None
    while before != text:
        before, text = text, says.trailing.sub("", says.leading.sub("", text.strip() + " ").strip())
    return text.strip()


def quality_of(words: str, language: Language) -> int | None:
    """The kind of quality that all of the words are; None for things, and for qualities of several kinds."""
    kinds = {language.quality(word) for word in folded(words).split()}
    return kinds.pop() if len(kinds) == 1 else None


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _number(language: Language) -> str:
    if not language.is_spaced:
        return numbers.CHINESE
    words = "|".join(sorted(language.numbers, key=len, reverse=True))
    return rf"(?:{numbers.EUROPEAN}|\b(?:{words})\b)"


def amount_pattern(language: Language, name: str) -> str:
    return rf"(?:[$€£¥]\s?)?(?P<{name}>{_number(language)})(?:\s?(?:{language.money}))?"


def value_of(text: str, language: Language) -> float:
    if not language.is_spaced:
        return numbers.value_of(text)
    said = language.numbers.get(text.lower())
    return numbers.european_value(text) if said is None else said
