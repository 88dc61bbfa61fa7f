"""What is remembered of a browser: seen, taken along and erased by whoever knows its random name."""

import json
from uuid import uuid4

import pytest
from django.test import Client

from recommender.models import Event, Impression, Visitor
from recommender.visitors import visitor_merge
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db


@pytest.fixture
def name() -> str:
    """Of somebody who liked a frog."""
    make_item("frog", "green frog")
    name = f"web-{uuid4()}"
    happen([(name, "like", "frog"), (name, "view", "frog"), ("anna", "view", "frog")])
    return name


def send(client: Client, what: str, body: object):
    return client.post(f"/you/{what}/", json.dumps(body), content_type="application/json")


def test_the_page_says_nothing_of_anybody(client: Client, name: str):
    page = client.get("/you/")
    assert page.status_code == 200
    assert name not in page.text
    assert "Forget everything?" in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert client.post("/you/").status_code == 405


def test_who_knows_the_name_takes_everything_along(client: Client, name: str):
    answer = send(client, "export", {"visitor": name})
    told = json.loads(answer.getvalue())
    assert told["visitor"] == name
    assert [(event["type"], event["item"]) for event in told["events"]] == [
        ("like", "frog"),
        ("view", "frog"),
    ]
    assert set(told) == {
        "visitor", "also_known_as", "first_seen", "events", "impressions", "profiles"
    }  # fmt: skip
    stranger = send(client, "export", {"visitor": f"web-{uuid4()}"})
    assert (stranger.status_code, stranger.json()) == (200, {})


def test_forgetting_erases_every_row_and_nobody_elses(client: Client, name: str):
    assert send(client, "forget", {"visitor": name}).json() == {"forgotten": True}
    assert list(Visitor.objects.values_list("external_id", flat=True)) == ["anna"]
    assert Event.objects.count() == 1
    assert not Impression.objects.exists()
    assert send(client, "forget", {"visitor": name}).json() == {"forgotten": False}


@pytest.mark.parametrize("what", ["export", "forget"])
@pytest.mark.parametrize(
    "body",
    [
        {"visitor": "anna"},
        {"visitor": "web-1"},
        {"visitor": "web-" + "g" * 32},
        {"visitor": "WEB-" + "0" * 32},
        {"visitor": ["web-" + "0" * 32]},
        {"visitor": None},
        {"name": "anna"},
        {},
        [],
        "anna",
    ],
)
def test_names_that_can_be_guessed_open_nothing(client: Client, name: str, what: str, body):
    answer = send(client, what, body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert Event.objects.count() == 3


@pytest.mark.parametrize("what", ["export", "forget"])
def test_what_belongs_to_an_account_is_the_accounts(client: Client, name: str, what: str):
    visitor_merge(name, "anna")
    answer = send(client, what, {"visitor": name})
    assert (answer.status_code, answer.json()["code"]) == (409, "belongs_to_account")
    assert Event.objects.count() == 3


def test_requests_are_counted(client: Client, name: str, settings):
    settings.API = settings.API | {"RATE_LIMIT_ANONYMOUS": 2}
    statuses = [send(client, "export", {"visitor": name}).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_forms_of_other_sites_cannot_send_this(client: Client, name: str):
    # a form cannot say application/json, and a script of another origin is refused by the preflight
    answer = client.post("/you/forget/", {"visitor": name})
    assert answer.status_code == 415
    assert Event.objects.count() == 3
