"""The API of the recommender, a module for each of what it is about."""

from recommender.api.ask import AskView
from recommender.api.events import EventsView
from recommender.api.experiments import ExperimentReportView, PlacementsView
from recommender.api.recommendations import RecommendationsView, RowsView
from recommender.api.search import QuestionSearchView
from recommender.api.visitors import VisitorExportView, VisitorMergeView, VisitorView

__all__ = [
    "AskView",
    "EventsView",
    "ExperimentReportView",
    "PlacementsView",
    "QuestionSearchView",
    "RecommendationsView",
    "RowsView",
    "VisitorExportView",
    "VisitorMergeView",
    "VisitorView",
]
