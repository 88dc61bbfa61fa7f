"""The demo sets: small imitations of the packages, and once the real ones."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from rich.console import Console

from catalog.importers import demo
from catalog.importers.demo import emoji, fetch, stamps
from catalog.importers.demo.fetch import FetchError, Package, npm_package
from catalog.models import Item
from tests.catalog.factories import image_bytes, wav_bytes

QUIET = Console(file=io.StringIO())
LABEL = "A frog.\nde.utf8=Ein Frosch.\nzh_CN.utf8=青蛙！\nzh_TW.utf8=frog\nxx.utf8=x\nja.utf8=\n"


def tar(files: dict[str, bytes], mode: str = "w") -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


def test_stamps_become_rows(tmp_path: Path):
    root = "./usr/share/tuxpaint/stamps"
    files = {
        f"{root}/animals/frogs/frog.png": image_bytes(),
        f"{root}/animals/frogs/frog.txt": LABEL.encode(),
        f"{root}/animals/frogs/frog.ogg": wav_bytes(),
        f"{root}/animals/frogs/frog_desc.ogg": b"speech",
        f"{root}/animals/frogs/frog_desc_fr.ogg": b"speech",
        f"{root}/animals/frogs/frog_mirror.png": image_bytes(),
        f"{root}/animals/bear.png": image_bytes(),
        f"{root}/animals/bear.txt": "A bear.\nzh_CN.utf8=梨。\nzh_TW.utf8=熊".encode(),
        f"{root}/animals/nolabel.png": image_bytes(),
        f"{root}/animals/nolabel.txt": b"\n",
        f"{root}/symbols/x.png": image_bytes(),
        f"{root}/symbols/x.txt": b"X",
        f"{root}/../../../../escape.png": image_bytes(),
        "etc/passwd": b"root",
    }
    stamps.unpack_stamps(tar(files), tmp_path / "out")
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == sorted(
        [
            "frog.png",
            "frog.txt",
            "frog.ogg",
            "frog_mirror.png",
            "bear.png",
            "bear.txt",
            "nolabel.png",
            "nolabel.txt",
        ]
    )
    bear, frog = stamps.rows(tmp_path / "out")
    assert bear["title"] == {"en": "A bear", "zh-Hant": "熊"}
    assert frog == {
        "external_id": "stamp:animals.frogs.frog",
        "kind": "stamp",
        "title": {"en": "A frog", "zh": "青蛙", "de": "Ein Frosch"},
        "language": "en",
        "categories": ["animals/frogs"],
        "attributes": {"source": "tuxpaint-stamps-default"},
        "media": [
            {"modality": "image", "path": "animals/frogs/frog.png", "alt": "A frog"},
            {"modality": "audio", "path": "animals/frogs/frog.ogg", "alt": "A frog"},
        ],
    }


@pytest.mark.parametrize(
    ("english", "title"),
    [("A frog.", "A frog"), ("Boom!!!", "Boom!!!"), ("Well...", "Well..."), ("“Stop”.", "“Stop”")],
)
def test_titles_read_well_on_a_card(english, title):
    assert stamps._titles(f"{english}\n") == {"en": title}


def emoji_files() -> dict[str, Any]:
    def entry(code: str, label: str, group: int = 7) -> dict[str, Any]:
        return {
            "hexcode": code,
            "label": label,
            "tags": [f"{label} tag"],
            "emoji": chr(int(code[:5], 16)),
            "group": group,
            "subgroup": 69,
            "order": int(code[:5], 16),
        }

    files: dict[str, Any] = {
        f"{locale}/data.json": [
            entry("1F5A5-FE0F", f"computer {locale}"),
            entry("1F4F1", f"phone {locale}"),
            entry("1F600", "face", group=0),
            entry("1F4FF", "no picture"),
        ]
        for locale in emoji.LANGUAGES
    }
    files["en/messages.json"] = {
        "groups": [
            {"order": 7, "key": "objects", "message": "objects"},
            {"order": 0, "key": "smileys-emotion", "message": "smileys"},
        ],
        "subgroups": [{"order": 69, "key": "phone", "message": "phone"}],
    }
    return files


def emoji_packages(cache: Path) -> None:
    words = {f"package/{name}": json.dumps(data).encode() for name, data in emoji_files().items()}
    (cache / emoji.WORDS.filename).write_bytes(tar(words, "w:gz").getvalue())
    pictures = {
        f"{emoji.PICTURE_FOLDER}{name}": image_bytes()
        for name in ("1f4f1.png", "1f5a5.png", "1f600.png", "1f680.png")
    }
    pictures["package/img/google/64/../../evil.png"] = b"x"
    (cache / emoji.PICTURES.filename).write_bytes(tar(pictures, "w:gz").getvalue())


@pytest.fixture
def fake_emoji(tmp_path: Path, monkeypatch, settings) -> Path:
    """A cache that holds imitations of the emoji packages; no client may be called."""
    settings.DEMO_CACHE = tmp_path / "cache"
    settings.DEMO_CACHE.mkdir()
    emoji_packages(settings.DEMO_CACHE)
    monkeypatch.setattr(Package, "cached", lambda self, cache: cache / self.filename)
    monkeypatch.setattr(fetch.subprocess, "Popen", lambda *_, **__: pytest.fail("a client"))
    return settings.DEMO_CACHE


def test_emoji_become_rows(fake_emoji: Path):
    folder = demo.prepared(demo.SETS["emoji"], fake_emoji, QUIET)
    phone, computer = map(json.loads, (folder / demo.CATALOG_FILE).read_text().splitlines())
    assert phone["external_id"] == "emoji:1F4F1"
    assert phone["categories"] == ["objects/phone"]
    assert phone["title"]["zh-Hant"] == "phone zh-hant"
    assert phone["tags"]["ja"] == ["phone ja tag"]
    assert phone["attributes"] == {
        "source": "emoji-datasource-google",
        "emoji": "📱",
        "hexcode": "1F4F1",
    }
    assert computer["media"] == [
        {"modality": "image", "path": "1f5a5.png", "alt": "computer en"},
    ]
    assert sorted(p.name for p in folder.iterdir()) == ["1f4f1.png", "1f5a5.png", "catalog.jsonl"]


@pytest.mark.django_db
def test_import_demo_loads_and_does_not_unpack_again(fake_emoji: Path, monkeypatch, capsys):
    monkeypatch.setattr(
        "catalog.management.commands.import_demo.workers_wake", lambda item_ids: None
    )
    call_command("import_demo", "emoji")
    assert "2 created" in capsys.readouterr().out
    for package in fake_emoji.glob("*.tgz"):
        package.unlink()
    call_command("import_demo", "emoji")
    assert "2 unchanged" in capsys.readouterr().out
    assert Item.objects.get(external_id="emoji:1F4F1").texts.count() == 6
    Item.objects.all().delete()
    call_command("import_demo", "emoji", limit=1)
    assert Item.objects.count() == 1


@pytest.mark.django_db
def test_one_set_makes_the_demo_where_the_other_cannot_be_had(fake_emoji, monkeypatch, capsys):
    monkeypatch.setattr(
        "catalog.management.commands.import_demo.workers_wake", lambda item_ids: None
    )

    def refuse(*_: Any) -> Any:
        raise FetchError("apt-get is not installed")

    monkeypatch.setattr(stamps, "apt_package", refuse)
    call_command("import_demo")
    output = capsys.readouterr().out
    assert "Going on without stamps: apt-get is not installed" in output
    assert Item.objects.count() == 2


@pytest.mark.django_db
def test_without_any_client_the_message_names_import_catalog(tmp_path, settings, monkeypatch):
    settings.DEMO_CACHE = tmp_path
    monkeypatch.setattr(fetch.shutil, "which", lambda client: None)
    with pytest.raises(CommandError) as caught:
        call_command("import_demo")
    message = str(caught.value)
    assert "stamps: apt-get is not installed" in message
    assert "emoji: npm is not installed" in message
    assert "import_catalog FILE" in message
    assert not [p for p in tmp_path.iterdir() if p.name != ".lock"]


def client(tmp_path: Path, monkeypatch, script: str) -> None:
    """Puts a program named npm on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


