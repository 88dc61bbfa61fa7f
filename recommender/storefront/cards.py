"""Items as a page without scripts shows them: cards, why they are there, where to go from them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from rest_framework.request import Request

from catalog.models import Item
from catalog.serializers import languages_wanted
from catalog.summaries import item_summaries
from recommender.storefront.address import wanted
from recommender.storefront.controls import number_label, value_label
from recommender.storefront.fields import field_label, price_field
from recommender.storefront.pages import MODALITIES

MOST_DETAILS = 12


def items_named(request: Request, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Summaries of visible items by external_id."""
    ids = Item.objects.visible().filter(
        external_id__in=[name for name in names if "\0" not in name]
    )
    found = item_summaries(list(ids.values_list("pk", flat=True)), languages_wanted(request))
    return {one["external_id"]: one for one in found.values()}


def cards(request: Request, ids: Sequence[int], languages: tuple[str, ...]) -> list[dict[str, Any]]:
    """Cards of items by id, in this order; unknown ids are left out."""
    found = item_summaries(ids, languages)
    return [card(found[pk], request) for pk in ids if pk in found]


def card(item: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """An item's summary with its ``address``, the name of its first category and its ``price``."""
    costs = item["attributes"].get(price_field())
    lang = request.query_params.get("lang")
    address = reverse("storefront:plain-item", args=[item["external_id"]])
    return {
        **item,
        "address": f"{address}?{urlencode({'lang': lang})}" if lang else address,
        "category": value_label("categories", item["categories"][0].rpartition("/")[2])
        if item["categories"]
        else "",
        "price": number_label(costs) if _is_number(costs) else None,
    }


def details(attributes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of at most MOST_DETAILS attributes, those that are single values or lists of some."""
    listed = {
        name: [each for each in (value if isinstance(value, list) else [value]) if _is_shown(each)]
        for name, value in attributes.items()
    }
    rows = [
        (field_label(name), ", ".join(value_label(name, _said(each)) for each in values))
        for name, values in listed.items()
        if values
    ]
    return rows[:MOST_DETAILS]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_shown(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and bool(value.strip()))


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(number_label(value) if _is_number(value) else value)


def why(
    contributions: Mapping[str, Any] | None, parts: Sequence[str]
) -> dict[str, list[tuple[str, float]]]:
    """(what, how much) of the query's parts, if it has several, and of the modalities."""
    if contributions is None:
        return {}
    brought = contributions["parts"]
    several = len(brought) > 1 and len(brought) == len(parts)
    return {
        "parts": list(zip(parts, brought, strict=True)) if several else [],
        "modalities": [
            (str(word), contributions["modalities"][name])
            for name, word in MODALITIES
            if contributions["modalities"].get(name)
        ],
    }


def with_item(request: Request, name: str, weight: str) -> str:
    """The address of the same search with one more item, or with another weight of it."""
    said = (request.query_params if request.method == "GET" else request.POST).copy()
    asked = wanted(said)
    items = [pair for pair in asked.items if pair[0] != name] + [(name, weight)]
    for gone in ("cursor", "csrfmiddlewaretoken", "w"):
        said.pop(gone, None)
    said.setlist("q", [text for text, _ in asked.words])
    said.setlist("item", [each for each, _ in items])
    said["w"] = ",".join(one or "1" for _, one in (*asked.words, *items))
    return f"{reverse('storefront:plain')}?{said.urlencode()}"


def counts(weight: str) -> bool:
    """Whether a part of this weight is searched with."""
    return not weight or float(weight) != 0


def speaks_for(weight: str) -> bool:
    """Whether a part of this weight says what is wanted."""
    return not weight or float(weight) > 0
