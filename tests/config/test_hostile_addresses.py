"""Whatever somebody writes into an address of the admin or the storefront, nothing breaks."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import quote
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from catalog.models import Item
from recommender.models import Event, Visitor
from recommender.partitions import month_of, partitions_ensure
from retrieval import lexical, services, spaces
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
NUL = "a\0b"
VALUES = ("9" * 5_000, "²", "x'\"<[", "9999-12-31", "")
"""Not for int(), a digit that is none, no number, the last date."""
OF_EVERY_LIST = ("q", "p", "o", "e", "all", "_facets", "_popup", "_to_field", "id__exact", "pk__in",
                 "nothing__exact", "pk__nothing", "__")  # fmt: skip


@pytest.fixture
def browser(admin_user) -> Client:
    """Somebody who may see everything; an error is an answer."""
    client = Client(raise_request_exception=False)
    client.force_login(admin_user)
    return client


def answered(client: Client, address: str, form: dict[str, Any] | None = None) -> int:
    """The status; what the database refused does not outlive the request."""
    with transaction.atomic():
        answer = client.get(address) if form is None else client.post(address, form)
        transaction.set_rollback(True)
    return answer.status_code


def place(model: Any, page: str = "changelist", *keys: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=keys)


def asked(query: dict[str, str], user: Any) -> HttpRequest:
    request = RequestFactory().get("/", query)
    request.user = user
    request._messages = CookieStorage(request)
    return request


def parameters(model: Any, user: Any) -> Iterator[str]:
    """What the list of a model reads of its address."""
    page = admin.site._registry[model]
    request = asked({}, user)
    for spec in page.get_changelist_instance(request).get_filters(request)[0]:
        yield from filter(None, spec.expected_parameters())
    if page.date_hierarchy:
        yield from (f"{page.date_hierarchy}__{part}" for part in ("year", "month", "day"))
    yield from OF_EVERY_LIST


def listed(model: Any, query: dict[str, str], user: Any) -> None:
    """Read a list; Django answers what these errors say."""
    page = admin.site._registry[model]
    with suppress(IncorrectLookupParameters, SuspiciousOperation), transaction.atomic():
        list(page.get_changelist_instance(asked(query, user)).result_list)


@pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_lists(browser, admin_user, model):
    names = dict.fromkeys(parameters(model, admin_user))
    for value in VALUES:
        for name in names:
            listed(model, {name: value}, admin_user)
    for value in VALUES[:2]:  # as whole pages, which take their time
        some = urlencode(dict.fromkeys(names, value))
        assert answered(browser, f"{place(model)}?{some}") in (200, 302, 400)
    assert answered(browser, f"{place(model)}?{urlencode({'q': NUL})}") == 400
    assert answered(browser, f"{place(model)}?{urlencode({NUL: 'x'})}") == 400


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_rows(browser, model):
    for page in ("change", "history", "delete"):
        for key in (NUL, "9" * 30, "²"):
            # Django's own pages redirect to the index with a message
            assert answered(browser, place(model, page, quote(key))) in (302, 403, 404)
    assert answered(browser, f"{place(model, 'change', '1')}?_to_field=") == 400


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_actions_of_lists(browser, admin_user, model):
    action = next(iter(admin.site._registry[model].get_actions(asked({}, admin_user))), "nothing")
    for form in (
        {"action": action, "_selected_action": ["x", "9" * 30, NUL, "²"], "index": "0"},
        {"action": NUL, "_selected_action": ["1"], "index": "9" * 30},
    ):
        assert answered(browser, place(model), form) < 500


@pytest.fixture
def world(settings) -> tuple[Item, Visitor]:
    """Enough for every page to have something to say."""
    partitions_ensure([month_of(timezone.now())])
    item = make_item("frog", "A green frog", categories=("animals",), attributes={"price": 3})
    retrieval = settings.RETRIEVAL
    space_id = spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
    services.embed_items(space_id, [item.pk])
    lexical.index_items([item.pk])
    visitor = Visitor.objects.create(external_id="ada")
    Event.objects.create(
        key="e", visitor=visitor, item=item, item_external_id="frog", type="view",
        occurred_at=timezone.now(),
    )  # fmt: skip
    return item, visitor


SEARCH = ("q", "item", "w", "image_w", "by.text", "f.kind", "f.price", "f.price.lt", "f.released.gte",
          "f.in_stock", "f.nothing", "f.", "mode", "lang", "cursor")  # fmt: skip
PAGES = {
    "/admin/": ("q", "app_list", "next"),
    "/admin/catalog/item/playground/": (*SEARCH, "filter", "with", "category"),
    "/admin/catalog/item/add/": ("title", "categories", "published_at", "_changelist_filters"),
    "/admin/catalog/item/{item}/change/": ("_changelist_filters", "_popup", "_to_field"),
    "/admin/catalog/item/{item}/shown/": ("days",),
    "/admin/catalog/item/{item}/history/": ("p",),
    "/admin/catalog/item/{item}/decide/": ("placement", "position"),
    "/admin/recommender/rule/add/": ("items", "category", "tag", "starts_at"),
    "/admin/recommender/visitor/{visitor}/sees/": ("placement", "item"),
    "/admin/recommender/visitor/{visitor}/events/": ("before",),
    "/admin/recommender/placement/": ("days", "q"),
    "/admin/recommender/placement/figures/": ("days",),
    "/admin/retrieval/embeddingspace/{space}/compare/": ("with",),
    "/admin/autocomplete/": ("app_label", "model_name", "field_name", "term", "page"),
    "/admin/search/": ("s", "extended", "page"),
    "/admin/jsi18n/": ("language",),
    "/": ("q", "category", "similar", "lang", "f.price.lt", "by.text", "mode"),
    "/items/frog/": ("lang", "by.text"),
    "/plain/": (*SEARCH, "category", "after", "similar", "read", "unread"),
    "/plain/items/frog/": ("lang", "by.text", "by.image"),
    "/ask/": ("question", "lang", "history"),
    "/you/": ("lang",),
}  # fmt: skip
WITH = {"/plain/": "q=green+frog&", "/admin/catalog/item/playground/": "q=frog&"}
"""What else an address says: without any words nothing is looked for."""


@pytest.mark.parametrize("address", PAGES)
def test_pages(browser, world, address):
    item, visitor = world
    page = address.format(item=item.pk, visitor=visitor.pk, space=spaces.active_id())
    statuses = {}
    for name in PAGES[address]:
        for value in (NUL, *VALUES):
            said = f"{WITH.get(address, '')}{urlencode({name: value})}"
            statuses[name, value] = answered(browser, f"{page}?{said}")
    assert {key: status for key, status in statuses.items() if status >= 500} == {}


def test_what_a_form_of_the_admin_is_opened_with(browser, world):
    item, _ = world
    said = {"items": f"{item.pk},x", "starts_at": "2026-05-01 10:30", "ends_at": "soon"}
    page = browser.get(f"/admin/recommender/rule/add/?{urlencode(said)}").context["adminform"].form
    assert page["items"].value() == [str(item.pk)]
    assert page["starts_at"].value() == datetime(2026, 5, 1, 10, 30, tzinfo=UTC)
    assert page["ends_at"].value() is None
