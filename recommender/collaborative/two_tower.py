"""Two towers: an item is what it is plus what people do with it, a visitor what they used. Pure.

Scores are inner products, so that an index finds the best. torch learns; numpy does the rest.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.collaborative import storage
from recommender.collaborative.interactions import Interactions, Progress

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Towers:
    """Items' vectors, as they are stored."""

    vectors: Vectors
    """(n, factors + 1): to be found. The last number is how much the item is used whoever comes."""
    contexts: Vectors
    """(n, factors): what having used the item says of a visitor."""


@dataclass
class TwoTower:
    """An item's vectors are a linear function of its content plus a residual of its own.

    The residual learns from events, and is left out at random while learning, so that content alone
    places an item that has none. A visitor is a weighted mean of the contexts of what they used.
    """

    factors: int = 64
    epochs: int = 200
    """At most; learning stops once held-out items are no longer found better."""
    patience: int = 30
    """Epochs without a better result before it stops: at first it learns who is popular, then little for
    some twenty epochs (MovieLens 100K).
    """
    batch: int = 256
    learning_rate: float = 0.005
    item_dropout: float = 0.1
    """Share of the items with content whose residual is left out in a step. Validation data, .1 against .3:
    MovieLens 100K NDCG@10 .063 and .054, untouched items of the Debian graph HR@10 .61 and .56.
    """
    history_dropout: float = 0.5
    """Share of a visitor's items that are to be found from the others."""
    decay: float = 1e-5
    """L2 penalty on all parameters, in each step."""
    negatives: int = 4_096
    """Items a softmax is taken over; all of them where there are no more."""
    seed: int = 0
    item_ids: NDArray[np.int64] = field(init=False, repr=False)
    residuals: Towers = field(init=False, repr=False)
    """Of the items learned from; zeros for one nobody touched."""
    of_content: Towers = field(init=False, repr=False)
    """(content_dim, …): the linear functions."""
    towers: Towers = field(init=False, repr=False)
    """Of the items it was fitted with."""

    def fit(
        self,
        interactions: Interactions,
        content: Vectors | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """``content`` (n_items, content_dim): zeros for an item without; None learns from events alone.

        Raises NothingToLearn; ValueError for content that does not fit. The same seed on the same
        machine gives the same model.
        """
        from recommender.collaborative.two_tower_training import learn

        interactions.check()
        n = len(interactions.item_ids)
        content = np.zeros((n, 0), np.float32) if content is None else content
        if content.shape[0] != n or not np.isfinite(content).all():
            raise ValueError(
                f"content of shape {content.shape} must be finite, a row for each of {n}"
            )
        self.item_ids = interactions.item_ids
        content = np.ascontiguousarray(content, np.float32)
        learned = learn(self, interactions.visitors.tocsr(), content, progress)
        self.of_content, self.residuals = learned
        self.towers = self._towers(content, self.residuals)
        return self

    def place(self, content: Vectors) -> Towers:
        """Vectors of items by what they are alone, (n, content_dim); new items mostly."""
        n = len(content)
        none = Towers(
            np.zeros((n, self.factors + 1), np.float32), np.zeros((n, self.factors), np.float32)
        )
        return self._towers(content, none)

    def _towers(self, content: Vectors, residuals: Towers) -> Towers:
        return Towers(
            content @ self.of_content.vectors + residuals.vectors,
            content @ self.of_content.contexts + residuals.contexts,
        )

    def visitors(self, history: csr_matrix) -> Vectors:
        """(b, n_items) to (b, factors + 1)."""
        x = history.astype(np.float32)
        squares = np.asarray(x.power(2).sum(axis=1)).reshape(-1, 1)
        return visitor_vectors(np.asarray(x @ self.towers.contexts), squares)

    def scores(self, history: csr_matrix) -> NDArray[np.float32]:
        """(b, n_items) to (b, n_items), higher is better."""
        return self.visitors(history) @ self.towers.vectors.T

    def to_bytes(self, *, items: bool = True) -> bytes:
        """What ``from_bytes`` reads; without ``items`` only what ``place`` needs."""
        arrays: dict[str, NDArray[Any]] = {"item_ids": self.item_ids} if items else {}
        for name in PARTS if items else ("of_content",):
            part: Towers = getattr(self, name)
            arrays |= {f"{name}.vectors": part.vectors, f"{name}.contexts": part.contexts}
        return storage.to_bytes("two-tower", storage.settings_of(self), arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The model again, or what was kept of it. Raises ValueError for anything else."""
        settings, arrays = storage.from_bytes("two-tower", data)
        model = cls(**settings)
        if "item_ids" in arrays:
            model.item_ids = arrays["item_ids"]
        for name in PARTS:
            if f"{name}.vectors" in arrays:
                part = Towers(arrays[f"{name}.vectors"], arrays[f"{name}.contexts"])
                setattr(model, name, part)
        return model

    def save(self, path: str | Path) -> None:
        """As safetensors."""
        storage.write(path, self.to_bytes())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What was saved. Raises ValueError for another file."""
        return cls.from_bytes(storage.read(path))


PARTS: Final = ("residuals", "of_content", "towers")


def visitor_vectors(summed: Vectors, squares: Vectors) -> Vectors:
    """Visitors' vectors, (b, factors + 1): contexts weighted by strength, and a 1.

    ``summed`` is (b, factors), Σ strength · context; ``squares`` (b, 1), Σ strength². Divided by its root
    a longer history says more, but not as much more as it is longer. The 1 meets the last number of an
    item's vector.
    """
    length = np.sqrt(squares)
    mean = np.divide(summed, length, out=np.zeros_like(summed), where=length > 0)
    return np.concatenate([mean, np.ones_like(length)], axis=1).astype(np.float32)
