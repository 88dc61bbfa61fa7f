"""The shapes of the recommender's API. Events are checked by ``recommender.event_input``."""

from rest_framework import serializers

from catalog.fields import (
    JSONValueField,
    NamesField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
)
from recommender.models.visitors import validate_visitor
from retrieval.serializers import ModalityWeightsField

MAX_LIMIT = 100
MAX_ROWS = 20
MAX_NAMED = 200
DEFAULT_PLACEMENT = "home"


class EventSerializer(serializers.Serializer):
    """An event to store: describes what ``EventReader`` takes."""

    id = serializers.CharField(
        required=False,
        max_length=128,
        help_text="Yours, such as a UUID: an event with an id that is known is stored once. Without "
        "one, the same content (occurred_at included) is the same event.",
    )
    visitor = serializers.CharField(max_length=128, help_text="your identifier of who did it")
    item = serializers.CharField(
        max_length=128, help_text="external_id; the item may arrive after its events"
    )
    type = serializers.CharField(
        help_text="one of the deployment's: view, click, like, dislike, cart, purchase, play, custom, withdraw"
    )
    value = serializers.FloatField(
        required=False, allow_null=True, help_text="a price or a rating, as you like"
    )
    share = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=1,
        help_text="how much was taken in; of play only, which needs it",
    )
    occurred_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="with its zone; default: now"
    )
    session = serializers.CharField(required=False, allow_null=True, max_length=128)
    request_id = serializers.CharField(
        required=False, allow_null=True, max_length=128, help_text="of the answer that led here"
    )


class EventErrorSerializer(serializers.Serializer):
    """Why one event of a list was not stored."""

    index = serializers.IntegerField(help_text="in the list that was sent, from 0")
    status = serializers.IntegerField(help_text="400, or 409 for an id that another event has")
    code = serializers.CharField(help_text="invalid or id_conflict")
    detail = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(), required=False, help_text="by field"
    )


class RecordedSerializer(serializers.Serializer):
    """What became of the events; the three add up to how many were sent."""

    accepted = serializers.IntegerField(help_text="stored now")
    duplicates = serializers.IntegerField(help_text="known already: nothing was stored twice")
    errors = EventErrorSerializer(many=True)  # type: ignore[assignment]
    duplicate = serializers.BooleanField(
        required=False, help_text="of one event: whether it was known"
    )


class MergeSerializer(StrictSerializer):
    """Into whom a visitor is merged."""

    into = StrictCharField(max_length=128, validators=[validate_visitor], trim_whitespace=False)


class MergedSerializer(serializers.Serializer):
    """Who has the events now."""

    visitor = serializers.CharField()
    into = serializers.CharField(help_text="whom that visitor belongs to, if merged themselves")
    events = serializers.IntegerField(help_text="how many changed hands now")


class ExportedInterestSerializer(serializers.Serializer):
    """Something that a visitor is drawn to, or away from."""

    item = serializers.CharField(
        allow_null=True, help_text="that stands for it; null if it is gone"
    )
    weight = serializers.FloatField(help_text="what the events behind it count now")


class ExportedProfileSerializer(serializers.Serializer):
    """What the events say of the visitor's taste."""

    space = serializers.CharField(help_text="the embedding space that it is kept in")
    updated_at = serializers.DateTimeField()
    interests = ExportedInterestSerializer(many=True)
    session = ExportedInterestSerializer(many=True, help_text="one, or none once it is over")
    dislikes = ExportedInterestSerializer(many=True)
    history = serializers.ListField(
        child=serializers.DictField(), help_text="item, type, strength and at of each"
    )


class ExportSerializer(serializers.Serializer):
    """Everything that mentions a visitor."""

    visitor = serializers.CharField()
    also_known_as = serializers.ListField(child=serializers.CharField())
    first_seen = serializers.DateTimeField()
    events = serializers.ListField(child=serializers.DictField())
    impressions = serializers.ListField(child=serializers.DictField(), help_text="what was shown")
    profiles = ExportedProfileSerializer(many=True)


class VisitSerializer(StrictSerializer):
    """Who asks, and for which place."""

    visitor = StrictCharField(
        required=False,
        max_length=128,
        validators=[validate_visitor],
        help_text="your identifier of who will see it; a new one gets what is popular and new",
    )
    session = StrictCharField(
        required=False, max_length=128, help_text="your identifier of the visit"
    )
    placement = StrictCharField(
        default=DEFAULT_PLACEMENT, max_length=64, help_text="where it will be shown"
    )
    limit = StrictIntegerField(
        required=False, min_value=1, max_value=MAX_LIMIT, help_text="items; the placement's else"
    )
    explain = StrictBooleanField(
        default=False, help_text="with the features of each item and how every source did"
    )
    preview = serializers.BooleanField(
        default=False, help_text="that nobody will see: it is not logged as shown"
    )
    lang = StrictCharField(
        required=False, max_length=16, help_text="of titles and reasons; Accept-Language else"
    )


class AskedSerializer(VisitSerializer):
    """A request for recommendations by its URL."""

    items = NamesField(
        child=StrictCharField(max_length=128),
        max_length=MAX_NAMED,
        default=list,
        help_text="external_ids of what the visit is about, the latest first: an item looked at, a "
        "basket. In a URL joined by commas",
    )
    exclude = NamesField(
        child=StrictCharField(max_length=128),
        max_length=MAX_NAMED,
        default=list,
        help_text="external_ids of what not to recommend",
    )
    filter = JSONValueField(
        required=False,
        allow_null=True,
        default=None,
        help_text='what items must be, e.g. {"categories": "animals"}',
    )
    modalities = ModalityWeightsField(
        required=False,
        allow_null=True,
        default=None,
        help_text='how much each counts of what is alike, e.g. {"image": 0.7, "text": 0.3}',
    )
    cursor = StrictCharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=500,
        help_text="`next_cursor` of the page before; the rest may be left out then, or must be as it was",
    )


class RowsAskedSerializer(VisitSerializer):
    """A request for composite rows."""

    rows = StrictIntegerField(default=6, min_value=1, max_value=MAX_ROWS, help_text="at most")
