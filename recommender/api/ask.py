"""Questions in words, with pictures and sounds: answered with citations, whole or as they are written."""

import time
import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.fields import JSONValueField, StrictBooleanField, StrictCharField, StrictSerializer
from catalog.models.api_keys import Scope
from catalog.parsers import BoundedMultiPartParser, StrictJSONParser, parse_json
from catalog.serializers import ItemSummarySerializer, languages_wanted
from catalog.summaries import item_summaries
from recommender.api.streaming import MEDIA_TYPE, Event, EventStreamRenderer, event_stream
from recommender.impressions import Answer, Shown, impression_log
from recommender.llm import ask, prompts
from recommender.llm.ask.finding import packed
from recommender.models.visitors import validate_visitor
from retrieval import spaces
from retrieval.api import upload_vector
from retrieval.exceptions import InvalidQuery
from retrieval.filters import conditions
from retrieval.serializers import QueryTextField

UPLOADED: Final[tuple[Literal["image", "audio"], ...]] = ("image", "audio")
MAX_QUESTION: Final = prompts.MAX_USER_CHARS
MAX_HISTORY: Final = 20_000
"""A state with four attachments is about 5,000 characters long."""
MAX_ATTACHMENTS: Final = 4
SOURCE: Final = "ask"


class AttachmentSerializer(StrictSerializer):
    """A picture or a sound: exactly one of the two."""

    image = StrictCharField(required=False, help_text="Name of the multipart field with the file.")
    audio = StrictCharField(required=False, help_text="Name of the multipart field with the file.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one."""
        if len(attrs) != 1:
            raise serializers.ValidationError("Give exactly one of image, audio.")
        return attrs


class AskSerializer(StrictSerializer):
    """One turn of a conversation."""

    question = QueryTextField(
        required=False,
        max_length=MAX_QUESTION,
        help_text="In any language; may be left out beside attachments only.",
    )
    history = StrictCharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=MAX_HISTORY,
        help_text="`history` of the answer before, unchanged: this turn goes on from there.",
    )
    attachments = serializers.ListField(
        child=AttachmentSerializer(), max_length=MAX_ATTACHMENTS, default=list
    )
    filter = JSONValueField(
        required=False,
        allow_null=True,
        default=None,
        help_text='What every cited item must be, e.g. {"categories": "animals"}.',
    )
    placement = StrictCharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=64,
        help_text="Where it is asked: its filter and its rules that hide hold, and what is cited is "
        "logged as shown there.",
    )
    visitor = StrictCharField(required=False, max_length=128, validators=[validate_visitor])
    session = StrictCharField(required=False, max_length=128)
    stream = StrictBooleanField(
        default=False, help_text="As server-sent events: items, text (pieces), done (the whole)."
    )
    lang = StrictCharField(
        required=False,
        max_length=16,
        help_text="Of titles, and of the answer where the question's language is not known.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something must be asked."""
        if "question" not in attrs and not attrs["attachments"]:
            raise serializers.ValidationError({"question": "This field is required."})
        return attrs


class UploadedAskSerializer(serializers.Serializer[Any]):
    """The multipart form of a question; each file is a field of its own, named in the body."""

    body = serializers.CharField(
        help_text='JSON, e.g. {"question":"what is this?","attachments":[{"image":"file0"}]}'
    )
    file0 = serializers.FileField(required=False)


CITATION = inline_serializer(
    "Citation",
    {
        "mark": serializers.IntegerField(help_text="Its number in the text: [1]."),
        "item": ItemSummarySerializer(),
        "score": serializers.FloatField(help_text="Higher is better; within one answer."),
        "quotes": inline_serializer(
            "Quote",
            {
                "field": serializers.CharField(help_text="title, tags, description, attributes.…"),
                "text": serializers.CharField(help_text="As it stands in the item."),
            },
            many=True,
        ),
    },
    many=True,
)
ANSWER = inline_serializer(
    "AskAnswer",
    {
        "request_id": serializers.UUIDField(help_text="Send it back with events."),
        "took_ms": serializers.IntegerField(),
        "answer": serializers.CharField(help_text="With [1] where it cites the first item."),
        "language": serializers.CharField(),
        "citations": CITATION,
        "refused": serializers.BooleanField(help_text="Nothing relevant was found."),
        "source": serializers.ChoiceField(choices=("extract", "llm")),
        "degraded": serializers.BooleanField(
            help_text="A language model should have read the question or worded the answer, and did not."
        ),
        "evidence": serializers.FloatField(
            help_text="How much speaks for the catalog having it; 1 beside an item or attachment."
        ),
        "interpretation": inline_serializer(
            "AskInterpretation",
            {
                "parts": serializers.ListField(child=serializers.DictField()),
                "filter": serializers.JSONField(allow_null=True),
                "sort": serializers.ListField(child=serializers.CharField(), allow_null=True),
                "without": serializers.ListField(
                    child=serializers.CharField(),
                    help_text="What is denied: items whose title, tags or categories say so are left out.",
                ),
            },
        ),
        "ignored": serializers.ListField(
            child=serializers.CharField(),
            help_text="What was understood and cannot be asked of this catalog, such as price.",
        ),
        "history": serializers.CharField(help_text="Send it with the next turn."),
    },
)


class AskView(APIView):
    """Ask the catalog."""

    parser_classes: Sequence[type[BaseParser]] = [StrictJSONParser, BoundedMultiPartParser]
    renderer_classes = [JSONRenderer, EventStreamRenderer]
    required_scopes = {"POST": Scope.READ}

    @extend_schema(
        request={
            "application/json": AskSerializer,
            "multipart/form-data": UploadedAskSerializer,
        },
        responses=ANSWER,
        operation_id="ask",
        tags=["ask"],
    )
    def post(self, request: Request) -> HttpResponseBase:
        """A question in words, with pictures or sounds; the answer cites items.

        What the catalog has nothing for is refused. With `stream`, or `Accept: text/event-stream`, the
        answer comes as events: `items` (the citations), `text` (pieces of the answer), `done` (all of
        it).
        """
        started = time.perf_counter()
        body: Any = request.data
        files: dict[str, Any] = {}
        if request.content_type.startswith("multipart/"):
            body, files = _multipart(request)
        given = dict(AskSerializer().run_validation(body))
        turn = Turn.taken(request, given, files, started)
        accepted = getattr(request, "accepted_media_type", "") or ""
        if given["stream"] or accepted.startswith(MEDIA_TYPE):
            return event_stream(request._request, turn.events())
        return Response(turn.answer())


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with its draft: what is left to do needs no database."""

    draft: ask.Draft
    shown: Mapping[int, Mapping[str, Any]]
    """Summaries of the cited items."""
    request_id: str
    started: float
    """Of ``time.perf_counter``."""

    @classmethod
    def taken(
        cls, request: Request, given: Mapping[str, Any], files: Mapping[str, Any], started: float
    ) -> "Turn":
        """Look for it, and log what will be shown.

        Raises InvalidQuery, UnknownPlacement, and what encoding attachments raises.
        """
        languages = (given["lang"],) if "lang" in given else languages_wanted(request)
        if given["filter"] is not None:
            conditions(given["filter"])
        now = timezone.now()
        draft = ask.draft(
            ask.Asked(
                question=given.get("question", ""),
                now=now,
                before=ask.opened(given["history"]) if given["history"] else None,
                attachments=_attached(given["attachments"], files, started),
                placement=given["placement"] or "",
                languages=languages,
                filter=given["filter"],
            )
        )
        host = request.build_absolute_uri("/")[:-1]
        shown = item_summaries(
            [each.item_id for each in draft.cited],
            (draft.state.language, *languages),
            lambda url: host + url if url.startswith("/") else url,
        )
        turn = cls(draft, shown, str(uuid.uuid4()), started)
        if given["placement"]:
            turn.log(given, now)
        return turn

    def answer(self) -> dict[str, Any]:
        """All at once."""
        return self._whole(ask.worded(self.draft))

    def events(self) -> Generator[Event, None, None]:
        """The citations, the text as it is written, the whole."""
        yield "items", {"request_id": self.request_id, "citations": self._citations()}
        worded = ask.pieces(self.draft)
        while True:
            try:
                yield "text", {"text": next(worded)}
            except StopIteration as end:
                yield "done", self._whole(end.value)
                return

    def log(self, given: Mapping[str, Any], now: Any) -> None:
        """What is cited was shown."""
        impression_log(
            Answer(
                request_id=self.request_id,
                placement=given["placement"],
                shown=[Shown(each.item_id, (SOURCE,)) for each in self.draft.cited],
                shown_at=now,
                visitor=given.get("visitor", ""),
                session=given.get("session", ""),
            )
        )

    def _whole(self, worded: ask.Worded) -> dict[str, Any]:
        draft = self.draft
        return {
            "request_id": self.request_id,
            "took_ms": round((time.perf_counter() - self.started) * 1000),
            "answer": worded.text,
            "language": draft.state.language,
            "citations": self._citations(),
            "refused": draft.refused,
            "source": worded.source,
            "degraded": worded.degraded,
            "evidence": draft.evidence,
            "interpretation": _interpretation(draft.state),
            "ignored": list(draft.ignored),
            "history": ask.signed(draft.state),
        }

    def _citations(self) -> list[dict[str, Any]]:
        return [
            {
                "mark": each.mark,
                "item": self.shown[each.item_id],
                "score": each.score,
                "quotes": [asdict(quote) for quote in each.quotes],
            }
            for each in self.draft.cited
            if each.item_id in self.shown  # else deleted since it was found
        ]


def _interpretation(state: ask.State) -> dict[str, Any]:
    return {
        "parts": [_part(part) for part in state.wanted],
        "filter": state.filter,
        "sort": None if state.sort is None else list(state.sort),
        "without": list(state.without),
    }


def _part(part: ask.Wanted) -> dict[str, Any]:
    if part.vector:
        return {str(part.modality): True, "weight": part.weight}
    return ({"item": part.item} if part.item else {"text": part.text}) | {"weight": part.weight}


def _multipart(request: Request) -> tuple[Any, dict[str, Any]]:
    if not isinstance(request.data.get("body"), str):
        raise ValidationError({"body": ["Put the question's JSON into the text field `body`."]})
    if unknown := sorted(set(request.POST) - {"body"}):
        message = "Unknown field; put the question's JSON into `body`, and files beside it."
        raise ValidationError({name: [message] for name in unknown})
    return parse_json(request.data["body"].encode(errors="surrogatepass")), request.FILES.dict()


def _attached(
    named: Sequence[Mapping[str, str]], files: Mapping[str, Any], started: float
) -> list[ask.Wanted]:
    """The attachments as parts of a query. Raises InvalidQuery, and what ``upload_vector`` does."""
    pairs = [
        (modality, each[modality]) for each in named for modality in UPLOADED if modality in each
    ]
    problems = {
        f"attachments[{at}].{modality}": f"No file came in the field {name!r}."
        for at, (modality, name) in enumerate(pairs)
        if name not in files
    }
    used = {name for _, name in pairs}
    problems |= {name: "No attachment names this file." for name in files if name not in used}
    if problems:
        raise InvalidQuery(problems)
    if not pairs:
        return []
    space = spaces.active_space()
    return [
        ask.Wanted(
            modality=modality,
            vector=packed(
                upload_vector(
                    space, modality, files[name], f"attachments[{at}].{modality}", started
                )
            ),
        )
        for at, (modality, name) in enumerate(pairs)
    ]
