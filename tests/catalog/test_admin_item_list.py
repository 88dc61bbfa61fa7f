"""The list of items in the admin: queries, filters, search, actions."""

import io

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import services
from catalog.content import ItemContent, TextContent
from catalog.models import Item, Media
from catalog.uploads import check_upload
from tests.clients import png, wav

pytestmark = pytest.mark.django_db

URL = "/admin/catalog/item/"


def add(external_id: str, *files: bytes, **fields) -> Item:
    item = services.item_upsert(ItemContent(external_id=external_id, **fields)).item
    for file in files:
        services.media_add(item, check_upload(io.BytesIO(file)))
    return Item.objects.get(pk=item.pk)


@pytest.fixture
def zoo() -> None:
    """Five items that differ in everything the list shows."""
    german = (TextContent(language="de", title="Eule", tags=("Nacht",)),)
    add("owl", png(), wav(), title="Owl", categories=("animals/birds",), texts=german)
    add("frog", png(8, 8), title="Frog", categories=("animals/amphibians", "animals"))
    add("car", wav(1), title="Car", kind="toy", categories=("animals cars",), published=False)
    add("poem", title="Poem", kind="text", language="zh", tags=("night, long",))
    broken = add("broken", png(9, 9), title="Torn picture").media.get()
    services.media_mark([broken.pk], Media.Status.FAILED, "undecodable", "truncated")


def listed(client, **query) -> set[str]:
    response = client.get(URL, query)
    assert response.status_code == 200
    return {item.external_id for item in response.context["cl"].result_list}


def test_takes_the_same_queries_for_any_number_of_items(admin_client):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(URL).status_code == 200
        return len(captured)

    german = (TextContent(language="de", title="Eule"),)
    add("first", png(), wav(), title="First", categories=("a/b",), texts=german)
    one = queries()
    for i in range(12):
        add(f"more-{i}", png(i + 1), wav(), title="More", categories=("a", "c"), texts=german)
    assert queries() == one


def test_shows_what_an_item_is(admin_client, zoo):
    html = admin_client.get(URL).content.decode()
    owl = Item.objects.get(external_id="owl")
    picture = owl.media.get(modality="image")
    assert f'src="{picture.file.url}"' in html
    assert "<strong>Owl</strong><small>owl</small>" in html
    assert "animals/birds" in html
    assert "en, de" in html
    assert 'title="undecodable"' in html


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"owl", "frog", "car", "poem", "broken"}),
        ({"kind": "toy"}, {"car"}),
        ({"published__exact": "0"}, {"car"}),
        ({"published__exact": "1"}, {"owl", "frog", "poem", "broken"}),
        ({"category": "animals"}, {"owl", "frog"}),
        ({"category": "animals/birds"}, {"owl"}),
        ({"category": "no such"}, set()),
        ({"language": "de"}, {"owl"}),
        ({"language": "zh"}, {"poem"}),
        ({"media": "image"}, {"owl", "frog", "broken"}),
        ({"media": "audio"}, {"owl", "car"}),
        ({"media": ["image", "audio"]}, {"owl"}),
        ({"media": "no-image"}, {"car", "poem"}),
        ({"media": ["image", "no-audio"]}, {"frog", "broken"}),
        ({"media": "failed"}, {"broken"}),
        ({"media": "nonsense"}, {"owl", "frog", "car", "poem", "broken"}),
        ({"q": "fro"}, {"frog"}),
        ({"q": "Torn pict"}, {"broken"}),
        ({"q": "eule"}, {"owl"}),
        ({"q": "nacht"}, {"owl"}),
        ({"q": "night"}, {"poem"}),
        ({"q": "nothing like it"}, set()),
    ],
)
def test_filters_and_searches(admin_client, zoo, query, expected):
    assert listed(admin_client, **query) == expected


def test_an_item_in_two_matching_categories_is_listed_once(admin_client, zoo):
    results = admin_client.get(URL, {"category": "animals"}).context["cl"].result_list
    assert len(results) == 2


