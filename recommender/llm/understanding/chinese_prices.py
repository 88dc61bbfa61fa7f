"""Prices and dates in a Chinese question, and what denies them."""

import re
from collections.abc import Callable
from functools import partial

from recommender.llm.understanding import chinese_patterns as says
from recommender.llm.understanding import denials, numbers
from recommender.llm.understanding.types import MARK, Reading
from recommender.llm.understanding.vocabulary import Vocabulary


def dates(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    """Bounds of the release."""
    for name, words in says.DATES:
        text = _claimed(words, text, vocabulary, partial(denials.years, found, name))
    return text


def amounts(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    """Bounds of the price in figures."""

    def between(match: re.Match[str], denied: bool) -> bool | None:
        before = match.string[: match.start()][-2:]
        if not match["money"] and re.search("尺码|码|号|岁|第", before):
            return False
        ends = [numbers.value_of(match["low"]), numbers.value_of(match["high"])]
        denials.amounts(found, {"gte": min(ends), "lte": max(ends)}, denied)
        return None

    def bound(name: str) -> Callable[[re.Match[str], bool], bool | None]:
        def note(match: re.Match[str], denied: bool) -> bool | None:
            value = numbers.value_of(next(filter(None, match.groupdict().values())))
            bounds = numbers.near(value) if name == "about" else {name: value}
            denials.amounts(found, bounds, denied)
            return None

        return note

    text = _claimed(says.RANGE, text, vocabulary, between)
    for name, words in says.BOUNDS:
        if found.not_amounts or (found.amounts and (name == "about" or len(found.amounts) > 1)):
            continue
        text = _claimed(words, text, vocabulary, bound(name))
    denials.settle(found)
    return text


def levels(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    """Cheap and dear."""

    def level(name: str) -> Callable[[re.Match[str], bool], bool | None]:
        def note(match: re.Match[str], denied: bool) -> bool | None:
            if not denied and match.string[: match.start()].endswith(("最", "越")):
                return False
            complains = name == "high" and not denied and says.DEAR_ALONE.search(match[0])
            compared = complains or says.COMPARED_LEVEL.search(match[0])
            said = denials.COMPLAINT[name] if complains else name
            denials.level(found, said, denied=denied, compared=bool(compared))
            before = match.string[: match.start()]
            found.also |= denied and says.ALSO.search(before) is not None
            return None

        return note

    for name, words in says.LEVELS:
        before = None
        while before != text:
            before, text = text, _claimed(words, text, vocabulary, level(name))
    return text


def _claimed(
    pattern: str | re.Pattern[str],
    text: str,
    vocabulary: Vocabulary,
    note: Callable[[re.Match[str], bool], object],
) -> str:
    """The text without the first match and what denies it; ``note`` may refuse it by False."""
    for match in re.finditer(pattern, text):
        denial = denials.before_chinese(text, match.start(), vocabulary)
        after = denials.AFTER_CHINESE.match(text, match.end())
        if note(match, denial is not None or after is not None) is False:
            continue
        start = match.start() if denial is None else denial.start
        things = "" if denial is None else denial.things
        return f"{text[:start]}{things}{MARK}{text[after.end() if after else match.end() :]}"
    return text
