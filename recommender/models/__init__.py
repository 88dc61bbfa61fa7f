"""The tables of the recommender: who visits, and what they did."""

from recommender.models.events import Event, EventKey
from recommender.models.visitors import Visitor

__all__ = ["Event", "EventKey", "Visitor"]
