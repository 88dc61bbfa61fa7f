"""Request bodies that come from anyone: bounded, strict JSON and bounded multipart."""

import json
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import QueryDict
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request

from catalog.models.media import Media
from catalog.strict_json import MAX_DEPTH, RefusedValue, RepeatedKey, strict_json

# part headers, boundaries and the text fields around the file of a multipart request
MULTIPART_OVERHEAD_BYTES = 1024 * 1024


class BodyTooLarge(APIException):
    """More bytes than the settings allow."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body is larger than {limit} bytes.")


def parse_json(body: bytes) -> Any:
    """``strict_json`` of a request body.

    ParseError: bytes that are not UTF-8 or not JSON, a key twice in one object. ValidationError naming
    the place, "body" for the whole: what ``RefusedValue`` says.
    """
    try:
        return strict_json(body.decode("utf-8"))
    except UnicodeDecodeError as err:
        raise ParseError(f"The body is not UTF-8 at byte {err.start}.") from err
    except json.JSONDecodeError as err:
        raise ParseError(
            f"The body is not JSON: {err.msg} at line {err.lineno} column {err.colno}."
        ) from err
    except RefusedValue as err:
        raise ValidationError({err.place or "body": [err.problem]}) from err
    except RepeatedKey as err:
        raise ParseError(f"The body {err}.") from err
    except RecursionError as err:
        raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.") from err
    except ValueError as err:  # Python refuses integers of more than 4,300 digits
        raise ParseError("The body holds a number that does not fit 64 bits.") from err


class StrictJSONParser(BaseParser):
    """``application/json`` of at most ``API["MAX_JSON_BYTES"]``, read by ``parse_json``."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body as Python values."""
        limit = settings.API["MAX_JSON_BYTES"]
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(limit)
        return parse_json(body)


class BoundedMultiPartParser(MultiPartParser):
    """``multipart/form-data`` no larger than the largest medium; refused before it is read.

    A text field that is not UTF-8 is refused by its name.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles:
        """The fields and the files."""
        limit = largest_body_bytes()
        request = (parser_context or {}).get("request")
        declared = request.META.get("CONTENT_LENGTH") if request is not None else None
        if declared and declared.isdecimal() and int(declared) > limit:
            raise BodyTooLarge(limit)
        # Django replaces what it cannot decode; as Latin-1 every byte is kept
        context = {**(parser_context or {}), "encoding": "latin-1"}
        found = super().parse(stream, media_type, context)
        return DataAndFiles(_utf8_fields(found.data), found.files)


def _utf8_fields(fields: QueryDict) -> QueryDict:
    decoded = QueryDict(mutable=True)
    for name, values in fields.lists():
        try:
            decoded.setlist(name, [value.encode("latin-1").decode() for value in values])
        except UnicodeDecodeError as err:
            raise ValidationError({name: [f"The text is not UTF-8 at byte {err.start}."]}) from err
    return decoded


def query_fields(request: Request) -> dict[str, str]:
    """The parameters in the URL. Raises ValidationError naming those that are not UTF-8."""
    given = request.query_params.dict()
    if any("\ufffd" in text for pair in given.items() for text in pair):
        _check_url(request.META["QUERY_STRING"])
    return given


def _check_url(query: str) -> None:
    broken = {
        name.encode(errors="surrogateescape").decode(errors="replace")
        for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
        if any("\ud800" <= char <= "\udfff" for char in name + value)
    }
    if broken:
        raise ValidationError({name: ["The text is not UTF-8."] for name in sorted(broken)})


def largest_body_bytes() -> int:
    """The largest request body that any address takes."""
    media = max(settings.CATALOG[f"MAX_{each}_BYTES"] for each in Media.Modality.names)
    most = max(media, settings.API["MAX_JSON_BYTES"], settings.CATALOG["MAX_IMPORT_BYTES"])
    return int(most) + MULTIPART_OVERHEAD_BYTES
