"""All media, and all texts, in the admin."""

import io

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from catalog import services
from catalog.content import ItemContent, TextContent
from catalog.models import Item, ItemText, Media
from catalog.uploads import check_upload
from tests.catalog.factories import video_bytes
from tests.clients import png, wav

pytestmark = pytest.mark.django_db

MEDIA = "/admin/catalog/media/"
TEXTS = "/admin/catalog/itemtext/"


@pytest.fixture
def frog() -> Item:
    """An item with a picture, a sound that is broken, and two more languages."""
    texts = (TextContent(language="de", title="Frosch"), TextContent(language="zh", title="青蛙"))
    content = ItemContent(external_id="frog", title="Frog", texts=texts)
    item = services.item_upsert(content).item
    services.media_add(item, check_upload(io.BytesIO(png())), alt="a frog")
    sound, _ = services.media_add(item, check_upload(io.BytesIO(wav())), alt="its croak")
    services.media_mark([sound.pk], Media.Status.FAILED, "undecodable", "truncated")
    item.refresh_from_db()
    return item


def listed(client, **query) -> list[str]:
    response = client.get(MEDIA, query)
    assert response.status_code == 200
    return sorted(row.modality for row in response.context["cl"].result_list)


def test_the_list_shows_previews_and_errors(admin_client, frog):
    html = admin_client.get(MEDIA).content.decode()
    picture, sound = frog.media.order_by("position")
    assert f'<img class="triad-thumb triad-thumb-small" src="{picture.file.url}"' in html
    assert f'<audio class="triad-audio" controls preload="none" src="{sound.file.url}"' in html
    assert 'title="undecodable: truncated"' in html
    assert reverse("admin:catalog_item_change", args=[frog.pk]) in html


def test_videos_have_a_player(admin_client, frog):
    video, _ = services.media_add(frog, check_upload(io.BytesIO(video_bytes())), alt="it leaps")
    html = admin_client.get(MEDIA).content.decode()
    assert (
        '<video class="triad-video triad-video-small" controls preload="metadata" '
        f'src="{video.file.url}" title="it leaps"></video>' in html
    )
    assert "video/mp4 · 64 × 48 · 4.0 s" in html
    assert listed(admin_client, modality="video") == ["video"]
    items = admin_client.get("/admin/catalog/item/", {"media": "video"})
    assert [item.pk for item in items.context["cl"].result_list] == [frog.pk]
    page = admin_client.get(f"/admin/catalog/item/{frog.pk}/change/").content.decode()
    assert f'src="{video.file.url}"' in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["audio", "image"]),
        ({"modality__exact": "image"}, ["image"]),
        ({"status__exact": "failed"}, ["audio"]),
        ({"error_code": "undecodable"}, ["audio"]),
        ({"q": "frog"}, ["audio", "image"]),
        ({"q": "croak"}, ["audio"]),
        ({"q": "nobody"}, []),
    ],
)
def test_filters_and_searches(admin_client, frog, query, expected):
    assert listed(admin_client, **query) == expected


def test_is_found_by_the_start_of_its_hash(admin_client, frog):
    sound = frog.media.get(modality="audio")
    assert listed(admin_client, q=sound.sha256[:16]) == ["audio"]


def test_changes_the_words_but_never_the_file(admin_client, frog, woken):
    picture = frog.media.get(modality="image")
    form = {"alt": "a green frog", "position": picture.position, "attributes": '{"by": "x"}'}
    url = reverse("admin:catalog_media_change", args=[picture.pk])
    assert admin_client.get(url).status_code == 200
    assert admin_client.post(url, form).status_code == 302
    changed = Media.objects.get(pk=picture.pk)
    assert (changed.alt, changed.attributes) == ("a green frog", {"by": "x"})
    assert (changed.file.name, changed.sha256) == (picture.file.name, picture.sha256)
    assert Item.objects.get().content_version == frog.content_version


def test_deleting_removes_the_file_and_embeds_again(
    admin_client, frog, woken, django_capture_on_commit_callbacks
):
    names = [row.file.name for row in frog.media.all()]
    form = {
        "action": "delete_selected",
        "_selected_action": [row.pk for row in frog.media.all()],
        "post": "yes",
    }
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(MEDIA, form)
    assert not Media.objects.exists()
    assert [default_storage.exists(name) for name in names] == [False, False]
    assert Item.objects.get().content_version == frog.content_version + 2
    assert woken == [[frog.pk], [frog.pk]]


def test_new_ones_are_added_at_their_item(admin_client):
    assert admin_client.get(f"{MEDIA}add/").status_code == 403
    assert admin_client.get(f"{TEXTS}add/").status_code == 403


class TestTexts:
    def test_the_list_filters_and_searches(self, admin_client, frog):
        def languages(**query) -> list[str]:
            rows = admin_client.get(TEXTS, query).context["cl"].result_list
            return sorted(row.language for row in rows)

        assert languages() == ["de", "zh"]
        assert languages(language="zh") == ["zh"]
        assert languages(q="frosch") == ["de"]

    def test_a_change_keeps_the_other_languages(
        self, admin_client, frog, woken, django_capture_on_commit_callbacks
    ):
        text = frog.texts.get(language="zh")
        form = {"language": "zh", "title": "树蛙", "description": "", "tags": "绿"}
        with django_capture_on_commit_callbacks(execute=True):
            admin_client.post(reverse("admin:catalog_itemtext_change", args=[text.pk]), form)
        texts = ItemText.objects.values_list("language", "title", "tags")
        assert sorted(texts) == [("de", "Frosch", []), ("zh", "树蛙", ["绿"])]
        assert Item.objects.get().content_version == frog.content_version + 1
        assert woken == [[frog.pk]]

    def test_a_language_that_is_there_is_refused(self, admin_client, frog):
        text = frog.texts.get(language="zh")
        form = {"language": "de", "title": "蛙", "description": "", "tags": ""}
        response = admin_client.post(
            reverse("admin:catalog_itemtext_change", args=[text.pk]), form, follow=True
        )
        assert response.status_code == 200
        assert sorted(ItemText.objects.values_list("language", "title")) == [
            ("de", "Frosch"),
            ("zh", "青蛙"),
        ]

    def test_deleting_embeds_again(
        self, admin_client, frog, woken, django_capture_on_commit_callbacks
    ):
        text = frog.texts.get(language="zh")
        url = reverse("admin:catalog_itemtext_delete", args=[text.pk])
        with django_capture_on_commit_callbacks(execute=True):
            admin_client.post(url, {"post": "yes"})
        assert ItemText.objects.get().language == "de"
        assert Item.objects.get().content_version == frog.content_version + 1
        assert woken == [[frog.pk]]
