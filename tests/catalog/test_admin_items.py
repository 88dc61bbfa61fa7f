"""The item's page in the admin: what is written, and what is refused."""

import io
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog import services
from catalog.content import ItemContent, TextContent
from catalog.exceptions import InvalidItem
from catalog.models import Category, Item, ItemText, Media
from catalog.uploads import check_upload
from tests.catalog.admin_forms import item_form
from tests.clients import png, wav

pytestmark = pytest.mark.django_db

PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/secret\n"


@pytest.fixture
def frog() -> Item:
    """An item with words in two languages, a category and a picture."""
    content = ItemContent(
        external_id="frog",
        title="Frog",
        tags=("green", "wet"),
        categories=("animals/amphibians",),
        texts=(TextContent(language="zh", title="青蛙", tags=("绿色",)),),
    )
    item = services.item_upsert(content).item
    services.media_add(item, check_upload(io.BytesIO(png())), alt="a frog")
    item.refresh_from_db()
    return item


def upload(data: bytes, name: str, content_type: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type)


def page(item: Item) -> str:
    return reverse("admin:catalog_item_change", args=[item.pk])


def stored_files(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def media_errors(response) -> list[dict[str, list[str]]]:
    return _formset(response, Media).errors


def _formset(response, model):
    inlines = response.context["inline_admin_formsets"]
    return next(each.formset for each in inlines if each.formset.model is model)


def save(client: Client, item: Item, capture, **changes):
    """Post the page with these changes, run what waits for the commit."""
    with capture(execute=True):
        return client.post(page(item), item_form(item, **changes))


class TestPage:
    def test_shows_its_media_texts_and_facts(self, admin_client, frog):
        services.media_add(frog, check_upload(io.BytesIO(wav())))
        response = admin_client.get(page(frog))
        assert response.status_code == 200
        html = response.content.decode()
        picture, sound = frog.media.order_by("position")
        assert f'src="{picture.file.url}" alt="a frog" loading="lazy"' in html
        assert f'<audio class="triad-audio" controls preload="none" src="{sound.file.url}"' in html
        assert "image/png · 8 × 6 · " in html
        assert 'value="青蛙"' in html
        assert 'enctype="multipart/form-data"' in html

    def test_new_items_have_a_page_too(self, admin_client):
        assert admin_client.get(reverse("admin:catalog_item_add")).status_code == 200

    @pytest.mark.parametrize("name", ["item", "itemtext", "category", "media", "apikey"])
    def test_strangers_are_sent_to_the_login(self, client, django_user_model, name):
        url = reverse(f"admin:catalog_{name}_changelist")
        expected = f"{reverse('admin:login')}?next={url}"
        assert client.get(url).headers["Location"] == expected
        client.force_login(django_user_model.objects.create_user("visitor"))
        assert client.get(url).headers["Location"] == expected


class TestAdd:
    def test_stores_item_texts_and_media_at_once(
        self, admin_client, woken, django_capture_on_commit_callbacks
    ):
        birds = services.category_get("animals/birds")
        form = item_form(
            external_id="owl",
            title="Owl",
            tags="night\nwith, comma\nnight\n",
            attributes='{"size": 3}',
            categories=[birds.pk],
            **{
                "texts-0-language": "de",
                "texts-0-title": "Eule",
                "texts-0-tags": "Nacht",
                "media-0-file": upload(png(), "owl.png", "image/png"),
                "media-0-alt": "an owl",
                "media-1-file": upload(wav(), "owl.wav", "audio/wav"),
            },
        )
        with django_capture_on_commit_callbacks(execute=True):
            response = admin_client.post(reverse("admin:catalog_item_add"), form)
        assert response.status_code == 302, response.context["errors"]
        owl = Item.objects.get()
        assert (owl.external_id, owl.title, owl.tags) == ("owl", "Owl", ["night", "with, comma"])
        assert owl.attributes == {"size": 3}
        assert list(owl.categories.all()) == [birds]
        assert list(owl.texts.values_list("language", "title", "tags")) == [
            ("de", "Eule", ["Nacht"])
        ]
        assert list(owl.media.values_list("modality", "alt", "position")) == [
            ("image", "an owl", 0),
            ("audio", "", 1),
        ]
        assert all(default_storage.exists(row.file.name) for row in owl.media.all())
        assert woken == [[owl.pk]]

    def test_a_taken_or_malformed_identifier_is_refused(self, admin_client, frog):
        url = reverse("admin:catalog_item_add")
        for external_id in ("frog", "no spaces"):
            response = admin_client.post(url, item_form(external_id=external_id, title="Another"))
            assert list(response.context["adminform"].form.errors) == ["external_id"]
        assert Item.objects.get() == frog

    def test_limits_of_the_api_hold_here(self, admin_client):
        form = item_form(external_id="many", title="Many", tags="\n".join(map(str, range(201))))
        response = admin_client.post(reverse("admin:catalog_item_add"), form)
        assert response.context["adminform"].form.errors == {
            "tags": ["has 201 entries; the limit is 200"]
        }
        assert not Item.objects.exists()


class TestChange:
    @pytest.mark.parametrize(
        "changes",
        [
            {"title": "Tree frog"},
            {"tags": "green"},
            {"categories": []},
            {"texts-0-title": "树蛙"},
            {"texts-0-DELETE": "on"},
            {"texts-1-language": "de", "texts-1-title": "Frosch"},
            {"media-0-DELETE": "on"},
            {"media-0-position": "4"},
        ],
    )
    def test_of_content_is_embedded_again(
        self, admin_client, frog, woken, django_capture_on_commit_callbacks, changes
    ):
        before = frog.content_version
        response = save(admin_client, frog, django_capture_on_commit_callbacks, **changes)
        assert response.status_code == 302
        frog.refresh_from_db()
        assert frog.content_version == before + 1
        assert woken == [[frog.pk]]

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"published": ""},
            {"attributes": '{"a": 1}'},
            {"kind": "toy"},
            {"media-0-alt": "a green frog"},
            {"expires_at_0": "2030-01-01", "expires_at_1": "00:00:00"},
        ],
    )
    def test_of_the_rest_is_not(
        self, admin_client, frog, woken, django_capture_on_commit_callbacks, changes
    ):
        before = frog.content_version
        response = save(admin_client, frog, django_capture_on_commit_callbacks, **changes)
        assert response.status_code == 302
        frog.refresh_from_db()
        assert frog.content_version == before
        assert woken == []

    def test_is_stored(self, admin_client, frog, woken, django_capture_on_commit_callbacks):
        birds = services.category_get("animals/birds")
        save(
            admin_client,
            frog,
            django_capture_on_commit_callbacks,
            title="Bird",
            published="",
            categories=[birds.pk],
            **{"texts-0-title": "鸟", "texts-0-tags": "飞\n小", "media-0-alt": "a bird"},
        )
        frog.refresh_from_db()
        assert (frog.title, frog.published) == ("Bird", False)
        assert list(frog.categories.all()) == [birds]
        assert ItemText.objects.values_list("title", "tags").get() == ("鸟", ["飞", "小"])
        assert frog.media.get().alt == "a bird"

    def test_the_identifier_stays(
        self, admin_client, frog, woken, django_capture_on_commit_callbacks
    ):
        save(admin_client, frog, django_capture_on_commit_callbacks, external_id="toad")
        assert Item.objects.get().external_id == "frog"

    def test_one_language_twice_is_refused(self, admin_client, frog):
        form = item_form(frog, **{"texts-1-language": "zh", "texts-1-title": "蛙"})
        response = admin_client.post(page(frog), form)
        assert response.status_code == 200
        assert _formset(response, ItemText).is_valid() is False
        assert ItemText.objects.get().title == "青蛙"

    def test_that_the_services_refuse_is_a_message(self, admin_client, frog, monkeypatch):
        def refuse(*_, **__):
            raise InvalidItem({"title": "is taken"})

        monkeypatch.setattr("catalog.services.item_update", refuse)
        response = admin_client.post(page(frog), item_form(frog, title="Toad"), follow=True)
        messages = [str(message) for message in response.context["messages"]]
        assert messages == ["Nothing was saved: title: is taken"]
        assert Item.objects.get().title == "Frog"


