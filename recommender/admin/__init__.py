"""The recommender in the admin."""

from recommender.admin.changes import ChangeAdmin
from recommender.admin.events import EventAdmin
from recommender.admin.experiments import ExperimentAdmin
from recommender.admin.items import RecommendedItemAdmin
from recommender.admin.placements import PlacementAdmin
from recommender.admin.rules import RuleAdmin
from recommender.admin.suggestions import SuggestionAdmin
from recommender.admin.versions import RecommenderModelAdmin
from recommender.admin.visitors import VisitorAdmin

__all__ = [
    "ChangeAdmin",
    "EventAdmin",
    "ExperimentAdmin",
    "PlacementAdmin",
    "RecommendedItemAdmin",
    "RecommenderModelAdmin",
    "RuleAdmin",
    "SuggestionAdmin",
    "VisitorAdmin",
]
