"""What the approximate search of a space misses, and the setting that misses little enough."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.models import Item
from retrieval import index, probes
from retrieval.exceptions import SpaceConflict
from retrieval.models import EmbeddingSpace
from retrieval.spaces import partition_of

NEIGHBOURS = 10
TARGET = 0.99
QUERIES = 100
# 40 is pgvector's default: a little catalog passes with less, and outgrows it unnoticed
STEPS = (40, 60, 80, 100, 150, 200, 300, 400, 600, 1000)
CONFIDENCE_Z = 1.96
# of a query that is no item, as words are none: its cosine with the item it is made from is .7
NOISE = 1.0
ROUNDING = 1e-6  # of scores: items equally near are equally good answers


@dataclass(frozen=True, slots=True)
class Step:
    """One setting: recall@10 with its 95 % interval over the queries, and the time of a search."""

    ef_search: int
    recall: float
    interval: tuple[float, float]
    noise_recall: float
    """Of the queries that are no items."""
    p50_ms: float
    exact_ratio: float
    """The exact search's p50 over this one's; the two took turns."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """``chosen``: the least setting that reaches the target, else the greatest."""

    target: float
    queries: int
    in_use: bool
    """Whether searches go down the index; else Postgres reads every row, quicker and exactly."""
    exact_p50_ms: float
    steps: tuple[Step, ...]
    chosen: Step

    @property
    def reached(self) -> bool:
        """Whether the chosen setting reaches the target."""
        return self.chosen.recall >= self.target

    def as_dict(self) -> dict[str, Any]:
        """For the space's metrics."""
        return {
            "ef_search": self.chosen.ef_search,
            "recall@10": round(self.chosen.recall, 4),
            "interval": [round(bound, 4) for bound in self.chosen.interval],
            "target": self.target,
            "queries": self.queries,
            "p50_ms": round(self.chosen.p50_ms, 3),
            "exact_ratio": round(self.chosen.exact_ratio, 2),
        }


def measure(
    row: EmbeddingSpace,
    *,
    target: float = TARGET,
    queries: int = QUERIES,
    steps: Sequence[int] = STEPS,
    seed: int = 0,
) -> Tuning:
    """Search for sampled items and for as many points beside items, exactly and by each setting
    through the HNSW index, even where Postgres would rather read every row.

    Raises SpaceConflict for a space with hardly any vectors, or whose index does not serve.
    """
    partition = partition_of(row)
    asked = _queries(partition, queries, seed)
    in_use = _scans_index(partition, asked[0])  # first: in a transaction the other asking stays set
    if not _scans_index(partition, asked[0], through_index=True):
        raise SpaceConflict(
            f"The index {partition.fused_index!r} does not serve searches, so there is nothing to "
            f"measure. If it is invalid, REINDEX TABLE {partition.name}; if it is gone, make a new space "
            f"with `manage.py space create NAME --from {row.name!r}`."
        )
    times: dict[int, list[float]] = {0: [], **{ef: [] for ef in steps}}
    recalls: dict[int, list[float]] = {ef: [] for ef in steps}
    for vector in asked:
        best = _timed(times[0], partition, vector, exact=True)
        worst = min(score for _, score in best) - ROUNDING if best else 0.0
        for ef in steps:
            found = _timed(times[ef], partition, vector, ef_search=ef, through_index=True)
            good = sum(score >= worst for _, score in found)
            recalls[ef].append(good / len(best) if best else 1.0)
    exact_ms = float(np.median(times[0]))
    measured = tuple(_step(ef, recalls[ef], times[ef], exact_ms) for ef in sorted(steps))
    enough = [step for step in measured if step.recall >= target]
    return Tuning(
        target=target,
        queries=len(asked),
        in_use=in_use,
        exact_p50_ms=exact_ms,
        steps=measured,
        chosen=enough[0] if enough else measured[-1],
    )


