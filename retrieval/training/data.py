"""What a head learns from: encoder outputs of a catalog's items."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from retrieval.types import MODALITIES, Modality, Vectors


@dataclass(frozen=True, slots=True)
class Rows:
    """Encoder output of one modality; an item may have several rows, or none."""

    items: NDArray[np.int64]
    """(n,), index of the item in ``TrainingSet.labels``."""
    vectors: Vectors
    """float32, (n, d), as the encoder gave them; (0, d) if there are none."""


@dataclass(frozen=True, slots=True)
class TextRows(Rows):
    """Text rows know their language."""

    languages: NDArray[np.str_]
    """(n,)."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Concepts an encoder can name: ``features`` (n, d) as offsets from its mean, and the text
    encoder's ``texts`` (n, d_text) of their names. See ``retrieval.encoders.anchors_for``.
    """

    features: Vectors
    texts: Vectors


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a head learns from. ``labels``, (n_items,): equal ones name the same thing."""

    labels: NDArray[np.int64]
    text: TextRows
    image: Rows
    audio: Rows
    anchors: Mapping[Modality, Anchors] = field(default_factory=dict)
    further: Mapping[Modality, Rows] = field(default_factory=dict)
    """Augmented copies of rows: learned from only, neither candidates nor judges."""

    def modality(self, name: Modality) -> Rows:
        """The rows of a modality."""
        rows: Rows = getattr(self, name)
        return rows

    def learned(self, name: Modality) -> Rows:
        """The rows of a modality, and the augmented copies behind them."""
        rows = self.modality(name)
        if name not in self.further:
            return rows
        more = self.further[name]
        return Rows(
            np.concatenate([rows.items, more.items]), np.concatenate([rows.vectors, more.vectors])
        )

    def subset(self, items: NDArray[np.int64]) -> "TrainingSet":
        """Only these items, renumbered in this order; the anchors stay."""
        position = np.full(len(self.labels), -1)
        position[items] = np.arange(len(items))
        kept = {name: position[self.modality(name).items] for name in MODALITIES}
        text, image, audio = (kept[name] >= 0 for name in MODALITIES)
        owners = {name: position[rows.items] for name, rows in self.further.items()}
        return TrainingSet(
            labels=self.labels[items],
            text=TextRows(kept["text"][text], self.text.vectors[text], self.text.languages[text]),
            image=Rows(kept["image"][image], self.image.vectors[image]),
            audio=Rows(kept["audio"][audio], self.audio.vectors[audio]),
            anchors=self.anchors,
            further={
                name: Rows(owners[name][owners[name] >= 0], rows.vectors[owners[name] >= 0])
                for name, rows in self.further.items()
            },
        )
