"""The item's page: its neighbours, its sounds' waveforms, and a failed embedding's retry."""

import html
import io

import numpy as np
import pytest
import redis
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from catalog.models import Item, Media
from retrieval import services, spaces
from retrieval.models import DuplicatePair, Embedding
from retrieval.waveforms import PEAKS, peaks, waveform_svg
from tests.retrieval.conftest import make_item, png, wav

pytestmark = pytest.mark.django_db
GREEN, RED = (0, 200, 0), (200, 0, 0)
HOSTILE = '<script>alert("x")</script>'


def url(name: str, *arguments: object) -> str:
    return reverse(f"admin:catalog_item_{name}", args=arguments)


@pytest.fixture
def clerk(client, django_user_model) -> Client:
    """May look at items, and change nothing."""
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_item"))
    client.force_login(user)
    return client


@pytest.fixture
def frog(space) -> Item:
    """Seen and heard; a toad is like it by words, a leaf by looks, a reed pipe by sound."""
    made = [
        make_item("frog", "frog green pond", media=[png(GREEN), wav(440)]),
        make_item("toad", "toad brown pond"),
        make_item("leaf", HOSTILE, media=[png(GREEN, size=20)]),
        make_item("pipe", "reed pipe", media=[wav(441)]),
        make_item("car", "car red road", media=[png(RED), wav(4000)]),
    ]
    services.embed_items(space.id, [each.pk for each in made])
    return made[0]


def columns(answer) -> dict[str, list[int]]:
    return {
        each["name"]: [card["item_id"] for card in each["cards"]]
        for each in answer.context["columns"]
    }


def test_its_near_duplicates_with_what_was_decided(admin_client, frog):
    ids = dict(Item.objects.values_list("external_id", "pk"))
    for other, grade, state in (("leaf", "near", "open"), ("toad", "similar", "kept")):
        DuplicatePair.objects.create(
            left=frog,
            right_id=ids[other],
            grade=grade,
            state=state,
            score=0.9,
            content="x",
            group=1,
        )
    page = admin_client.get(url("change", frog.pk)).content.decode()
    [panel] = [part for part in page.split("<ol") if "compare</a>" in part]
    for said in (
        "near, open",
        "merely similar, both kept",
        html.escape(HOSTILE),
        "toad brown pond",
    ):
        assert said in panel
    assert HOSTILE not in page
    assert (
        "No pair was found with it" in admin_client.get(url("change", ids["car"])).content.decode()
    )


class TestNeighbours:
    def test_a_column_for_everything_and_for_each_modality(self, admin_client, frog):
        found = columns(admin_client.get(url("neighbours", frog.pk)))

        ids = dict(Item.objects.values_list("external_id", "pk"))
        assert list(found) == ["by everything", "by words", "by looks", "by sound"]
        assert found["by words"][0] == ids["toad"]
        assert found["by looks"] == [ids["leaf"], ids["car"]]
        assert found["by sound"] == [ids["pipe"], ids["car"]]
        assert frog.pk not in {pk for column in found.values() for pk in column}

    def test_only_of_what_it_has(self, admin_client, frog):
        toad = Item.objects.get(external_id="toad")
        answer = admin_client.get(url("neighbours", toad.pk))

        assert list(columns(answer)) == ["by everything", "by words"]
        assert "Without a vector of its own: image, audio." in answer.content.decode()

    def test_titles_are_text(self, admin_client, frog):
        page = admin_client.get(url("neighbours", frog.pk)).content.decode()

        assert HOSTILE not in page
        assert html.escape(HOSTILE) in page

    def test_alone_for_a_page_that_fetches_it(self, admin_client, frog):
        page = admin_client.get(url("neighbours", frog.pk), headers={"HX-Request": "true"})

        assert "<html" not in page.content.decode()
        assert "by looks" in page.content.decode()

    @pytest.mark.parametrize("there", [True, False])
    def test_not_embedded_yet_is_a_sentence(self, admin_client, there, request):
        if there:
            request.getfixturevalue("space")
        item = make_item("new", "new thing")
        answer = admin_client.get(url("neighbours", item.pk))

        said = "has no embedding in the active space yet" if there else "no embedding space"
        assert answer.status_code == 200
        assert said in answer.content.decode().lower()

    def test_without_permission(self, client, django_user_model, frog):
        client.force_login(django_user_model.objects.create_user("nobody", is_staff=True))
        sound = frog.media.get(modality="audio")

        assert client.get(url("neighbours", frog.pk)).status_code == 403
        assert client.get(url("waveform", sound.pk)).status_code == 403

    def test_a_bounded_number_of_queries(self, admin_client, frog, django_assert_max_num_queries):
        page = url("neighbours", frog.pk)
        with django_assert_max_num_queries(50):  # in a test's transaction each search is three
            admin_client.get(page)
        more = [make_item(f"more{n}", f"more {n}", media=[png((n, 0, 0))]) for n in range(12)]
        services.embed_items(spaces.active_space().id, [each.pk for each in more])
        with django_assert_max_num_queries(50):
            admin_client.get(page)


