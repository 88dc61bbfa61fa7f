"""Plots of training: real PNGs of the size they say, which follow the history."""

import io

import numpy as np
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from retrieval import plots, spaces

HISTORY = [
    {"stage": "collect", "items": 10, "of": 10},
    {"stage": "image", "strength": 5.0, "mrr": 0.31},
    {"stage": "image", "strength": 0.5, "mrr": 0.30},
    {"stage": "contrastive", "epoch": 0, "loss": 3.0, "r@10": 0.5, "r@1": 0.2},
    {"stage": "contrastive", "epoch": 1, "loss": 2.0, "r@10": 0.6, "r@1": 0.3},
    {"stage": "contrastive", "epoch": 0, "loss": 2.9, "r@10": 0.5, "r@1": 0.2},
]


def pixels(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("PNG", (plots.WIDTH_PX, plots.HEIGHT_PX))
    return np.asarray(image.convert("RGB"))


def test_lines_follow_the_history():
    assert plots.lines_of(HISTORY) == {
        "loss": {
            "contrastive loss": [(0, 3.0), (1, 2.0)],
            "contrastive loss, run 2": [(0, 2.9)],
        },
        "recall": {
            "contrastive r@10": [(0, 0.5), (1, 0.6)],
            "contrastive r@1": [(0, 0.2), (1, 0.3)],
            "contrastive r@10, run 2": [(0, 0.5)],
            "contrastive r@1, run 2": [(0, 0.2)],
        },
        "strength": {"image": [(5.0, 0.31), (0.5, 0.30)]},
    }
    assert plots.lines_of([]) == {}
    assert plots.lines_of([{"stage": "contrastive", "chosen_epochs": 3}]) == {}


def test_a_plot_is_a_png_that_changes_with_the_history():
    lines = plots.lines_of(HISTORY)
    drawn = {name: pixels(plots.draw(name, lines[name])) for name in lines}
    assert list(drawn) == ["loss", "recall", "strength"]
    for image in drawn.values():
        assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20  # lines, words, a legend
    again = pixels(plots.draw("loss", lines["loss"]))
    assert np.array_equal(again, drawn["loss"])
    lower = [
        {**entry, "loss": entry["loss"] / 2} if "loss" in entry else entry for entry in HISTORY
    ]
    other = pixels(plots.draw("loss", plots.lines_of(lower)["loss"]))
    assert not np.array_equal(other, drawn["loss"])


@pytest.mark.django_db
def test_plots_are_stored_beside_the_media_and_replaced(space):
    row = spaces.space_create("trained", space.head, profile="fake", trained=True, history=HISTORY)
    assert plots.plots_store(row) == ["loss", "recall", "strength"]
    assert list(plots.plots_of(row)) == ["loss", "recall", "strength"]
    path = f"spaces/{row.pk}/loss.png"
    with default_storage.open(path) as file:
        first = pixels(file.read())
    row.history = HISTORY[:4]
    assert plots.plots_store(row) == ["loss", "recall", "strength"]
    with default_storage.open(path) as file:
        assert not np.array_equal(pixels(file.read()), first)
    stored = default_storage.listdir(f"spaces/{row.pk}")[1]
    assert sorted(stored) == ["loss.png", "recall.png", "strength.png"]


@pytest.mark.django_db
def test_a_space_without_history_has_no_plots(space):
    row = spaces.space_named("untrained")
    assert plots.plots_store(row) == []
    assert plots.plots_of(row) == {}


@pytest.mark.django_db
def test_the_public_address_of_media_does_not_serve_them(client, space):
    row = spaces.space_create("trained", space.head, profile="fake", trained=True, history=HISTORY)
    plots.plots_store(row)
    assert client.get(f"/media/spaces/{row.pk}/loss.png").status_code == 404
