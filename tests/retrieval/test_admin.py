"""Spaces in the admin, and what the item's page and list say about embeddings."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog import services
from catalog.content import ItemContent
from catalog.models import Item
from retrieval import index
from retrieval.admin.space_tables import metrics_split
from retrieval.head import Head
from retrieval.models import Embedding, EmbeddingSpace
from retrieval.spaces import partition_of

pytestmark = pytest.mark.django_db

ITEMS = "/admin/catalog/item/"
SPACES = "/admin/retrieval/embeddingspace/"
State = EmbeddingSpace.State
DIM = 4
HEAD = Head.untrained({"text": DIM}, DIM)


def make_space(name: str, state: str, **fields: Any) -> EmbeddingSpace:
    row = EmbeddingSpace.objects.create(
        name=name,
        state=state,
        dim=DIM,
        fused_dim=DIM,
        head=HEAD.to_bytes(),
        head_sha256=HEAD.fingerprint,
        **fields,
    )
    index.partition_create(partition_of(row))
    return row


@pytest.fixture
def active() -> EmbeddingSpace:
    """The space that answers."""
    return make_space("now", State.ACTIVE)


def make_item(external_id: str) -> Item:
    return services.item_upsert(ItemContent(external_id=external_id, title=external_id)).item


def embed(item: Item, space: EmbeddingSpace, **fields: Any) -> None:
    """A ready embedding of the item's version, unless the fields say otherwise."""
    version = item.content_version
    defaults = {"content_version": version, "attempted_version": version, "attempts": 1}
    Embedding.objects.create(
        item=item, space=space, **{**defaults, "status": Embedding.Status.READY, **fields}
    )


@pytest.fixture
def items(active) -> dict[str, Item]:
    """One item for every way to stand in the active space; another space muddies the water."""
    names = ("ready", "changed", "failed", "failed-then-changed", "absent", "leased")
    found = {name: make_item(name) for name in names}
    failed = {
        "status": Embedding.Status.FAILED,
        "content_version": 0,
        "attempts": 3,
        "error_code": "attempts_exhausted",
        "error": "The worker died.",
    }
    embed(found["ready"], active, weights={"text": 0.75, "image": 0.25})
    embed(found["changed"], active)
    embed(found["failed"], active, **failed)
    embed(found["failed-then-changed"], active, **failed)
    embed(found["leased"], active, status=Embedding.Status.PENDING, content_version=0)
    services.items_touch([found["changed"].pk, found["failed-then-changed"].pk])
    other = make_space("next", State.BUILDING)
    embed(found["absent"], other)
    embed(found["ready"], other, **failed)
    return found


class TestItemList:
    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            ("ready", {"ready"}),
            ("failed", {"failed"}),
            ("pending", {"changed", "failed-then-changed", "absent", "leased"}),
        ],
    )
    def test_filters_by_the_state_in_the_active_space(self, admin_client, items, state, expected):
        response = admin_client.get(ITEMS, {"embedding": state})
        rows = response.context["cl"].result_list
        assert {row.external_id for row in rows} == expected
        assert {row.embedding_state for row in rows} == {state}

    def test_lists_each_item_once_with_its_error_as_a_tooltip(self, admin_client, items):
        response = admin_client.get(ITEMS)
        rows = response.context["cl"].result_list
        assert sorted(row.external_id for row in rows) == sorted(items)
        html = response.content.decode()
        assert html.count('title="attempts_exhausted: The worker died."') == 1

    def test_everything_is_pending_without_a_space(self, admin_client):
        make_item("first")
        (row,) = admin_client.get(ITEMS).context["cl"].result_list
        assert row.embedding_state == "pending"

    def test_takes_the_same_queries_for_any_number_of_items(self, admin_client, active):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert admin_client.get(ITEMS).status_code == 200
            return len(captured)

        embed(make_item("first"), active)
        one = queries()
        for i in range(10):
            embed(make_item(f"more-{i}"), active)
        assert queries() == one

    def test_embedding_again_makes_ready_items_due(self, admin_client, items):
        form = {"action": "reembed", "_selected_action": [items["ready"].pk, items["failed"].pk]}
        admin_client.post(ITEMS, form)
        response = admin_client.get(ITEMS, {"embedding": "pending"})
        assert len(response.context["cl"].result_list) == len(items)


