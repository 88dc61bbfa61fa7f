"""Prices and dates in an English question, and what denies them."""

import re
from collections.abc import Callable
from functools import partial

from recommender.llm.understanding import denials, numbers
from recommender.llm.understanding import english_patterns as says
from recommender.llm.understanding.types import MARK, Reading
from recommender.llm.understanding.vocabulary import Vocabulary


def levels(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    """Cheap and dear."""

    def level(name: str) -> Callable[[re.Match[str], bool], bool | None]:
        def note(match: re.Match[str], denied: bool) -> bool | None:
            # "cheaper than 50" and "a budget of 50" name a bound, "most expensive" an order
            after = match.string[match.end() :]
            if re.match(r"\s+(?:than|of|is)\s+\W*\w*\d", after):
                return False
            if match[0].lower() == "budget" and says.FIGURE.match(after):
                return False
            if says.SUPERLATIVE.match(match[0]) and not denied:
                return False
            complains = not denied and says.TOO.match(match[0]) is not None
            compared = complains or says.COMPARED_LEVEL.search(match[0]) is not None
            said = denials.COMPLAINT[name] if complains else name
            denials.level(found, said, denied=denied, compared=compared)
            found.also |= denied and says.EITHER.search(match.string) is not None
            return None

        return note

    for name, words in says.LEVELS:
        pattern = re.compile(words, re.IGNORECASE)
        text = _claimed(pattern, text, vocabulary, level(name), is_level=True)
    return text


def amounts(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    """Bounds of the price in figures."""

    def between(match: re.Match[str], denied: bool) -> bool | None:
        ends = [
            numbers.value_of(value)
            for name, value in match.groupdict().items()
            if value and name.startswith(("low", "high"))
        ]
        if all(1900 <= end <= 2100 for end in ends) and not re.search(
            f"{says.SIGN}|{says.MONEY_WORD}", match[0]
        ):
            return False  # years
        denials.amounts(found, {"gte": min(ends), "lte": max(ends)}, denied)
        return None

    def or_less(match: re.Match[str], denied: bool) -> None:
        upper = match["word"].lower() in ("less", "under", "below", "cheaper")
        value = numbers.value_of(match["amount"])
        denials.amounts(found, {"lte" if upper else "gte": value}, denied)

    def to_spend(match: re.Match[str], denied: bool) -> None:
        said = re.search(says.NUMBER, next(filter(None, match.groupdict().values())), re.IGNORECASE)
        if said:
            denials.amounts(found, {"lte": numbers.value_of(said[0])}, denied)

    text = _claimed(says.RANGE, text, vocabulary, between)
    text = _claimed(says.OR_LESS, text, vocabulary, or_less)
    text = _claimed(says.TO_SPEND, text, vocabulary, to_spend)
    for name, pattern in says.BOUND:
        is_least = name in ("gt", "gte")
        text = _claimed(pattern, text, vocabulary, _noting(found, name), is_least=is_least)
    if not found.amounts and not found.not_amounts:
        text = _claimed(says.EXACT, text, vocabulary, _noting(found, "about"))
    denials.settle(found)
    return text


def _noting(found: Reading, name: str) -> Callable[[re.Match[str], bool], None]:
    def note(match: re.Match[str], denied: bool) -> None:
        value = numbers.value_of(next(filter(None, match.groupdict().values())))
        bounds = numbers.near(value) if name == "about" else {name: value}
        denials.amounts(found, bounds, denied)

    return note


def dates(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    """Bounds of the release."""
    for name, words in says.DATES:
        text = _claimed(
            re.compile(words, re.IGNORECASE), text, vocabulary, partial(denials.years, found, name)
        )
    return text


def _claimed(
    pattern: re.Pattern[str],
    text: str,
    vocabulary: Vocabulary,
    note: Callable[[re.Match[str], bool], object],
    *,
    is_least: bool = False,
    is_level: bool = False,
) -> str:
    """The text without what the pattern matches and the words that deny it; ``note`` is told whether there are
    any, and may refuse a match by returning False."""
    at = 0
    while match := pattern.search(text, at):
        denial = denials.before_english(
            text, match.start(), vocabulary, is_least=is_least, is_level=is_level
        )
        if denial is not None and denial.partly and not (is_least or is_level):
            denial = None
        after = None if is_level else denials.AFTER_ENGLISH.match(text, match.end())
        if note(match, denial is not None or after is not None) is False:
            at = match.end()
            continue
        start = match.start() if denial is None else denial.start
        things = "" if denial is None else denial.things
        rest = text[after.end() if after else match.end() :]
        if denial is not None:  # "not cheap or heavy" denies both
            rest = re.sub(r"^\s+either\b", "", rest, flags=re.IGNORECASE)
            rest = re.sub(r"^\s+n?or\s+(?=[a-z])", " not ", rest, flags=re.IGNORECASE)
        text = f"{text[:start]} {things} {MARK} {rest}"
        at = start
    return text
