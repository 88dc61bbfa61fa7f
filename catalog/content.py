"""What an item says, as its writers hand it over: typed, validated, without a database."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from catalog.exceptions import InvalidItem
from catalog.models.items import EXTERNAL_ID_PATTERN, LANGUAGE_PATTERN
from catalog.uploads import CheckedUpload
from catalog.visible import has_visible

MIN_YEAR, MAX_YEAR = 1000, 9000
MAX_KIND = 64
MAX_TITLE = 500
MAX_DESCRIPTION = 20_000
MAX_LANGUAGE = 16
MAX_TAG = 100
MAX_TAGS = 200
MAX_TEXTS = 100
MAX_CATEGORIES = 50
MAX_CATEGORY_DEPTH = 10
MAX_CATEGORY_NAME = 100
MAX_CATEGORY_PATH = 1000
MAX_CATEGORY_PATH_BYTES = 2000
"""Of UTF-8: an entry of a B-tree in Postgres holds at most 2,704 bytes."""
MAX_ALT = 500
MAX_ATTRIBUTES_BYTES = 65_536
MAX_ATTRIBUTES_DEPTH = 16

_EXTERNAL_ID = re.compile(EXTERNAL_ID_PATTERN)
_LANGUAGE = re.compile(LANGUAGE_PATTERN)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f]")


class Unset(Enum):
    """The type of ``UNSET``."""

    UNSET = "not given"


UNSET: Final = Unset.UNSET
"""Not given: an existing item keeps its value, a new one gets the default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextContent:
    """An item's words in one more language."""

    language: str
    title: str
    description: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemContent:
    """An item without its media. Every field but ``external_id`` may be left ``UNSET``.

    ``texts`` and ``categories`` (paths such as ``animals/birds``) replace the whole set.
    """

    external_id: str
    kind: str | Unset = UNSET
    title: str | Unset = UNSET
    description: str | Unset = UNSET
    language: str | Unset = UNSET
    texts: tuple[TextContent, ...] | Unset = UNSET
    tags: tuple[str, ...] | Unset = UNSET
    attributes: dict[str, Any] | Unset = UNSET
    categories: tuple[str, ...] | Unset = UNSET
    published: bool | Unset = UNSET
    published_at: datetime | Unset = UNSET
    expires_at: datetime | Unset | None = UNSET

    def given(self) -> dict[str, Any]:
        """The fields that are not ``UNSET``, ``external_id`` left out."""
        names = (field.name for field in fields(self) if field.name != "external_id")
        return {name: value for name in names if (value := getattr(self, name)) is not UNSET}


@dataclass(frozen=True, kw_only=True, slots=True)
class NewMedia:
    """One picture, sound or video for an item; its place in the sequence is its position."""

    upload: CheckedUpload
    alt: str = ""
    attributes: dict[str, Any] | None = None


def checked(content: ItemContent) -> ItemContent:
    """The content as it will be stored: stripped, tags and categories without repetitions.

    Raises ``InvalidItem`` with one message a field.
    """
    problems: dict[str, str] = {}
    clean: dict[str, Any] = {}
    for name, value in {"external_id": content.external_id, **content.given()}.items():
        try:
            clean[name] = _CHECKS[name](value)
        except _Problem as problem:
            problems[f"{name}{problem.where}"] = problem.text
    if problems:
        raise InvalidItem(problems)
    return replace(content, **clean)


def checked_media(alt: Any, attributes: Any) -> tuple[str, dict[str, Any]]:
    """A media row's own words as they will be stored. Raises ``InvalidItem``."""
    problems: dict[str, str] = {}
    clean: dict[str, Any] = {}
    parts = {"alt": (_alt, alt), "attributes": (_attributes, attributes)}
    for name, (check, value) in parts.items():
        try:
            clean[name] = check(value)
        except _Problem as problem:
            problems[name] = problem.text
    if problems:
        raise InvalidItem(problems)
    return clean["alt"], clean["attributes"]


def checked_category_path(path: Any) -> str:
    """The path with its names stripped. Raises ``InvalidItem``."""
    try:
        return _category_path(path)
    except _Problem as problem:
        raise InvalidItem({"path": problem.text}) from problem


