"""Reasons in a language model's words: one sentence for an item, a reason and a language, checked.

A page shows what is known and a template for the rest (``recommender.explain``); what is missing is
written behind its back (``write``), in a worker, and remembered. Nothing is said that the two items'
words and the reason do not hold (``grounding``).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.cache import cache

from catalog.summaries import item_summaries
from recommender import explain
from recommender.exceptions import LlmUnavailable
from recommender.llm import calls, grounding, prompts
from recommender.llm.ask.wording import NAMES
from recommender.llm.providers.types import Message

PURPOSE: Final = "explain"
REMEMBER_S: Final = 30 * 24 * 3600
REFUSED_S: Final = 6 * 3600
"""How long a sentence that failed its check is not tried again."""
BEGUN_S: Final = 120
MAX_TOKENS: Final = 60
TIMEOUT_S: Final = 20.0
"""Nobody waits for it."""
MAX_CHARS: Final = 160
AT_ONCE: Final = 12
"""Sentences that one page has written: what is above the fold."""
CODES: Final = frozenset({"similar_to_liked", "similar_to_seen", "similar_to_session", "used_together", "seen_together", "predicted"})  # fmt: skip
"""The reasons that there is something to say about: popular is popular."""
TASK: Final = (
    "In one short sentence in {language}, of at most 20 words, tell a visitor why the item suits them. "
    "Begin from the given reason, name one thing that the data of both items share, and say nothing that "
    "the data does not say. Write the sentence only."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sentence is about."""

    item_id: int
    code: str
    because: int | None
    """The item behind the reason."""
    language: str


Facts = Mapping[int, Mapping[str, Any]]
"""Item -> its summary in the language."""


def known(asked: Iterable[Asked], facts: Facts) -> dict[Asked, str]:
    """The sentences that were written; one round trip. Empty without a provider."""
    if not calls.enabled(PURPOSE):
        return {}
    keys = {_key(each, facts): each for each in asked if _worth(each, facts)}
    found = cache.get_many(keys) if keys else {}
    return {keys[key]: text for key, text in found.items() if text}


def missing(asked: Sequence[Asked], facts: Facts) -> list[Asked]:
    """Those that somebody should write now: at most AT_ONCE, each given to one caller only."""
    if not calls.enabled(PURPOSE):
        return []
    worth = {_key(each, facts): each for each in asked if _worth(each, facts)}
    there = cache.get_many(worth) if worth else {}
    wanted = [(key, each) for key, each in worth.items() if key not in there][:AT_ONCE]
    return [each for key, each in wanted if cache.add(f"{key}:begun", 1, BEGUN_S)]


def write(asked: Sequence[Asked]) -> int:
    """Have them written and remember them; how many passed. Ends at the first failure of the provider."""
    written = 0
    for language in dict.fromkeys(each.language for each in asked):
        some = [each for each in asked if each.language == language]
        ids = {n for each in some for n in (each.item_id, each.because) if n is not None}
        facts = item_summaries(sorted(ids), [language])
        for each in some:
            if not _worth(each, facts):
                continue
            try:
                text = sentence(each, facts)
            except LlmUnavailable:
                return written
            cache.set(_key(each, facts), text, REMEMBER_S if text else REFUSED_S)
            written += bool(text)
    return written


def sentence(asked: Asked, facts: Facts) -> str:
    """One sentence; "" for one that its facts do not bear out. Raises LlmUnavailable."""
    said = calls.complete(
        PURPOSE, _messages(asked, facts), max_tokens=MAX_TOKENS, timeout_s=TIMEOUT_S
    ).text
    text = _first_sentence(prompts.cleaned(said, 2 * MAX_CHARS))
    if text and is_grounded(text, asked, facts):
        return text
    calls.rejected(PURPOSE)
    return ""


def is_grounded(text: str, asked: Asked, facts: Facts) -> bool:
    """Whether the items' words and the template bear the sentence out, and it names the item's kin."""
    if len(text) > MAX_CHARS:
        return False
    words = [_words(facts[n]) for n in (asked.item_id, asked.because) if n is not None]
    return grounding.grounded(text, words, template(asked, facts), asked.language)


def template(asked: Asked, facts: Facts) -> str:
    """What is shown instead."""
    behind = facts.get(asked.because or 0)
    return explain.sentence(asked.code, behind["title"] if behind else None, [asked.language])


def _worth(asked: Asked, facts: Facts) -> bool:
    there = asked.item_id in facts and (asked.because is None or asked.because in facts)
    return there and asked.code in CODES and asked.language in NAMES


def _key(asked: Asked, facts: Facts) -> str:
    """Changes with what is said of the items."""
    about = [_told(facts[n]) for n in (asked.item_id, asked.because) if n is not None]
    said = json.dumps([asked.item_id, asked.code, asked.because, asked.language, about])
    return f"llm:why:{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def _told(summary: Mapping[str, Any]) -> str:
    parts = [summary["title"], ", ".join(summary["tags"]), "; ".join(summary["categories"])]
    return ". ".join(filter(None, parts))


def _words(summary: Mapping[str, Any]) -> str:
    return f"{_told(summary)}. {summary['kind']}"


def _first_sentence(text: str) -> str:
    """Without quotes around it."""
    bare = text.strip().strip('"“”')
    for end in "。！!?？.":
        head, found, _ = bare.partition(f"{end} " if end == "." else end)
        if found:
            bare = head + end
    return bare.strip()


def _messages(asked: Asked, facts: Facts) -> list[Message]:
    lines = [f"Reason: {prompts.quoted('reason', template(asked, facts))}"]
    lines.append(f"Item: {prompts.quoted('item', _told(facts[asked.item_id]))}")
    if asked.because is not None:
        lines.append(f"Known item: {prompts.quoted('item', _told(facts[asked.because]))}")
    task = TASK.format(language=NAMES[asked.language])
    return [prompts.system(task), Message("user", "\n".join(lines))]
