"""Events and visitors in the admin."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from recommender.admin import events as admin
from recommender.admin.profiles import SHOWN_BY
from recommender.event_input import EventReader
from recommender.events import events_record
from recommender.models import Event, Visitor
from recommender.profiles import profiles_update
from recommender.visitors import visitor_merge
from retrieval import services, spaces
from tests.recommender.worlds import item, read, sent
from tests.retrieval.conftest import make_item, png

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


def panel(browser, name: str) -> str:
    visitor = Visitor.objects.get(external_id=name)
    answer = browser.get(f"{VISITORS}{visitor.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_visitors_taste(browser):
    record(sent("e1", item="unknown"))
    assert "There is no embedding space yet" in panel(browser, "anna")
    spaces.ensure_active_space("fake", 64)
    assert "Nothing is known of them yet" in panel(browser, "anna")
    frog = make_item("frog", "a <green> frog", media=[png((0, 200, 0))])
    drum, gone = make_item("drum", "a loud drum"), make_item("gone", "going soon")
    services.embed_everywhere([frog.pk, drum.pk, gone.pk])
    reader = EventReader()
    done = [("frog", "like"), ("drum", "dislike"), ("gone", "view")]
    data = [sent(kind, item=name, type=kind, visitor="cookie") for name, kind in done]
    events_record([reader.read(each) for each in data])
    visitor_merge("cookie", "anna")
    profiles_update()
    gone_id = gone.pk
    gone.delete()

    page = panel(browser, "anna")

    shown = page[page.index("drawn to") :]
    assert shown.index("in this session") < shown.index("not to their taste")
    assert "a &lt;green&gt; frog</a>" in shown[: shown.index("in this session")]
    assert frog.media.get().file.url in shown
    assert "a loud drum</a>" in shown[shown.index("not to their taste") :]
    assert f"an item that is gone ({gone_id})" in shown
    assert "4.00" in shown
    assert "drawn to" in panel(browser, "cookie")


def test_a_long_history_takes_no_more_queries_than_its_interests(
    browser, django_assert_max_num_queries
):
    spaces.ensure_active_space("fake", 64)
    items = [make_item(f"i{n}", f"thing {n}", media=[png((n, 0, 0))]) for n in range(20)]
    services.embed_everywhere([each.pk for each in items])
    record(sent("e0", item="i0"))
    profiles_update()
    page = f"{VISITORS}{Visitor.objects.get().pk}/change/"
    browser.get(page)
    record(*(sent(f"e{n}", item=f"i{n}") for n in range(1, 20)))
    profiles_update()
    # in a test's transaction each interest's search is three: among few items each is a statement
    with django_assert_max_num_queries(30 + 3 * (SHOWN_BY + 1)):
        assert b"thing 19" in browser.get(page).content


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
