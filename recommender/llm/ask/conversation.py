"""The state of a conversation: a composed query that travels with the client, signed.

Nothing of it is kept here. A client can read it and cannot change it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from django.core import signing

from recommender.llm.ask import followups
from recommender.llm.ask.followups import Change
from recommender.llm.ask.types import MAX_WANTED, Sort, State, Wanted
from retrieval.exceptions import InvalidQuery
from retrieval.filters import fields

SALT: Final = "triad.ask.state"
LASTS_S: Final = 7 * 24 * 3600
MAX_SEEN: Final = 60
PRICE: Final = "price"
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
        found |= {name: tuple(found[name]) for name in ("shown", "seen", "categories")}
        found["wanted"] = tuple(Wanted(**each) for each in found["wanted"])
        found["sort"] = tuple(found["sort"] or ()) or None
        return State(**found)
    except signing.SignatureExpired as err:
        raise InvalidQuery({"history": EXPIRED}) from err
    except (signing.BadSignature, ValueError, TypeError, KeyError, AttributeError) as err:
        raise InvalidQuery({"history": FORGED}) from err


def follow_up(turn: str, before: State) -> list[Change] | None:
    """What the turn changes of what was asked before; None for a question of its own."""
    if not before.wanted:
        return None
    if change := followups.about(turn):
        return [change]
    found = followups.changes(turn)
    if found and any(each.position > len(before.shown) for each in found):
        return None
    return found


def changed(
    before: State, changes: Sequence[Change], prices: Mapping[str, float]
) -> tuple[State, str]:
    """The next state, and the code of what could not be done ("no_prices"), "" if all could.

    ``prices`` are those of what was shown, by external_id.
    """
    state, note = replace(before, seen=()), ""
    for change in changes:
        if change.kind in ("cheaper", "dearer", "cheapest", "dearest"):
            if not has_prices():
                note = "no_prices"
            elif change.kind in ("cheapest", "dearest"):
                state = replace(state, sort=_sort(change))
            elif prices:
                state = replace(state, filter=_priced(state.filter, change, prices))
            else:
                note = "no_prices"
        elif change.kind == "more":
            seen = tuple(dict.fromkeys([*before.seen, *before.shown]))[-MAX_SEEN:]
            state = replace(state, seen=seen)
        elif change.kind in ("like", "unlike"):
            state = _likened(state, change)
        elif change.kind == "about":
            about = (Wanted(text=change.text), *_refinements(state))
            state = replace(state, wanted=about, categories=())
        else:
            weight = FOLLOW_UP_WEIGHT if change.kind == "with" else AGAINST
            state = _added(state, Wanted(text=change.text, weight=weight))
    return state, note


def has_prices() -> bool:
    """Whether items can be compared by price in this deployment."""
    field = fields().get(PRICE)
    return field is not None and field.type == "number"


def _likened(state: State, change: Change) -> State:
    """ "More like the second" is about that item from now on; what refined the query stays."""
    name = state.shown[change.position - 1 if change.position > 0 else change.position]
    if change.kind == "unlike":
        return _added(state, Wanted(item=name, weight=AGAINST))
    kept = [part for part in state.wanted if part.text][:1]
    softer = [replace(part, weight=FOLLOW_UP_WEIGHT) for part in kept]
    like = Wanted(item=name, weight=LIKE_WEIGHT)
    wanted = (like, *softer, *_refinements(state))
    return replace(state, wanted=wanted, seen=(name,), categories=())


def _refinements(state: State) -> list[Wanted]:
    """What earlier turns added to the first part."""
    return [part for part in state.wanted[1:] if part.text][: MAX_WANTED - 2]


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
    """Below, or above, what stands in the middle of the prices shown."""
    middle = sorted(prices.values())[len(prices) // 2]
    bound = {"lt" if change.kind == "cheaper" else "gt": middle}
    kept = {} if before is None else dict(before)
    said = kept.get(PRICE)
    return {**kept, PRICE: {**(said if isinstance(said, Mapping) else {}), **bound}}
