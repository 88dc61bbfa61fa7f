"""Numbers as people write them: 1,500 · 1.5k · fifty · a hundred · 一千五 · 3万; what they bound."""

import re
from typing import Final

_NEAR: Final = 0.2
"""Around 100: 80 to 120."""
_UNITS: Final = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_TENS: Final = {
    word: 10 * value
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_WORD: Final = "|".join(sorted([*_UNITS, *_TENS, "hundred", "thousand"], key=len, reverse=True))
_HAN_DIGITS: Final = {char: value for value, char in enumerate("零一二三四五六七八九")} | {
    "两": 2,
    "〇": 0,
}
_HAN_UNITS: Final = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
_FACTORS: Final = {"k": 1_000, "千": 1_000, "万": 10_000, "百": 100, "w": 10_000}

DIGITS: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
EUROPEAN: Final = r"\d{1,3}(?:[.\u00a0\u202f ]\d{3})+(?:,\d{1,2})?(?!\d)|\d+(?:[.,]\d{1,2})?(?!\d)"
"""1.250,50 and 1 250,50; a comma or a point before at most two digits begins the fraction."""
ENGLISH: Final = rf"(?:(?:{DIGITS})\s?k\b|(?:{DIGITS})|(?:an?\s+)?\b(?:{_WORD})\b(?:[\s-]+(?:and\s+)?(?:{_WORD})\b)*)"
HAN: Final = "[零〇一二两三四五六七八九十百千万]+"
CHINESE: Final = rf"(?:(?:{DIGITS})\s?[kKwW千万百]?|{HAN})"


def value_of(text: str) -> float:
    """The number that ``ENGLISH`` or ``CHINESE`` matched; whole ones as int."""
    text = text.strip().lower().replace(",", "")
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s?([kw千万百]?)", text):
        return _whole(float(match[1]) * _FACTORS.get(match[2], 1))
    if re.fullmatch(HAN, text):
        return _han(text)
    return _english(text)


def european_value(text: str) -> float:
    """The number that ``EUROPEAN`` matched; whole ones as int."""
    whole = re.sub(r"[.\u00a0\u202f ](?=\d{3}(?!\d))", "", text.strip())
    return _whole(float(whole.replace(",", ".")))


def _english(text: str) -> float:
    total = current = 0
    for word in re.findall(r"[a-z]+", text):
        if word in _UNITS or word in _TENS:
            current += _UNITS.get(word, 0) + _TENS.get(word, 0)
        elif word == "hundred":
            current = max(current, 1) * 100
        elif word == "thousand":
            total, current = total + max(current, 1) * 1_000, 0
    return total + current


def _han(text: str) -> float:
    """一千五 is 1,500: a digit at the end stands for the next lower unit."""
    if not any(char in _HAN_UNITS for char in text):
        return int("".join(str(_HAN_DIGITS[char]) for char in text))
    total = section = digit = 0
    last_unit = 1
    for char in text:
        if char in _HAN_DIGITS:
            digit = _HAN_DIGITS[char]
            last_unit = 1 if char in "零〇" else last_unit
        elif char == "万":
            total, section, digit = total + max(section + digit, 1) * 10_000, 0, 0
            last_unit = 10_000
        else:
            section += max(digit, 1) * _HAN_UNITS[char]
            last_unit, digit = _HAN_UNITS[char], 0
    return total + section + digit * (last_unit // 10 if last_unit >= 100 else 1)


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value


def near(value: float) -> dict[str, float]:
    """Bounds of what is about as much."""
    return {
        "gte": value_of(f"{value * (1 - _NEAR):.2f}"),
        "lte": value_of(f"{value * (1 + _NEAR):.2f}"),
    }


def year_bounds(name: str, year: int) -> dict[str, str]:
    """Of a year: ``gt`` after it, ``gte`` from its start, ``lt`` before it, ``in`` within."""
    start, end = f"{year}-01-01", f"{year}-12-31"
    return {
        "gt": {"gt": end},
        "gte": {"gte": start},
        "lt": {"lt": start},
        "in": {"gte": start, "lte": end},
    }[name]
