"""Events and visitors in the admin."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from recommender.admin import events as admin
from recommender.events import events_record
from recommender.models import Event, Visitor
from recommender.visitors import visitor_merge
from tests.recommender.worlds import item, read, sent

pytestmark = pytest.mark.django_db

EVENTS = "/admin/recommender/event/"
VISITORS = "/admin/recommender/visitor/"


@pytest.fixture
def browser() -> Client:
    user = get_user_model().objects.create_superuser("root", password="root")
    client = Client()
    client.force_login(user)
    return client


def record(*data) -> None:
    events_record(read(*data))


def shown(response) -> set[str]:
    return {row.key for row in response.context["cl"].result_list}


def test_as_many_queries_for_fifty_events_as_for_one(browser, django_assert_num_queries):
    item("frog")
    record(sent("e0"))
    browser.get(EVENTS)  # what is cached
    with django_assert_num_queries(20, exact=False) as few:
        browser.get(EVENTS)
    record(*(sent(f"e{n}", visitor=f"v{n}") for n in range(1, 50)))
    with django_assert_num_queries(len(few)):
        assert len(shown(browser.get(EVENTS))) == 50


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"e1", "e2", "e3"}),
        ("type=view", {"e2"}),
        ("waiting=yes", {"e2"}),
        ("waiting=no", {"e1", "e3"}),
        ("q=frog", {"e1", "e3"}),
        ("q=toad", {"e2"}),
        ("q=bert", {"e2"}),
        ("q=cookie", {"e1", "e3"}),
        ("q=ann", set()),
    ],
)
def test_found(browser, query, expected):
    item("frog")
    record(
        sent("e1"),
        sent("e2", visitor="bert", item="toad", type="view"),
        sent("e3", visitor="cookie"),
    )
    visitor_merge("cookie", "anna")

    assert shown(browser.get(f"{EVENTS}?{query}")) == expected


def test_by_when(browser):
    record(sent("old", occurred_at="2025-01-01T00:00:00Z"))
    Event.objects.filter(key="old").update(type="view")

    assert shown(browser.get(f"{EVENTS}?when=30")) == set()


def test_counting_ends(browser, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(admin, "COUNTED", 3)
    record(*(sent(f"e{n}") for n in range(5)))

    response = browser.get(EVENTS)

    assert response.context["cl"].result_count == 3


def test_visitors_by_how_they_begin(browser):
    visitor_merge("cookie-1", "anna")
    visitor_merge("cookie-2", "anna")

    found = browser.get(f"{VISITORS}?q=cookie").context["cl"].result_list

    assert {row.external_id for row in found} == {"cookie-1", "cookie-2"}


def test_nothing_can_be_changed(browser):
    record(sent("e1"))
    event, visitor = Event.objects.get(), Visitor.objects.get()

    assert browser.get(f"{EVENTS}{event.pk}/change/").status_code == 200
    assert browser.get(f"{VISITORS}{visitor.pk}/change/").status_code == 200
    for page in (EVENTS, VISITORS):
        assert browser.get(f"{page}add/").status_code == 403
    for page in (f"{EVENTS}{event.pk}", f"{VISITORS}{visitor.pk}"):
        assert browser.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
        assert browser.post(f"{page}/change/", {"type": "x"}).status_code == 403
