"""How the work stands: for operators, and for the demo's first page."""

from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from drf_spectacular.utils import extend_schema, extend_schema_field
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Item, Media
from catalog.models.api_keys import Scope
from recommender.llm import budget, metrics
from retrieval import claims, probes
from retrieval.models import EmbeddingSpace
from workers import queues


class ItemCounts(serializers.Serializer):
    """Items in the catalog."""

    total = serializers.IntegerField()
    visible = serializers.IntegerField(help_text="published and not expired")


class MediaCounts(serializers.Serializer):
    """Media by whether they could be decoded."""

    total = serializers.IntegerField()
    pending = serializers.IntegerField()
    ready = serializers.IntegerField()
    failed = serializers.IntegerField()


class EmbeddingCounts(serializers.Serializer):
    """Items by where they stand in a space; the three add up to all items."""

    ready = serializers.IntegerField()
    pending = serializers.IntegerField()
    failed = serializers.IntegerField()


class SpaceStatus(serializers.ModelSerializer):
    """One embedding space."""

    class Meta:
        model = EmbeddingSpace
        fields = ("name", "state", "profile", "trained", "dim", "encoders", "metrics")


class SpaceProgress(SpaceStatus):
    """A space that is not active yet, and how far it is."""

    embeddings = serializers.SerializerMethodField()

    class Meta(SpaceStatus.Meta):
        fields = (*SpaceStatus.Meta.fields, "embeddings")  # type: ignore[assignment]

    @extend_schema_field(EmbeddingCounts)
    def get_embeddings(self, space: EmbeddingSpace) -> dict[str, int]:
        """Items by where they stand in this space."""
        return _progress(space)


class LatencyStatus(serializers.Serializer):
    """How long calls took."""

    count = serializers.IntegerField()
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)


class SearchStatus(serializers.Serializer):
    """How the searches of the index went."""

    asked = serializers.IntegerField(help_text="rows asked for")
    got = serializers.IntegerField(help_text="rows found; fewer where fewer items match")
    scans = serializers.IntegerField(help_text="searches down the index")
    exact = serializers.IntegerField(help_text="searches over the few items that match")
    topped_up = serializers.IntegerField(help_text="scans that an exact search had to complete")
    probes = serializers.IntegerField(help_text="searches run again exactly")
    recall = serializers.FloatField(allow_null=True, help_text="recall@10 over the probes")
    latency = serializers.DictField(child=LatencyStatus())


class LlmPurposeStatus(serializers.Serializer):
    """How the calls of a language model for one purpose went."""

    outcomes = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="ok; off, down, slow, rate_limited, budget, malformed; abandoned; of those that were ok, "
        "rejected: what failed later checks",
    )
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = serializers.FloatField(help_text="in the unit of the prices")
    p50_ms = serializers.IntegerField(allow_null=True)
    p95_ms = serializers.IntegerField(allow_null=True)


class LlmStatus(serializers.Serializer):
    """The language model over the last 24 hours, and what this UTC day cost."""

    provider = serializers.CharField()
    purposes = serializers.DictField(child=LlmPurposeStatus())
    tokens_today = serializers.IntegerField()
    cost_today = serializers.FloatField()


class Status(serializers.Serializer):
    """The whole answer."""

    items = ItemCounts()
    media = MediaCounts()
    embeddings = EmbeddingCounts(help_text="in the active space")
    active_space = SpaceStatus(allow_null=True)
    spaces_in_progress = SpaceProgress(many=True)
    queues = serializers.DictField(
        child=serializers.IntegerField(allow_null=True),
        help_text="messages waiting for a worker; null when the broker cannot be reached",
    )
    search = SearchStatus(
        allow_null=True,
        help_text="over the last 24 hours; null when the broker cannot be reached",
    )
    llm = LlmStatus(allow_null=True, help_text="null when the broker cannot be reached")


class StatusView(APIView):
    """Counts, spaces and queue depths."""

    @property
    def required_scopes(self) -> dict[str, str]:
        """Open where reading is open; else for operators."""
        return {"GET": Scope.READ if settings.API["ANONYMOUS_READ"] else Scope.OPS}

    @extend_schema(operation_id="status", responses={200: Status}, tags=["status"])
    def get(self, request: Request) -> Response:
        """How many items, media and embeddings there are, and what the workers have to do."""
        return Response(Status(status()).data)


def status() -> dict[str, Any]:
    """What ``Status`` shows, of the moment."""
    spaces = EmbeddingSpace.objects.defer("head").filter(state__in=EmbeddingSpace.LIVE)
    active = next((space for space in spaces if space.state == EmbeddingSpace.State.ACTIVE), None)
    items = Item.objects.count()
    return {
        "items": {"total": items, "visible": Item.objects.visible().count()},
        "media": Media.objects.aggregate(
            total=Count("id"),
            **{name: Count("id", filter=Q(status=name)) for name in Media.Status.values},
        ),
        "embeddings": _progress(active) if active else {"ready": 0, "pending": items, "failed": 0},
        "active_space": active,
        "spaces_in_progress": [s for s in spaces if s.state == EmbeddingSpace.State.BUILDING],
        "queues": queues.depths_or_none(),
        "search": probes.report(),
        "llm": _llm(),
    }


def _llm() -> dict[str, Any] | None:
    purposes = metrics.report()
    if purposes is None:
        return None
    try:
        spent = budget.spent()
    except RedisError:
        return None
    return {
        "provider": settings.LLM["PROVIDER"],
        "purposes": purposes,
        "tokens_today": spent.tokens,
        "cost_today": spent.cost,
    }


def _progress(space: EmbeddingSpace) -> dict[str, int]:
    counts = claims.progress(space.pk)
    return {name: counts[name] for name in ("ready", "pending", "failed")}
