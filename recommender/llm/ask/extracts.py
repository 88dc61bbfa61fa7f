"""Answers made of the items' own words: nothing is said that a field does not hold. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

from recommender.llm.ask.phrases import listed, say
from recommender.llm.ask.types import Cited, ItemFacts, Quote
from retrieval.preprocess.text import normalise

Beginning: TypeAlias = Literal["found", "also", "near", "others"]
MAX_TITLE: Final = 80
MAX_QUOTE: Final = 200
QUOTED: Final = 2
"""Descriptions quoted in one answer: more is read by nobody."""
FACTS_TOLD: Final = 3
_SENTENCES = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_MARK = re.compile(r"\[(\d+)\]")
# what a question about an attribute says, beside the attribute's own name
ASKED: Final[Mapping[str, re.Pattern[str]]] = {
    "price": re.compile(r"\b(?:price|cost|how much|cheap\w*|expensive)\b|多少钱|价格|价钱|便宜|贵", re.IGNORECASE),
    "brand": re.compile(r"\b(?:brand|who makes|maker)\b|品牌|牌子", re.IGNORECASE),
    "in_stock": re.compile(r"\b(?:in stock|available)\b|有货|现货|库存", re.IGNORECASE),
    "released": re.compile(r"\b(?:released?|come out|how new|how old)\b|发布|上市", re.IGNORECASE),
}  # fmt: skip


def quoted(cited: Cited, facts: ItemFacts, question: str, words: Sequence[str]) -> Cited:
    """With what of the item answers the question: its title, tags, a sentence, attributes asked for."""
    quotes = [Quote("title", facts.title)]
    quotes += [Quote("tags", tag) for tag in facts.tags if _said(tag, words)]
    if sentence := _telling_sentence(facts.description, words):
        quotes.append(Quote("description", sentence))
    for name, value in _asked_for(facts.attributes, question):
        quotes.append(Quote(f"attributes.{name}", value))
    return replace(cited, quotes=tuple(quotes))


def sentences(
    cited: Sequence[Cited], language: str, *, beginning: Beginning = "found"
) -> tuple[str, ...]:
    """The answer, a sentence each: what fits, which tags agree, what quotes say.

    ``beginning``: ``near``: the items are only the nearest to an attachment; ``also``: more of them were
    told before; ``others``: nothing was said but what is not wanted.
    """
    if not cited:
        return ()
    told = [say(language, beginning, items=listed(language, _named(cited)))]
    told += _tags(cited, language)
    quotes = [(each, quote) for each in cited for quote in each.quotes]
    about = [(each, quote) for each, quote in quotes if quote.field == "description"]
    for each, quote in about[:QUOTED]:
        text = _unmarked(quote.text.rstrip(".。"))
        told.append(say(language, "quote", item=_name(each), quote=text))
    facts = [(each, quote) for each, quote in quotes if quote.field.startswith("attributes.")]
    for each, quote in facts[:FACTS_TOLD]:
        name = quote.field.removeprefix("attributes.").replace("_", " ")
        told.append(say(language, "fact", item=_name(each), name=name, value=quote.text))
    return tuple(told)


def marks(text: str) -> list[int]:
    """The numbers of the items that a text cites: [1] [2]."""
    return [int(number) for number in _MARK.findall(text)]


def plain(title: str) -> str:
    """A title as it stands in an answer: one line, bounded, without what looks like a citation."""
    text = _unmarked(normalise(title))
    return text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 1].rstrip()}…"


def _unmarked(text: str) -> str:
    """An item's words cite nothing."""
    return _MARK.sub(r"(\1)", text)


def _name(cited: Cited) -> str:
    return f"{plain(cited.title)} [{cited.mark}]"


def _named(cited: Sequence[Cited]) -> list[str]:
    """Items of one title share it: "frog [1] [3]"."""
    by_title: dict[str, list[int]] = {}
    for each in cited:
        by_title.setdefault(plain(each.title), []).append(each.mark)
    return [
        f"{title} {' '.join(f'[{mark}]' for mark in numbers)}"
        for title, numbers in by_title.items()
    ]


def _tags(cited: Sequence[Cited], language: str) -> list[str]:
    """The tag that most of the items share with the question, if it is not in every title."""
    holders: dict[str, list[Cited]] = {}
    for each in cited:
        for quote in each.quotes:
            if quote.field == "tags" and quote.text.casefold() not in each.title.casefold():
                holders.setdefault(quote.text, []).append(each)
    if not holders:
        return []
    tag = max(holders, key=lambda name: (len(holders[name]), -cited.index(holders[name][0])))
    items = listed(language, _named(holders[tag]))
    return [say(language, "tagged", tag=plain(tag), items=items)]


def _said(text: str, words: Sequence[str]) -> bool:
    folded = text.casefold()
    return any(_same(word, folded) for word in words)


def _same(word: str, text: str) -> bool:
    """A Chinese word anywhere in the text; another as a word of it, its plural too."""
    if re.search("[\u3040-\u9fff]", word):
        return word in text
    return re.search(rf"\b{re.escape(word.rstrip('s'))}(?:s|es)?\b", text) is not None


def _telling_sentence(description: str, words: Sequence[str]) -> str:
    """The first of the sentences with most of the words; "" where none has any."""
    best, most = "", 0
    for sentence in _SENTENCES.split(description):
        clean = normalise(sentence)
        if not 3 <= len(clean) <= MAX_QUOTE:
            continue
        folded = clean.casefold()
        count = sum(_same(word, folded) for word in words)
        if count > most:
            best, most = clean, count
    return best


def _asked_for(attributes: Mapping[str, Any], question: str) -> list[tuple[str, str]]:
    folded = question.casefold()
    found = []
    for name, value in attributes.items():
        asked = ASKED.get(name)
        named = asked.search(folded) if asked else _same(name.replace("_", " ").casefold(), folded)
        if named and isinstance(value, str | int | float | bool):
            text = {True: "✓", False: "✗"}.get(value) if isinstance(value, bool) else str(value)
            found.append((name, plain(str(text))))
    return found