class TestWaveform:
    def test_peaks(self):
        samples = np.array([0, 0.5, -1, 0.25, 0.1, -0.2, 0, 0], np.float32)

        assert peaks(samples, 4) == [0.5, 1.0, 0.2, 0.0]
        assert peaks(np.zeros(0, np.float32), 3) == [0.0] * 3
        assert peaks(np.ones(2, np.float32), 4) == [1.0] * 4

    def test_is_drawn_once(self, admin_client, frog):
        sound = frog.media.get(modality="audio")
        first = admin_client.get(url("waveform", sound.pk))
        default_storage.delete(sound.file.name)

        again = admin_client.get(url("waveform", sound.pk))

        assert first["Content-Type"] == "image/svg+xml"
        assert first.content.decode().count("<rect") == PEAKS
        assert again.content == first.content
        assert len(cache.get(f"waveform:{sound.sha256}")) == PEAKS

    def test_that_cannot_be_decoded_says_so(self, admin_client, frog):
        sound = frog.media.get(modality="audio")
        with default_storage.open(sound.file.name, "wb") as file:
            file.write(b"RIFF nothing")
        answer = admin_client.get(url("waveform", sound.pk))

        assert answer.status_code == 200
        assert "No waveform: undecodable" in answer.content.decode()

    def test_only_of_what_is_heard(self, admin_client, frog):
        picture = frog.media.get(modality="image")
        page = admin_client.get(url("change", frog.pk)).content.decode()

        assert admin_client.get(url("waveform", picture.pk)).status_code == 404
        assert page.count("waveform.svg") == 1

    def test_holds_numbers_only(self):
        assert waveform_svg([0.5, 1.0]).count("<rect") == 2


class TestRetry:
    @pytest.fixture
    def failed(self, frog, space) -> Item:
        Embedding.objects.filter(item=frog).update(
            status="failed", attempts=3, content_version=0, error_code="decoder_died", error="<b>"
        )
        return frog

    def test_makes_it_due_again(self, admin_client, failed, space):
        page = admin_client.get(url("change", failed.pk)).content.decode()
        assert url("retry", failed.pk, space.id) in page
        assert "<strong>decoder_died</strong> &lt;b&gt;" in page

        answer = admin_client.post(url("retry", failed.pk, space.id), follow=True)

        row = Embedding.objects.get(item=failed)
        assert (row.status, row.attempts) == ("pending", 0)
        assert "A worker tries again in the space" in answer.content.decode()
        assert LogEntry.objects.get().change_message.startswith("Embedding in the space")
        services.embed_items(space.id, [failed.pk])
        assert Embedding.objects.get(item=failed).status == "ready"

    def test_where_nothing_failed(self, admin_client, frog, space):
        page = admin_client.get(url("change", frog.pk)).content.decode()
        answer = admin_client.post(url("retry", frog.pk, space.id), follow=True)

        assert url("retry", frog.pk, space.id) not in page
        assert "Nothing failed in the space" in answer.content.decode()
        assert not LogEntry.objects.exists()

    def test_not_by_whoever_may_only_look(self, clerk, failed, space):
        page = clerk.get(url("change", failed.pk))
        assert page.status_code == 200
        assert url("retry", failed.pk, space.id) not in page.content.decode()
        assert "Seen" not in page.content.decode()
        assert clerk.post(url("retry", failed.pk, space.id)).status_code == 403
        assert clerk.get(url("retry", failed.pk, space.id)).status_code == 405
        assert Embedding.objects.get(item=failed).status == "failed"


def test_the_pages_queries_do_not_grow(admin_client, frog, django_assert_num_queries):
    page = url("change", frog.pk)
    admin_client.get(page)
    with django_assert_num_queries(40, exact=False) as few:
        admin_client.get(page)
    more = [make_item(f"more{n}", f"more {n}") for n in range(12)]
    services.embed_items(spaces.active_space().id, [each.pk for each in more])
    with django_assert_num_queries(len(few)):
        admin_client.get(page)


def test_a_hostile_alt_text_is_text(admin_client, space):
    item = make_item("frog", "frog", media=[io.BytesIO(wav(440).getvalue())])
    Media.objects.update(alt=HOSTILE)

    assert HOSTILE not in admin_client.get(url("change", item.pk)).content.decode()


def test_redis_down_is_a_sentence(admin_client, frog, monkeypatch):
    def down(*_: object, **__: object) -> None:
        raise redis.ConnectionError("Redis is down")

    monkeypatch.setattr(cache, "get", down)
    sound = frog.media.get(modality="audio")

    assert b"while Redis is down" in admin_client.get(url("waveform", sound.pk)).content
    assert admin_client.get(url("change", frog.pk)).status_code == 200
    assert admin_client.get(url("neighbours", frog.pk)).status_code == 200