PACKAGE = Package("thing", "1.0", "thing-1.0.tgz", "ab" * 32, 3, "a thing")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo not found >&2; exit 1", "npm failed: not found"),
        ("printf abc > out/thing-1.0.tgz", "thing-1.0.tgz has the SHA-256 ba7816bf"),
        ("printf abc > out/thing-2.0.tgz", "fetched thing-2.0.tgz instead of thing-1.0.tgz"),
        ("true", "thing was not among what the client fetched"),
    ],
)
def test_what_is_not_the_package_is_not_kept(script, message, tmp_path, monkeypatch):
    client(tmp_path, monkeypatch, script)
    cache = tmp_path / "cache"
    cache.mkdir()
    with pytest.raises(FetchError, match=message):
        npm_package(PACKAGE, cache, QUIET)
    assert list(cache.iterdir()) == []


def test_a_client_that_stalls_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "STALLED_S", 0.3)
    client(tmp_path, monkeypatch, "exec sleep 60")
    with pytest.raises(FetchError, match="nothing arrived"):
        npm_package(PACKAGE, tmp_path, QUIET)


def test_a_limit_spreads_over_the_set():
    assert demo.spread([b"%d" % n for n in range(10)], 3) == [b"0", b"3", b"6"]
    assert demo.spread([b"a"], 5) == [b"a"]


@pytest.mark.demo
@pytest.mark.parametrize(("name", "items", "sounds"), [("stamps", 530, 102), ("emoji", 857, 0)])
def test_the_real_sets_have_their_known_size(name, items, sounds):
    folder = demo.prepared(demo.SETS[name], django_settings.DEMO_CACHE, QUIET)
    rows = [json.loads(line) for line in (folder / demo.CATALOG_FILE).read_text().splitlines()]
    assert len({row["external_id"] for row in rows}) == len(rows) == items
    assert sum(len(row["media"]) == 2 for row in rows) == sounds
    assert all((folder / each["path"]).is_file() for row in rows for each in row["media"])
    assert all(row["title"]["en"] for row in rows)
