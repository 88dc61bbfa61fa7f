"""Training a space from a catalog: collected, measured on held-out items, stored."""

import colorsys
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from catalog.models import Media
from retrieval import services, space_training, spaces
from retrieval.exceptions import SpaceConflict, TooFewItems
from retrieval.models import EmbeddingSpace, EncoderOutput
from retrieval.training import TrainingConfig
from tests.retrieval.conftest import make_item, png

pytestmark = pytest.mark.django_db

COLOURS = 30


@pytest.fixture
def colourful(space) -> list[int]:
    """Items whose title names the colour of their picture, in two languages."""
    ids = []
    for n in range(4 * COLOURS):
        hue = n % COLOURS
        red, green, blue = colorsys.hsv_to_rgb(hue / COLOURS, 1, 0.6 + n // COLOURS / 10)
        picture = png((int(red * 255), int(green * 255), int(blue * 255)))
        title = f"hue{hue} shade{n // COLOURS}"
        ids.append(make_item(f"c{n}", title, texts={"zh": f"色{hue}"}, media=[picture]).pk)
    services.embed_items(space.id, ids)
    return ids


def test_collect_reads_stored_outputs_and_nothing_else(space, colourful):
    collected = space_training.collect("fake", seed=0)
    data = collected.data
    assert len(data.labels) == len(colourful)
    assert data.image.vectors.shape == (len(colourful), 96)
    assert data.audio.vectors.shape == (0, 96)
    assert set(data.text.languages) == {"en", "zh"}
    assert set(collected.languages) == {"en", "zh"}
    held = set(collected.queries.items.tolist())
    assert len(held) == round(len(colourful) * 0.2)


def test_copies_are_collected_once_and_only_to_learn_from(space, colourful):
    reported: list[dict] = []
    plain = space_training.collect("fake", seed=0).data
    stored = EncoderOutput.objects.count()
    first = space_training.collect("fake", 0, reported.append, augment=2).data
    copies = first.further["image"]
    assert copies.items.tolist() == [item for item in range(len(colourful)) for _ in range(2)]
    assert "audio" not in first.further
    assert np.array_equal(first.image.vectors, plain.image.vectors)
    assert np.linalg.norm(copies.vectors, axis=1) == pytest.approx(1.0, abs=1e-3)
    assert np.abs(copies.vectors[::2] - copies.vectors[1::2]).max() > 0.1
    assert np.abs(copies.vectors[::2] - plain.image.vectors).max() > 0.1
    assert [entry for entry in reported if entry["stage"] == "augment"] == [
        {"stage": "augment", "items": len(colourful), "of": len(colourful)}
    ]
    kept = EncoderOutput.objects.count()
    assert kept - stored == 2 * len(np.unique(plain.image.vectors, axis=0))
    again = space_training.collect("fake", 0, augment=2).data
    assert np.array_equal(again.further["image"].vectors, copies.vectors)
    fewer = space_training.collect("fake", 0, augment=1).data
    assert np.array_equal(fewer.further["image"].vectors, copies.vectors[::2])
    assert EncoderOutput.objects.count() == kept
    other = space_training.collect("fake", 1, augment=1).data
    assert not np.array_equal(other.further["image"].vectors, copies.vectors[::2])


def test_a_file_that_is_gone_has_no_copies(space, colourful):
    lost = Media.objects.filter(item_id=colourful[3])
    shared = Media.objects.filter(sha256=lost.get().sha256)
    lost.get().file.storage.delete(lost.get().file.name)
    data = space_training.collect("fake", seed=0, augment=1).data
    expected = [n for n, item in enumerate(colourful) if not shared.filter(item_id=item).exists()]
    assert data.further["image"].items.tolist() == expected
    assert len(data.image.items) == len(colourful)


@pytest.mark.parametrize("command", [["train_space"], ["space", "train"]])
def test_the_commands_learn_from_copies(space, colourful, command):
    call_command(*command, "varied", "--here", "--augment", "1")
    row = EmbeddingSpace.objects.get(name="varied")
    stages = [entry["stage"] for entry in row.history]
    assert "augment" not in stages  # it is of the collecting, the history is of the head
    assert spaces.space(row.pk).head.metadata["config"]["augment"] == 1
    assert EncoderOutput.objects.filter(encoder="FakeImageEncoder/1").count() > 4 * COLOURS


def test_a_trained_space_stores_its_held_out_metrics(space, colourful):
    row = space_training.space_train("colours", profile="fake", config=TrainingConfig(dim=32))
    assert (row.state, row.trained) == ("building", True)
    found = row.metrics["held_out"]["text_to_image"]["en"]
    assert found["queries"] == 24
    assert 0 <= found["r@1"] <= found["r@10"] <= 1
    assert row.metrics["trained_on"] == len(colourful)
    trained = spaces.space(row.pk)
    assert trained.head.shared_dim == 32
    assert trained.partition.dim == trained.head.dim > 32
    services.embed_items(row.pk, colourful)
    assert spaces.space_ready(row.pk) is True


def test_every_stage_says_what_it_does(space, colourful):
    told: list[dict[str, Any]] = []
    config = TrainingConfig(dim=32, strengths=(0.5, 5.0))
    space_training.space_train("colours", profile="fake", config=config, progress=told.append)
    stages = [stage for stage, _ in groupby(entry["stage"] for entry in told)]
    head = ["text", "image", "contrastive", "fusion parts", "fusion"]
    assert stages == ["collect", "titles", *(f"measure: {stage}" for stage in head), *head]
    parts = [entry for entry in told if entry["stage"] == "fusion parts"]
    assert [entry["items"] for entry in parts] == sorted({entry["items"] for entry in parts})
    assert parts[-1]["items"] == parts[-1]["of"] == len(colourful)


def test_the_command_trains_embeds_and_activates(space, colourful, capsys):
    call_command("train_space", "colours", "--here", "--activate")
    assert spaces.active_space().name == "colours"
    assert EmbeddingSpace.objects.get(pk=space.id).state == "ready"
    printed = capsys.readouterr().out
    assert "held out, text to image, en" in printed
    assert "Space 'colours' is active." in printed


def test_a_taken_name_is_refused(space, colourful):
    with pytest.raises(CommandError, match="'untrained' exists"):
        call_command("train_space", "untrained", "--here")


def test_too_few_items_say_what_to_do(space):
    make_item("one", "one")
    with pytest.raises(TooFewItems, match=r"manage\.py import_catalog"):
        space_training.collect("fake", seed=0)
    with pytest.raises(CommandError, match="too few"):
        call_command("train_space", "small", "--here")


@pytest.mark.parametrize(
    ("name", "config", "why"),
    [
        ("untrained", TrainingConfig(dim=32), "'untrained' exists"),
        (" x", TrainingConfig(dim=32), "cannot be named ' x'"),
        ("x", TrainingConfig(dim=1334, fusion="concat"), "4002 dimensions cannot be indexed, 4000"),
    ],
)
def test_what_cannot_become_a_space_is_refused_before_anything_is_read(space, name, config, why):
    reported: list[dict] = []
    with pytest.raises(SpaceConflict, match=why):
        space_training.space_train(name, profile="fake", config=config, progress=reported.append)
    assert reported == []


def test_embed_here_embeds_everything_and_says_so(space, capsys):
    for n in range(3):
        make_item(f"n{n}", f"number {n}")
    call_command("embed", "--here")
    assert "3 of 3 items ready, 0 pending, 0 failed" in capsys.readouterr().out


def test_equal_titles_share_a_label(space):
    ids = [make_item(f"t{n}", "Twin" if n < 2 else f"other {n}").pk for n in range(25)]
    services.embed_items(space.id, ids)
    labels = space_training.collect("fake", seed=0).data.labels
    assert labels[0] == labels[1]
    assert len(np.unique(labels)) == 24
