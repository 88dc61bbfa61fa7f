"""The tables of the recommender: who visits, what they did and were shown, what it says of them, what
was learned from all of it, and who decided what.
"""

from recommender.models.events import Event, EventKey
from recommender.models.experiments import Experiment, Variant
from recommender.models.impressions import Impression
from recommender.models.placements import Change, Placement
from recommender.models.popularity import ItemPopularity
from recommender.models.profiles import PendingEvent, Profile
from recommender.models.rules import Rule
from recommender.models.suggestions import Suggestion
from recommender.models.versions import ItemNeighbours, ItemTower, RecommenderModel
from recommender.models.visitors import Visitor

__all__ = [
    "Change",
    "Event",
    "EventKey",
    "Experiment",
    "Impression",
    "ItemNeighbours",
    "ItemPopularity",
    "ItemTower",
    "PendingEvent",
    "Placement",
    "Profile",
    "RecommenderModel",
    "Rule",
    "Suggestion",
    "Variant",
    "Visitor",
]
