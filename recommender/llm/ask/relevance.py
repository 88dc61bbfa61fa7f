"""Whether the catalog has what is asked for, and which items are worth citing. Pure.

Measured by ``python -m benchmarks.ask`` on hand-written questions in six languages about the demo catalog;
half of them chose these numbers, the rest was kept aside.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

BEST: Final = 3
"""So many of the nearest items count: one item may be near by accident."""
WORDS: Final = 0.4
"""What it adds that an item has all the words and is what they mean."""
AGREED: Final = 0.6
"""Cosine with the question from which an item that has the words is taken for what they mean. A shop's
"commande" is an order, the catalog's a key: .35; VAT is a vat: .04."""
NAMED: Final = 0.2
"""What it adds that the question names a category."""
CERTAIN: Final = 1.0
"""What is asked for is the name of a category that has items: no word needs to occur, in no language."""
LEAST_EVIDENCE: Final = 0.53
"""These four are the best of a grid by the mean share of questions of the development set that are told
apart: AUC .951 where words that count whatever the item means, and whether they occur at all, had .944."""
TOGETHER: Final = 1.0
"""How much it counts to be near to every word alone. "Animals that fly" as a whole is near to airplanes;
near to "animals" and to "fly" are birds."""
PREFERRED: Final = 0.25
"""What it adds to the score to be in a category that the question names."""
NEAR_BEST: Final = 0.7
"""What scores less than so much of the best is not cited."""


def evidence(
    cosines: NDArray[np.float32], words: NDArray[np.float32], agreeing: NDArray[np.float32]
) -> float:
    """How much speaks for the catalog having what is asked for: from about 0.2 to 1.4.

    ``cosines`` (n,) are the items' with the whole question; ``words`` (m,) how much of its words each of the
    items that have any has, from 0 to 1, and ``agreeing`` (m,) the cosines of these. 0 without items.
    """
    if not len(cosines):
        return 0.0
    nearest = float(np.sort(cosines)[::-1][:BEST].mean())
    agreed = words * np.clip(agreeing / AGREED, 0.0, 1.0)
    return nearest + WORDS * float(agreed.max(initial=0.0))


def scores(
    cosines: NDArray[np.float32],
    by_word: Mapping[str, NDArray[np.float32]],
    words: NDArray[np.float32],
) -> NDArray[np.float32]:
    """What to cite first, (n,): higher is better, up to 3.

    The cosine with the whole, relative to the best; for several words, the least of the relative
    cosines with each; and the words themselves.
    """
    found = _relative(cosines)
    if len(by_word) > 1:
        found = found + TOGETHER * np.min([_relative(each) for each in by_word.values()], axis=0)
    return np.asarray(found + words, np.float32)


def cut(scored: Sequence[float], most: int) -> int:
    """How many of the items, whose scores fall, are worth citing: at least one if there is any."""
    if not scored:
        return 0
    least = scored[0] * NEAR_BEST
    return sum(1 for score in scored[:most] if score >= least)


def _relative(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    best = max(float(cosines.max(initial=0.0)), 1e-6)
    return np.asarray(np.maximum(cosines, 0.0) / best, np.float32)
