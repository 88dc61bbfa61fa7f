"""``manage.py train_wavenet`` on a package of the stamps' layout with tones instead of speech."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from retrieval.encoders.wavenet import WaveNetEncoder, read_header
from tests.retrieval.conftest import wav
from tests.retrieval.test_wavenet import sounds

pytestmark = [
    pytest.mark.encoders,
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb packs and unpacks"),
]

ITEMS = ("cat", "dog", "oak", "rose", "drum", "lute", "bus", "train", "moon", "star", "pear", "fig")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo cache with a package of another version, which the demo accepts as well."""
    folder = tmp_path_factory.mktemp("stamps")
    stamps = folder / "package" / "usr/share/tuxpaint/stamps/things"
    stamps.mkdir(parents=True)
    for number, name in enumerate(ITEMS):
        (stamps / f"{name}.txt").write_text(f"A {name}.\nfr.utf8=Un {name} rouge.\n")
        for language, shift in (("", 0), ("_fr", 900)):
            sound = wav(200 + 60 * number + shift, 0.4)
            (stamps / f"{name}_desc{language}.wav").write_bytes(sound.getvalue())
    (stamps / "cat_desc_fr.wav").write_bytes(b"RIFF no sound")
    control = folder / "package" / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(
        "Package: tuxpaint-stamps-default\nVersion: 1\nArchitecture: all\n"
        "Maintainer: nobody <nobody@example.org>\nDescription: tones\n"
    )
    cache = folder / "cache"
    cache.mkdir()
    deb = cache / "tuxpaint-stamps-default_1_all.deb"
    command = ["dpkg-deb", "--root-owner-group", "-b", str(folder / "package"), str(deb)]
    subprocess.run(command, check=True, capture_output=True)
    return cache


@pytest.fixture
def in_var(tmp_path: Path, cache: Path, settings) -> Path:
    settings.VAR, settings.DEMO_CACHE = tmp_path, cache
    return tmp_path / "wavenet"


def test_the_command_writes_weights_that_encode(in_var: Path, cache: Path):
    said = io.StringIO()
    call_command("train_wavenet", epochs=1, threads=1, stdout=said)
    weights = in_var / "wavenet.safetensors"
    assert str(weights) in said.getvalue()
    header = read_header(weights)
    assert sum(header["clips"].values()) == 2 * len(ITEMS) - 1  # one cannot be decoded
    assert header["held_out_languages"] == []
    assert len(header["history"]) == 1
    encoder = WaveNetEncoder(weights=weights)
    assert encoder.encode("audio", sounds()).shape == (len(sounds()), 384)

    kept = {path.name for path in in_var.iterdir()}
    other = in_var / "other.safetensors"
    call_command("train_wavenet", epochs=1, threads=1, without=["fr"], out=other, stdout=said)
    assert read_header(other)["held_out_languages"] == ["fr"]
    assert {path.name for path in in_var.iterdir()} == {*kept, other.name}  # features were kept


def test_a_broken_package_is_said(in_var: Path, settings, tmp_path: Path):
    settings.DEMO_CACHE = tmp_path / "broken"
    settings.DEMO_CACHE.mkdir()
    (settings.DEMO_CACHE / "tuxpaint-stamps-default_0_all.deb").write_bytes(b"no package")
    with pytest.raises(CommandError, match="cannot be unpacked"):
        call_command("train_wavenet", epochs=1, threads=1)
    assert not in_var.exists() or not list(in_var.iterdir())
