"""Your data: a visitor sees, takes along and erases what is remembered of them.

Whoever knows a browser's random name may do this: nobody else can guess it. Names that a shop gave (of
accounts) can be guessed, and a browser's name that was merged into one stands for the account: both are
refused here, and belong to the operator's API.
"""

import re
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.fields import StrictCharField, StrictSerializer
from catalog.parsers import StrictJSONParser
from recommender import visitors
from recommender.api.visitors import streamed
from recommender.models import Visitor
from recommender.storefront.pages import page

RANDOM_NAME: Final = re.compile(
    r"web-[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
)
"""122 random bits at least, as the storefront's script makes them."""


class BelongsToAccount(APIException):
    """The browser's name was merged into another visitor."""

    status_code = 409
    default_code = "belongs_to_account"
    default_detail = (
        "What was done here belongs to an account now: ask whoever runs this shop to export or "
        "forget the account."
    )


class NameSerializer(StrictSerializer):
    """The name that a browser keeps."""

    visitor = StrictCharField(max_length=60)

    def validate_visitor(self, value: str) -> str:
        """A name that nobody can guess."""
        if not RANDOM_NAME.fullmatch(value):
            raise serializers.ValidationError("Use the random name that this page shows.")
        return value


@require_safe
def page_of_you(request: HttpRequest) -> HttpResponse:
    """What is remembered, filled by the browser, which alone knows the name."""
    return page(request, "storefront/you.html", {})


def _name(request: Request) -> str:
    """The name in the body. Raises ValidationError, or BelongsToAccount for one that was merged."""
    given = NameSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    name = str(given.validated_data["visitor"])
    row = Visitor.objects.filter(external_id=name).first()
    if row is not None and (row.merged_into_id or row.aliases.exists()):
        raise BelongsToAccount
    return name


class _OfVisitor(APIView):
    """The name in the body is what permits: neither cookies nor keys are looked at."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    parser_classes = [StrictJSONParser]
    schema = None


class ExportView(_OfVisitor):
    """Everything that mentions the visitor."""

    def post(self, request: Request) -> StreamingHttpResponse | Response:
        """JSON as in the API's export; an empty object while nothing is remembered."""
        parts = visitors.visitor_export(_name(request))
        return Response({}) if parts is None else streamed(request, parts)


class ForgetView(_OfVisitor):
    """An end to it."""

    def post(self, request: Request) -> Response:
        """Erase every row that mentions the visitor; whether there was any."""
        return Response({"forgotten": visitors.visitor_forget(_name(request))})