class TestItemPage:
    def test_tells_the_state_in_each_live_space(self, admin_client, items):
        make_space("former", State.RETIRED)
        url = reverse("admin:catalog_item_change", args=[items["ready"].pk])
        html = admin_client.get(url).content.decode()
        assert html.index(">now</a> (active)") < html.index(">next</a> (building)")
        assert "former" not in html
        assert "<td>1 of 1</td>" in html
        assert "75 %" in html
        assert "<strong>attempts_exhausted</strong> The worker died." in html

    def test_a_new_item_has_no_panel(self, admin_client, active):
        html = admin_client.get(reverse("admin:catalog_item_add")).content.decode()
        assert "In each live space" not in html

    def test_an_item_is_deleted_with_its_embeddings(self, admin_client, items):
        url = reverse("admin:catalog_item_delete", args=[items["ready"].pk])
        admin_client.post(url, {"post": "yes"})
        assert not Embedding.objects.filter(item_id=items["ready"].pk).exists()


class TestSpaces:
    def test_the_list_shows_state_and_progress(self, admin_client, items):
        html = admin_client.get(SPACES).content.decode()
        assert html.count("1 ready · 4 pending · 1 failed") == 2

    def test_the_page_shows_encoders_and_metrics(self, admin_client):
        space = make_space(
            "now",
            State.ACTIVE,
            encoders={"text": {"fingerprint": "e5/1", "dim": 384}},
            metrics={"items": 277, "en": {"text to image": {"R@1": 0.41256}}},
        )
        url = reverse("admin:retrieval_embeddingspace_change", args=[space.pk])
        html = admin_client.get(url).content.decode()
        assert "e5/1" in html
        assert "<th>en · text to image</th><td>0.413</td>" in html
        assert '<span class="triad-figure"><span>items</span> 277</span>' in html

    def test_is_read_only(self, admin_client, active):
        page = reverse("admin:retrieval_embeddingspace_change", args=[active.pk])
        assert admin_client.post(page, {"name": "other"}).status_code == 403
        assert admin_client.get(f"{SPACES}add/").status_code == 403
        delete = reverse("admin:retrieval_embeddingspace_delete", args=[active.pk])
        assert admin_client.post(delete, {"post": "yes"}).status_code == 403
        assert EmbeddingSpace.objects.get().name == "now"


class TestActivate:
    @staticmethod
    def url(space: EmbeddingSpace) -> str:
        return reverse("admin:retrieval_embeddingspace_activate", args=[space.pk])

    def test_asks_first(self, admin_client, active):
        after = make_space("next", State.BUILDING)
        html = admin_client.get(self.url(after)).content.decode()
        assert "Activate this space?" in html
        active.refresh_from_db()
        assert active.state == State.ACTIVE

    def test_switches(self, admin_client, active):
        after = make_space("next", State.READY)
        form = {"_form_submitted": "True"}
        response = admin_client.post(self.url(after), form, follow=True)
        assert [str(m) for m in response.context["messages"]] == ["next is active."]
        states = dict(EmbeddingSpace.objects.values_list("name", "state"))
        assert states == {"now": State.READY, "next": State.ACTIVE}

    def test_tells_a_dialog_where_to_go(self, admin_client, active):
        form = {"_form_submitted": "True"}
        response = admin_client.post(self.url(active), form, headers={"HX-Request": "true"})
        assert response.headers["HX-Redirect"] == SPACES

    def test_of_a_retired_space_is_a_message(self, admin_client, active):
        former = make_space("former", State.RETIRED)
        form = {"_form_submitted": "True"}
        response = admin_client.post(self.url(former), form, follow=True)
        (message,) = response.context["messages"]
        assert "Nothing was changed" in str(message)
        active.refresh_from_db()
        assert active.state == State.ACTIVE

    def test_needs_the_permission_to_change(self, client, django_user_model, active):
        after = make_space("next", State.READY)
        client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
        assert client.post(self.url(after), {"_form_submitted": "True"}).status_code == 403
        active.refresh_from_db()
        assert active.state == State.ACTIVE


def test_metrics_are_split_into_figures_and_groups():
    metrics = {"seed": 7, "R": {"R@1": 0.5}, "zh": {"a": {"MRR": 1}, "n": 3}}
    assert metrics_split(metrics) == (
        {"seed": 7},
        {"R": {"R@1": 0.5}, "zh · a": {"MRR": 1}, "zh": {"n": 3}},
    )
    assert metrics_split({}) == ({}, {})
