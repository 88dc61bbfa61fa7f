"""What the recommender's tests share."""

import pytest

from tests.retrieval.conftest import space

__all__ = ["no_chance", "space"]


@pytest.fixture
def no_chance(settings) -> None:
    """Nothing is drawn by chance."""
    placements = {
        name: options | {"exploration": 0.0}
        for name, options in settings.RECOMMENDER["PLACEMENTS"].items()
    }
    settings.RECOMMENDER = settings.RECOMMENDER | {"PLACEMENTS": placements}
