"""The recommender in the admin."""

from recommender.admin.changes import ChangeAdmin
from recommender.admin.events import EventAdmin, VisitorAdmin
from recommender.admin.experiments import ExperimentAdmin
from recommender.admin.placements import PlacementAdmin
from recommender.admin.rules import RuleAdmin
from recommender.admin.suggestions import SuggestingItemAdmin, SuggestionAdmin
from recommender.admin.versions import RecommenderModelAdmin

__all__ = [
    "ChangeAdmin",
    "EventAdmin",
    "ExperimentAdmin",
    "PlacementAdmin",
    "RecommenderModelAdmin",
    "RuleAdmin",
    "SuggestingItemAdmin",
    "SuggestionAdmin",
    "VisitorAdmin",
]