class _Problem(Exception):
    def __init__(self, text: str, where: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.where = where


def _text(value: Any, limit: int, *, required: bool = False) -> str:
    if not isinstance(value, str):
        raise _Problem(f"must be text, not {_kind(value)}")
    if found := _UNSTORABLE.search(value):
        raise _Problem(f"contains the character U+{ord(found[0]):04X}, which cannot be stored")
    value = value.strip()
    if required and not value:
        raise _Problem("must not be empty")
    if len(value) > limit:
        raise _Problem(f"has {len(value)} characters; the limit is {limit}")
    return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", tuple: "a list", bool: "true or false"}
    names |= {int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _external_id(value: Any) -> str:
    if not isinstance(value, str) or not _EXTERNAL_ID.fullmatch(value):
        raise _Problem("use 1 to 128 characters from A-Z a-z 0-9 . _ : -, not dots alone")
    return value


def _language(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_LANGUAGE or not _LANGUAGE.fullmatch(value):
        raise _Problem("use a language tag such as en, zh or zh-Hant")
    return value


def _item_kind(value: Any) -> str:
    value = _text(value, MAX_KIND, required=True)
    if _CONTROL.search(value):
        raise _Problem("must not contain control characters")
    return str(value)


def _title(value: Any) -> str:
    value = _text(value, MAX_TITLE, required=True)
    if not has_visible(value):
        raise _Problem("must have a visible character")
    return str(value)


def _description(value: Any) -> str:
    return _text(value, MAX_DESCRIPTION)


def _alt(value: Any) -> str:
    return _text(value, MAX_ALT)


def _list(value: Any, limit: int, what: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise _Problem(f"must be a list of {what}, not {_kind(value)}")
    if len(value) > limit:
        raise _Problem(f"has {len(value)} entries; the limit is {limit}")
    return value


def _tags(value: Any) -> tuple[str, ...]:
    tags = _list(value, MAX_TAGS, "texts")
    return tuple(dict.fromkeys(_text(tag, MAX_TAG, required=True) for tag in tags))


def _texts(value: Any) -> tuple[TextContent, ...]:
    texts: dict[str, TextContent] = {}
    for text in _list(value, MAX_TEXTS, "texts"):
        try:
            clean = TextContent(
                language=_language(text.language),
                title=_title(text.title),
                description=_description(text.description),
                tags=_tags(text.tags),
            )
        except _Problem as problem:
            raise _Problem(problem.text, f".{text.language}") from problem
        if clean.language in texts:
            raise _Problem(f"has the language {clean.language} twice")
        texts[clean.language] = clean
    return tuple(texts[language] for language in sorted(texts))


def _attributes(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Problem(f"must be a JSON object, not {_kind(value)}")
    for text in _strings(value, MAX_ATTRIBUTES_DEPTH):
        _text(text, MAX_ATTRIBUTES_BYTES)
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError) as err:
        raise _Problem(f"cannot be stored as JSON: {err}") from err
    if size > MAX_ATTRIBUTES_BYTES:
        raise _Problem(f"is {size} bytes of JSON; the limit is {MAX_ATTRIBUTES_BYTES}")
    return value


def _strings(value: Any, depth: int) -> Iterator[Any]:
    """Every text in a JSON value, keys included."""
    if not depth:
        raise _Problem(f"is nested deeper than {MAX_ATTRIBUTES_DEPTH} levels")
    if isinstance(value, dict):
        if "" in value:
            raise _Problem("has a value without a name")
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _strings(part, depth - 1)
    elif isinstance(value, str):
        yield value


def _category_path(value: Any) -> str:
    names = [name.strip() for name in _text(value, MAX_CATEGORY_PATH, required=True).split("/")]
    if len(names) > MAX_CATEGORY_DEPTH:
        raise _Problem(f"{value!r} has {len(names)} levels; the limit is {MAX_CATEGORY_DEPTH}")
    for name in names:
        if not name or len(name) > MAX_CATEGORY_NAME or _CONTROL.search(name):
            raise _Problem(
                f"{value!r}: join names of 1 to {MAX_CATEGORY_NAME} characters with /, "
                "for example animals/birds"
            )
    path = "/".join(names)
    if (size := len(path.encode())) > MAX_CATEGORY_PATH_BYTES:
        raise _Problem(
            f"{path[:50]}… has {size} bytes in UTF-8; the limit is {MAX_CATEGORY_PATH_BYTES}"
        )
    return path


def _categories(value: Any) -> tuple[str, ...]:
    paths = _list(value, MAX_CATEGORIES, "paths")
    return tuple(sorted({_category_path(path) for path in paths}))


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Problem(f"must be true or false, not {_kind(value)}")
    return value


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise _Problem("must be a date and time such as 2026-01-31T12:00:00Z")
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    # at the ends of the calendar Postgres keeps what Python then cannot read back
    if not MIN_YEAR <= aware.year <= MAX_YEAR:
        raise _Problem(f"must lie between the years {MIN_YEAR} and {MAX_YEAR}")
    return aware


def _moment_or_none(value: Any) -> datetime | None:
    return None if value is None else _moment(value)


_CHECKS: Final = {
    "external_id": _external_id,
    "kind": _item_kind,
    "title": _title,
    "description": _description,
    "language": _language,
    "texts": _texts,
    "tags": _tags,
    "attributes": _attributes,
    "categories": _categories,
    "published": _boolean,
    "published_at": _moment,
    "expires_at": _moment_or_none,
}