def space_tuned(row: EmbeddingSpace, tuning: Tuning) -> None:
    """Let the space's searches use the chosen setting; commits.

    Raises SpaceConflict, and stores nothing, while searches do without the index: what a catalog
    that small needs says little of what it needs when it has grown into one.
    """
    if not tuning.in_use:
        raise SpaceConflict(
            f"Nothing was stored, ef_search of {row.name!r} stays {row.ef_search}: the catalog is too "
            "small to need its index, searches read every vector, exactly and quicker. Tune again "
            "when it has grown."
        )
    row.ef_search = tuning.chosen.ef_search
    row.metrics = {**row.metrics, "index": tuning.as_dict()}
    row.save(update_fields=["ef_search", "metrics"])


def modality_indexes_set(row: EmbeddingSpace, *, on: bool) -> None:
    """Make or drop the modalities' own indexes; searches use them once all are there. Commits."""
    if not on:  # searches leave them before they go
        row.modality_indexes = False
        row.save(update_fields=["modality_indexes"])
        index.modality_indexes_drop(partition_of(row))
        return
    index.modality_indexes_make(partition_of(row))
    row.modality_indexes = True
    row.save(update_fields=["modality_indexes"])


def recall_probe(probe: probes.Probe) -> list[int]:
    """What a probed search should have found. Empty if its space is gone."""
    row = EmbeddingSpace.objects.defer("head").filter(pk=probe.space_id).first()
    if row is None or row.state == EmbeddingSpace.State.RETIRED or not probe.found:
        return []
    best = index.nearest(
        partition_of(row),
        probe.vector,
        len(probe.found),
        items=Item.objects.visible(),
        exact=True,
    )
    return [item_id for item_id, _ in best]


def _queries(partition: index.Partition, count: int, seed: int) -> list[NDArray[np.float32]]:
    """Half of them vectors of items, half beside such."""
    ids = index.embedded_ids(partition)
    if len(ids) < NEIGHBOURS:
        raise SpaceConflict(
            f"The space holds {len(ids)} vectors, too few to measure its index: embed the catalog "
            "first (`manage.py embed`)."
        )
    rng = np.random.default_rng(seed)
    chosen = [ids[n] for n in sorted(rng.choice(len(ids), min(count, len(ids)), replace=False))]
    stored = index.vectors(partition, chosen)
    found = [stored[item_id]["fused"].astype(np.float32) for item_id in chosen if item_id in stored]
    return [_beside(vector, rng) if n % 2 else vector for n, vector in enumerate(found)]


def _beside(vector: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    noise = rng.standard_normal(len(vector)).astype(np.float32)
    length = float(np.linalg.norm(vector))
    moved = vector + NOISE * length * noise / np.linalg.norm(noise)
    return np.asarray(moved * (length / np.linalg.norm(moved)), np.float32)


def _scans_index(
    partition: index.Partition, vector: NDArray[np.float32], *, through_index: bool = False
) -> bool:
    return index.scans_index(
        partition, vector, NEIGHBOURS, items=Item.objects.visible(), through_index=through_index
    )


def _timed(
    times: list[float], partition: index.Partition, vector: NDArray[np.float32], **how: Any
) -> list[tuple[int, float]]:
    started = time.perf_counter()
    found = index.nearest(
        partition, vector, NEIGHBOURS, items=Item.objects.visible(), probed=False, **how
    )
    times.append((time.perf_counter() - started) * 1000)
    return found


def _step(ef: int, recalls: Sequence[float], times: Sequence[float], exact_ms: float) -> Step:
    mean = float(np.mean(recalls))
    margin = CONFIDENCE_Z * float(np.std(recalls)) / len(recalls) ** 0.5
    p50_ms = float(np.median(times))
    return Step(
        ef_search=ef,
        recall=mean,
        interval=(max(0.0, mean - margin), min(1.0, mean + margin)),
        noise_recall=float(np.mean(recalls[1::2])) if len(recalls) > 1 else mean,
        p50_ms=p50_ms,
        exact_ratio=exact_ms / p50_ms,
    )


def table(tuning: Tuning) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Rows to show: ef_search, recall, its interval, of noise, p50, exact search's p50 over it."""
    for step in tuning.steps:
        low, high = step.interval
        yield (
            f"{step.ef_search}{' ←' if step is tuning.chosen else ''}",
            f"{step.recall:.4f}",
            f"{low:.4f} to {high:.4f}",
            f"{step.noise_recall:.4f}",
            f"{step.p50_ms:.2f}",
            f"{step.exact_ratio:.2f}",
        )
