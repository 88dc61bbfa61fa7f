"""Serving stored files: whole, in parts, and nothing else from the disk."""

import asyncio
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncRequestFactory

from catalog import media_files
from catalog.models import Item, Media
from catalog.services import media_add
from catalog.uploads import check_upload
from tests.clients import anonymous, png, wav

pytestmark = pytest.mark.django_db

SOUND = wav(0.5)


@pytest.fixture
def sound(settings, tmp_path: Path) -> Media:
    settings.MEDIA_ROOT = tmp_path / "media"
    item = Item.objects.create(external_id="frog", title="Frog")
    return media_add(item, check_upload(SimpleUploadedFile("a.wav", SOUND))).medium


def get(medium: Media, **headers: str):
    return anonymous().get(f"/media/{medium.file.name}", headers=headers)


def body(response) -> bytes:
    return b"".join(response.streaming_content)


def test_the_whole_file(sound):
    response = get(sound)

    assert response.status_code == 200
    assert body(response) == SOUND
    assert response["Content-Type"] == sound.content_type
    assert response["Content-Length"] == str(len(SOUND))
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Accept-Ranges"] == "bytes"
    assert response["ETag"] == f'"{sound.sha256}"'


def test_asynchronously_in_chunks(sound, monkeypatch):
    monkeypatch.setattr(media_files, "CHUNK_BYTES", 100)
    chunks = media_files.read_async(media_files._read(sound.file.open(), 10, 309))

    async def collect() -> list[bytes]:
        return [chunk async for chunk in chunks]

    found = asyncio.run(collect())
    assert [len(chunk) for chunk in found] == [100, 100, 100]
    assert b"".join(found) == SOUND[10:310]


def test_an_asynchronous_server_gets_an_asynchronous_body(sound):
    response = media_files.media_file(AsyncRequestFactory().get("/media/x"), sound.file.name)
    assert response.is_async is True


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=100-", 100, len(SOUND) - 1),
        ("bytes=-5", len(SOUND) - 5, len(SOUND) - 1),
        ("bytes=5-999999999", 5, len(SOUND) - 1),
        ("bytes=-999999999", 0, len(SOUND) - 1),
    ],
)
def test_a_part(sound, wanted, first, last):
    response = get(sound, Range=wanted)

    assert response.status_code == 206
    assert body(response) == SOUND[first : last + 1]
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(SOUND)}"
    assert response["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("wanted", [f"bytes={len(SOUND)}-", "bytes=9-5", "bytes=-0"])
def test_a_part_that_is_not_there(sound, wanted):
    response = get(sound, Range=wanted)

    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(SOUND)}"


@pytest.mark.parametrize("wanted", ["lines=1-2", "bytes=a-b", "bytes=0-1,5-6", "bytes=-"])
def test_ranges_of_other_kinds_are_ignored(sound, wanted):
    assert get(sound, Range=wanted).status_code == 200


def test_conditions(sound):
    assert get(sound, **{"If-None-Match": f'"{sound.sha256}"'}).status_code == 304
    changed = get(sound, **{"Range": "bytes=0-1", "If-Range": '"other"'})
    assert changed.status_code == 200


def test_head(sound):
    response = anonymous().head(f"/media/{sound.file.name}")

    assert (response.status_code, response.content) == (200, b"")
    assert response["Content-Length"] == str(len(SOUND))
    assert anonymous().post(f"/media/{sound.file.name}").status_code == 405


def test_only_media_are_served(sound, settings, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    sha256 = sound.sha256
    inside = Path(settings.MEDIA_ROOT) / f"{sha256}.txt"
    inside.write_text("secret")

    for name in (
        "../secret",
        "..%2Fsecret",
        f"../media/{sound.file.name}",
        f"{sha256}.txt",
        "%00",
        "/etc/passwd",
        f"{sound.file.name}%00",
        sound.file.name.upper(),
    ):
        assert anonymous().get(f"/media/{name}").status_code == 404


def test_a_file_that_is_gone(sound):
    Path(sound.file.path).unlink()

    assert get(sound).status_code == 404


def test_pictures_have_their_type(sound):
    item = Item.objects.get()
    picture, _ = media_add(item, check_upload(SimpleUploadedFile("a.png", png())))

    assert get(picture)["Content-Type"] == "image/png"
