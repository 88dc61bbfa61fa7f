"""The body of a request that brings events."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from catalog.parsers import BodyTooLarge
from recommender.event_input import read_json


class EventsParser(BaseParser):
    """``application/json`` of at most ``API["MAX_JSON_BYTES"]``.

    Unlike everywhere else in the API, a string or number that nobody can use (NUL, half a surrogate
    pair, NaN) does not make the whole body wrong: the event that holds it is refused, by its index.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body as Python values."""
        limit: int = settings.API["MAX_JSON_BYTES"]
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(limit)
        try:
            return read_json(body.decode())
        except UnicodeDecodeError as err:
            raise ParseError(f"The body is not UTF-8 at byte {err.start}.") from err
        except json.JSONDecodeError as err:
            raise ParseError(
                f"The body is not JSON: {err.msg} at line {err.lineno} column {err.colno}."
            ) from err
        except RecursionError as err:
            raise ParseError("The body is nested too deeply.") from err
