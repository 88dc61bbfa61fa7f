"""One event as it was sent or read from a file: untrusted, checked field by field.

The API and ``manage.py import_events`` share this validator.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from catalog.models.items import EXTERNAL_ID_PATTERN
from recommender.event_types import event_types
from recommender.exceptions import InvalidEvent
from recommender.models.visitors import VISITOR_PATTERN, VISITOR_RULE
from recommender.types import EventType

FIELDS: Final = (
    *("id", "visitor", "item", "type", "value", "share", "occurred_at", "session", "request_id"),
)
REQUIRED: Final = "This field is required."
PRINTABLE_RULE: Final = "Use 1 to 128 printable ASCII characters without spaces"
TEXTS: Final = {
    "id": (re.compile(r"[!-~]{1,128}"), PRINTABLE_RULE),
    "visitor": (re.compile(VISITOR_PATTERN), VISITOR_RULE),
    "item": (
        re.compile(EXTERNAL_ID_PATTERN),
        "Use 1 to 128 characters from A-Z a-z 0-9 . _ : -",
    ),
    "session": (re.compile(r"[!-~]{1,128}"), PRINTABLE_RULE),
    "request_id": (re.compile(r"[!-~]{1,128}"), PRINTABLE_RULE),
}
MAX_VALUE: Final = 1e12
MAX_MOMENT: Final = 64  # characters
MAX_UNKNOWN_SHOWN: Final = 5


class RepeatedKey:
    """Stands for a JSON object that has a key twice."""

    def __init__(self, key: str) -> None:
        self.key = key


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A checked event, not stored yet."""

    key: str
    digest: UUID
    """Of everything that was sent but the id: tells a retry from another event."""
    visitor: str
    item: str
    type: str
    value: float | None
    share: float | None
    occurred_at: datetime
    session: str
    request_id: str


def read_json(text: str) -> Any:
    """JSON whose oddities are left to ``EventReader``, so that they cost one event and not all.

    NaN and numbers beyond a float become such floats, a key twice in an object a RepeatedKey. Raises
    JSONDecodeError and RecursionError.
    """
    return json.loads(text, parse_int=_integer, object_pairs_hook=_pairs)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= 19 else float(digits)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any] | RepeatedKey:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    return RepeatedKey(next(name for name in names if names.count(name) > 1))


@dataclass(frozen=True, slots=True)
class EventReader:
    """Checks events as of one moment: ``now`` is when what has no ``occurred_at`` happened."""

    now: datetime = field(default_factory=timezone.now)
    max_age_days: int | None = None
    """Instead of the settings'."""
    types: Mapping[str, EventType] = field(default_factory=event_types)

    def read(self, data: Any) -> NewEvent:
        """Raises InvalidEvent, which names every field that is wrong."""
        if not isinstance(data, dict):
            if isinstance(data, RepeatedKey):
                raise InvalidEvent({_shown(data.key): "Is there twice in one object."})
            raise InvalidEvent({"event": "Must be an object."})
        errors: dict[str, str] = {}
        unknown = data.keys() - set(FIELDS)
        if unknown:
            for name in sorted(unknown)[:MAX_UNKNOWN_SHOWN]:
                errors[_shown(name)] = "There is no such field."
        texts = {name: _text(data, name, errors) for name in TEXTS}
        for name in ("visitor", "item"):
            if texts[name] == "" and name not in errors:
                errors[name] = REQUIRED
        kind = self._type(data.get("type"), errors)
        value = _number(data, "value", -MAX_VALUE, MAX_VALUE, errors)
        share = self._share(data, kind, errors)
        moment = self._moment(data.get("occurred_at"), errors)
        if moment is None and not texts["id"] and not errors:
            errors["id"] = "Give an id, or occurred_at: without both a retry cannot be recognised."
        if errors or kind is None:
            raise InvalidEvent(errors)
        digest = _digest(
            *(texts["visitor"], texts["item"], kind.name, value, share),
            *(moment and moment.isoformat(), texts["session"], texts["request_id"]),
        )
        return NewEvent(
            key=texts["id"] or f"content:{digest.hex}",
            digest=digest,
            visitor=texts["visitor"],
            item=texts["item"],
            type=kind.name,
            value=value,
            share=share,
            occurred_at=moment or self.now,
            session=texts["session"],
            request_id=texts["request_id"],
        )

    def _type(self, raw: Any, errors: dict[str, str]) -> EventType | None:
        kind = self.types.get(raw) if isinstance(raw, str) else None
        if kind is None:
            known = ", ".join(self.types)
            errors["type"] = REQUIRED if raw is None else f"Use one of {known}."
        return kind

    def _share(
        self, data: Mapping[str, Any], kind: EventType | None, errors: dict[str, str]
    ) -> float | None:
        share = _number(data, "share", 0.0, 1.0, errors)
        if kind is not None and "share" not in errors:
            if kind.with_share and share is None:
                errors["share"] = f"Give how much was taken in, from 0 to 1: {kind.name} needs it."
            if not kind.with_share and share is not None:
                errors["share"] = f"Leave it out: {kind.name} has no share."
        return share

    def _moment(self, raw: Any, errors: dict[str, str]) -> datetime | None:
        if raw is None:
            return None
        try:
            moment = _utc(raw)
        except (ValueError, OverflowError):
            errors["occurred_at"] = (
                "Use a time with its zone, such as 2026-01-31T12:00:00Z or "
                "2026-01-31T13:00:00+01:00."
            )
            return None
        limits: dict[str, Any] = settings.RECOMMENDER["EVENTS"]
        days = self.max_age_days or limits["MAX_AGE_DAYS"]
        if moment < self.now - timedelta(days=days):
            errors["occurred_at"] = f"Is more than {days} days ago."
        elif moment > self.now + timedelta(seconds=limits["MAX_AHEAD_S"]):
            errors["occurred_at"] = f"Is more than {limits['MAX_AHEAD_S']} s in the future."
        return moment


def _utc(raw: Any) -> datetime:
    if not isinstance(raw, str) or len(raw) > MAX_MOMENT:
        raise ValueError(raw)
    moment = datetime.fromisoformat(raw)
    if moment.tzinfo is None:
        raise ValueError(raw)
    return moment.astimezone(UTC)


def _text(data: Mapping[str, Any], name: str, errors: dict[str, str]) -> str:
    raw = data.get(name)
    if raw is None:
        return ""
    pattern, rule = TEXTS[name]
    if isinstance(raw, str) and pattern.fullmatch(raw):
        return raw
    errors[name] = f"{rule}." if isinstance(raw, str) else f"Must be text. {rule}."
    return ""


def _number(
    data: Mapping[str, Any], name: str, least: float, most: float, errors: dict[str, str]
) -> float | None:
    raw = data.get(name)
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        errors[name] = "Must be a number."
    elif not least <= raw <= most:  # nor is NaN
        errors[name] = f"Use a number from {least:g} to {most:g}."
    else:
        return float(raw) + 0.0  # -0.0 becomes 0.0
    return None


def _shown(name: str) -> str:
    return name[:100].encode("ascii", "backslashreplace").decode().replace("\0", "\\x00")


def _digest(*parts: object) -> UUID:
    return UUID(bytes=hashlib.blake2b(repr(parts).encode(), digest_size=16).digest())
