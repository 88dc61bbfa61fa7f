"""Training a space from a catalog: collected, measured on held-out items, stored."""

import colorsys

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from retrieval import services, space_training, spaces
from retrieval.exceptions import SpaceConflict, TooFewItems
from retrieval.models import EmbeddingSpace
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
