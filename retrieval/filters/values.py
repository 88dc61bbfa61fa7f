"""The values of a filter: from JSON to what SQL compares with."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from catalog.content import MAX_LANGUAGE, checked_category_path
from catalog.exceptions import InvalidItem
from catalog.models.items import LANGUAGE_PATTERN
from retrieval.filters.fields import Field

MAX_TEXT = 500  # four bytes each: within the 2,704 that fit an entry of a btree
MAX_NUMBER = 2**63  # whole numbers beyond are not exact in most of the programs that write JSON

# the same as in catalog_moment (the catalog's first migration), which reads what is stored
_DATE = r"[1-8][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
_MOMENT = re.compile(rf"{_DATE}(?:[T ]{_TIME}{_ZONE}?)?")
_DATE_CHARS = 10
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_KINDS = {dict: "an object", list: "a list", bool: "true or false", str: "text", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Span:
    """The moments from ``start`` up to ``end``, which is not in it: a day, or one microsecond."""

    start: datetime
    end: datetime


Value: TypeAlias = "str | bool | Decimal | Span"


class Refused(Exception):
    """A value that does not fit; the text follows the path in a message."""


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    return _KINDS.get(type(value), "a number")


def read(field: Field, value: object) -> Value:
    """The value as the field's type. Raises Refused."""
    if value is None:
        hint = ': for items without it use {"exists": false}' if "exists" in field.operators else ""
        raise Refused(f"must not be null{hint}")
    return _SPECIAL.get(field.name, _TYPES[field.type])(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Refused(f"must be text, not {kind_of(value)}")
    if len(value) > MAX_TEXT:
        raise Refused(f"has {len(value)} characters; the limit is {MAX_TEXT}")
    if found := _UNSTORABLE.search(value):
        raise Refused(f"contains the character U+{ord(found[0]):04X}, which no item can have")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Refused(f"must be true or false, not {kind_of(value)}")
    return value


def _number(value: object) -> Decimal:
    """As it is written: .1 is a tenth, as in Postgres' jsonb."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"must be a number, not {kind_of(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused("must be a finite number")
    if isinstance(value, int) and abs(value) >= MAX_NUMBER:
        raise Refused("must fit 64 bits")
    return Decimal(repr(value))


def _moment(value: object) -> Span:
    """A date is its whole day in UTC; a date and time without zone is in UTC."""
    text = _text(value)
    if not _MOMENT.fullmatch(text):
        raise Refused("must be a date such as 2026-01-31, or 2026-01-31T12:00:00Z with a time")
    try:
        start = datetime.fromisoformat(text)
    except ValueError as err:
        raise Refused("is no day of the calendar") from err
    # the zone is given or it is UTC; a shift of a day at most stays within the years 999 to 9000
    start = (start if start.tzinfo else start.replace(tzinfo=UTC)).astimezone(UTC)
    whole_day = len(text) == _DATE_CHARS
    return Span(start, start + (timedelta(days=1) if whole_day else timedelta(microseconds=1)))


def _category(value: object) -> str:
    try:
        return checked_category_path(_text(value))
    except InvalidItem as err:
        raise Refused(err.errors["path"]) from err


def _language(value: object) -> str:
    text = _text(value)
    if len(text) > MAX_LANGUAGE or not re.fullmatch(LANGUAGE_PATTERN, text):
        raise Refused("use a language tag such as en, zh or zh-Hant")
    return text


_TYPES: Mapping[str, Callable[[object], Value]] = {
    "text": _text,
    "boolean": _boolean,
    "number": _number,
    "date": _moment,
}
_SPECIAL: Mapping[str, Callable[[object], Value]] = {
    "categories": _category,
    "language": _language,
}


def as_json(value: Any) -> str:
    """The JSON text of a value of an attribute."""
    return str(value) if isinstance(value, Decimal) else json.dumps(value)