class TestMedia:
    @pytest.mark.parametrize(
        ("data", "name", "content_type", "problem"),
        [
            (PLAYLIST, "frog.png", "image/png", "none of the supported formats"),
            (PLAYLIST, "frog.m3u8", "application/vnd.apple.mpegurl", "none of the supported"),
            (png(), "frog.wav", "audio/wav", "Content-Type says 'audio/wav'"),
            (png(), "frog.jpg", "image/png", "The name ends in '.jpg'"),
            (b"", "frog.png", "image/png", "empty"),
        ],
    )
    def test_what_is_no_media_is_refused_at_its_field(
        self, admin_client, frog, media_root, data, name, content_type, problem
    ):
        before = stored_files(media_root)
        form = item_form(frog, title="Toad", **{"media-1-file": upload(data, name, content_type)})
        response = admin_client.post(page(frog), form)
        assert response.status_code == 200
        first, second = media_errors(response)
        assert first == {}
        assert list(second) == ["file"]
        assert problem in second["file"][0]
        assert problem.split("'")[0] in response.content.decode()
        assert stored_files(media_root) == before
        assert Media.objects.count() == 1
        assert Item.objects.get().title == "Frog"

    def test_too_many_bytes_are_refused(self, admin_client, frog, settings, media_root):
        settings.CATALOG = {**settings.CATALOG, "MAX_AUDIO_BYTES": 1000}
        before = stored_files(media_root)
        form = item_form(frog, **{"media-1-file": upload(wav(), "long.wav", "audio/wav")})
        errors = media_errors(admin_client.post(page(frog), form))
        assert "The file is over" in errors[1]["file"][0]
        assert stored_files(media_root) == before

    def test_the_same_file_twice_is_refused(self, admin_client, frog):
        form = item_form(
            frog,
            **{
                "media-1-file": upload(png(), "again.png", "image/png"),
                "media-2-file": upload(wav(), "a.wav", "audio/wav"),
                "media-3-file": upload(wav(), "b.wav", "audio/wav"),
            },
        )
        errors = media_errors(admin_client.post(page(frog), form))
        twice = {"file": ["The item already has this file."]}
        assert errors == [{}, twice, {}, twice]
        assert Media.objects.count() == 1

    def test_more_than_the_limit_are_refused(self, admin_client, frog, settings):
        settings.CATALOG = {**settings.CATALOG, "MAX_MEDIA_PER_ITEM": 1}
        form = item_form(frog, **{"media-1-file": upload(wav(), "a.wav", "audio/wav")})
        response = admin_client.post(page(frog), form)
        assert _formset(response, Media).non_form_errors() == [
            "An item has at most 1 media; here are 2."
        ]
        assert Media.objects.count() == 1

    def test_one_may_replace_another_at_the_limit(
        self, admin_client, frog, woken, settings, django_capture_on_commit_callbacks
    ):
        settings.CATALOG = {**settings.CATALOG, "MAX_MEDIA_PER_ITEM": 1}
        changes = {"media-0-DELETE": "on", "media-1-file": upload(wav(), "a.wav", "audio/wav")}
        save(admin_client, frog, django_capture_on_commit_callbacks, **changes)
        assert Media.objects.get().modality == "audio"

    def test_deleting_removes_the_file(
        self, admin_client, frog, woken, media_root, django_capture_on_commit_callbacks
    ):
        assert len(stored_files(media_root)) == 1
        save(admin_client, frog, django_capture_on_commit_callbacks, **{"media-0-DELETE": "on"})
        assert not Media.objects.exists()
        assert stored_files(media_root) == []

    def test_a_stored_file_cannot_be_swapped(
        self, admin_client, frog, woken, django_capture_on_commit_callbacks
    ):
        sha256 = frog.media.get().sha256
        other = upload(png(colour="blue"), "other.png", "image/png")
        save(admin_client, frog, django_capture_on_commit_callbacks, **{"media-0-file": other})
        assert frog.media.get().sha256 == sha256


def test_deleting_an_item_asks_first_and_removes_files(
    admin_client, frog, media_root, django_capture_on_commit_callbacks
):
    url = reverse("admin:catalog_item_delete", args=[frog.pk])
    assert "Are you sure" in admin_client.get(url).content.decode()
    assert Item.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(url, {"post": "yes"})
    assert not Item.objects.exists()
    assert stored_files(media_root) == []
    assert Category.objects.filter(path="animals/amphibians").exists()


def test_deleting_the_selection_removes_files(
    admin_client, frog, media_root, django_capture_on_commit_callbacks
):
    form = {"action": "delete_selected", "_selected_action": [frog.pk], "post": "yes"}
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(reverse("admin:catalog_item_changelist"), form)
    assert not Item.objects.exists()
    assert stored_files(media_root) == []
