"""Zips of media: unpacked below their folder, or refused before anything is written."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from catalog.importers import archives
from catalog.importers.archives import media_unpack
from catalog.importers.rows import ImportFileError


def zipped(tmp_path: Path, **files: bytes) -> Path:
    path = tmp_path / "media.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def refusal(archive: Path, folder: Path) -> str:
    with pytest.raises(ImportFileError) as caught:
        media_unpack(archive, folder)
    return str(caught.value)


def test_files_and_folders_are_unpacked(tmp_path):
    archive = zipped(tmp_path, **{"frog.png": b"frog", "a/b/c.mp3": b"sound"})
    with zipfile.ZipFile(archive, "a") as opened:
        opened.mkdir("empty")
    folder = tmp_path / "media"
    assert media_unpack(archive, folder) == 2
    assert (folder / "frog.png").read_bytes() == b"frog"
    assert (folder / "a/b/c.mp3").read_bytes() == b"sound"


@pytest.mark.parametrize(
    "name",
    [
        "../out.png",
        "a/../../out.png",
        "/etc/out.png",
        "a\\..\\..\\out.png",
        "C:/out.png",
        "x/" * 20 + "y",
    ],
)
def test_a_path_out_of_the_folder_writes_nothing(name, tmp_path):
    archive = zipped(tmp_path, **{"frog.png": b"frog", name: b"bad"})
    said = refusal(archive, tmp_path / "deep" / "media")
    assert said.endswith("in the zip of media leads out of its folder.")
    assert [each.name for each in tmp_path.iterdir()] == ["media.zip"]


def test_a_link_is_no_file(tmp_path):
    archive = tmp_path / "media.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
    assert (
        refusal(archive, tmp_path / "media") == "'link.png' in the zip of media is no plain file."
    )


def test_a_bomb_writes_nothing(tmp_path, settings):
    settings.CATALOG = {**settings.CATALOG, "MAX_UNPACKED_BYTES": 1024 * 1024}
    archive = zipped(tmp_path, **{"zeros.png": bytes(2 * 1024 * 1024)})
    assert archive.stat().st_size < 10_000
    assert refusal(archive, tmp_path / "media") == "The zip of media would unpack to over 1 MiB."
    assert not (tmp_path / "media").exists()


def test_a_directory_that_lies_about_sizes_gains_nothing(tmp_path, settings):
    settings.CATALOG = {**settings.CATALOG, "MAX_UNPACKED_BYTES": 1024}
    content = bytearray(zipped(tmp_path, **{"zeros.png": bytes(100_000)}).read_bytes())
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = content.index(signature) + at
        content[place : place + 4] = (100).to_bytes(4, "little")
    (tmp_path / "media.zip").write_bytes(content)
    assert refusal(tmp_path / "media.zip", tmp_path / "media").startswith(
        "The zip of media is broken: Bad CRC"
    )
    assert (tmp_path / "media" / "zeros.png").stat().st_size <= 100


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILES", 2)
    archive = zipped(tmp_path, a=b"", b=b"", c=b"")
    assert refusal(archive, tmp_path / "media") == "The zip of media has 3 files; the limit is 2."


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(200)])
def test_what_is_no_zip_is_told(content, tmp_path):
    (tmp_path / "media.zip").write_bytes(content)
    assert refusal(tmp_path / "media.zip", tmp_path / "media").startswith(
        "The zip of media is broken"
    )


def test_a_password_is_told(tmp_path):
    content = bytearray(zipped(tmp_path, a=b"x").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "media.zip").write_bytes(content)
    assert (
        refusal(tmp_path / "media.zip", tmp_path / "m")
        == "The zip of media is protected by a password."
    )


def test_a_file_where_a_folder_should_be_is_told(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"file")
        archive.writestr("a/b.png", b"below it")
    (tmp_path / "media.zip").write_bytes(file.getvalue())
    assert refusal(tmp_path / "media.zip", tmp_path / "m").startswith(
        "'a/b.png' cannot be unpacked"
    )


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_content_is_said_however_it_is_packed(how, tmp_path):
    archive = tmp_path / "media.zip"
    with zipfile.ZipFile(archive, "w", how) as opened:
        opened.writestr("frog.png", bytes(n * n % 251 for n in range(5000)))
    damaged = bytearray(archive.read_bytes())
    damaged[60:200] = bytes(byte ^ 0xFF for byte in damaged[60:200])
    archive.write_bytes(damaged)
    assert refusal(archive, tmp_path / "media").startswith(
        ("The zip of media is broken: ", "'frog.png' cannot be unpacked: ")
    )
