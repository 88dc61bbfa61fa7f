"""A visitor's page: what they did, what they would see now and why, export, forget."""

import html
import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from catalog.models import Item
from recommender import rerank
from recommender.admin.stages import STEPS
from recommender.admin.visitors import EVENTS_A_PAGE
from recommender.models import Event, Impression, Rule, Visitor
from recommender.placements import declared
from recommender.profiles import profiles_update
from recommender.rules import rule_save
from retrieval import services
from tests.recommender.worlds import happen, mentions
from tests.retrieval.conftest import make_item, png

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_chance")]
CONFIRMED = {"_form_submitted": "True"}
HOSTILE = "<script>alert(1)</script> pond"


@pytest.fixture
def anna(space) -> Visitor:
    """Likes the frog, of a catalog with things like it and unlike it."""
    titles = ("frog pond", "toad pond", HOSTILE, "car road", "bus road")
    made = [make_item(f"i{n}", title, media=[png((n, 0, 0))]) for n, title in enumerate(titles)]
    services.embed_items(space.id, [each.pk for each in made])
    happen([("anna", "like", "i0"), ("anna", "view", "gone")])
    profiles_update(100)
    return Visitor.objects.get(external_id="anna")


def url(name: str, *arguments: object) -> str:
    return reverse(f"admin:recommender_visitor_{name}", args=arguments)


@pytest.fixture
def clerk(client, django_user_model) -> Client:
    """May look at visitors and events, and change nothing."""
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    for name in ("view_visitor", "view_event"):
        user.user_permissions.add(Permission.objects.get(codename=name))
    client.force_login(user)
    return client


class TestSees:
    def test_every_stage(self, clerk, anna):
        answer = clerk.get(url("sees", anna.pk), {"placement": "home"})

        assert answer.status_code == 200
        ids = dict(Item.objects.values_list("external_id", "pk"))
        found = answer.context
        assert found["final"][0]["item_id"] == ids["i1"]
        assert found["final"][0]["note"].startswith("Similar to frog pond, which you liked")
        by_name = {each["report"].name: each["cards"] for each in found["sources"]}
        assert {card["item_id"] for card in by_name["taste"]} >= {ids["i1"], ids["i2"]}
        first = found["scored"][0]
        assert sum(part["value"] for part in first["parts"]) == pytest.approx(
            first["card"]["score"], abs=1e-5
        )
        assert [step["said"] for step in found["steps"]] == [
            STEPS[s.__name__] for s in rerank.STEPS
        ]
        assert found["steps"][0]["lines"][0]["note"] == "left out"  # hides what is liked

    def test_is_the_placements_own_answer(self, clerk, anna):
        seen = clerk.get(url("sees", anna.pk), {"placement": "email"}).context["final"]
        asked = clerk.get("/api/v1/recommendations/", {"placement": "email", "visitor": "anna"})

        names = dict(Item.objects.values_list("pk", "external_id"))
        listed = [each["item"]["external_id"] for each in asked.json()["items"]]
        assert [names[card["item_id"]] for card in seen] == listed

    def test_nothing_is_logged(self, clerk, anna):
        for name in ("home", "item", "basket", "email"):
            assert clerk.get(url("sees", anna.pk), {"placement": name}).status_code == 200
        assert not Impression.objects.exists()

    def test_a_rule_is_named(self, clerk, anna):
        bus = Item.objects.get(external_id="i4")
        rule_save(Rule(name="<b>bus</b>", action="pin", position=1), "root", [bus.pk])
        answer = clerk.get(url("sees", anna.pk))

        first = answer.context["final"][0]
        assert (first["item_id"], first["note"]) == (bus.pk, "Rule “<b>bus</b>”")
        assert "<b>bus</b>" not in answer.content.decode()

    def test_titles_are_text(self, clerk, anna):
        page = clerk.get(url("sees", anna.pk)).content.decode()

        assert "<script>alert(1)" not in page
        assert html.escape(HOSTILE) in page

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ({"placement": "nowhere"}, "Select a valid choice"),
            ({"item": "nothing"}, "There is no item &#x27;nothing&#x27;."),
        ],
    )
    def test_what_is_not_there_is_said(self, clerk, anna, query, said):
        answer = clerk.get(url("sees", anna.pk), query)

        assert answer.status_code == 200
        assert said in answer.content.decode()

    def test_beside_an_item(self, clerk, anna):
        answer = clerk.get(url("sees", anna.pk), {"placement": "item", "item": "i3"})

        bus = Item.objects.get(external_id="i4")
        assert answer.context["final"][0]["item_id"] == bus.pk

    def test_without_a_space_or_a_catalog(self, clerk, anna):
        Item.objects.all().delete()
        assert "Nothing: no source found" in clerk.get(url("sees", anna.pk)).content.decode()
        from retrieval.models import EmbeddingSpace

        EmbeddingSpace.objects.update(state="retired")
        answer = clerk.get(url("sees", anna.pk))
        assert answer.status_code == 200
        assert "no embedding space" in answer.content.decode().lower()

    def test_as_many_queries_for_any_catalog(self, clerk, anna, space, django_assert_num_queries):
        page = url("sees", anna.pk)
        clerk.get(page)
        with django_assert_num_queries(75, exact=False) as few:
            clerk.get(page)
        count = len(few)
        more = [make_item(f"more{n}", f"more {n} pond") for n in range(20)]
        services.embed_items(space.id, [each.pk for each in more])
        clerk.get(page)
        # the fallbacks of a small catalog have nothing to ask for
        with django_assert_num_queries(count + len(declared("home").fallback), exact=False):
            clerk.get(page)

    def test_not_by_whoever_may_not_look(self, client, django_user_model, anna):
        client.force_login(django_user_model.objects.create_user("nobody", is_staff=True))
        for name in ("sees", "events", "export"):
            assert client.get(url(name, anna.pk)).status_code == 403


