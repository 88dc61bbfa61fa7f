"""How much speaks for a catalog having what is asked for."""

import numpy as np
import pytest

from recommender.llm.ask import relevance


def evidence(cosines, words=(), agreeing=()) -> float:
    arrays = (np.array(each, np.float32) for each in (cosines, words, agreeing))
    return relevance.evidence(*arrays)


def test_words_count_as_far_as_the_item_means_the_question():
    near = [0.3, 0.3, 0.3]
    assert evidence(near) == pytest.approx(0.3)
    assert evidence(near, [1.0], [0.0]) == pytest.approx(0.3)  # VAT, of a vat
    assert evidence(near, [1.0], [0.3]) == pytest.approx(0.3 + relevance.WORDS / 2)
    assert evidence(near, [1.0], [0.9]) == pytest.approx(0.3 + relevance.WORDS)
    assert evidence(near, [0.5], [0.9]) == pytest.approx(0.3 + relevance.WORDS / 2)
    assert evidence(near, [1.0], [-0.4]) == pytest.approx(0.3)


def test_the_best_of_the_items_with_the_words_counts():
    assert evidence([0.2], [1.0, 0.5], [0.0, 0.6]) == pytest.approx(0.2 + relevance.WORDS / 2)


def test_three_items_must_be_near_and_without_items_there_is_nothing():
    assert evidence([0.9, 0.1, 0.2, 0.0]) == pytest.approx(0.4)
    assert evidence([]) == 0.0
