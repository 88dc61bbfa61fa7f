"""The API of placements and experiments, for those who run them."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models.api_keys import Scope
from recommender import models
from recommender.experiments import experiment_named
from recommender.placements import declared, declared_names, overridden
from recommender.reports import experiment_report
from recommender.types import Placement


class PlacementSerializer(serializers.Serializer):
    """A placement as requests get it, outside of experiments."""

    name = serializers.CharField()
    sources = serializers.DictField(
        child=serializers.FloatField(),
        help_text="source to its part of the candidates",
    )
    filter = serializers.DictField(allow_null=True)
    diversity = serializers.FloatField()
    caps = serializers.DictField(child=serializers.IntegerField())
    hide = serializers.ListField(child=serializers.CharField())
    rotation = serializers.FloatField()
    exploration = serializers.FloatField()
    limit = serializers.IntegerField()
    fallback = serializers.ListField(child=serializers.CharField())
    overridden = serializers.ListField(
        child=serializers.CharField(), help_text="options that the admin has changed"
    )
    experiment = serializers.CharField(allow_null=True, help_text="the one that runs there")


class ExperimentReportSerializer(serializers.Serializer):
    """What an experiment has shown; docs/howto/experiments.md says how to read it."""

    name = serializers.CharField()
    placement = serializers.CharField()
    state = serializers.CharField(help_text="draft, running or stopped")
    started_at = serializers.DateTimeField(allow_null=True)
    stopped_at = serializers.DateTimeField(allow_null=True)
    control = serializers.CharField(
        allow_null=True, help_text="the variant that others are compared with"
    )
    variants = serializers.ListField(child=serializers.DictField())
    switched = serializers.IntegerField(help_text="visitors who saw several variants: left out")
    sample_ratio = serializers.DictField(help_text="p_value, mismatch")
    metrics = serializers.ListField(child=serializers.DictField())
    guardrails = serializers.ListField(child=serializers.DictField())
    notes = serializers.ListField(child=serializers.CharField())


class PlacementsView(APIView):
    """Where recommendations are shown."""

    required_scopes = {"GET": Scope.OPS}

    @extend_schema(
        operation_id="placements_list",
        tags=["placements"],
        responses=PlacementSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Every placement with its options in force and the experiment that runs there."""
        overrides = dict(models.Placement.objects.values_list("name", "overrides"))
        running = dict(
            models.Experiment.objects.filter(state=models.Experiment.State.RUNNING).values_list(
                "placement", "name"
            )
        )
        found = []
        for name in declared_names():
            own = overrides.get(name, {})
            placement = overridden(declared(name), own, "the admin")
            more = {"overridden": sorted(own), "experiment": running.get(name)}
            found.append({**_options(placement), **more})
        return Response(found)


def _options(placement: Placement) -> dict[str, object]:
    return {
        "name": placement.name,
        "sources": placement.sources,
        "filter": placement.filter,
        "diversity": placement.diversity,
        "caps": placement.caps,
        "hide": sorted(placement.hide),
        "rotation": placement.rotation,
        "exploration": placement.exploration,
        "limit": placement.limit,
        "fallback": placement.fallback,
    }


class ExperimentReportView(APIView):
    """What an experiment has shown."""

    required_scopes = {"GET": Scope.OPS}

    @extend_schema(
        operation_id="experiments_report",
        tags=["placements"],
        responses=ExperimentReportSerializer,
    )
    def get(self, request: Request, name: str) -> Response:
        """Each variant's figures with intervals, their differences from the first one's, and notes on
        whether to believe them. 404 `unknown_experiment`.
        """
        return Response(experiment_report(experiment_named(name)).as_dict())
