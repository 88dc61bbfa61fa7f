"""Preparation of sounds, on signals whose right answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.preprocess.audio import windows
from retrieval.types import Waveform


def ramp(count: int, rate: int = 10) -> Waveform:
    return Waveform(np.arange(count, dtype=np.float32), rate)


def spans(cuts: list[Waveform]) -> list[tuple[int, int]]:
    """First sample and length of each window of a ``ramp``."""
    return [(int(cut.samples[0]), len(cut.samples)) for cut in cuts]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (7, [(0, 7)]),
        (20, [(0, 20)]),
        (29, [(0, 20)]),
        (30, [(0, 20), (20, 10)]),
        (40, [(0, 20), (20, 20)]),
        (50, [(0, 20), (20, 20), (40, 10)]),
    ],
)
def test_windows_side_by_side(count: int, expected: list[tuple[int, int]]) -> None:
    assert spans(windows(ramp(count), 2.0, 2.0)) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (20, [(0, 20)]),  # the second half of a whole window is nothing new
        (21, [(0, 20), (10, 11)]),
        (30, [(0, 20), (10, 20)]),
        (35, [(0, 20), (10, 20), (20, 15)]),
    ],
)
def test_windows_that_overlap(count: int, expected: list[tuple[int, int]]) -> None:
    assert spans(windows(ramp(count), 2.0, 1.0)) == expected


def test_an_empty_sound_is_one_empty_window() -> None:
    (only,) = windows(ramp(0), 2.0, 1.0)
    assert (only.samples.size, only.rate) == (0, 10)


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Windows of 0\.01 s every 1 s are empty at 10 Hz\."):
        windows(ramp(30), 0.01, 1)


@given(count=st.integers(1, 200), size=st.integers(1, 30), hop=st.integers(1, 30))
def test_windows_cover_a_sound_but_for_less_than_half_of_one(
    count: int, size: int, hop: int
) -> None:
    found = spans(windows(ramp(count), size / 10, hop / 10))
    assert found[0] == (0, min(size, count))
    assert [start for start, _ in found] == list(range(0, len(found) * hop, hop))
    assert all(length == size or start + length == count for start, length in found)
    if hop <= size:
        end = found[-1][0] + found[-1][1]
        assert count - end < max(1, size / 2)
