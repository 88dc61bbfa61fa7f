"""The tables of the recommender: who visits, what they did, and what was learned from it."""

from recommender.models.events import Event, EventKey
from recommender.models.profiles import PendingEvent, Profile
from recommender.models.versions import ItemNeighbours, ItemTower, RecommenderModel
from recommender.models.visitors import Visitor

__all__ = [
    "Event",
    "EventKey",
    "ItemNeighbours",
    "ItemTower",
    "PendingEvent",
    "Profile",
    "RecommenderModel",
    "Visitor",
]
