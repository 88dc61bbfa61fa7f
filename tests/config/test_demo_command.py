"""What ``manage.py demo`` says before and after it works; ``tests/e2e`` runs all of it."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Item
from config.management.commands.demo import Command, _example, _import_own
from tests.catalog.factories import ItemFactory


@pytest.mark.parametrize("port", [99_999, 65_536, 0, -1])
def test_a_port_that_does_not_exist(port: int):
    with pytest.raises(CommandError, match=f"no port {port}: choose one from 1 to 65535"):
        call_command("demo", port=port)


@pytest.mark.django_db
def test_the_example_is_an_item_that_is_there():
    assert _example() == ("emoji:1F4F1", ("frog", "我想要一部新的智能手机"))
    ItemFactory(external_id="hidden", published=False)
    ItemFactory(external_id="stamp:frog", title="A \x1b]0;frog")
    ItemFactory(external_id="stamp:owl")
    assert _example() == ("stamp:frog", ("A ]0;frog", "A ]0;frog"))
    ItemFactory(external_id="emoji:1F4F1")
    assert _example() == ("emoji:1F4F1", ("frog", "我想要一部新的智能手机"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"catalog": Path("none.jsonl")}, "There is no file none.jsonl: give --catalog a JSON"),
        ({"media_root": Path()}, "give --catalog FILE as well"),
    ],
)
def test_a_catalog_that_is_not_there(given: dict[str, Path], told: str):
    with pytest.raises(CommandError, match=told):
        call_command("demo", port=8001, **given)


@pytest.mark.django_db
def test_own_items_are_served_but_for_refused_rows(tmp_path: Path):
    file = tmp_path / "own.csv"
    file.write_text("external_id,title\nbad id!,x\n")
    with pytest.raises(CommandError, match=r"Nothing of .*own\.csv could be loaded"):
        _import_own(file, None)
    file.write_text("external_id,title\nbad id!,x\ngood,y\n")
    _import_own(file, None)
    assert Item.objects.get().external_id == "good"


def test_weights_that_cannot_be_had_are_said_with_the_way_around(settings):
    settings.LLM = settings.LLM | {"PROVIDER": "local", "MODEL": "/there/is/none"}

    with pytest.raises(CommandError, match=r"LLM_MODEL=/there/is/none does not exist.*`make demo`"):
        Command()._fetch_weights()
