"""How well questions are understood: on questions in English and Chinese with what they mean.

``queries.jsonl`` holds them, written before the rules. Rules and prompts may be tuned on the split
``dev``; ``held-out`` is only for measuring. The first byte of the text's SHA-256 decides, even for ``dev``
(eight that had been examples before are ``dev`` whatever it says).
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from recommender.llm.understanding import THIS, Interpretation
from recommender.llm.understanding.vocabulary import Vocabulary, category_names, folded
from retrieval.preprocess.segmentation import words

Split: TypeAlias = Literal["dev", "held-out"]
Kind: TypeAlias = Literal["general", "denial"]
SLOTS: Final = ("wanted", "unwanted", "filter", "sort", "like", "language")
FILE: Final = Path(__file__).with_name("queries.jsonl")
EMPTY_WORDS: Final = frozenset(
    [
        "want",
        "looking",
        "need",
        "show",
        "find",
        "buy",
        "something",
        "anything",
        "please",
        "one",
        "ones",
        "only",
        "like",
    ]
) | frozenset("的一个点些买想要只看找请什么种会能给我你他她它了有和是吗呢")
"""Words, and Chinese characters, that make no difference to what is looked for."""
LOW, HIGH = 30, 100
SHOP: Final = Vocabulary(
    categories=category_names(
        [
            "electronics", "electronics/phones", "electronics/headphones", "electronics/cameras",
            "shoes", "shoes/boots", "shoes/sneakers", "clothing", "clothing/jackets",
            "clothing/dresses", "toys", "toys/puzzles", "toys/building blocks", "furniture",
            "furniture/chairs", "furniture/lamps", "kitchen", "kitchen/knives", "books", "animals",
            "animals/birds", "animals/fish", "food & drink", "food & drink/tea", "music",
            "music/guitars", "watches", "bags", "bags/backpacks",
        ]
    ),
    brands={
        folded(name): name
        for name in ("Sony", "Acme", "Nokia", "Huawei", "Xiaomi", "Canon", "Lego")
    },
    roles={"price": "price", "released": "released", "brand": "brand", "in_stock": "in_stock"},
    low=LOW,
    high=HIGH,
)  # fmt: skip
"""The catalog that the questions are asked of."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question and what it means; ``previous`` is the question before it.

    ``kind``: ``denial`` for those that deny something (an amount, a level, a date, a thing).
    """

    text: str
    language: str
    want: str
    avoid: Sequence[str]
    filter: dict[str, Any]
    sort: dict[str, str] | None
    like: Sequence[str | int]
    split: Split
    previous: str = ""
    kind: Kind = "general"


Reader: TypeAlias = Callable[[Labelled], Interpretation]


@dataclass(slots=True)
class Accuracy:
    """Shares in [0, 1]: of questions with every slot right, and by slot; ``wrong`` says which."""

    count: int
    whole: float
    slots: dict[str, float]
    degraded: int = 0
    wrong: list[tuple[Labelled, Interpretation, list[str]]] = field(default_factory=list)


@lru_cache(maxsize=1)
def labelled() -> tuple[Labelled, ...]:
    """All questions, in the order of the file."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return tuple(Labelled(**json.loads(line)) for line in lines)


def accuracy(read: Reader, questions: Sequence[Labelled]) -> Accuracy:
    """Of a way to read them."""
    hits = dict.fromkeys(SLOTS, 0)
    found = Accuracy(len(questions), 0.0, {})
    for question in questions:
        said = read(question)
        wrong = [slot for slot in SLOTS if not RIGHT[slot](question, said)]
        for slot in SLOTS:
            hits[slot] += slot not in wrong
        found.degraded += said.degraded
        if wrong:
            found.wrong.append((question, said, wrong))
    total = max(1, len(questions))
    found.whole = 1 - len(found.wrong) / total
    found.slots = {slot: count / total for slot, count in hits.items()}
    return found


def content(text: str) -> frozenset[str]:
    """Words that say something, folded; Chinese ones by character, for who cuts them right?"""
    han = frozenset(re.findall("[\u4e00-\u9fff]", text))
    rest = re.sub("[\u4e00-\u9fff]+", " ", text)
    return (han | frozenset(words(rest, "en") if rest.strip() else ())) - EMPTY_WORDS


def _like(said: Interpretation) -> list[str | int]:
    return ["this" if each.which == THIS else each.which for each in said.like]


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


RIGHT: Final[dict[str, Callable[[Labelled, Interpretation], bool]]] = {
    "wanted": lambda asked, said: content(said.wanted) == content(asked.want),
    "unwanted": lambda asked, said: (
        {content(text) for text in said.unwanted} == {content(text) for text in asked.avoid}
    ),
    "filter": lambda asked, said: _canonical(dict(said.filter)) == _canonical(asked.filter),
    "sort": lambda asked, said: (
        ({"by": said.sort.by, "order": said.sort.order} if said.sort else None) == asked.sort
    ),
    "like": lambda asked, said: _like(said) == list(asked.like),
    "language": lambda asked, said: said.language == asked.language,
}
