"""English words that may name a thing though no plural shows it: rice, sheep, goat cheese. Pure.

By what they are not: a small word, or a word whose ending or which itself says what a thing is like.
"""

import re
from typing import Final

from retrieval.preprocess.stop_words import STOP_WORDS

_LIKE: Final = frozenset(
    [
        "cute",
        "sweet",
        "fresh",
        "soft",
        "hard",
        "nice",
        "good",
        "great",
        "fine",
        "bad",
        "fast",
        "slow",
        "cheap",
        "dear",
        "free",
        "full",
        "empty",
        "clean",
        "dirty",
        "thick",
        "thin",
        "wide",
        "narrow",
        "deep",
        "flat",
        "round",
        "square",
        "sharp",
        "smooth",
        "rough",
        "raw",
        "ripe",
        "mild",
        "strong",
        "weak",
        "bright",
        "dark",
        "pale",
        "bold",
        "calm",
        "quick",
        "safe",
        "solid",
        "stable",
        "strange",
        "odd",
        "rare",
        "common",
        "usual",
        "casual",
        "formal",
        "local",
        "global",
        "natural",
        "normal",
        "special",
        "royal",
        "real",
        "true",
        "fake",
        "pure",
        "mixed",
        "whole",
        "dry",
        "wet",
        "hot",
        "cold",
        "young",
        "wild",
        "tame",
        "loose",
        "tight",
        "firm",
        "stiff",
        "rich",
        "poor",
        "best",
        "better",
        "worse",
        "worst",
        "cool",
        "elegant",
        "different",
        "excellent",
        "decent",
        "recent",
        "ancient",
        "pleasant",
        "brilliant",
        "important",
        "modest",
        "robust",
        "handmade",
        "homemade",
        "secondhand",
        "unisex",
        "adult",
        "female",
        "male",
        "eco",
        "vegan",
        "chic",
        "sleek",
        "neat",
        "tender",
        "gentle",
        "humble",
        "simple",
        "little",
        "tall",
        "high",
        "low",
        "late",
        "early",
        "extra",
        "premium",
        "deluxe",
        "portable",
        "mobile",
        "digital",
        "manual",
        "regular",
        "similar",
        "popular",
        "original",
        "traditional",
        "sane",
        "huge",
        "matte",
        "sturdy",
        "durable",
        "compact",
        "complete",
        "concrete",
        "discreet",
        "sweetest",
        "unique",
        "now",
        "today",
        "soon",
        "asap",
        "again",
        "instead",
        "otherwise",
        "overall",
        "here",
        "there",
        "maybe",
        "whatever",
        "quick",
        "else",
        "first",
        "last",
        "surprise",
        "hurry",
        "go",
        "stop",
        "okay",
        "ok",
        "yes",
        "no",
        "thanks",
    ]
)
_ENDING: Final = re.compile(
    r"(?:less|ful|ous|ive|[ai]ble|ish|ic|ed|ing|proof|resistant|friendly|like|ical|ional|ual|ural|y)$"
)
_THING: Final = re.compile(
    r"(?:fish|dish|(?:rad|rel)ish|olive|chive|table|cable|bible|garlic|music|fabric|plastic|ceramic|tonic|turmeric|clinic"
    r"|[^aeiou]eed|bed|shed|sled|seaweed|pudding|ring|string|icing|stuffing|dressing|topping|frosting|clothing|king"
    r"|wing|bedding|lightning|[aeo]y|ery|candy|dairy|jelly|pastry|poultry|curry|gravy|berry|cherry|rosemary|jewelry"
    r"|brandy|sherry|ivory|baby|lily|rye|pony|bunny|puppy|kitty|guppy|husky|teddy|party|body|history|cutlery)$"
)
"""Words for things with such an ending."""


def may_be_thing(words: str) -> bool:
    """Whether folded words may be a thing's name."""
    said = words.split()
    if not said or any(word in STOP_WORDS["en"] for word in said):
        return False
    last = said[-1]
    if last in _LIKE or (_ENDING.search(last) and not _THING.search(last)):
        return False
    return not _compared(last) & _LIKE


def _compared(word: str) -> set[str]:
    """What it may be a comparison of: nice of nicer and nicest."""
    ending = re.search("(?:er|est)$", word)
    stem = word[: ending.start()] if ending else ""
    return {stem, f"{stem}e", stem[:-1]} if stem else set()
