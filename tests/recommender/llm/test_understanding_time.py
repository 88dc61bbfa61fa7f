"""No question takes long to read: an expression that can match in two ways doubles its time with each repeat,
and holds the whole process meanwhile.
"""

import inspect
import random
import re
import signal
from types import ModuleType

import pytest

from recommender.llm.ask import followups
from recommender.llm.evaluation.interpretation import SHOP
from recommender.llm.prompts import MAX_USER_CHARS
from recommender.llm.understanding import (
    by_rules,
    chinese_patterns,
    denials,
    english_patterns,
    tabled_patterns,
)
from recommender.llm.understanding.languages import (
    chinese,
    english,
    french,
    german,
    japanese,
    spanish,
)

LONGEST_S = 3.0
"""A doubling passes this within a few repeats more; a quiet machine takes .1 s at most."""
BETWEEN = ("", " ", ", ", " no ", " not ", " a ", " 5 ", " and ", " or ", "-", "不", "的")
AFTER = (" ", ", ", ". ", " and ", " or ", "，", "、")
ENDS = ("", "!x", " 50", " or x", "。")
READERS = (english_patterns, chinese_patterns, tabled_patterns, denials, followups)
TABLES = (english, chinese, german, french, spanish, japanese)


def words_of(*modules: ModuleType) -> list[str]:
    """What stands in their strings."""
    found: set[str] = set()
    for module in modules:
        for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', inspect.getsource(module)):
            found |= set(re.findall(r"[^\W\d_]{1,14}", re.sub(r"\\[bswdWSD]", " ", literal)))
    return sorted(found)


def repeated(unit: str, end: str = "!x") -> str:
    """As long as a question may be."""
    return (unit * (MAX_USER_CHARS // len(unit) + 1))[: MAX_USER_CHARS - len(end)] + end


def late(*_: object) -> None:
    raise TimeoutError


def read_in_time(text: str) -> None:
    """Raises TimeoutError."""
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        by_rules(text, known=SHOP)
        followups.changes(text)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "unit", ["no dogs, ", "not red, ", "no dogs,", "price ", "priced ", "are or ", "keine Hunde, "]
)
def test_a_word_or_two_repeated(unit: str, end: str):
    by_rules("红色", known=SHOP)  # what is loaded once
    read_in_time(repeated(unit, end))


@pytest.mark.parametrize("seed", range(4))
def test_any_words_repeated(seed: int):
    by_rules("红色", known=SHOP)
    words = words_of(*READERS, *TABLES)
    chance = random.Random(seed)  # noqa: S311
    assert len(words) > 1000
    for _ in range(150):
        said = chance.choices(words, k=chance.choice((1, 2, 2, 3)))
        unit = chance.choice(BETWEEN).join(said) + chance.choice(AFTER)
        read_in_time(repeated(unit, chance.choice(ENDS)))
