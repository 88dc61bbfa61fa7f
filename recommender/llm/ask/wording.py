"""A draft becomes text, piece by piece: by a language model where there is one, by extracts else.

A model's sentence is passed on only after it was checked: it cites items of the draft, or holds their
titles, and their words bear it out (``grounding``). What is not said that way, the extracts say.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from recommender.exceptions import LlmUnavailable
from recommender.llm import calls, grounding, prompts
from recommender.llm.ask.extracts import marks
from recommender.llm.ask.extracts import sentences as extracted
from recommender.llm.ask.phrases import PHRASES
from recommender.llm.ask.questions import telling
from recommender.llm.ask.types import Cited, Draft
from recommender.llm.providers.types import Message

PURPOSE: Final = "ask"
MAX_TOKENS: Final = 160
TIMEOUT_S: Final = 6.0
"""For the whole of a model's answer, less what reading the question took; what was checked by then stays."""
MAX_SENTENCES: Final = 4
MAX_ITEM_CHARS: Final = 300
"""Of each item in a prompt: six of them, the rules and the question are some 700 tokens."""
TASK: Final = (
    "Answer the question in one to three short sentences in {language}, from the numbered items alone. "
    "After each statement write the number of its item in square brackets, like [1]. "
    "If no item answers the question, write only NONE."
)
NAMES: Final = {
    "en": "English", "zh": "Chinese", "de": "German", "fr": "French", "es": "Spanish",
    "ja": "Japanese",
}  # fmt: skip
_END = re.compile(r"([.!?](?=\s|$|\s*\[)|[。！？])((?:\s*\[[\d\s,，、]+\])*)[.。]?\s*")
_OPEN = re.compile(r"(?:\[[\d\s,，、]*)?\Z")
_SEVERAL = re.compile(r"\[([\d\s,，、;]+)\]")

Source = Literal["extract", "llm"]


@dataclass(frozen=True, slots=True)
class Worded:
    """An answer's text, whole, and what it comes from."""

    text: str
    source: Source
    degraded: bool
    """A language model is set up, and the answer had to do without."""


def pieces(draft: Draft) -> Generator[str, None, Worded]:
    """The text in pieces as they are known; returns all of it. Never raises for a model's failure."""
    space = PHRASES[draft.state.language]["space"]
    told: list[str] = []
    degraded = False
    for note in draft.notes:
        yield note + space
    if not draft.refused and calls.enabled(PURPOSE):
        written = _written(draft)
        while True:
            try:
                sentence = next(written)
            except StopIteration:
                break
            except LlmUnavailable as err:
                degraded = err.code != "off"
                break
            told.append(sentence)
            yield sentence + space
        if not told and not degraded:
            calls.rejected(PURPOSE)
            degraded = True
    source: Source = "llm" if told else "extract"
    for sentence in _rest(draft, told):
        told.append(sentence)
        yield sentence + space
    return Worded(space.join([*draft.notes, *told]), source, degraded or draft.degraded)


def worded(draft: Draft) -> Worded:
    """The same at once."""
    telling = pieces(draft)
    while True:
        try:
            next(telling)
        except StopIteration as end:
            whole: Worded = end.value
            return whole


def _rest(draft: Draft, told: list[str]) -> tuple[str, ...]:
    """What the model's sentences left out: everything, or the items they did not cite."""
    if not told:
        return draft.sentences
    named = {mark for sentence in told for mark in marks(sentence)}
    left = [each for each in draft.cited if each.mark not in named]
    return extracted(left, draft.state.language, beginning="also")[:1]


def _written(draft: Draft) -> Iterator[str]:
    """A model's sentences that pass, as soon as each is whole. Raises LlmUnavailable."""
    left_s = draft.deadline.within(TIMEOUT_S)
    stream = calls.stream(PURPOSE, _messages(draft), max_tokens=MAX_TOKENS, timeout_s=left_s)
    text, passed = "", 0
    try:
        for piece in stream:
            text += piece
            whole, text = _sentences(text)
            for sentence in whole:
                if checked := _checked(sentence, draft):
                    passed += 1
                    yield checked
                if passed == MAX_SENTENCES:
                    return
        if checked := _checked(text, draft):
            yield checked
    finally:
        stream.close()  # type: ignore[attr-defined]


def _sentences(text: str) -> tuple[list[str], str]:
    """The whole sentences, each with the citations behind it, and what is not whole yet."""
    found, start = [], 0
    for match in _END.finditer(text):
        if _OPEN.match(text, match.end()):
            break  # a citation may follow
        found.append(text[start : match.end()])
        start = match.end()
    return found, text[start:]


def _checked(sentence: str, draft: Draft) -> str:
    """The sentence with citations in our form; "" unless it passes."""
    clean = prompts.cleaned(_SEVERAL.sub(_apart, sentence), grounding.MAX_SENTENCE + 40)
    if clean and not marks(clean):
        clean = _attributed(clean, draft)
    by_mark = {each.mark: each for each in draft.cited}
    numbers = marks(clean)
    if not numbers or any(number not in by_mark for number in numbers):
        return ""
    facts = [draft.facts[by_mark[number].item_id].everything for number in numbers]
    if not grounding.grounded(clean, facts, draft.question, draft.state.language):
        return ""
    return clean


def _attributed(sentence: str, draft: Draft) -> str:
    """With the citations that a small model left out: of the items whose title it holds; "" for none."""
    language = draft.state.language
    said = set(grounding.stems(sentence, language))
    about = []
    for each in draft.cited:
        title = telling(each.title, language)
        if title and set(grounding.stems(" ".join(title), language)) <= said:
            about.append(each.mark)
    if not about:
        return ""
    cites = " ".join(f"[{mark}]" for mark in about)
    end = sentence[-1] if sentence[-1] in ".!?。！？" else ""
    return f"{sentence.removesuffix(end)} {cites}{end}"


def _apart(match: re.Match[str]) -> str:
    return " ".join(f"[{number}]" for number in re.findall(r"\d+", match[1]))


def _messages(draft: Draft) -> list[Message]:
    language = NAMES[draft.state.language]
    items = "\n".join(f"[{each.mark}] {_item(each, draft)}" for each in draft.cited)
    question = prompts.quoted("question", draft.question, prompts.MAX_USER_CHARS)
    return [
        prompts.system(TASK.format(language=language)),
        Message("user", f"Items:\n{items}\nQuestion: {question}"),
    ]


def _item(cited: Cited, draft: Draft) -> str:
    facts = draft.facts[cited.item_id]
    told = [facts.title, ", ".join(facts.tags), facts.description, "; ".join(facts.categories)]
    return prompts.quoted("item", ". ".join(filter(None, told)), MAX_ITEM_CHARS)
