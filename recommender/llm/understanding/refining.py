"""A question that follows another: ``cheaper``, ``in blue``, ``not leather``, ``第二个那样的``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from recommender.llm.understanding import bounds
from recommender.llm.understanding.languages import TABLED, chinese, quality
from recommender.llm.understanding.types import WANTED, Interpretation, Reading, Words, one_or_in
from recommender.llm.understanding.vocabulary import folded, singular
from retrieval.lexical import picture_names
from retrieval.preprocess import segmentation

MAX_WORDS: Final = 3
"""That refine what was asked; more are a question of their own."""
_HAN: Final = re.compile("[\u4e00-\u9fff]")


def refines(found: Reading, previous: Interpretation | None) -> bool:
    """Whether a reading only makes sense as a change of the question before it."""
    if previous is None or (found.anew and found.wanted):
        return False
    if any(map(picture_names, segmentation.words(found.text()))):
        return False  # an emoji is a thing of its own
    words = _words(found.text())
    if not words:
        return True
    if all(_quality(word) is not None for word in words):
        return True
    if found.compared and all(_is_said(word, previous) for word in words):
        return True  # "cheaper shoes" after shoes
    return found.follows and not found.categories and len(words) <= MAX_WORDS


def refined(now: Interpretation, previous: Interpretation) -> Interpretation:
    """The question before it with what is new; where the two disagree, the new one counts."""
    wanted = previous.wanted
    added = tuple(part for part in now.parts if not _is_known(part, now, previous))
    for part in added:
        wanted = _with(wanted, part.text) if part.weight > 0 else _without(wanted, part.text)
    unwanted = [
        part
        for part in (*previous.parts, *added)
        if part.weight < 0 and not (now.wanted and part.text in now.wanted)
    ]
    parts = (*([Words(wanted, WANTED)] if wanted else []), *dict.fromkeys(unwanted))
    return replace(
        now,
        parts=parts,
        filter=_merged(previous.filter, now.filter, with_budget=bool(now.budget)),
        sort=now.sort or previous.sort,
        like=now.like or previous.like,
        without=tuple(
            text
            for text in dict.fromkeys((*previous.without, *now.without))
            if not (now.wanted and text in now.wanted)
        ),
        follows=True,
        added=added,
        budget=bounds.joined(previous.budget, now.budget),
    )


def _is_said(word: str, previous: Interpretation) -> bool:
    return _quality(word) is not None or singular(folded(word)) in folded(previous.wanted)


def _is_known(part: Words, now: Interpretation, previous: Interpretation) -> bool:
    """Whether a part only names again what a comparison is about: the shoes of "cheaper shoes"."""
    words = _words(part.text)
    is_again = bool(now.compared) and part.weight > 0 and not any(map(_quality, words))
    return is_again and all(_is_said(word, previous) for word in words)


def _merged(
    before: Mapping[str, Any], now: Mapping[str, Any], *, with_budget: bool
) -> dict[str, Any]:
    """By field, of bounds that are said each side; what neither may be, neither is, unless it is asked for now.

    ``with_budget``: now a price is said in figures; one in words takes the place of another.
    """
    before = without_denial(before, now)
    merged = {**before, **now}
    for name in before.keys() & now.keys():
        if not (bounds.are_bounds(before[name]) and bounds.are_bounds(now[name])):
            continue
        if with_budget or any(isinstance(end, str) for end in now[name].values()):
            merged[name] = bounds.joined(before[name], now[name])
    return _denying(merged, [each for said in (before, now) for each in denials(said)])


def without_denial(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A filter that does not deny the values that ``wanted`` asks of a field."""
    denied = []
    for condition in denials(given):
        left = {name: _left(said, wanted.get(name)) for name, said in condition.items()}
        if None not in left.values():
            denied.append(left)
    return _denying(given, denied)


def _left(said: Any, wanted: Any) -> Any:
    """Of the denied values those that are not wanted; None for none. Bounds stay."""
    denied, asked = _values(said), _values(wanted)
    left = [value for value in denied if value not in asked]
    return said if left == denied else one_or_in(left) if left else None


def _values(said: Any) -> list[Any]:
    if isinstance(said, Mapping):
        return list(said.get("in", ()))
    return [said] if isinstance(said, str) else []


def _denying(given: Mapping[str, Any], denied: Sequence[Any]) -> dict[str, Any]:
    rest = {name: said for name, said in given.items() if name != "not"}
    if denied:
        rest["not"] = denied[0] if len(denied) == 1 else {"or": list(denied)}
    return rest


def denials(given: Mapping[str, Any]) -> list[Any]:
    """The conditions under ``not``, as this package writes them."""
    if "not" not in given:
        return []
    under = given["not"]
    return list(under["or"]) if set(under) == {"or"} else [under]


def _with(text: str, more: str) -> str:
    """Words added; a quality takes the place of another of its kind (red → blue)."""
    text, more = exchanged(text, more)
    return " ".join(filter(None, (text.strip(), more)))


def exchanged(text: str, more: str) -> tuple[str, str]:
    """The text with the qualities of ``more`` in the place of others of their kind; the rest of ``more``."""
    for word in _words(more):
        kind = _quality(word)
        said = [old for old in _words(text) if kind is not None and _quality(old) == kind]
        if said:
            text = _replaced(text, said[0], word)
            more = _replaced(more, word, "")
    return text, " ".join(more.split()).removesuffix("的")


def _without(text: str, denied: str) -> str:
    return " ".join(_replaced(text, denied, "").split()) or text


def _replaced(text: str, old: str, new: str) -> str:
    pattern = re.escape(old) if _HAN.search(old) else rf"(?<!\w){re.escape(old)}(?!\w)"
    return re.sub(pattern, new, text, flags=re.IGNORECASE)


def _words(text: str) -> list[str]:
    """English words; of Chinese the qualities it holds, the longest first, and the rest as one."""
    found: list[str] = []
    for run in re.findall("[\u4e00-\u9fff]+[ぁ-ん]*|[^\\W\u4e00-\u9fff]+(?:'\\w+)?", text):
        if _quality(run.removesuffix("の")) is not None:
            found.append(run.removesuffix("の"))
            continue
        if not _HAN.search(run):
            if run.lower() not in ("one", "ones", "a", "bit", "little", "is", "the", "it"):
                found.append(run.lower())
            continue
        rest = run
        for said in sorted(chinese.QUALITIES, key=len, reverse=True):
            if len(said) > 1 and said in rest:
                found.append(said)
                rest = rest.replace(said, "", 1)
        rest = re.sub("一点|点|一些|些|的", "", rest)
        found += [rest] if rest else []
    return found


def _quality(word: str) -> int | None:
    """In any of the languages: a turn may be in another than the question that it changes."""
    kinds = (quality(word, code) for code in ("", *TABLED))
    return next((kind for kind in kinds if kind is not None), None)
