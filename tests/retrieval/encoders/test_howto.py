"""docs/howto/add-an-encoder.md does what it says: its code is run as it stands there."""

import re
import shlex
import sys
import types
from pathlib import Path

import pytest
from django.core.management import call_command

from retrieval import encoders, services, spaces
from retrieval.models import EmbeddingSpace
from tests.retrieval.conftest import make_item

PAGE = (Path(__file__).resolve().parents[3] / "docs/howto/add-an-encoder.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^manage\.py (.*)$", PAGE, re.MULTILINE)


def module(name: str, source: str) -> types.ModuleType:
    """As if the file were where the page says."""
    made = types.ModuleType(name)
    sys.modules[name] = made
    exec(compile(source, name, "exec"), made.__dict__)  # noqa: S102 - our own page
    return made


CLASS, TEST, PROFILE = PYTHON
module("retrieval.encoders.ngrams", CLASS)
TestCharacterNgrams = module("tests.retrieval.encoders.test_ngrams", TEST).TestCharacterNgrams


def test_the_page_names_the_files():
    for name in ("retrieval/encoders/ngrams.py", "tests/retrieval/encoders/test_ngrams.py"):
        assert f"`{name}`:" in PAGE


@pytest.mark.encoders
@pytest.mark.django_db
def test_every_command_works(settings, capsys):
    items = [make_item(f"item-{n}", title) for n, title in enumerate(["M6x20 bolt", "a dog"])]
    spaces.ensure_active_space(settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"])
    first = EmbeddingSpace.objects.get(state="active")
    services.embed_items(first.pk, [item.pk for item in items])
    profiles = {**settings.RETRIEVAL["PROFILES"]}
    exec(PROFILE, {"_PROFILES": profiles})  # noqa: S102 - our own page
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}

    assert len(COMMANDS) == 6
    for command in COMMANDS:
        call_command(*shlex.split(command))
        if command.startswith("space activate"):
            assert spaces.active_space().name == "letters"
    assert spaces.active_space().name == first.name
    assert EmbeddingSpace.objects.get(name="letters").state == "ready"
    assert encoders.encoder_for("text", "letters").fingerprint.startswith("CharacterNgramEncoder/1")
    assert "Overlap@10 of 2 items" in capsys.readouterr().out
