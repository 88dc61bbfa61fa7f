"""Test-time crops: a picture is the mean of its views' unit vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from retrieval.exceptions import EncoderUnavailable
from retrieval.fusion import pool
from retrieval.preprocess.image import Crop, Pixels, views
from retrieval.types import Vectors

WHOLE: tuple[Crop, ...] = ("whole",)
"""The default: one view, as without crops."""


@dataclass(frozen=True, slots=True)
class Crops:
    """The option ``crops`` of an encoder of pictures: values of ``retrieval.preprocess.image.views``."""

    names: Sequence[Crop]

    def __post_init__(self) -> None:
        """Raises EncoderUnavailable."""
        known = get_args(Crop)
        given = [self.names] if isinstance(self.names, str) else list(self.names)
        if isinstance(self.names, str) or not given or not set(given) <= set(known):
            raise EncoderUnavailable(
                f"crops={self.names!r}: a list of one or more of {', '.join(known)} is needed."
            )

    @property
    def identity(self) -> dict[str, Any]:
        """For the fingerprint: nothing for the whole picture alone, which is what no crops are."""
        names = list(self.names)
        return {} if names == list(WHOLE) else {"crops": names}

    def averaged(
        self,
        pictures: Sequence[Pixels],
        size: int,
        encode: Callable[[Sequence[Pixels]], Vectors],
    ) -> Vectors:
        """Unit rows, (n, dim); ``encode`` gives those of at most ``size`` views at once."""
        seen = [views(picture, self.names) for picture in pictures]
        flat = [view for own in seen for view in own]
        parts = [encode(flat[start : start + size]) for start in range(0, len(flat), size)]
        owners = np.repeat(np.arange(len(seen)), [len(own) for own in seen])
        return pool(np.concatenate(parts), owners, len(seen))
