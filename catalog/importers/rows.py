"""One row of an import file: its JSON object, checked strictly, as item content and media paths."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from django.utils.dateparse import parse_date, parse_datetime

from catalog.content import UNSET, ItemContent, TextContent, Unset, checked
from catalog.exceptions import InvalidItem
from catalog.models.media import Media

DEFAULT_LANGUAGE: Final = "en"
ROW_FIELDS: Final = (
    *("external_id", "kind", "title", "description", "language", "tags", "attributes"),
    *("categories", "published", "published_at", "expires_at", "media"),
)
MEDIA_FIELDS: Final = ("modality", "path", "alt", "attributes")


class ImportFileError(Exception):
    """The file as a whole cannot be imported."""


class RowError(Exception):
    """One row cannot be imported; the message says why and goes to the person who wrote it."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it was read: its first line's number (from 1), and its object or what is wrong."""

    line: int
    data: Mapping[str, Any] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MediaPath:
    """A media file that a row names, not looked at yet."""

    modality: Media.Modality
    path: str
    alt: str = ""
    attributes: dict[str, Any] | None = None


def parse_row(data: Mapping[str, Any]) -> tuple[ItemContent, list[MediaPath] | None]:
    """What a row says; a field it leaves out keeps its value. Raises ``RowError``.

    Texts: ``title`` (and with it ``description`` and ``tags``) may be an object by language. The
    item's own language is ``language``, else ``en``, else the first of the titles.
    """
    _only_known(data, ROW_FIELDS, "field")
    if "external_id" not in data:
        raise RowError("external_id: is missing")
    try:
        content = checked(
            ItemContent(
                external_id=data["external_id"],
                kind=data.get("kind", UNSET),
                attributes=data.get("attributes", UNSET),
                categories=data.get("categories", UNSET),
                published=data.get("published", UNSET),
                published_at=_moment("published_at", data.get("published_at", UNSET)),
                expires_at=None
                if data.get("expires_at", UNSET) is None
                else _moment("expires_at", data.get("expires_at", UNSET)),
                **_words(data),
            )
        )
    except InvalidItem as err:
        raise RowError(str(err)) from err
    return content, _media(data["media"]) if "media" in data else None


def _only_known(data: Mapping[str, Any], allowed: tuple[str, ...], what: str) -> None:
    for name in data:
        if name not in allowed:
            raise RowError(f"unknown {what} {name[:100]!r}; allowed: {', '.join(allowed)}")


def _words(data: Mapping[str, Any]) -> dict[str, Any]:
    """``language``, ``title``, ``description``, ``tags`` and ``texts`` as far as they are given."""
    titles = data.get("title", UNSET)
    if not isinstance(titles, Mapping):
        for name in ("description", "tags"):
            if isinstance(data.get(name), Mapping):
                raise RowError(f"{name}: is an object by language, so title must be one too")
        names = ("language", "title", "description", "tags")
        return {name: data.get(name, UNSET) for name in names}
    if not titles:
        raise RowError("title: the object is empty; give at least one language")
    language = data.get("language", UNSET)
    if language is UNSET:
        language = DEFAULT_LANGUAGE if DEFAULT_LANGUAGE in titles else next(iter(titles))
    if not isinstance(language, str):
        raise RowError("language: must be text, a language tag such as en")
    if language not in titles:
        raise RowError(f"title: has no text in {language!r}, the item's own language")
    descriptions = _by_language(data, "description", titles, language)
    tags = _by_language(data, "tags", titles, language)
    return {
        "language": language,
        "title": titles[language],
        "description": descriptions.get(language, UNSET),
        "tags": tags.get(language, UNSET),
        "texts": tuple(
            TextContent(
                language=other,
                title=title,
                description=descriptions.get(other, ""),
                tags=tags.get(other, ()),
            )
            for other, title in titles.items()
            if other != language
        ),
    }


def _by_language(
    data: Mapping[str, Any], name: str, titles: Mapping[str, Any], language: str
) -> Mapping[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, Mapping):
        return {language: value}
    for other in value:
        if other not in titles:
            raise RowError(f"{name}: has the language {other!r}, which title lacks")
    return value


def _moment(name: str, value: Any) -> datetime | Unset:
    if value is UNSET:
        return UNSET
    try:
        moment: datetime | date | None = parse_datetime(value) or parse_date(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None:
        raise RowError(f"{name}: {str(value)[:50]!r} is no time such as 2026-01-31T12:00:00Z")
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _media(value: Any) -> list[MediaPath]:
    if not isinstance(value, list):
        raise RowError("media: must be a list of objects with modality and path")
    return [_media_path(entry, f"media[{at}]") for at, entry in enumerate(value)]


def _media_path(entry: Any, where: str) -> MediaPath:
    if not isinstance(entry, Mapping):
        raise RowError(f"{where}: must be an object with modality and path")
    try:
        _only_known(entry, MEDIA_FIELDS, "field")
    except RowError as err:
        raise RowError(f"{where}: {err}") from err
    modality, path = entry.get("modality"), entry.get("path")
    if modality not in Media.Modality.values:
        raise RowError(f"{where}.modality: use one of {', '.join(Media.Modality.values)}")
    if not isinstance(path, str) or not path:
        raise RowError(f"{where}.path: must name a file")
    return MediaPath(
        Media.Modality(modality), path, entry.get("alt", ""), entry.get("attributes", {})
    )
