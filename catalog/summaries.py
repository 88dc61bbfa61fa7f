"""What a list of hits shows of each item: one statement, however many items.

Written in SQL, because for a page of hits the ORM takes longer to make rows and prefetches into
objects than Postgres and the index take to find them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.core.files.storage import default_storage
from django.db import connection

from catalog.models import Media

SUMMARIES = """
    SELECT i.id, i.external_id, i.kind, i.language, i.title, i.tags, i.attributes::text,
        (SELECT json_agg(json_build_array(t.language, t.title, t.tags) ORDER BY t.language)::text
            FROM catalog_itemtext t WHERE t.item_id = i.id),
        ARRAY(SELECT c.path FROM catalog_item_categories link
            JOIN catalog_category c ON c.id = link.category_id
            WHERE link.item_id = i.id ORDER BY c.path),
        (SELECT json_agg(json_build_array(m.modality, m.file) ORDER BY m.position, m.id)::text
            FROM catalog_media m WHERE m.item_id = i.id AND m.status <> 'failed')
    FROM catalog_item i WHERE i.id = ANY(%s)
"""
Words = tuple[str, str, list[str]]
"""Language, title and tags."""
T = TypeVar("T")


def item_summaries(
    item_ids: Sequence[int], languages: Iterable[str], absolute: Callable[[str], str] = str
) -> dict[int, dict[str, Any]]:
    """The fields of ``ItemSummarySerializer`` by item id; unknown ids are left out.

    ``languages`` are tags in the order the client wants them; ``absolute`` makes a URL one.
    """
    if not item_ids:
        return {}
    wanted = tuple(languages)
    with connection.cursor() as cursor:
        cursor.execute(SUMMARIES, [list(item_ids)])
        return {row[0]: _summary(row[1:], wanted, absolute) for row in cursor.fetchall()}


def _summary(
    row: Sequence[Any], wanted: Sequence[str], absolute: Callable[[str], str]
) -> dict[str, Any]:
    external_id, kind, language, title, tags, attributes, texts, categories, media = row
    own: Words = (language, title, tags)
    others: list[Words] = json.loads(texts) if texts else []
    shown = in_language({each[0]: each for each in (*others, own)}, wanted, own) if wanted else own
    first: dict[str, str] = {}
    for modality, name in json.loads(media) if media else ():
        first.setdefault(modality, name)
    return {
        "external_id": external_id,
        "kind": kind,
        "title": shown[1],
        "language": shown[0],
        "categories": categories,
        "tags": shown[2] or tags,
        "attributes": json.loads(attributes),
        **{
            str(modality): absolute(default_storage.url(first[modality]))
            if modality in first
            else None
            for modality in Media.Modality.values
        },
    }


def in_language(texts: Mapping[str, T], languages: Iterable[str], own: T) -> T:
    """The text in the first of the languages that there is one in: exactly, else of the same base.

    ``zh-TW`` takes ``zh``, and ``zh`` takes ``zh-Hant``; without a match, ``own``.
    """
    by_tag = {tag.lower(): text for tag, text in texts.items()}
    for wanted in languages:
        if (found := by_tag.get(wanted.lower())) is not None:
            return found
        base = _base(wanted)
        near = (text for tag, text in by_tag.items() if _base(tag) == base)
        if (found := by_tag.get(base) or next(near, None)) is not None:
            return found
    return own


def _base(language: str) -> str:
    return language.lower().partition("-")[0]
