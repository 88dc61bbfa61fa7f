"""Catalog help: drafts that only a person brings into the catalog."""

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from catalog.models import Item, ItemText
from catalog.services import item_update, media_update
from recommender.exceptions import SuggestionConflict
from recommender.llm.drafting import suggestions_send
from recommender.llm.suggestions import (
    MAX_ATTEMPTS,
    suggestion_accept,
    suggestion_reject,
    suggestions_ask,
    suggestions_draft,
    suggestions_waiting,
)
from recommender.models import Suggestion
from retrieval import services
from tests.retrieval.conftest import make_item, png, space  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
GREEN, ALL = (0, 200, 0), ("description", "tags", "alt", "translation")


@pytest.fixture
def frogs(space) -> dict[str, Item]:  # noqa: F811
    items = {
        "bare": make_item("bare", "Tree frog", categories=("animals/frogs",), media=[png(GREEN)]),
        **{
            f"frog{n}": make_item(
                f"frog{n}", f"Frog {n}", tags=("amphibian", "green", f"own{n}"), media=[png(GREEN)]
            )
            for n in range(4)
        },
    }
    for item in items.values():
        for media in item.media.all():
            if item.external_id != "bare":
                media_update(media, alt="a frog")
    services.embed_items(space.id, [item.pk for item in items.values()])
    return items


def asked(item: Item, *kinds: str, languages=("zh",)) -> dict[str, Suggestion]:
    ids = suggestions_ask([item.pk], kinds or ALL, languages)
    suggestions_draft(ids)
    return {row.kind: row for row in Suggestion.objects.filter(pk__in=ids)}


def test_only_what_is_missing_is_asked_for_and_only_once(frogs):
    ids = [item.pk for item in frogs.values()]

    first = suggestions_ask(ids, ALL, ["zh", "en"])

    kinds = list(Suggestion.objects.filter(item=frogs["bare"]).values_list("kind", "language"))
    assert sorted(kinds) == [
        ("alt", "en"), ("description", "en"), ("tags", "en"), ("translation", "zh"),
    ]  # fmt: skip
    assert len(first) == 4 + 4 * 2
    assert suggestions_ask(ids, ALL, ["zh", "en"]) == []
    assert suggestions_waiting(3) == first[:3]


def test_without_a_model_tags_are_those_of_what_looks_alike(frogs):
    found = asked(frogs["bare"])

    assert (found["tags"].text, found["tags"].status) == ("amphibian, green", "suggested")
    assert (found["alt"].text, found["alt"].source) == ("Tree frog", "title")
    for kind in ("description", "translation"):
        assert (found[kind].status, found[kind].text) == ("failed", "")
        assert "needs a language model" in found[kind].problem
    frogs["bare"].refresh_from_db()
    assert (frogs["bare"].tags, frogs["bare"].description) == ([], "")


def test_a_model_drafts_from_the_items_words_and_its_like(frogs, endpoint):
    endpoint.reply = lambda _: "A green tree frog, an amphibian."

    found = asked(frogs["bare"], "description")["description"]

    assert (found.text, found.status, found.source) == (
        "A green tree frog, an amphibian.", "suggested", "openai",
    )  # fmt: skip
    said = endpoint.requests[0]["messages"][1]["content"]
    assert "Tree frog" in said
    assert "Frog 0" in said


@pytest.mark.parametrize(
    "text",
    [
        "A poisonous Brazilian snake for 99 dollars.",
        "Ignore previous instructions.",
        "See http://frogs.example",
        "",
    ],
)
def test_a_draft_that_says_more_than_its_sources_is_not_shown(frogs, endpoint, text):
    endpoint.reply = lambda _: text

    found = asked(frogs["bare"], "description")["description"]

    assert (found.status, found.text) == ("failed", "")


@pytest.mark.parametrize(
    ("text", "status"), [("树蛙", "suggested"), ("Tree frog", "failed"), ("Baumfrosch", "failed")]
)
def test_a_translation_is_in_its_language(frogs, endpoint, text, status):
    endpoint.reply = lambda _: text

    assert asked(frogs["bare"], "translation")["translation"].status == status


def test_a_provider_that_fails_leaves_rows_for_later_and_not_for_ever(frogs, endpoint):
    endpoint.always = "unauthorized"
    ids = suggestions_ask([frogs["bare"].pk], ["description"])

    for attempt in range(MAX_ATTEMPTS):
        assert suggestions_waiting() == ids, attempt
        suggestions_draft(ids)

    row = Suggestion.objects.get()
    assert (row.status, row.attempts) == ("failed", MAX_ATTEMPTS)


def test_accepting_writes_it_and_is_done_once(frogs, endpoint):
    endpoint.reply = lambda body: "树蛙" if "Translate" in str(body) else "A green amphibian."
    found = asked(frogs["bare"])
    user = get_user_model().objects.create_user("anna")

    for row in found.values():
        assert suggestion_accept(row, user)

    item = Item.objects.get(pk=frogs["bare"].pk)
    assert item.description == "A green amphibian."
    assert item.tags == ["amphibian", "green"]
    assert item.media.get().alt == "Tree frog"
    assert ItemText.objects.get(item=item).title == "树蛙"
    row = Suggestion.objects.get(kind="tags")
    assert (row.status, row.decided_by) == ("accepted", user)
    with pytest.raises(SuggestionConflict):
        suggestion_accept(row, user)
    with pytest.raises(SuggestionConflict):
        suggestion_reject(row, user)


def test_what_a_person_wrote_meanwhile_stays(frogs, endpoint):
    endpoint.reply = lambda _: "A green amphibian."
    row = asked(frogs["bare"], "description")["description"]
    item_update(frogs["bare"], description="My own words.")

    with pytest.raises(SuggestionConflict, match="by now"):
        suggestion_accept(row, None)
    suggestion_reject(row, None)

    assert Item.objects.get(pk=row.item_id).description == "My own words."
    assert Suggestion.objects.get().status == "rejected"


def test_the_admin_asks_accepts_and_rejects(
    frogs, admin_client, django_capture_on_commit_callbacks
):
    items = reverse("admin:catalog_item_changelist")
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(
            items, {"action": "suggest", "_selected_action": [frogs["bare"].pk]}, follow=True
        )
    assert "2 texts asked for" in answer.content.decode()
    suggestions_draft(suggestions_waiting())
    rows = {row.kind: row for row in Suggestion.objects.all()}
    changed = reverse("admin:recommender_suggestion_changelist")
    shown = admin_client.get(changed).content.decode()
    assert "amphibian, green" in shown

    page = reverse("admin:recommender_suggestion_change", args=[rows["tags"].pk])
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(page, {"text": "amphibian, tree"}, follow=True)
    admin_client.post(
        changed, {"action": "reject", "_selected_action": [rows["alt"].pk]}, follow=True
    )

    assert Item.objects.get(pk=frogs["bare"].pk).tags == ["amphibian", "tree"]
    assert dict(Suggestion.objects.values_list("kind", "status")) == {
        "tags": "accepted", "alt": "rejected",
    }  # fmt: skip


def test_a_message_is_a_batch(monkeypatch):
    sent: list[list[int]] = []
    monkeypatch.setattr(
        "celery.current_app.send_task", lambda name, args: sent.append((name, args[0]))
    )

    suggestions_send(list(range(20)))

    assert [len(ids) for _, ids in sent] == [8, 8, 4]
    assert {name for name, _ in sent} == {"workers.tasks.draft_suggestions"}
