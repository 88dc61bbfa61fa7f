"""What the words of a search were understood to ask for, on a page without scripts: chips that are links."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import QueryDict
from django.utils.translation import gettext

from recommender.storefront.address import Wanted
from recommender.storefront.controls import bounds_said, value_label
from recommender.storefront.fields import field_label

AS_TYPED: Final = "words"
"""``read`` of a search whose words are no sentence."""
GONE: Final = ("cursor", "csrfmiddlewaretoken", "read")


def reading(asked: Wanted, said: QueryDict) -> dict[str, Any]:
    """What the API's query says of how its words are read: nothing, unless they can be a sentence."""
    counting = [weight for _, weight in asked.words if not weight or float(weight) != 0]
    is_sentence = len(counting) == 1 and (not counting[0] or float(counting[0]) > 0)
    if not is_sentence or asked.mode == "lexical" or said.get("read") == AS_TYPED:
        return {}
    return {"understand": True, "by_rules": True, "unread": said.getlist("unread")}


def understood(answer: Mapping[str, Any], said: QueryDict) -> dict[str, Any] | None:
    """The conditions as (name, address without it), and the address of another reading; None without one."""
    if said.get("read") == AS_TYPED:
        return {"as_typed": True, "other": _address(said)}
    found = answer.get("interpretation")
    if not found:
        return None
    chips = [
        (_name(each), _address(said, unread=[*said.getlist("unread"), each["key"]]))
        for each in found["conditions"]
    ]
    return {"chips": chips, "other": _address(said, read=[AS_TYPED], unread=[])}


def _address(said: QueryDict, **changes: Sequence[str]) -> str:
    """Of the same search read otherwise; files are left out."""
    other = said.copy()
    for name in GONE:
        other.pop(name, None)
    for name, texts in changes.items():
        other.setlist(name, list(texts))
    return f"?{other.urlencode()}"


def _name(condition: Mapping[str, Any]) -> str:
    kind, field, value = condition["kind"], condition["field"], condition["value"]
    if kind == "sort":
        return _order(field, value)
    said = value if kind == "without" else f"{field_label(field)}: {_said(field, value)}"
    return said if kind == "filter" else gettext("not %(name)s") % {"name": said}


def _order(by: str, direction: str) -> str:
    return {
        "price asc": gettext("cheapest first"),
        "price desc": gettext("most expensive first"),
        "released asc": gettext("oldest first"),
        "released desc": gettext("newest first"),
        "popularity asc": gettext("least popular first"),
        "popularity desc": gettext("most popular first"),
    }[f"{by} {direction}"]


def _said(field: str, value: Any) -> str:
    values = value["in"] if isinstance(value, dict) and "in" in value else [value]
    return ", ".join(
        " ".join(bounds_said(each)) if isinstance(each, dict) else value_label(field, _text(each))
        for each in values
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
