"""The state of a conversation: a composed query that travels with the client, signed.

Nothing of it is kept here. A client can read it and cannot change it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from django.core import signing

from recommender.llm.ask import followups
from recommender.llm.ask.followups import Change
from recommender.llm.ask.prices import PRICE, any_price, compared, ran_out
from recommender.llm.ask.types import MAX_WANTED, Sort, State, Turned, Wanted
from recommender.llm.understanding import Interpretation, Words, by_rules, vocabulary
from recommender.llm.understanding.composing import MAX_WITHOUT
from recommender.llm.understanding.languages import is_now
from recommender.llm.understanding.refining import exchanged, without_denial
from recommender.llm.understanding.types import one_or_in
from recommender.llm.understanding.vocabulary import singular
from retrieval.exceptions import InvalidQuery
from retrieval.filters import fields
from retrieval.preprocess import words

SALT: Final = "triad.ask.state"
LASTS_S: Final = 7 * 24 * 3600
MAX_SEEN: Final = 60
CATEGORIES: Final = "categories"
FOLLOW_UP_WEIGHT: Final = 0.6
"""Of "in blue" beside the thing that is to be blue: at 1 blue things of any kind come first."""
AGAINST: Final = -0.5
"""Of "without …": at -1 what is merely unlike that comes before what is wanted."""
LIKE_WEIGHT: Final = 1.0
FORGED: Final = "Use the `history` of the answer before, unchanged."
EXPIRED: Final = "This conversation is over: ask again without `history`."


def signed(state: State) -> str:
    """As the client carries it."""
    return signing.dumps(asdict(state), salt=SALT, compress=True)


def opened(history: str) -> State:
    """Raises InvalidQuery for one that was changed or is older than LASTS_S."""
    try:
        found = signing.loads(history, salt=SALT, max_age=LASTS_S)
        listed = ("shown", "seen", "categories", "without")
        found |= {name: tuple(found[name]) for name in listed}
        found["wanted"] = tuple(Wanted(**each) for each in found["wanted"])
        found["sort"] = tuple(found["sort"] or ()) or None
        return State(**found)
    except signing.SignatureExpired as err:
        raise InvalidQuery({"history": EXPIRED}) from err
    except (signing.BadSignature, ValueError, TypeError, KeyError, AttributeError) as err:
        raise InvalidQuery({"history": FORGED}) from err


def follow_up(turn: str, before: State) -> list[Change] | None:
    """What the turn changes of what was asked before; None for what ``understand`` reads, as a question of its
    own or as a refinement ("what about under 20?"): of ``followups.bare``."""
    if not (before.wanted or before.filter):
        return None
    found, said = followups.changes(turn), followups.bare(turn)
    if found and any(each.kind == "same" for each in found):
        return found if before.shown and not is_now(turn, before.language) else None
    if found and any(each.kind in ("with", "without") for each in found):
        read = by_rules(said)
        if read.filter or read.ignored or read.sort:
            return None  # "not over 50" is no thing to be without
        if len(read.without) > sum(each.kind == "without" for each in found):
            return None  # "no cats or dogs" names two
    if found and found[0].kind == "about" and len(found) == 1:
        read = by_rules(said, language=before.language, previous=previous(before))
        if read.follows or read.filter.keys() - {CATEGORIES}:
            return None
    return found


def previous(before: State) -> Interpretation:
    """What was asked before, as ``understand`` takes it."""
    return Interpretation(
        parts=tuple(Words(part.text, part.weight) for part in before.wanted if part.text),
        filter=dict(before.filter or {}),
        without=before.without,
        language=before.language,
        budget=before.budget or {},
    )


def changed(before: State, changes: Sequence[Change], prices: Mapping[str, float]) -> Turned:
    """The next state, and what could not be done ("no_prices", "no_such").

    ``prices`` are those of what was shown, by external_id.
    """
    state, notes, ignored = replace(before, seen=_examples(before)), [], []
    for change in changes:
        if change.kind in ("cheaper", "dearer", "cheapest", "dearest"):
            if not has_prices() or not (prices or ran_out(before)):
                notes.append("no_prices")
            elif change.kind in ("cheapest", "dearest"):
                state = replace(state, sort=_sort(change))
            else:
                state = compared(state, change, prices)
        elif change.kind == "more":
            liked = _examples(before)
            seen = dict.fromkeys([*before.seen, *before.shown])
            others = [name for name in seen if name not in liked]
            state = replace(state, seen=(*liked, *others[len(liked) - MAX_SEEN :]))
        elif change.kind in ("like", "unlike"):
            if max(change.position, 1) > len(before.shown):
                notes.append("no_such")
            else:
                state = _likened(state, change)
        elif change.kind == "about":
            about = (Wanted(text=change.text), *_refinements(state))
            paths = vocabulary().category(change.text)
            state = replace(state, wanted=about, categories=paths, seen=())
            state = _asking_for(state, change.text)
        elif change.kind == "any_price":
            state = any_price(state)
        elif change.kind == "same":
            state = replace(state, seen=before.seen)
        elif change.kind == "with":
            state = _with(state, change.text)
        else:
            state = _against(state, change.text)
            if change.text not in state.without:
                ignored.append(_not_without(change.text))
    ignored += ["price"] if "no_prices" in notes else []
    return Turned(state, tuple(dict.fromkeys(notes)), tuple(ignored))


def _not_without(text: str) -> str:
    """As ``Interpretation.ignored`` names what is denied beyond MAX_WITHOUT."""
    return f"without {text}"


def refined(before: State, found: Interpretation, prices: Mapping[str, float]) -> Turned:
    """The state before with what ``understand`` found to change it: each part keeps its weight.

    ``prices`` are those of what was shown, by external_id; they say what is cheaper.
    """
    state = replace(before, seen=_examples(before))
    for part in found.added:
        state = _with(state, part.text) if part.weight > 0 else _against(state, part.text)
    conditions = {name: each for name, each in found.filter.items() if name != CATEGORIES}
    paths = paths_of(found.filter.get(CATEGORIES))
    without = tuple(dict.fromkeys([*state.without, *found.without]))
    if found.compared:
        conditions.pop(PRICE, None)
        conditions |= {PRICE: kept} if (kept := (before.filter or {}).get(PRICE)) else {}
    state = replace(
        state,
        filter=conditions or None,
        categories=paths or state.categories,
        without=without[:MAX_WITHOUT],
        budget=dict(found.budget) or None,
    )
    turn = changed(state, [Change(found.compared)] if found.compared else [], prices)
    return replace(turn, ignored=(*turn.ignored, *map(_not_without, without[MAX_WITHOUT:])))


def paths_of(said: Any) -> tuple[str, ...]:
    """Of a condition on categories as ``understand`` makes it."""
    if isinstance(said, Mapping):
        return tuple(said.get("in", ()))
    return (said,) if isinstance(said, str) else ()


def has_prices() -> bool:
    """Whether items can be compared by price in this deployment."""
    field = fields().get(PRICE)
    return field is not None and field.type == "number"


def _likened(state: State, change: Change) -> State:
    """ "More like the second" is about that item from now on; what refined the query stays."""
    name = state.shown[change.position - 1 if change.position > 0 else change.position]
    if change.kind == "unlike":
        return _added(state, Wanted(item=name, weight=AGAINST))
    about = _about(state)
    softer = [] if about is None else [replace(about, weight=FOLLOW_UP_WEIGHT)]
    like = Wanted(item=name, weight=LIKE_WEIGHT)
    wanted = (like, *softer, *_refinements(state))
    return replace(state, wanted=wanted, seen=(name,), categories=())


def _examples(state: State) -> tuple[str, ...]:
    """What "more like the second" named: it was seen, and no later turn cites it again."""
    liked = {part.item for part in state.wanted if part.item and part.weight > 0}
    return tuple(name for name in state.seen if name in liked)


def went_on(state: State) -> bool:
    """Whether "more" was asked for: what answers before cited is left out."""
    return len(state.seen) > len(_examples(state))


def _about(state: State) -> Wanted | None:
    """The words that the conversation is about, also where "more like the second" went before them."""
    return next((part for part in state.wanted if part.text and part.weight > 0), None)


def _refinements(state: State) -> list[Wanted]:
    """What turns added to what it is about."""
    about = _about(state)
    added = [part for part in state.wanted if part.text and part is not about]
    return added[: MAX_WANTED - 2]


def _with(state: State, text: str) -> State:
    """One more part; a quality takes the place of another of its kind: red now, not blue."""
    wanted = []
    for part in state.wanted:
        if part.text and part.weight > 0 and text:
            words, text = exchanged(part.text, text)
            wanted.append(replace(part, text=words))
        else:
            wanted.append(part)
    state = replace(state, wanted=tuple(wanted))
    return (
        _asking_for(_added(state, Wanted(text=text, weight=FOLLOW_UP_WEIGHT)), text)
        if text
        else state
    )


def _against(state: State, text: str) -> State:
    """A part that counts against; what says so itself is left out, and it is wanted no more."""
    kept = [part for part in state.wanted if part.weight < 0 or part.text != text]
    without = tuple(dict.fromkeys([*state.without, text]))[:MAX_WITHOUT]
    state = replace(state, wanted=tuple(kept), without=without)
    return _added(state, Wanted(text=text, weight=AGAINST))


def _asking_for(state: State, text: str) -> State:
    """What was denied before and is asked for now is denied no more."""
    said = {singular(word) for word in words(text)}
    names = vocabulary()
    kind = set(names.kind(text))

    def still(denied: str) -> bool:
        if (paths := set(names.kind(denied))) and paths <= kind:
            return False  # 鸟 of "no birds"
        return not {singular(word) for word in words(denied)} <= said

    back = [each for each in state.without if not still(each)]
    return replace(
        state,
        wanted=tuple(part for part in state.wanted if part.weight > 0 or still(part.text)),
        without=tuple(filter(still, state.without)),
        filter=_allowing(state.filter, back),
    )


def _allowing(before: Mapping[str, Any] | None, things: Sequence[str]) -> Mapping[str, Any] | None:
    """The filter, which leaves the categories of these things out no more."""
    names = vocabulary()
    paths = {path for each in things for path in names.kind(each)}
    if before is None or not paths:
        return before
    return without_denial(before, {CATEGORIES: one_or_in(sorted(paths))}) or None


def _added(state: State, part: Wanted) -> State:
    """The oldest refinement goes where there would be too many; before it what words leave out anyway."""
    wanted = [*state.wanted, part]
    if len(wanted) > MAX_WANTED:
        told = (
            at
            for at, each in enumerate(wanted)
            if at and each.weight < 0 and each.text in state.without
        )
        del wanted[next(told, 1)]
    return replace(state, wanted=tuple(wanted))


def _sort(change: Change) -> Sort:
    return (PRICE, "asc" if change.kind == "cheapest" else "desc")