def run(client, action: str, *external_ids: str, capture) -> list[str]:
    """The messages after an action on these items."""
    ids = Item.objects.filter(external_id__in=external_ids).values_list("pk", flat=True)
    with capture(execute=True):
        response = client.post(URL, {"action": action, "_selected_action": list(ids)}, follow=True)
    return [str(message) for message in response.context["messages"]]


def noted() -> list[tuple[str, str]]:
    """(item, what was done) of the history."""
    names = dict(Item.objects.values_list("pk", "external_id"))
    return sorted(
        (names[int(entry.object_id or 0)], entry.change_message) for entry in LogEntry.objects.all()
    )


class TestActions:
    def test_publish(self, admin_client, zoo, django_capture_on_commit_callbacks):
        capture = django_capture_on_commit_callbacks
        messages = run(admin_client, "publish", "car", "owl", capture=capture)
        assert messages == ["1 item published, 1 already published."]
        assert Item.objects.filter(published=True).count() == 5
        assert noted() == [("car", "Publish.")]

    def test_what_moderation_holds_is_told(
        self, admin_client, zoo, django_capture_on_commit_callbacks
    ):
        services.items_hold(Item.objects.filter(external_id__in=("car", "owl")), held=True)
        capture = django_capture_on_commit_callbacks
        (said,) = run(admin_client, "publish", "car", "owl", "frog", capture=capture)
        assert said == (
            "1 item published, 2 already published; 2 held by moderation, not shown until the case is "
            "dismissed."
        )
        assert noted() == [("car", "Publish.")]
        assert set(Item.objects.visible().values_list("external_id", flat=True)) == {
            *("frog", "poem", "broken"),
        }

    def test_nothing_to_change_is_no_history(
        self, admin_client, zoo, django_capture_on_commit_callbacks
    ):
        capture = django_capture_on_commit_callbacks
        messages = run(admin_client, "publish", "owl", "frog", capture=capture)
        assert messages == ["0 items published, 2 already published."]
        assert noted() == []

    def test_hide(self, admin_client, zoo, woken, django_capture_on_commit_callbacks):
        versions = dict(Item.objects.values_list("pk", "content_version"))
        capture = django_capture_on_commit_callbacks
        messages = run(admin_client, "hide", "frog", "owl", capture=capture)
        assert messages == ["2 items hidden."]
        assert noted() == [("frog", "Hide."), ("owl", "Hide.")]
        hidden = set(Item.objects.filter(published=False).values_list("external_id", flat=True))
        assert hidden == {"car", "frog", "owl"}
        assert dict(Item.objects.values_list("pk", "content_version")) == versions
        assert woken == []

    def test_embed_again(self, admin_client, zoo, woken, django_capture_on_commit_callbacks):
        before = dict(Item.objects.values_list("external_id", "content_version"))
        capture = django_capture_on_commit_callbacks
        messages = run(admin_client, "reembed", "frog", "owl", capture=capture)
        assert messages == ["2 items will be embedded again."]
        after = dict(Item.objects.values_list("external_id", "content_version"))
        raised = {name for name in after if after[name] == before[name] + 1}
        assert raised == {"frog", "owl"}
        assert {name for name in after if after[name] == before[name]} == set(after) - raised
        chosen = Item.objects.filter(external_id__in=raised).values_list("pk", flat=True)
        assert woken == [sorted(chosen)]

    def test_need_the_permission_to_change(self, client, django_user_model, zoo):
        reader = django_user_model.objects.create_user("reader", is_staff=True)
        reader.user_permissions.add(Permission.objects.get(codename="view_item"))
        client.force_login(reader)
        assert client.get(URL).context["action_form"] is None
        pk = Item.objects.get(external_id="car").pk
        client.post(URL, {"action": "publish", "_selected_action": [pk]})
        assert Item.objects.get(external_id="car").published is False
