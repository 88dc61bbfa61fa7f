"""Charts as SVG made by the server: no script, readable in print, each with its figures as a table.

Colours and sizes are in ``catalog/admin.css``; a series has the class of its number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite, log10
from typing import Any, Final

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

WIDTH: Final = 640
HEIGHT: Final = 220
LEFT, RIGHT, TOP, BOTTOM = 52, 24, 12, 24
TICKS: Final = 4
LABELS: Final = 7
"""Of the horizontal axis at most: more overlap on a telephone."""
SERIES: Final = 6
"""Colours that are told apart; a seventh line begins anew."""
ROW_HEIGHT: Final = 30
NAME_WIDTH: Final = 150


@dataclass(frozen=True, slots=True)
class Line:
    """A series; None where there is nothing to say."""

    label: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure with its interval, if there is one."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    said: str = ""
    """The figure in words."""


def line_chart(
    title: str,
    labels: Sequence[str],
    lines: Sequence[Line],
    *,
    percent: bool = False,
    note: str = "",
    corner: str = "day",
) -> SafeString:
    """Lines over equally distant places, from 0 up. ``percent``: values are shares."""
    known = [v for line in lines for v in line.values if v is not None and isfinite(v)]
    step, top = _scale(max(known, default=0.0))
    inner = HEIGHT - TOP - BOTTOM
    drawn = [
        {
            "label": line.label,
            "number": number % SERIES,
            "paths": _paths(line.values, top),
            "total": len(line.values),
        }
        for number, line in enumerate(lines)
    ]
    every = max(1, ceil(len(labels) / LABELS))
    context = {
        "title": title,
        "note": note,
        "corner": corner,
        "empty": not known,
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "lines": drawn,
        "ticks": [
            (_pixel(TOP + inner * (1 - tick * step / top)), _said(tick * step, percent, step))
            for tick in range(round(top / step) + 1)
        ],
        "labels": [
            (_pixel(_across(at, len(labels))), label)
            for at, label in enumerate(labels)
            if at % every == 0
        ],
        "labels_at": HEIGHT - 6,
        "rows": [
            (label, [_figure(line.values[at], percent) for line in lines])
            for at, label in reversed(list(enumerate(labels)))
        ],
    }
    return render_to_string("catalog/admin/line_chart.html", context)


def interval_bars(title: str, bars: Sequence[Bar], *, note: str = "") -> SafeString:
    """A horizontal bar a row, from 0, with its interval as a whisker; nothing of none."""
    ends = [each for bar in bars for each in (0.0, bar.value, bar.low, bar.high)]
    known = [each for each in ends if each is not None and isfinite(each)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return NAME_WIDTH + (WIDTH - NAME_WIDTH - RIGHT) * (value - low) / span

    rows = []
    for number, bar in enumerate(each for each in bars if isfinite(each.value)):
        start, end = sorted((place(0.0), place(bar.value)))
        top = ROW_HEIGHT * number
        rows.append(
            {
                "label": bar.label,
                "said": bar.said,
                "number": number % SERIES,
                "x": _pixel(start),
                "width": _pixel(max(end - start, 1.0)),
                "y": top + 6,
                "middle": top + ROW_HEIGHT // 2,
                "text": top + ROW_HEIGHT // 2 + 4,
                "low": None if bar.low is None else _pixel(place(bar.low)),
                "high": None if bar.high is None else _pixel(place(bar.high)),
                "above": top + 9,
                "below": top + ROW_HEIGHT - 9,
            }
        )
    context = {
        "title": title,
        "note": note,
        "rows": rows,
        "width": WIDTH,
        "height": ROW_HEIGHT * max(len(rows), 1),
        "zero": _pixel(place(0.0)),
    }
    return render_to_string("catalog/admin/interval_bars.html", context)


def _across(at: int, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (at / (count - 1) if count > 1 else 0.5)


def _paths(values: Sequence[float | None], top: float) -> list[dict[str, Any]]:
    """Unbroken pieces; a piece of one place is a dot."""
    inner, count = HEIGHT - TOP - BOTTOM, len(values)
    points = [
        None
        if value is None or not isfinite(value)
        else (_pixel(_across(at, count)), _pixel(TOP + inner * (1 - value / top)))
        for at, value in enumerate(values)
    ]
    gaps = [-1, *(at for at, point in enumerate(points) if point is None), count]
    pieces = [points[start + 1 : end] for start, end in pairwise(gaps)]
    return [
        # a line of one place has no length: its round end is drawn if it is there twice
        {
            "points": " ".join(f"{x},{y}" for x, y in piece * (1 + (len(piece) == 1))),
            "dot": len(piece) == 1,
        }
        for piece in ([p for p in piece if p is not None] for piece in pieces)
        if piece
    ]


def _scale(highest: float) -> tuple[float, float]:
    """A round distance between ticks (1, 2, 2.5 or 5 times a power of ten), and the highest tick."""
    if highest <= 0:
        return 1.0, 1.0
    rough = highest / TICKS
    power = 10.0 ** floor(log10(rough))
    step = next(power * each for each in (1, 2, 2.5, 5, 10) if power * each >= rough * (1 - 1e-9))
    return step, step * ceil(highest / step - 1e-9)


def _pixel(value: float) -> str:
    """With a point whatever the language: SVG knows no decimal comma."""
    return f"{value:.1f}"


def _said(value: float, percent: bool, step: float) -> str:
    """With as many places as the distance of the ticks has."""
    distance = step * 100 if percent else step
    places = next((each for each in range(9) if abs(round(distance, each) - distance) < 1e-9), 9)
    return f"{value:.{places}%}" if percent else f"{value:,.{places}f}"


def _figure(value: float | None, percent: bool) -> str:
    if value is None or not isfinite(value):
        return "–"
    if percent:
        return f"{value:.2%}"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
