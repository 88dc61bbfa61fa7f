"""The admin's first page: exact figures, links to act, bounded statements, and what to do first."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.utils import timezone
from kombu.exceptions import OperationalError

from catalog.broker import redis_client
from catalog.models import Item, Media
from recommender import metrics
from recommender.llm import metrics as metrics_of_calls
from recommender.models import Event, Impression, ItemPopularity, Visitor
from recommender.partitions import month_of, partitions_ensure
from recommender.reports.overview import Lorenz, events_by_day, lorenz_of, shown_share
from retrieval import claims, probes, services, spaces
from retrieval.models import EmbeddingSpace
from tests.catalog.factories import ItemFactory, MediaFactory
from tests.retrieval.conftest import make_item
from workers import overview, tasks

pytestmark = pytest.mark.django_db


def shown(client) -> str:
    cache.clear()
    return client.get("/admin/").content.decode()


def event(
    visitor: int, item: Item, kind: str, at: datetime, key: str, request_id: str = ""
) -> None:
    partitions_ensure([month_of(at)])
    Event.objects.create(
        key=key, visitor_id=visitor, item=item, item_external_id=item.external_id, type=kind,
        occurred_at=at, request_id=request_id,
    )  # fmt: skip


def impression(visitor: int, items: list[Item], at: datetime, request_id: str) -> None:
    Impression.objects.create(
        request_id=request_id, visitor_id=visitor, placement="home", shown_at=at,
        item_ids=[item.pk for item in items], propensities=[1.0] * len(items),
        sources=[[] for _ in items], features=[],
    )  # fmt: skip


@pytest.fixture
def visitor(db) -> int:
    return Visitor.objects.create(external_id="ada").pk


class TestFigures:
    def test_events_are_counted_by_day_and_type(self, visitor):
        item = ItemFactory()
        last = datetime(2026, 3, 1, 12, tzinfo=UTC)
        for n, (days, kind) in enumerate(
            [(0, "view"), (0, "view"), (1, "view"), (2, "like"), (3, "view")]
        ):
            event(visitor, item, kind, last - timedelta(days=days), f"e{n}")
        event(visitor, item, "view", datetime(2026, 2, 27, tzinfo=UTC), "first moment")
        event(visitor, item, "view", datetime(2026, 3, 2, tzinfo=UTC), "a moment late")
        found = events_by_day(datetime(2026, 2, 27).date(), last.date())  # noqa: DTZ001
        assert found == {"view": [1, 1, 2], "like": [1, 0, 0]}
        assert list(found) == ["view", "like"]

    def test_what_was_shown_is_a_share_of_what_is_visible(self, visitor):
        one, two, hidden, old = ItemFactory.create_batch(4)
        now = timezone.now()
        impression(visitor, [one, two, hidden], now, "a")
        impression(visitor, [one], now, "b")
        impression(visitor, [old], now - timedelta(days=9), "c")
        Item.objects.filter(pk=hidden.pk).update(published=False)
        assert shown_share(now - timedelta(days=7)) == (2, 3)

    def test_ctr_and_conversion_by_placement(self, visitor):
        items = ItemFactory.create_batch(4)
        now = timezone.now()
        impression(visitor, items, now - timedelta(minutes=5), "a")
        event(visitor, items[0], "click", now, "c1", "a")
        event(visitor, items[1], "click", now, "c2", "a")
        event(visitor, items[1], "purchase", now, "p", "a")
        event(visitor, items[2], "view", now, "v", "a")
        found = overview.overview_now()
        today = found.answer_days.index((now - timedelta(minutes=5)).date())
        assert found.ctr["home"][today] == 0.5
        assert found.conversion["home"][today] == 0.25
        assert found.ctr["home"][0] is None
        assert list(found.ctr) == ["home"]

    def test_lorenz_and_gini_of_known_answers(self):
        assert lorenz_of([1.0] * 4, 4).gini == 0
        assert lorenz_of([1.0] * 4, 4).shares == pytest.approx(np.linspace(0, 1, 51))
        one = lorenz_of([5.0], 4)
        assert (one.gini, one.shares[37], one.shares[-1]) == (0.75, 0, 1)
        half = lorenz_of([1.0, 1.0], 4)
        assert (half.gini, half.shares[25], half.shares[50]) == (0.5, 0, 1)

    def test_gini_is_that_of_the_evaluation(self):
        lists = np.random.default_rng(3).zipf(1.5, (50, 10)) % 40
        counts = np.unique(lists, return_counts=True)[1]
        assert lorenz_of(counts, 40).gini == pytest.approx(metrics.gini(lists, 40))


class TestPage:
    def test_an_empty_installation_says_what_to_do_first(self, admin_client):
        page = shown(admin_client)
        assert "First steps" in page
        assert page.count('class="triad-done"') == 0
        places = [page.index(step) for step in ("Import items", "Embed them", "Train a space")]
        assert places == sorted(places)
        assert 'href="/admin/catalog/importrun/add/"' in page

    def test_steps_are_done_one_by_one(self, admin_client):
        space_id = spaces.ensure_active_space("fake", 64)
        item = make_item("frog", "a frog")
        assert shown(admin_client).count('class="triad-done"') == 1
        services.embed_items(space_id, [item.pk])
        assert shown(admin_client).count('class="triad-done"') == 2
        EmbeddingSpace.objects.update(trained=True)
        assert "First steps" not in shown(admin_client)

    def test_failures_lead_to_their_lists(self, admin_client):
        space_id = spaces.ensure_active_space("fake", 64)
        item = make_item("frog", "a frog")
        MediaFactory(item=item)  # before the claim: it is content
        Media.objects.update(status="failed")
        claims.fail(space_id, claims.claim(space_id, [item.pk])[0], "undecodable", "broken")
        page = shown(admin_client)
        assert 'href="/admin/catalog/item/?embedding=failed"' in page
        assert 'href="/admin/catalog/media/?status__exact=failed"' in page
        assert page.count("triad-alarm") == 2
        for url in (
            "/admin/catalog/item/?embedding=failed",
            "/admin/catalog/media/?status__exact=failed",
        ):
            assert admin_client.get(url).context["cl"].result_count == 1

    def test_charts_have_their_figures_as_tables(self, admin_client, visitor):
        item = ItemFactory()
        ItemPopularity.objects.create(
            item_id=item.pk, popular=1, trending=1, visitors=1, updated_at=timezone.now()
        )
        event(visitor, item, "<b>view", timezone.now(), "e")
        page = shown(admin_client)
        assert '<th scope="col">&lt;b&gt;view</th>' in page
        assert "<b>view" not in page
        assert "Gini 0.00" in page
        assert page.count("<svg") == 2  # nothing was shown to anybody

    def test_who_may_see_less_sees_less(self, client, django_user_model):
        user = django_user_model.objects.create_user("clerk", is_staff=True)
        client.force_login(user)
        page = shown(client)
        assert "Events a day" not in page
        assert "Waiting messages" not in page
        user.user_permissions.set(Permission.objects.filter(codename="view_item"))
        page = shown(client)
        assert "Waiting messages" in page
        assert "/admin/catalog/queuepause/" not in page.split("triad-tiles")[1]
        assert "How long searches take" not in page

    def test_it_is_counted_once_a_minute(self, admin_client, django_assert_max_num_queries):
        cache.clear()
        probes.took("search", 0.02)
        ItemFactory.create_batch(3)
        with django_assert_max_num_queries(22):
            admin_client.get("/admin/")
        ItemFactory.create_batch(30)
        with django_assert_max_num_queries(4):  # session, user, recent actions
            page = admin_client.get("/admin/").content.decode()
        assert '<p class="triad-big">3</p>' in page
        assert '<p class="triad-big">33</p>' in shown(admin_client)


class TestAge:
    """Old figures are shown while a worker counts new ones."""

    @pytest.fixture
    def sent(self, monkeypatch) -> list[str]:
        found: list[str] = []
        monkeypatch.setattr("workers.overview.current_app.send_task", found.append)
        return found

    @staticmethod
    def aged(seconds: int) -> None:
        """As if the kept figures were so old."""
        found = cache.get(overview.KEY)
        old = replace(found, at=found.at - timedelta(seconds=seconds))
        cache.set(overview.KEY, old, overview.KEPT_S)

    def test_fresh_ones_ask_nobody(self, admin_client, sent):
        admin_client.get("/admin/")
        self.aged(50)
        assert 'hx-trigger="load delay' not in admin_client.get("/admin/").content.decode()
        assert sent == []

    def test_old_ones_are_shown_once_more(self, admin_client, sent, django_assert_max_num_queries):
        shown(admin_client)
        self.aged(70)
        ItemFactory.create_batch(3)
        with django_assert_max_num_queries(4):
            page = admin_client.get("/admin/").content.decode()
        assert '<p class="triad-big">0</p>' in page
        assert 'hx-trigger="load delay:4s"' in page  # the page asks again by itself, once
        assert "load delay" not in admin_client.get("/admin/").content.decode()
        assert sent == ["workers.tasks.overview_count"]
        tasks.overview_count()
        assert '<p class="triad-big">3</p>' in admin_client.get("/admin/").content.decode()

    def test_without_a_broker_they_grow_old(self, admin_client, monkeypatch):
        def down(task: str) -> None:
            raise OperationalError(task)

        shown(admin_client)
        monkeypatch.setattr("workers.overview.current_app.send_task", down)
        self.aged(70)
        page = admin_client.get("/admin/")
        assert page.status_code == 200
        assert "load delay" not in page.content.decode()


def test_less_than_no_tokens_count_as_none():
    redis_client().hset(f"{metrics_of_calls.KEY}{int(time.time() // 3600)}", mapping={
        "ask|tokens|in": -5, "ask|tokens|out": 7, "ask|micro|cost": -1,
    })  # fmt: skip
    found = metrics_of_calls.report()["ask"]
    assert (found.tokens_in, found.tokens_out, found.cost) == (0, 7, 0)


def test_nothing_used_has_no_curve(db):
    assert overview.overview_now().used is None
    assert Lorenz([0.0], 0.0, 1).items == 1
