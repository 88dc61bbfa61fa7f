"""What a turn does to the bounds of the price: cheaper, dearer, any."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from catalog.models import Item
from recommender.llm.ask.followups import Change
from recommender.llm.ask.ordering import number
from recommender.llm.ask.types import State
from recommender.llm.understanding import bounds
from recommender.llm.understanding.refining import denials

PRICE: Final = "price"


def compared(state: State, change: Change, prices: Mapping[str, float]) -> State:
    """Below, or above, what stands in the middle of the prices shown; where none is, turned round.

    It takes the place of the comparison before it; only what the asker said in figures holds on both sides.
    """
    kept, budget = dict(state.filter or {}), state.budget or {}
    if prices:
        middle = sorted(prices.values())[len(prices) // 2]
        step = {"lt" if change.kind == "cheaper" else "gt": middle}
        return replace(state, filter={**kept, PRICE: bounds.within(budget, step)})
    said = dict(kept[PRICE]) if bounds.are_bounds(kept.get(PRICE)) else {}
    turned = _turned_round(said, change)
    if said == budget:
        budget = {}  # there is nothing in it, and who asks on leaves it
    within = bounds.within(budget, turned)
    return replace(
        state,
        filter={**kept, PRICE: said if bounds.is_empty(within) else within},
        budget=budget or None,
    )


def any_price(state: State) -> State:
    """Without what was said of the price."""
    given = state.filter or {}
    kept = {name: said for name, said in given.items() if name not in (PRICE, "not")}
    denied = [each for each in denials(given) if PRICE not in each]
    if denied:
        kept["not"] = denied[0] if len(denied) == 1 else {"or": denied}
    return replace(state, filter=kept or None, budget=None)


def of_shown(before: State) -> dict[str, float]:
    """Of what was shown, by external_id."""
    rows = Item.objects.filter(external_id__in=before.shown).values_list(
        "external_id", "attributes"
    )
    found = {name: number(given.get(PRICE)) for name, given in rows}
    return {name: price for name, price in found.items() if price is not None}


def ran_out(before: State) -> bool:
    """Whether nothing was left between the bounds of the price."""
    return not before.shown and bool(before.filter) and PRICE in (before.filter or {})


def _turned_round(said: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """What ran out below a price goes on from it, and the other way round; else the bounds stay."""
    ends, other = (("gt", "gte"), "lte") if change.kind == "cheaper" else (("lt", "lte"), "gte")
    found = next((said[end] for end in ends if end in said), None)
    return dict(said) if found is None else {other: found}
