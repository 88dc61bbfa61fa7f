"""Fixtures of retrieval that the recommender's worlds need."""

from tests.retrieval.conftest import space

__all__ = ["space"]
