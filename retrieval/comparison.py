"""Two spaces side by side: do they find the same, how well, how fast, how large are they."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.models import Item
from retrieval import index, search, spaces
from retrieval.exceptions import SpaceConflict
from retrieval.models import Embedding, EmbeddingSpace

NEIGHBOURS = 10
SAMPLE = 100  # the overlap's 95 % interval is then about ± .05
CONFIDENCE_Z = 1.96


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many of an item's NEIGHBOURS nearest both spaces agree on, mean over a sample."""

    items: int
    mean: float
    """In [0, 1]; 1: the same neighbours for every item."""
    interval: tuple[float, float]
    """95 %, of the mean."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Of finding the items like one, in milliseconds."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two spaces."""

    row: EmbeddingSpace
    size: index.Size
    latency: Latency


@dataclass(frozen=True, slots=True)
class Comparison:
    """``held_out``: path of a stored measurement → its value in each (None where it has none)."""

    sides: tuple[Side, Side]
    overlap: Overlap
    p50_ratio: float
    """The second's over the first's; the two were measured in turns, so the machine's load cancels."""
    p95_ratio: float
    held_out: dict[str, tuple[float | None, float | None]]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "spaces": [_side_dict(side) for side in self.sides],
            "overlap": {
                "k": NEIGHBOURS,
                "items": self.overlap.items,
                "mean": round(self.overlap.mean, 4),
                "interval": [round(bound, 4) for bound in self.overlap.interval],
            },
            "latency_ratio": {"p50": round(self.p50_ratio, 3), "p95": round(self.p95_ratio, 3)},
            "held_out": {path: list(values) for path, values in self.held_out.items()},
        }


def compare(first: int, second: int, *, sample: int = SAMPLE, seed: int = 0) -> Comparison:
    """Compare two spaces on a seeded sample of the visible items that both hold.

    Raises SpaceConflict if they hold none in common, or one is retired; SpaceBroken.
    """
    rows = EmbeddingSpace.objects.defer("head").in_bulk([first, second])
    for row in rows.values():
        if row.state == EmbeddingSpace.State.RETIRED or not row.head_sha256:
            raise SpaceConflict(
                f"Space {row.name!r} is {row.state}: it holds no vectors to compare."
            )
    pair = (spaces.space(first), spaces.space(second))
    items = _sample(pair, sample, seed)
    shares = [_shared(pair, item) for item in items]  # warms both up as well
    times = _times(pair, items)
    latencies = [Latency(*(float(np.quantile(each, q)) for q in (0.5, 0.95))) for each in times]
    sides = tuple(
        Side(rows[space.id], index.partition_size(space.partition), latency)
        for space, latency in zip(pair, latencies, strict=True)
    )
    return Comparison(
        sides=(sides[0], sides[1]),
        overlap=_overlap(shares),
        p50_ratio=latencies[1].p50_ms / latencies[0].p50_ms,
        p95_ratio=latencies[1].p95_ms / latencies[0].p95_ms,
        held_out=side_by_side(rows[first].metrics, rows[second].metrics),
    )


def _sample(pair: tuple[spaces.Space, spaces.Space], sample: int, seed: int) -> list[int]:
    held = [
        set(
            Embedding.objects.filter(space_id=space.id, fused__isnull=False).values_list(
                "item_id", flat=True
            )
        )
        for space in pair
    ]
    visible = Item.objects.visible().values_list("id", flat=True)
    both = sorted(held[0] & held[1] & set(visible))
    if len(both) < 2:
        raise SpaceConflict(
            f"The spaces {pair[0].name!r} and {pair[1].name!r} hold {len(both)} items in common, too "
            "few to compare: embed the catalog first (`manage.py space backfill NAME --wait`)."
        )
    chosen = np.random.default_rng(seed).choice(len(both), min(sample, len(both)), replace=False)
    return [both[position] for position in sorted(chosen)]


def _shared(pair: tuple[spaces.Space, spaces.Space], item: int) -> float:
    found = [{hit.item_id for hit in search.similar(space, item, NEIGHBOURS)} for space in pair]
    most = max(len(hits) for hits in found)
    return len(found[0] & found[1]) / most if most else 1.0


