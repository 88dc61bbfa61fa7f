"""What everybody could do: the baselines that Triad is measured against."""

import importlib
import importlib.util
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from recommender.collaborative import Ease, Interactions, ItemKnn, MatrixFactorization
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.protocols import Split

Scores = NDArray[np.float32]


class Scorer(Protocol):
    """A way to score every item for some visitors of a split."""

    label: str

    def fit(self, dataset: Dataset, split: Split) -> None:
        """Learn from ``split.train``."""
        ...

    def scores(self, rows: NDArray[np.int64]) -> Scores:
        """(b,) numbers of visitors to (b, n_items), higher is better, seen items like others."""
        ...


@dataclass
class Random:
    """Nothing is better than anything: ties are broken at random."""

    label: str = "random"

    def fit(self, dataset: Dataset, split: Split) -> None:
        """Nothing to learn."""
        self.n = dataset.n_items

    def scores(self, rows: NDArray[np.int64]) -> Scores:
        """Zeros."""
        return np.zeros((len(rows), self.n), np.float32)


@dataclass
class Popular:
    """What most visitors had, for everybody."""

    label: str = "popular"

    def fit(self, dataset: Dataset, split: Split) -> None:
        """Counts."""
        self.counts = np.asarray(split.train.sum(0), np.float32).ravel()

    def scores(self, rows: NDArray[np.int64]) -> Scores:
        """The same for each visitor."""
        return np.tile(self.counts, (len(rows), 1))


@dataclass
class Collaborative:
    """One of the project's own models over the whole history, everything in it counting the same."""

    label: str
    model: Any

    def fit(self, dataset: Dataset, split: Split) -> None:
        """As ``recommender.collaborative`` does."""
        self.train = split.train
        self.model.fit(Interactions(split.train, np.arange(dataset.n_items)))

    def scores(self, rows: NDArray[np.int64]) -> Scores:
        """The model's."""
        return np.asarray(self.model.scores(self.train[rows]), np.float32)


@dataclass
class ImplicitAls:
    """ALS of the package ``implicit``, with the settings of the project's own."""

    label: str = "ALS (implicit)"

    def fit(self, dataset: Dataset, split: Split) -> None:
        """On one thread: its results then do not depend on their number."""
        # by name: it need not be installed
        implicit_als = importlib.import_module("implicit.als")
        own = MatrixFactorization()
        self.train = split.train
        self.model = implicit_als.AlternatingLeastSquares(
            factors=own.factors,
            regularization=own.regularization,
            alpha=own.confidence,
            iterations=own.iterations,
            random_state=own.seed,
            num_threads=1,
            use_gpu=False,
        )
        self.model.fit(split.train, show_progress=False)

    def scores(self, rows: NDArray[np.int64]) -> Scores:
        """Inner products of the factors."""
        return np.asarray(self.model.user_factors[rows] @ self.model.item_factors.T, np.float32)


@dataclass
class TfIdf:
    """Cosines of the items' words with those of the history, summed."""

    label: str = "TF-IDF"

    def fit(self, dataset: Dataset, split: Split) -> None:
        """Words are runs of two or more letters or digits; idf is smoothed."""
        self.train, self.words = split.train, tf_idf(dataset.texts)

    def scores(self, rows: NDArray[np.int64]) -> Scores:
        """Reads what the items are, so it knows new ones."""
        found = (self.train[rows] @ self.words) @ self.words.T
        return np.asarray(found.toarray(), np.float32)


def tf_idf(texts: Sequence[str]) -> csr_matrix:
    """(n, words), unit rows: counts times ``ln((1 + n) / (1 + df)) + 1``; zeros without words."""
    vocabulary: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(texts):
        words = re.findall(r"\w\w+", text.lower())
        rows += [row] * len(words)
        columns += [vocabulary.setdefault(word, len(vocabulary)) for word in words]
    counts = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts), len(vocabulary)))
    counts.sum_duplicates()
    frequency = np.bincount(counts.indices, minlength=len(vocabulary))
    weighted = counts @ diags(np.log((1 + len(texts)) / (1 + frequency)) + 1)
    lengths = np.sqrt(np.asarray(weighted.power(2).sum(1)).ravel())
    return csr_matrix(diags(1 / np.where(lengths > 0, lengths, 1)) @ weighted)


def als() -> Scorer:
    """That of ``implicit`` where it is installed, else the project's own, which says so."""
    if importlib.util.find_spec("implicit"):
        return ImplicitAls()
    return Collaborative("ALS (own: implicit is not installed)", MatrixFactorization())


BASELINES: Final[dict[str, Callable[[], Scorer]]] = {
    "random": Random,
    "popular": Popular,
    "item-knn": lambda: Collaborative("item-kNN", ItemKnn()),
    "ease": lambda: Collaborative("EASE", Ease()),
    "als": als,
    "tf-idf": TfIdf,
}
