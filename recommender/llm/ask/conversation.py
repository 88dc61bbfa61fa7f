"""The state of a conversation: a composed query that travels with the client, signed.

Nothing of it is kept here. A client can read it and cannot change it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from django.core import signing

from recommender.llm.ask import followups
from recommender.llm.ask.followups import Change
from recommender.llm.ask.types import MAX_WANTED, Sort, State, Turned, Wanted
from recommender.llm.understanding import Interpretation, by_rules, vocabulary
from recommender.llm.understanding.refining import exchanged, without_denial
from recommender.llm.understanding.types import one_or_in
from recommender.llm.understanding.vocabulary import singular
from retrieval.exceptions import InvalidQuery
from retrieval.filters import fields
from retrieval.preprocess import words

SALT: Final = "triad.ask.state"
LASTS_S: Final = 7 * 24 * 3600
MAX_SEEN: Final = 60
PRICE: Final = "price"
CATEGORIES: Final = "categories"
MAX_WITHOUT: Final = 5
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
    """What the turn changes of what was asked before; None for a question of its own."""
    if not (before.wanted or before.filter):
        return None
    if change := followups.about(turn):
        return [change]
    found = followups.changes(turn)
    if found and any(each.kind in ("with", "without") for each in found):
        read = by_rules(turn)
        if read.filter or read.ignored or read.sort:
            return None  # "not over 50" is no thing to be without
    return found


def changed(before: State, changes: Sequence[Change], prices: Mapping[str, float]) -> Turned:
    """The next state, and what could not be done ("no_prices", "no_such").

    ``prices`` are those of what was shown, by external_id.
    """
    state, notes = replace(before, seen=_examples(before)), []
    for change in changes:
        if change.kind in ("cheaper", "dearer", "cheapest", "dearest"):
            if not has_prices() or not (prices or _ran_out(before)):
                notes.append("no_prices")
            elif change.kind in ("cheapest", "dearest"):
                state = replace(state, sort=_sort(change))
            else:
                state = replace(state, filter=_priced(state.filter, change, prices))
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
        elif change.kind == "with":
            state = _with(state, change.text)
        else:
            state = _against(state, change.text)
    ignored = ("price",) if "no_prices" in notes else ()
    return Turned(state, tuple(dict.fromkeys(notes)), ignored)


def refined(before: State, found: Interpretation) -> State:
    """The state before with what ``understand`` found to change it: each part keeps its weight."""
    state = replace(before, seen=_examples(before))
    for part in found.added:
        state = _with(state, part.text) if part.weight > 0 else _against(state, part.text)
    conditions = {name: each for name, each in found.filter.items() if name != CATEGORIES}
    paths = paths_of(found.filter.get(CATEGORIES))
    without = tuple(dict.fromkeys([*state.without, *found.without]))[-MAX_WITHOUT:]
    return replace(
        state, filter=conditions or None, categories=paths or state.categories, without=without
    )


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
    without = tuple(dict.fromkeys([*state.without, text]))[-MAX_WITHOUT:]
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
    """The oldest refinement goes where there would be too many."""
    wanted = [*state.wanted, part]
    if len(wanted) > MAX_WANTED:
        del wanted[1]
    return replace(state, wanted=tuple(wanted))


def _sort(change: Change) -> Sort:
    return (PRICE, "asc" if change.kind == "cheapest" else "desc")


def _priced(
    before: Mapping[str, Any] | None, change: Change, prices: Mapping[str, float]
) -> Mapping[str, Any]:
    """Below, or above, what stands in the middle of the prices shown; where none is, turned round."""
    kept = {} if before is None else dict(before)
    bounds = kept.get(PRICE)
    said = dict(bounds) if isinstance(bounds, Mapping) else {}
    if not prices:
        return {**kept, PRICE: _turned_round(said, change)}
    middle = sorted(prices.values())[len(prices) // 2]
    return {**kept, PRICE: said | {"lt" if change.kind == "cheaper" else "gt": middle}}


def _ran_out(before: State) -> bool:
    """Whether nothing was left between the bounds of the price."""
    return not before.shown and bool(before.filter) and PRICE in (before.filter or {})


def _turned_round(said: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """What ran out below a price goes on from it, and the other way round; else the bounds stay."""
    ends, other = (("gt", "gte"), "lte") if change.kind == "cheaper" else (("lt", "lte"), "gte")
    found = next((said[end] for end in ends if end in said), None)
    return dict(said) if found is None else {other: found}