def _overlap(shares: Sequence[float]) -> Overlap:
    mean = float(np.mean(shares))
    margin = CONFIDENCE_Z * float(np.std(shares)) / len(shares) ** 0.5
    return Overlap(len(shares), mean, (max(0.0, mean - margin), min(1.0, mean + margin)))


def _times(
    pair: tuple[spaces.Space, spaces.Space], items: Sequence[int]
) -> tuple[list[float], list[float]]:
    """Milliseconds of each query in each space, taken in turns, each going first as often."""
    times: tuple[list[float], list[float]] = ([], [])
    for position, item in enumerate(items):
        for side in (0, 1) if position % 2 else (1, 0):
            started = time.perf_counter()
            search.similar(pair[side], item, NEIGHBOURS)
            times[side].append((time.perf_counter() - started) * 1000)
    return times


def side_by_side(
    first: dict[str, Any], second: dict[str, Any]
) -> dict[str, tuple[float | None, float | None]]:
    """Numbers of the stored held-out measurements by path, such as ``text_to_image · en · r@10``."""
    flat = [_flat(metrics.get("held_out", {})) for metrics in (first, second)]
    paths = dict.fromkeys([*flat[0], *flat[1]])
    return {path: (flat[0].get(path), flat[1].get(path)) for path in paths}


def _flat(values: dict[str, Any], path: tuple[str, ...] = ()) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, (*path, name))
        elif isinstance(value, int | float):
            found[" · ".join((*path, name))] = value
    return found


def _side_dict(side: Side) -> dict[str, Any]:
    row = side.row
    return {
        "name": row.name,
        "state": row.state,
        "profile": row.profile,
        "trained": row.trained,
        "fusion": row.fusion,
        "metric": row.metric,
        "dim": row.dim,
        "fused_dim": row.fused_dim,
        "p50_ms": round(side.latency.p50_ms, 3),
        "p95_ms": round(side.latency.p95_ms, 3),
        "table_bytes": side.size.table,
        "index_bytes": side.size.indexes,
    }


def table(found: Comparison) -> list[tuple[str, str, str, str]]:
    """Rows to show: what, the first's, the second's, the ratio of the two where it says something."""
    first, second = found.sides
    one, two = first.row, second.row
    rows = [
        ("state", one.state, two.state, ""),
        ("profile", one.profile, two.profile, ""),
        ("fusion, metric", f"{one.fusion}, {one.metric}", f"{two.fusion}, {two.metric}", ""),
        (
            "dimensions",
            str(one.fused_dim),
            str(two.fused_dim),
            _ratio(two.fused_dim, one.fused_dim),
        ),
        _ms("similar items, p50", first.latency.p50_ms, second.latency.p50_ms),
        _ms("similar items, p95", first.latency.p95_ms, second.latency.p95_ms),
        _mib("vectors on disk", first.size.table, second.size.table),
        _mib("indexes on disk", first.size.indexes, second.size.indexes),
    ]
    return rows + [
        (f"held out · {path}", _figure(values[0]), _figure(values[1]), "")
        for path, values in found.held_out.items()
        if not path.endswith("queries")
    ]


def unmeasured(found: Comparison) -> list[str]:
    """A line for each space without stored held-out measurements: why, and what measures it."""
    return [
        f"{row.name}: not measured: {_why_unmeasured(row)}. "
        f"`manage.py evaluate_retrieval --space {shlex.quote(row.name)}` measures it."
        for row in dict.fromkeys(side.row for side in found.sides)
        if not _flat(row.metrics.get("held_out", {}))
    ]


def _why_unmeasured(row: EmbeddingSpace) -> str:
    if "made_from" in row.metrics:
        return f"its head is that of {row.metrics['made_from']!r}"
    if not row.trained:
        return "only training stores held-out figures, and it was not trained"
    return "it was trained on too few items to hold some out"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _ms(what: str, first: float, second: float) -> tuple[str, str, str, str]:
    return what, f"{first:.2f} ms", f"{second:.2f} ms", _ratio(second, first)


def _mib(what: str, first: int, second: int) -> tuple[str, str, str, str]:
    return what, f"{first / 2**20:.1f} MiB", f"{second / 2**20:.1f} MiB", _ratio(second, first)


def _ratio(value: float, base: float) -> str:
    return f"{value / base:.2f}" if base else ""