class TestEvents:
    def test_a_page_at_a_time(self, clerk, anna, django_assert_max_num_queries):
        happen([("anna", "view", "i1")] * EVENTS_A_PAGE)
        with django_assert_max_num_queries(12):
            first = clerk.get(url("events", anna.pk)).context
        second = clerk.get(url("events", anna.pk), {"before": first["before"]}).context

        keys = [line["event"].pk for page in (first, second) for line in page["lines"]]
        assert keys == list(Event.objects.order_by("-pk").values_list("pk", flat=True))
        assert (len(first["lines"]), second["before"]) == (EVENTS_A_PAGE, None)

    def test_of_items_that_are_not_there(self, clerk, anna):
        page = clerk.get(url("events", anna.pk)).content.decode()
        assert "gone (unknown)" in page

    @pytest.mark.parametrize("before", ["", "x", "-1", "9" * 40])
    def test_any_page_is_one(self, clerk, anna, before):
        assert clerk.get(url("events", anna.pk), {"before": before}).status_code == 200


class TestTheirData:
    def test_export(self, clerk, anna):
        answer = clerk.get(url("export", anna.pk))

        told = json.loads(b"".join(answer.streaming_content))
        assert (told["visitor"], len(told["events"])) == ("anna", 2)
        assert f'filename="visitor-{anna.pk}.json"' in answer["Content-Disposition"]
        assert LogEntry.objects.get().change_message == "Exported."

    def test_forget(self, admin_client, anna):
        assert "Forget this visitor?" in admin_client.get(url("forget", anna.pk)).content.decode()
        assert Visitor.objects.exists()

        answer = admin_client.post(url("forget", anna.pk), CONFIRMED, follow=True)

        assert "The visitor is forgotten." in answer.content.decode()
        assert not Visitor.objects.exists()
        assert mentions("anna") == {}
        assert LogEntry.objects.get().object_repr == "a visitor"

    def test_forget_is_not_for_everybody(self, clerk, anna):
        assert url("forget", anna.pk) not in clerk.get(url("change", anna.pk)).content.decode()
        assert clerk.post(url("forget", anna.pk), CONFIRMED).status_code == 403
        assert Visitor.objects.exists()


def test_an_interest_is_shown_by_what_is_nearest_to_it(clerk, anna):
    page = clerk.get(url("change", anna.pk)).content.decode()

    near = page[page.index("nearest to it") :]
    assert near.index("frog pond</a>") < near.index("toad pond</a>")
