"""Two spaces side by side: do they find the same, how well, how fast, how large are they."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.models import Item
from retrieval import index, search, spaces
from retrieval.evaluation.catalog import MIN_QUERIES
from retrieval.evaluation.pair import Direction, PairResult, evaluate_pair
from retrieval.evaluation.stored import Progress
from retrieval.exceptions import SpaceConflict
from retrieval.models import Embedding, EmbeddingSpace

NEIGHBOURS = 10
SAMPLE = 100  # the overlap's 95 % interval is then about ± .05
CONFIDENCE_Z = 1.96
SHOWN = ("r@1", "r@10", "mrr")
"""Of each direction in the table; all of them are in the JSON."""


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
    """``held_out``: path of a stored measurement → its value in each (None where it has none).

    ``catalog`` was measured just now, with the same items in both.
    """

    sides: tuple[Side, Side]
    overlap: Overlap
    p50_ratio: float
    """The second's over the first's; the two were measured in turns, so the machine's load cancels."""
    p95_ratio: float
    held_out: dict[str, tuple[float | None, float | None]]
    catalog: PairResult
    seed: int

    @property
    def asked(self) -> str:
        """What the catalog's figures are of: ``catalog, seen in training``."""
        return "catalog, seen in training" if any(self.catalog.seen) else "catalog, unseen"

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
            "catalog": {
                "what": self.asked,
                "items": self.catalog.items,
                "items_in_both": self.catalog.of,
                "items_seen_in_training": list(self.catalog.seen),
                "directions": [each.as_json(self.seed) for each in self.catalog.directions],
            },
            "notes": notes(self),
        }


def compare(
    first: int,
    second: int,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two spaces on the visible items that both hold: neighbours and times on a seeded sample.

    Raises SpaceConflict if they hold none in common, or one is retired; SpaceBroken.
    """
    rows = EmbeddingSpace.objects.defer("head").in_bulk([first, second])
    for row in rows.values():
        if row.state == EmbeddingSpace.State.RETIRED or not row.head_sha256:
            raise SpaceConflict(
                f"Space {row.name!r} is {row.state}: it holds no vectors to compare."
            )
    pair = (spaces.space(first), spaces.space(second))
    tell = progress or (lambda what, done, of: None)
    both = _held_by(pair)
    items = _drawn(both, sample, seed)
    shares = []
    for done, item in enumerate(items, 1):  # warms both up as well
        shares.append(_shared(pair, item))
        tell("neighbours", done, len(items))
    times = _times(pair, items, tell)
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
        held_out=side_by_side(*(_held_out(rows[space.id])[0] for space in pair)),
        catalog=evaluate_pair(
            pair,
            both,
            trained=(rows[first].trained, rows[second].trained),
            seed=seed,
            progress=tell,
        ),
        seed=seed,
    )


def _held_by(pair: tuple[spaces.Space, spaces.Space]) -> list[int]:
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
    return both


def _drawn(both: Sequence[int], sample: int, seed: int) -> list[int]:
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
    pair: tuple[spaces.Space, spaces.Space], items: Sequence[int], tell: Progress
) -> tuple[list[float], list[float]]:
    """Milliseconds of each query in each space, taken in turns, each going first as often."""
    times: tuple[list[float], list[float]] = ([], [])
    for position, item in enumerate(items):
        for side in (0, 1) if position % 2 else (1, 0):
            started = time.perf_counter()
            search.similar(pair[side], item, NEIGHBOURS)
            times[side].append((time.perf_counter() - started) * 1000)
        tell("times", position + 1, len(items))
    return times


def _held_out(row: EmbeddingSpace) -> tuple[dict[str, Any], str]:
    """Stored held-out figures, and the space they are of: a head's go with it, since fusion and
    metric change neither words nor pictures nor sounds.
    """
    held: EmbeddingSpace | None = row
    known: set[str] = set()
    while held is not None and held.name not in known:
        if _flat(held.metrics.get("held_out", {})):
            return held.metrics["held_out"], held.name
        known.add(held.name)
        source = held.metrics.get("made_from", "")
        held = EmbeddingSpace.objects.only("name", "metrics").filter(name=source).first()
    return {}, ""


def side_by_side(
    first: dict[str, Any], second: dict[str, Any]
) -> dict[str, tuple[float | None, float | None]]:
    """Numbers of two held-out measurements by path, such as ``text_to_image · en · r@10``."""
    flat = [_flat(held_out) for held_out in (first, second)]
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
    """Rows to show: what, the first's, the second's, and where it says something the ratio of the
    two, or what the second gains with its 95 % interval.
    """
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
    for direction in found.catalog.directions:
        rows += _catalog_rows(found, direction)
    return rows + [
        (f"held out · {path.replace('_to_', ' → ')}", _figure(values[0]), _figure(values[1]), "")
        for path, values in found.held_out.items()
        if not path.endswith("queries")
    ]


def _catalog_rows(found: Comparison, direction: Direction) -> list[tuple[str, str, str, str]]:
    figures, gains = direction.figures(), direction.gains(found.seed)
    return [
        (
            f"{found.asked} · {direction.name} · {name}",
            _figure(figures[name][0]),
            _figure(figures[name][1]),
            "{:+.3f} [{:+.3f}, {:+.3f}]".format(*gains[name]) if name in gains else "",
        )
        for name in SHOWN
        if name in figures
    ]


def notes(found: Comparison) -> list[str]:
    """What the figures are of, and what was not measured, and why; a line each."""
    catalog = found.catalog
    rows = [side.row for side in found.sides]
    drawn = f"{catalog.items:,}" + f" of {catalog.of:,}" * (catalog.items < catalog.of)
    said = [
        (
            f"catalog: {drawn} items that both hold ask for one another, in all their languages "
            "together; an equal title counts as found."
        )
    ]
    said += [
        f"{row.name}: its head saw {seen:,} of these items in training, so the catalog's figures say "
        "how well they are found, not how well new items will be."
        for row, seen in dict(zip(rows, catalog.seen, strict=True)).items()
        if seen
    ]
    said += [
        f"{row.name}: {_held_out_note(row)}"
        for row in dict.fromkeys(rows)
        if not _flat(row.metrics.get("held_out", {}))
    ]
    for direction in catalog.directions:
        lacking = [r.name for r, s in zip(rows, direction.sides, strict=True) if s is None]
        if lacking:
            said.append(
                f"{direction.name}: not measured in {' and '.join(dict.fromkeys(lacking))}: fewer than "
                f"{MIN_QUERIES} of the items can be asked with and for there."
            )
    return said


def _held_out_note(row: EmbeddingSpace) -> str:
    _, source = _held_out(row)
    if source:
        return f"its head, and so its held-out figures, are those of {source!r}."
    if "made_from" in row.metrics:
        why = f"its head is that of {row.metrics['made_from']!r}, which has none"
    elif not row.trained:
        why = "only training stores them, and it was not trained"
    else:
        why = "it was trained on too few items to hold some out"
    return f"held-out figures not measured: {why}."


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _ms(what: str, first: float, second: float) -> tuple[str, str, str, str]:
    return what, f"{first:.2f} ms", f"{second:.2f} ms", _ratio(second, first)


def _mib(what: str, first: int, second: int) -> tuple[str, str, str, str]:
    return what, f"{first / 2**20:.1f} MiB", f"{second / 2**20:.1f} MiB", _ratio(second, first)


def _ratio(value: float, base: float) -> str:
    return f"{value / base:.2f}" if base else ""
