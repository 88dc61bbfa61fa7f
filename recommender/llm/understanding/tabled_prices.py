"""Prices in a question that ``tabled`` reads: amounts, levels, and what denies them."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from recommender.llm.understanding import denials, numbers
from recommender.llm.understanding.languages import Language
from recommender.llm.understanding.tabled_patterns import (
    CLAUSES,
    amount_pattern,
    patterns,
    quality_of,
    thing_of,
    value_of,
)
from recommender.llm.understanding.types import MARK, Reading
from recommender.llm.understanding.vocabulary import Vocabulary

_MOST_WORDS: Final = 2
"""Of a thing between its denial and its price where no category has its name: *pas de sacs à main chers*."""


def amounts(text: str, found: Reading, names: Vocabulary, language: Language) -> str:
    """Bounds of the price; denied ones (*keine Schuhe über 100*) turned round."""
    low, high = amount_pattern(language, "low"), amount_pattern(language, "high")
    for at, each in enumerate(language.ranges):
        match = re.search(each.format(low=low, high=high), text, re.IGNORECASE)
        if match is None:
            continue
        ends = sorted(value_of(match[name], language) for name in ("low", "high"))
        is_money = re.search(language.money, match[0], re.IGNORECASE)
        if is_money or (at == 0 and not _are_years(ends)):
            text = _bound(text, match, found, {"gte": ends[0], "lte": ends[1]}, names, language)
    for name, pattern in patterns(language).bounds:
        while match := None if _is_enough(found, name) else pattern.search(text):
            value = value_of(match["amount"], language)
            bounds = numbers.near(value) if name == "about" else {name: value}
            text = _bound(text, match, found, bounds, names, language)
    denials.settle(found)
    return text


def _is_enough(found: Reading, name: str) -> bool:
    """Whether both ends of the price are known, or more than "about"."""
    is_known = bool(found.amounts) and (name == "about" or len(found.amounts) > 1)
    return bool(found.not_amounts) or is_known


def _are_years(ends: Sequence[float]) -> bool:
    return all(1900 <= end <= 2100 for end in ends)


def _bound(
    text: str,
    match: re.Match[str],
    found: Reading,
    bounds: Mapping[str, float],
    names: Vocabulary,
    language: Language,
) -> str:
    """The text without the amount, which is noted."""
    denial, end = _denial(text, match, names, language)
    denials.amounts(found, dict(bounds), denied=denial is not None)
    return _cut(text, match, denial, end)


def levels(text: str, found: Reading, names: Vocabulary, language: Language) -> str:
    """Cheap and dear; denied ones (*pas de chaussures chères*) turned round."""
    says = patterns(language)
    for name, pattern in says.levels:
        while match := pattern.search(text):
            denial, end = _denial(text, match, names, language, is_level=True)
            denied = denial is not None
            may_complain = not denied and name in ("low", "high")
            complains = may_complain and says.complaint.search(match[0]) is not None
            denials.level(
                found,
                denials.COMPLAINT[name] if complains else name,
                denied=denied,
                compared=complains or says.compared.search(match[0]) is not None,
            )
            text = _cut(text, match, denial, end)
    return text


def _cut(text: str, match: re.Match[str], denial: denials.Denial | None, end: int) -> str:
    start, things = (match.start(), "") if denial is None else (denial.start, denial.things)
    return f"{text[:start]} {things} {MARK} {text[end:]}"


def _denial(
    text: str,
    match: re.Match[str],
    names: Vocabulary,
    language: Language,
    *,
    is_level: bool = False,
) -> tuple[denials.Denial | None, int]:
    """What denies a match before or behind it, with nothing but small words or the thing between; and where
    the match ends with it."""
    says = patterns(language)
    begun = max((each.end() for each in CLAUSES.finditer(text, 0, match.start())), default=0)
    for cue in says.cue.finditer(text, begun, match.start()):
        between = thing_of(says.paying.sub(" ", text[cue.end() : match.start()]), says)
        if between and denials.wants(text[begun : cue.start()], names, language.code):
            continue
        if not between or names.category(between, language.code):
            return denials.Denial(cue.start(), between), match.end()
        if is_level and _is_called(between, language):
            alone = not re.search(r"\w", text[: cue.start()].replace(MARK, " "))
            # "montres, pas de sacs chers": the bags are denied, and what is dear
            kept = denials.Denial(cue.start(), between) if alone else denials.Denial(match.start())
            return kept, match.end()
    if not language.is_spaced:
        behind = re.compile("[ぁ-ゖァ-ヺー㐀-鿿]{1,8}?(?=" + says.denied_after.pattern + ")")
        named = behind.match(text, match.end())
        if named and names.category(named[0], language.code):
            after = says.denied_after.match(text, named.end())
            end = named.end() if after is None else after.end()
            return denials.Denial(match.start(), named[0]), end
    if after := says.denied_after.match(text, match.end()):
        return denials.Denial(match.start()), after.end()
    return None, match.end()


def _is_called(between: str, language: Language) -> bool:
    """Whether it may be what a thing is called that comes before its qualities: *zapatos* caros."""
    words = between.split()
    return (
        not language.is_head_last
        and len(words) <= _MOST_WORDS
        and all(quality_of(word, language) is None for word in words)
    )
