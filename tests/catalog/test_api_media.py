"""Media over HTTP: adding, listing, deleting; and what a refused file must not leave behind."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from catalog.models import Item, Media
from tests.catalog.factories import video_bytes
from tests.catalog.test_services import in_threads
from tests.clients import anonymous, png, wav, with_scopes

pytestmark = pytest.mark.django_db

PATH = "/api/v1/items/frog/media/"


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def item() -> Item:
    return Item.objects.create(external_id="frog", title="Frog")


@pytest.fixture
def writer(item: Item) -> APIClient:
    return with_scopes("catalog")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    ids: list[int] = []
    monkeypatch.setattr("catalog.api.workers_wake", ids.extend)
    return ids


def send(client, content: bytes, name="a.png", kind="image/png", **fields):
    file = SimpleUploadedFile(name, content, content_type=kind)
    return client.post(PATH, {"file": file, **fields}, format="multipart")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_add_a_picture(writer, item, woken):
    response = send(writer, png(8, 6), alt="a red frog")

    medium = Media.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": medium.pk,
        "modality": "image",
        "url": f"http://testserver/media/{medium.file.name}",
        "content_type": "image/png",
        "bytes": len(png(8, 6)),
        "width": 8,
        "height": 6,
        "duration_s": None,
        "alt": "a red frog",
        "position": 0,
        "status": "pending",
        "error_code": "",
    }
    assert woken == [item.pk]
    assert Item.objects.get().content_version == 2


def test_add_a_sound_after_the_picture_and_list_both(writer):
    send(writer, png())

    response = send(writer, wav(0.5), "a.wav", "audio/wav")

    assert response.status_code == 201
    sound = response.json()
    assert (sound["modality"], sound["duration_s"], sound["position"]) == ("audio", 0.5, 1)
    listed = anonymous().get(PATH).json()
    assert [each["modality"] for each in listed] == ["image", "audio"]
    assert anonymous().get("/api/v1/items/frog/").json()["media"] == listed


def test_the_same_bytes_again_are_the_medium_that_is_there(writer, woken):
    first = send(writer, png())
    again = send(writer, png(), alt="other")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Media.objects.count() == 1
    assert len(woken) == 1


def test_delete(writer, item, woken):
    medium_id = send(writer, png()).json()["id"]

    assert writer.delete(f"{PATH}{medium_id}/").status_code == 204
    assert Media.objects.count() == 0
    assert woken == [item.pk, item.pk]
    assert writer.delete(f"{PATH}{medium_id}/").status_code == 404
    assert writer.delete(f"{PATH}{10**30}/").status_code == 404


def test_a_medium_of_another_item_is_not_deleted(writer):
    medium_id = send(writer, png()).json()["id"]
    Item.objects.create(external_id="toad", title="Toad")

    assert writer.delete(f"/api/v1/items/toad/media/{medium_id}/").status_code == 404
    assert Media.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "name", "kind", "status", "code"),
    [
        (b"", "a.png", "image/png", 415, "unsupported_media"),
        (b"<html>", "a.html", "text/html", 415, "unsupported_media"),
        (b"%PDF-1.7 ...", "a.pdf", "application/pdf", 415, "unsupported_media"),
        (png(), "a.wav", "audio/wav", 415, "unsupported_media"),
        (png(), "a.jpg", "image/jpeg", 415, "unsupported_media"),
        (wav(), "a.png", "image/png", 415, "unsupported_media"),
        (png() + b"\0" * 2_000_000, "a.png", "image/png", 413, "media_too_large"),
        (png(4000, 3000), "a.png", "image/png", 413, "media_too_large"),
    ],
)
def test_refused_files_leave_nothing(
    writer, woken, settings, media_root, content, name, kind, status, code
):
    settings.CATALOG = settings.CATALOG | {
        "MAX_IMAGE_BYTES": 1_000_000,
        "MAX_IMAGE_PIXELS": 10_000_000,
    }

    response = send(writer, content, name, kind)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"
    assert Media.objects.count() == 0
    assert files(media_root) == []
    assert woken == []
    assert Item.objects.get().content_version == 1


def test_one_more_than_the_limit(writer, settings, media_root):
    settings.CATALOG = settings.CATALOG | {"MAX_MEDIA_PER_ITEM": 1}
    send(writer, png())

    response = send(writer, wav(), "a.wav", "audio/wav")

    assert (response.status_code, response.json()["code"]) == (409, "too_many_media")
    assert Media.objects.count() == 1
    assert len(files(media_root)) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"position": "-1"}, "position"),
        ({"position": "x"}, "position"),
        ({"position": "99999"}, "position"),
        ({"alt": "x" * 501}, "alt"),
        ({"alt": "a\0b"}, "alt"),
        ({"caption": "x"}, "caption"),
    ],
)
def test_bad_fields_are_named(writer, fields, field, media_root):
    response = send(writer, png(), **fields)

    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert files(media_root) == []


def test_without_a_file(writer):
    response = writer.post(PATH, {"alt": "x"}, format="multipart")
    assert (response.status_code, list(response.json()["errors"])) == (400, ["file"])

    response = writer.post(PATH, {"file": "text"}, format="multipart")
    assert (response.status_code, list(response.json()["errors"])) == (400, ["file"])


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (b"x", "multipart/form-data", 400, "malformed"),
        (b"x", "multipart/form-data; boundary=", 400, "malformed"),
        (b"--b\r\n", "multipart/form-data; boundary=b", 400, "invalid"),
    ],
)
def test_bodies_that_are_no_form(writer, body, kind, status, code):
    response = writer.generic("POST", PATH, body, content_type=kind)

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_video_is_sent_and_played_in_parts(writer):
    content = video_bytes()
    sent = SimpleUploadedFile("film.mp4", content, content_type="video/mp4")
    response = writer.post(PATH, {"file": sent}, format="multipart")
    assert response.status_code == 201
    found = response.json()
    assert (found["modality"], found["content_type"]) == ("video", "video/mp4")
    assert (found["width"], found["height"]) == (64, 48)
    part = writer.get(found["url"], headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.getvalue()) == (206, content[:10])


def test_a_body_that_is_too_large_is_refused_by_its_length(writer):
    response = writer.generic(
        "POST",
        PATH,
        b"x",
        content_type="multipart/form-data; boundary=b",
        CONTENT_LENGTH="399999999",
    )

    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_too_many_files_and_too_large_fields(writer):
    many = {
        f"f{n}": SimpleUploadedFile("a.png", png(), content_type="image/png") for n in range(11)
    }
    assert writer.post(PATH, many, format="multipart").status_code == 400

    response = send(writer, png(), alt="x" * 3_000_000)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert Media.objects.count() == 0


@pytest.mark.parametrize("client", [anonymous, lambda: with_scopes("read", "events", "ops")])
def test_only_the_scope_catalog_writes(item, client, media_root):
    response = send(client(), png())

    assert response.status_code in (401, 403)
    assert files(media_root) == []


def test_unknown_item(writer):
    assert writer.get("/api/v1/items/nope/media/").status_code == 404
    assert writer.post("/api/v1/items/nope/media/", {}, format="multipart").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_of_the_same_bytes_sent_at_once_one_answer_is_created(item):
    clients = [with_scopes("catalog") for _ in range(6)]

    results = in_threads(6, lambda n: send(clients[n], png()).status_code)

    assert sorted(results) == [200] * 5 + [201]
    assert Media.objects.count() == 1
