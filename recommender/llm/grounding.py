"""Whether a sentence that a model wrote says only what items' own words say. Pure.

Words are compared, not meanings: a sentence that turns the facts round ("it is not red") can pass, one
with a foreign name, number, address or topic cannot.
"""

import re
from collections.abc import Sequence
from typing import Final

from recommender.llm import prompts
from retrieval.preprocess import words
from retrieval.preprocess.stop_words import STOP_WORDS

GROUNDED: Final = 0.7
"""Of a sentence's telling words as many must be the items' or the question's. The rest is what links
them; no list of verbs would be whole."""
OWN: Final = 0.6
"""Of the telling words as many must be the items': to repeat a question is no answer."""
STEM: Final = 4
"""Letters that two forms of a word share at least: fly and flies do not, "flying" and "flyer" do."""
MAX_SENTENCE: Final = 300
LINKING: Final = frozenset(
    [
        "catalog",
        "catalogue",
        "item",
        "items",
        "thing",
        "things",
        "fit",
        "fits",
        "fitting",
        "match",
        "matches",
        "matching",
        "related",
        "answer",
        "question",
        "include",
        "includes",
        "including",
        "called",
        "named",
        "type",
        "kind",
        "kinds",
        "example",
        "examples",
        "available",
        "find",
        "found",
        "show",
        "shows",
        "shown",
        "see",
        "look",
        "looks",
        "like",
        "also",
        "another",
        "other",
        "both",
        "all",
        "each",
        "one",
        "two",
        "three",
        "some",
        "many",
        "such",
        "same",
        "similar",
        "because",
        "since",
        "you",
        "liked",
        "like",
        "likes",
        "enjoyed",
        "based",
        "suggest",
        "suggested",
        "recommend",
        "recommended",
        "recommendation",
        "may",
        "might",
        "good",
        "great",
        "choice",
        "option",
        "options",
        "great",
        "well",
        "目录",
        "商品",
        "项目",
        "条目",
        "内容",
        "包括",
        "包含",
        "属于",
        "例如",
        "比如",
        "可以",
        "能够",
        "相关",
        "符合",
        "这些",
        "这个",
        "那些",
        "种类",
        "一种",
        "推荐",
        "因为",
        "喜欢",
        "您",
        "类似",
        "相似",
    ]
)
_MARKS = re.compile(r"\[[\d\s,，、;]+\]")
_NUMBERS = re.compile(r"\d+(?:[.,]\d+)?")
_FORBIDDEN = re.compile(
    r"https?:|www\.|\w@\w|[<>`{}|\\]|\b(?:system prompt|instructions?|assistant|language model|ignore)\b"
    r"|系统提示|提示词|指令|语言模型|忽略",
    re.IGNORECASE,
)
_NAMES = re.compile(r"(?<=[a-z,;:] )[A-Z][\w’'-]+")
_HAN = re.compile("[\u3400-\u9fff]")


def grounded(sentence: str, facts: Sequence[str], question: str, language: str) -> bool:
    """Whether the ``facts``, all words of the items that a sentence is about, bear it out.

    Not so: another script than the language's, an address, markup, talk of instructions, a number or a
    name that neither the facts nor the question hold, and too many words from elsewhere.
    """
    bare = _MARKS.sub(" ", sentence).strip()
    if not bare or len(bare) > MAX_SENTENCE or _FORBIDDEN.search(bare) or prompts.leaked(bare):
        return False
    if (language == "zh") != bool(_HAN.search(bare)) and language in ("zh", "en"):
        return False
    known = f"{question}\n" + "\n".join(facts)
    folded = known.casefold()
    numbers = set(_NUMBERS.findall(known))
    if any(number not in numbers for number in _NUMBERS.findall(bare)):
        return False
    if any(name.casefold() not in folded for name in _NAMES.findall(bare)):
        return False
    told = [word for word in words(bare, language) if word not in LINKING]
    told = [word for word in told if word not in STOP_WORDS.get(language, ())]
    if not told:
        return True
    return all(
        sum(_held(word, text.casefold(), stems(text, language)) for word in told)
        >= least * len(told)
        for text, least in ((known, GROUNDED), ("\n".join(facts), OWN))
    )


def _held(word: str, folded: str, known: frozenset[str]) -> bool:
    if _HAN.search(word) or not word.isalpha():
        return word in folded or (len(word) > 1 and all(char in folded for char in word))
    return word[:STEM] in known if len(word) >= STEM else word in known


def stems(known: str, language: str) -> frozenset[str]:
    """The words of a text, and the beginning of each, by which its forms are told to be one."""
    found = words(known, language)
    return frozenset([*found, *(word[:STEM] for word in found)])
