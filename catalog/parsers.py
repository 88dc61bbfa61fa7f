"""Request bodies that come from anyone: bounded, strict JSON and bounded multipart."""

import json
import math
import re
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

MAX_DEPTH = 32
MAX_INTEGER = 2**63 - 1
# part headers, boundaries and the text fields around the file of a multipart request
MULTIPART_OVERHEAD_BYTES = 1024 * 1024


class BodyTooLarge(APIException):
    """More bytes than the settings allow."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body is larger than {limit} bytes.")


def parse_json(body: bytes) -> Any:
    """Strict JSON; raises for whatever Postgres, or a careful reader, would refuse.

    ParseError: bytes that are not UTF-8 or not JSON, a key twice in one object. ValidationError naming
    the place: NUL characters, lone surrogates, NaN and Infinity, numbers beyond 64 bits, nesting deeper
    than MAX_DEPTH.
    """
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique_keys)
    except UnicodeDecodeError as err:
        raise ParseError(f"The body is not UTF-8 at byte {err.start}.") from err
    except json.JSONDecodeError as err:
        raise ParseError(
            f"The body is not JSON: {err.msg} at line {err.lineno} column {err.colno}."
        ) from err
    except RecursionError as err:
        raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.") from err
    except ValueError as err:  # Python refuses integers of more than 4,300 digits
        raise ParseError("The body holds a number that does not fit 64 bits.") from err
    _check_values(value)
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ParseError(f"The body holds the key {twice[:100]!a} twice in one object.")
    return found


def _check_values(value: Any) -> None:
    """Raises ValidationError naming the first place that is refused."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                deeper += one.keys()
                deeper += one.values()
            elif isinstance(one, list):
                deeper += one
            elif _problem(one):
                raise ValidationError(_first_problem(value))
        if not deeper:
            return
        level = deeper
    raise ValidationError(_first_problem(value))


def _problem(value: Any) -> str | None:
    """What is wrong with a scalar."""
    if isinstance(value, str):
        if "\0" in value:
            return "The text holds a NUL character (\\u0000)."
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            return "The text holds half of a surrogate pair."
    elif isinstance(value, float):
        if not math.isfinite(value):
            return "Use a finite number that fits 64 bits: JSON has no NaN and no Infinity."
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        return "The number does not fit 64 bits."
    return None


def _first_problem(value: Any) -> dict[str, list[str]]:
    """The place in the body of what is wrong, as ``query[0].text``, and what it is; "body" for the whole."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:
        path, one, depth = waiting.pop()
        if depth > MAX_DEPTH:
            top = re.split(r"[.\[]", path)[0]
            return {top or "body": [f"It is nested deeper than {MAX_DEPTH} levels."]}
        if isinstance(one, dict):
            for key in one:
                if problem := _problem(key):
                    return {path or "body": [f"In the name of a field: {problem}"]}
            inside = [(f"{path}.{key}" if path else key, each) for key, each in one.items()]
        elif isinstance(one, list):
            inside = [(f"{path}[{at}]", each) for at, each in enumerate(one)]
        elif problem := _problem(one):
            return {path or "body": [problem]}
        else:
            continue
        waiting += [(where, each, depth + 1) for where, each in reversed(inside)]
    raise AssertionError("nothing is wrong")


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
