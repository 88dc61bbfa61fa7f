"""Every direction of retrieval, measured on the vectors a space holds of the catalog's own items.

The items ask for themselves: an item's words look for its picture, its sound for its words. What has
an equal label is relevant too. These are items the head was trained on; a task says so, and whether
what is asked with is part of what is looked for.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval import encoders, spaces
from retrieval.evaluation.metrics import (
    PerQuery,
    intervals,
    means,
    ranked_metrics,
    ratio_interval,
    relevant_ranks,
)
from retrieval.evaluation.stored import Progress, Stored, read
from retrieval.preprocess.text import normalise
from retrieval.types import Modality, Vectors

ALL = "all"
"""Stands for an item's words in all its languages: the stored text vector."""
MAX_ITEMS = 20_000
"""Candidates are at most so many items: with 7 languages their texts take 500 MB."""
MAX_LANGUAGES = 8
SAMPLE = 1_000
MIN_QUERIES = 10
"""Fewer say nothing: such a row is left out."""
BLOCK = 128
"""Queries scored at once: with 20,000 candidates a block takes 40 MB."""
ENCODE_BATCH = 64
MEDIA: tuple[Modality, ...] = ("image", "audio")


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One direction in one language.

    ``own`` says that what asks is part of what is looked for, ``left_out`` what was taken out of
    the fused vectors so that it is not.
    """

    source: str
    target: str
    language: str
    candidates: int
    items: NDArray[np.int64]
    """(queries,), who asked."""
    values: PerQuery
    own: bool = False
    left_out: str = ""

    @property
    def name(self) -> str:
        """Such as ``text → fused without these words``."""
        return _name(self.source, self.target, self.left_out)

    def as_json(self, seed: int) -> dict[str, Any]:
        """Means and intervals, rounded to what they mean."""
        bounds = intervals(self.values, seed)
        return {
            "source": self.source,
            "target": self.target,
            "language": self.language,
            "left_out": self.left_out,
            "queries": len(self.items),
            "candidates": self.candidates,
            "own_content_in_target": self.own,
            "metrics": {name: round(mean, 4) for name, mean in means(self.values).items()},
            "intervals": {
                name: [round(low, 4), round(high, 4)] for name, (low, high) in bounds.items()
            },
        }


@dataclass(frozen=True, slots=True)
class CatalogResult:
    """All tasks on one space."""

    stored: Stored
    tasks: Sequence[TaskResult]
    languages: Sequence[str]
    main_language: str

    def ratios(self, seed: int) -> list[dict[str, Any]]:
        """Each language's R@10 over the main language's, on the items that asked in both."""
        found = []
        for task in self.tasks:
            base = self._task(task, self.main_language)
            if task.language in (ALL, self.main_language) or base is None:
                continue
            both = np.intersect1d(task.items, base.items)
            if len(both) < MIN_QUERIES:
                continue
            above, below = (
                one.values["r@10"][np.searchsorted(one.items, both)] for one in (task, base)
            )
            ratio, low, high = ratio_interval(above, below, seed)
            found.append(
                {
                    "task": task.name,
                    "ratio": f"{task.language}/{self.main_language}",
                    "items": len(both),
                    "r@10": _rounded(ratio),
                    "interval": [_rounded(low), _rounded(high)],
                }
            )
        return found

    def _task(self, like: TaskResult, language: str) -> TaskResult | None:
        key = (like.source, like.target, like.left_out)
        for task in self.tasks:
            if (task.source, task.target, task.left_out) == key and task.language == language:
                return task
        return None


def _rounded(value: float) -> float | None:
    return round(value, 3) if np.isfinite(value) else None  # JSON has no NaN


def evaluate_catalog(
    space: spaces.Space,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    languages: Sequence[str] = (),
    limit: int = MAX_ITEMS,
    progress: Progress | None = None,
) -> CatalogResult:
    """Measure every direction; each asks with up to ``sample`` items, drawn by ``seed``.

    ``languages`` are the most frequent MAX_LANGUAGES unless given. Titles are encoded here as
    queries, as a search would; everything else is read.
    """
    stored = read(space, limit=limit, seed=seed, progress=progress)
    languages = languages or _frequent(stored)
    world = World(space, stored, sample, np.random.default_rng(seed).permutation(stored.count))
    queries = {
        language: _encoded_titles(space, stored, language, world, progress)
        for language in languages
    }
    tasks = list(world.tasks(queries, progress))
    own = Counter(stored.languages.tolist()).most_common(1)
    return CatalogResult(stored, tasks, languages, own[0][0] if own else "")


def _frequent(stored: Stored) -> list[str]:
    counts = Counter(language for titles in stored.titles for language in titles)
    return [language for language, _ in counts.most_common(MAX_LANGUAGES)]


Asked = tuple[NDArray[np.int64], Vectors]
"""Items that ask, ascending, and their query vectors."""


@dataclass(frozen=True, slots=True)
class World:
    """The stored items, and who of them asks: the first ``sample`` in ``order`` that can."""

    space: spaces.Space
    stored: Stored
    sample: int
    order: NDArray[np.int64]

    def drawn(self, eligible: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Up to ``sample`` of the eligible items, ascending; the same order whatever the task, so
        that languages are compared on the same items.
        """
        return np.sort(self.order[eligible[self.order]][: self.sample])

    def asking(self, has: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Of the items whose title ``has`` a language, all that any task will draw."""
        labels = self.stored.labels
        targets = (labels[self.stored.present[target]] for target in MEDIA)
        draws = [self.drawn(has & np.isin(labels, found)) for found in targets]
        return np.unique(np.concatenate([self.drawn(has), *draws]))

    def tasks(
        self, queries: dict[str, Asked], progress: Progress | None, only: Sequence[str] = ()
    ) -> Iterator[TaskResult]:
        """All that the catalog has enough items for; of the names in ``only``, if any."""
        every = [*self._from_text(queries), *self._to_text(queries), *self._media()]
        made = [
            (task, arguments)
            for task, arguments in every
            if not only or _name(task["source"], task["target"], task.get("left_out", "")) in only
        ]
        for done, (task, arguments) in enumerate(made):
            if progress:
                progress("ranking", done, len(made))
            result = self._ranked(**task, **arguments())
            if result is not None:
                yield result
        if progress:
            progress("ranking", len(made), len(made))

    def _from_text(self, queries: dict[str, Asked]) -> Iterator[tuple[dict[str, Any], Any]]:
        asked = {ALL: self._askers("text"), **queries}
        for target in MEDIA:
            for language, own in asked.items():
                yield _task("text", target, language), lambda o=own, t=target: self._column(o, t)
        for language, own in asked.items():
            yield _task("text", "fused", language, own=True), lambda o=own: self._fused(o)
            yield (
                _task("text", "fused", language, left_out="without these words"),
                lambda o=own, s=language: self._without_language(o, s),
            )

    def _to_text(self, queries: dict[str, Asked]) -> Iterator[tuple[dict[str, Any], Any]]:
        for source in MEDIA:
            asked = self._askers(source)
            yield _task(source, "text", ALL), lambda a=asked: self._column(a, "text")
            for language in queries:
                yield (
                    _task(source, "text", language),
                    lambda a=asked, s=language: self._texts_in(a, s),
                )

    def _media(self) -> Iterator[tuple[dict[str, Any], Any]]:
        yield _task("image", "image", ""), self._pictures
        for source in MEDIA:
            asked = self._askers(source)
            yield _task(source, "fused", "", own=True), lambda a=asked: self._fused(a)
            yield (
                _task(source, "fused", "", left_out=f"without {source}"),
                lambda a=asked, s=source: self._without_modality(a, s),
            )

    def _askers(self, modality: Modality) -> Asked:
        items = np.flatnonzero(self.stored.present[modality])
        return items, self.stored.vectors[modality][items]

    def _column(self, asked: Asked, target: Modality) -> dict[str, Any]:
        rows = np.flatnonzero(self.stored.present[target])
        return {"asked": asked, "candidates": self.stored.vectors[target][rows], "owners": rows}

    def _texts_in(self, asked: Asked, language: str) -> dict[str, Any]:
        vectors, present = self.stored.texts_pooled(self.stored.texts.marks == language)
        rows = np.flatnonzero(present)
        return {"asked": asked, "candidates": vectors[rows], "owners": rows}

    def _fused(self, asked: Asked) -> dict[str, Any]:
        every = np.arange(self.stored.count)
        items, vectors = asked
        return {
            "asked": (items, self.space.head.fused_query(vectors)),
            "candidates": self.stored.fused,
            "owners": every,
        }

    def _without_language(self, asked: Asked, language: str) -> dict[str, Any]:
        marks = self.stored.texts.marks
        kept = np.zeros(len(marks), bool) if language == ALL else marks != language
        return self._fused_again(asked, {"text": self.stored.texts_pooled(kept)})

    def _without_modality(self, asked: Asked, modality: Modality) -> dict[str, Any]:
        gone = np.zeros(self.stored.count, bool)
        return self._fused_again(asked, {modality: (self.stored.vectors[modality], gone)})

    def _fused_again(
        self, asked: Asked, changed: dict[Modality, tuple[Vectors, NDArray[np.bool_]]]
    ) -> dict[str, Any]:
        """Fused vectors of what is left; an item with nothing left is no candidate."""
        head = self.space.head
        vectors = {name: self.stored.vectors[name] for name in head.modalities}
        present = {name: self.stored.present[name] for name in head.modalities}
        for name in changed.keys() & set(head.modalities):  # a profile may lack some
            vectors[name], present[name] = changed[name]
        left = np.flatnonzero(np.any([present[name] for name in head.modalities], axis=0))
        fused, _ = head.fuse(
            {name: rows[left] for name, rows in vectors.items()},
            {name: has[left] for name, has in present.items()},
            normalised=self.space.partition.metric == "cosine",
        )
        items, asked_vectors = asked
        return {
            "asked": (items, head.fused_query(asked_vectors)),
            "candidates": fused,
            "owners": left,
        }

    def _pictures(self) -> dict[str, Any]:
        """Each picture looks for the others of its item and of items with its label."""
        pictures = self.stored.images
        labels = self.stored.labels[pictures.items]
        same = Counter(set(zip(labels.tolist(), pictures.marks.tolist(), strict=True)))
        several = Counter(label for label, _ in same)
        first = np.zeros(len(labels), bool)
        first[np.unique(pictures.items, return_index=True)[1]] = True
        eligible = first & np.array([several[int(label)] > 1 for label in labels], bool)
        rows = np.flatnonzero(eligible)
        return {
            "asked": (pictures.items[rows], pictures.vectors[rows]),
            "candidates": pictures.vectors,
            "owners": pictures.items,
            "hidden": pictures.marks[rows][:, None] == pictures.marks[None],
        }

    def _ranked(
        self,
        *,
        asked: Asked,
        candidates: Vectors,
        owners: NDArray[np.int64],
        hidden: NDArray[np.bool_] | None = None,
        **task: Any,
    ) -> TaskResult | None:
        """Rank the candidates for everybody who has something relevant among them."""
        items, vectors = asked
        labels = self.stored.labels
        eligible = np.isin(np.arange(self.stored.count), items) & np.isin(labels, labels[owners])
        has = np.isin(items, self.drawn(eligible))
        items, vectors = items[has], vectors[has]
        if len(items) < MIN_QUERIES:
            return None
        # |q - c|² falls as q·c - |c|²/2 rises; modalities' own rows are unit, whatever the metric
        squares = (candidates**2).sum(1)
        bias = -squares / 2 if self.space.partition.metric == "euclidean" else 0 * squares
        blocks = []
        for start in range(0, len(items), BLOCK):
            part = slice(start, start + BLOCK)
            scores = vectors[part] @ candidates.T + bias
            relevant = labels[items[part]][:, None] == labels[owners][None]
            if hidden is not None:
                scores[hidden[has][part]] = -np.inf
                relevant &= ~hidden[has][part]
            blocks.append(ranked_metrics(relevant_ranks(scores, relevant), relevant.sum(1)))
        values = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        return TaskResult(candidates=len(owners), items=items, values=values, **task)


def _name(source: str, target: str, left_out: str) -> str:
    return f"{source} → {target}" + (f" {left_out}" if left_out else "")


def _task(source: str, target: str, language: str, **more: Any) -> dict[str, Any]:
    return {"source": source, "target": target, "language": language, **more}


def _encoded_titles(
    space: spaces.Space,
    stored: Stored,
    language: str,
    world: World,
    progress: Progress | None,
) -> Asked:
    """Titles in one language as queries; none if the profile reads no words."""
    has = np.array([language in titles for titles in stored.titles], bool)
    items = world.asking(has)
    if "text" not in encoders.modalities(space.profile):
        return items[:0], np.zeros((0, space.head.dim), np.float32)
    encoder = encoders.encoder_for("text", space.profile)
    titles = [normalise(stored.titles[item][language]) for item in items]
    parts = [np.zeros((0, encoder.dim), np.float32)]
    for start in range(0, len(titles), ENCODE_BATCH):
        parts.append(encoder.encode("text", titles[start : start + ENCODE_BATCH], role="query"))
        if progress:
            done = min(start + ENCODE_BATCH, len(titles))
            progress(f"encoding titles ({language})", done, len(titles))
    return items, space.head.project("text", np.concatenate(parts), role="query")
