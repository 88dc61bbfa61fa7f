"""Training as pictures: what a space's history says, as PNG files beside the media.

matplotlib is imported when something is drawn, which web processes never do.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from retrieval.models import EmbeddingSpace

Entry = Mapping[str, Any]
Lines = dict[str, list[tuple[float, float]]]
"""Label → points (x, y), in order."""

WIDTH_PX, HEIGHT_PX, DPI = 800, 450, 100
RECALL = re.compile(r"r@\d+|mrr")
TITLES: Mapping[str, tuple[str, str, str]] = {
    "loss": ("Loss", "epoch", "loss (lower is better)"),
    "recall": ("Retrieval of held-back items", "epoch", "R@k, MRR (higher is better)"),
    "strength": ("Regularisation of the closed form", "strength", "MRR (higher is better)"),
}
"""Plot → title and axes, in the order in which they are shown."""


def lines_of(history: Sequence[Entry]) -> dict[str, Lines]:
    """What there is to draw, by plot: entries with an ``epoch`` or a ``strength`` and figures.

    An epoch that is not above the last one of its line starts another run, a line of its own.
    """
    found: dict[str, Lines] = {}
    for entry in history:
        stage = str(entry.get("stage", ""))
        if "epoch" in entry:
            for name, value in entry.items():
                plot = "loss" if "loss" in name else "recall" if RECALL.fullmatch(name) else ""
                if plot and _number(value):
                    _add(found.setdefault(plot, {}), f"{stage} {name}", entry["epoch"], value)
        elif "strength" in entry and _number(entry.get("mrr")):
            lines = found.setdefault("strength", {})
            lines.setdefault(stage, []).append((float(entry["strength"]), float(entry["mrr"])))
    return {name: found[name] for name in TITLES if name in found}


def draw(plot: str, lines: Lines) -> bytes:
    """A PNG of WIDTH_PX × HEIGHT_PX."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    title, x_label, y_label = TITLES[plot]
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    for label, points in lines.items():
        # strengths are tried in any order; epochs come in theirs
        xs, ys = zip(*sorted(points), strict=True)
        axes.plot(xs, ys, marker="o", markersize=3, label=label)
    if plot == "strength" and min(x for points in lines.values() for x, _ in points) > 0:
        axes.set_xscale("log")
    axes.legend()
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def plots_store(space: EmbeddingSpace) -> list[str]:
    """Draw the space's history and store the files, over older ones; the names of the plots."""
    plots = lines_of(space.history)
    for name, lines in plots.items():
        path = path_of(space.pk, name)
        default_storage.delete(path)
        default_storage.save(path, ContentFile(draw(name, lines)))
    return list(plots)


def plots_of(space: EmbeddingSpace) -> dict[str, str]:
    """Plot → its title, of those that are stored."""
    return {
        name: TITLES[name][0]
        for name in lines_of(space.history)
        if default_storage.exists(path_of(space.pk, name))
    }


def path_of(space_id: int, plot: str) -> str:
    """Where the file is in the default storage; nothing there is served to the public."""
    return f"spaces/{space_id}/{plot}.png"


def _add(lines: Lines, label: str, x: float, y: float) -> None:
    runs = [name for name in lines if name == label or name.startswith(f"{label}, run ")]
    current = runs[-1] if runs else label
    if runs and x <= lines[current][-1][0]:
        current = f"{label}, run {len(runs) + 1}"
    lines.setdefault(current, []).append((float(x), float(y)))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
