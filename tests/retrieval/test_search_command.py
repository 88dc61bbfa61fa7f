"""``manage.py search``."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from retrieval import lexical, services
from tests.retrieval.conftest import make_item, png, wav

pytestmark = pytest.mark.django_db


@pytest.fixture
def catalog(space) -> None:
    items = [
        make_item("frog", "green frog", media=[png((0, 200, 0)), wav(440)]),
        make_item("toad", "brown toad", media=[png((120, 80, 0))], categories=("animals",)),
        make_item("drum", "big drum", media=[wav(110)]),
    ]
    services.embed_items(space.id, [item.pk for item in items])
    lexical.index_items([item.pk for item in items])


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("search", *arguments, stdout=out)
    return out.getvalue()


def names(*arguments: str) -> list[str]:
    return [hit["external_id"] for hit in json.loads(run(*arguments, "--json"))["hits"]]


def test_words(catalog):
    assert names("green frog")[0] == "frog"
    shown = run("green frog", "--limit", "2")
    assert shown.index("green frog") < shown.index("2 found, hybrid")


def test_files_items_and_what_is_not_wanted(catalog, tmp_path):
    picture, sound = tmp_path / "a.png", tmp_path / "a.wav"
    picture.write_bytes(png((0, 200, 0)).getvalue())
    sound.write_bytes(wav(110).getvalue())
    assert names("--image", str(picture), "--mode", "dense")[0] == "frog"
    assert names("--audio", str(sound))[0] == "drum"
    assert names("--item", "toad", "--modalities", "text=1")[0] == "toad"
    assert names("frog", "--not", "green", "--mode", "dense", "--filter", '{"kind": "item"}')


def test_explained(catalog):
    hits = json.loads(run("frog", "--mode", "dense", "--explain", "--json"))["hits"]
    for hit in hits:
        assert sum(hit["contributions"]["parts"]) == pytest.approx(hit["score"], abs=1e-4)
    assert "+" in run("frog", "--explain")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Say what to look for"),
        (["--not", "leather"], "Say what to look for"),
        (["--image", "nowhere.png"], "There is no file nowhere.png"),
        (["--item", "nobody"], "There is no item 'nobody'"),
        (["frog", "--filter", "{"], "--filter is JSON"),
        (["frog", "--filter", '{"colour": "red"}'], "filter.colour"),
        (["frog", "--modalities", "smell=1"], "text, image, audio"),
        (["frog", "--modalities", "image=0"], "at least 0.01"),
        (["frog", "--modalities", "image=nan"], "a number, 0 to 100"),
        (["frog", "--modalities", "image=1e308,text=1e308"], "a number, 0 to 100"),
        (["frog", "--diversity", "2"], "from 0 to 1"),
        (["frog", "--space", "nowhere"], "There is no space 'nowhere'"),
        (["frog", "--similarity", "normalised", "--modalities", "image=1"], "no modality weights"),
    ],
)
def test_what_is_wrong_is_said(catalog, arguments, said):
    with pytest.raises(CommandError, match=said):
        run(*arguments)


def test_a_file_that_is_no_picture(catalog, tmp_path):
    (tmp_path / "a.png").write_bytes(b"words")
    with pytest.raises(CommandError):
        run("--image", str(tmp_path / "a.png"))


def test_an_empty_catalog(space):
    assert "Nothing found." in run("frog")
