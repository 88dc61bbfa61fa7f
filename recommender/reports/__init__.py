"""What was shown and what came of it: key figures of placements, reports of experiments."""

from recommender.reports.experiment import ExperimentReport, experiment_report
from recommender.reports.placement import Kpis, PlacementReport, placement_reports

__all__ = [
    "ExperimentReport",
    "Kpis",
    "PlacementReport",
    "experiment_report",
    "placement_reports",
]
