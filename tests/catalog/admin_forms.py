"""What a browser would post from the admin's pages."""

import json
from typing import Any

from catalog.models import Item


def item_form(item: Item | None = None, **changes: Any) -> dict[str, Any]:
    """The item's page as it stands, with these fields changed; None is the page of a new item.

    Inline rows are named as in the page: ``**{"media-0-alt": "…"}``; new rows are counted here.
    """
    data: dict[str, Any] = {
        "kind": item.kind if item else "item",
        "title": item.title if item else "",
        "description": item.description if item else "",
        "language": item.language if item else "en",
        "tags": "\n".join(item.tags) if item else "",
        "attributes": json.dumps(item.attributes if item else {}),
        "categories": [each.pk for each in item.categories.all()] if item else [],
        "published": "on" if item is None or item.published else "",
        "published_at_0": f"{item.published_at:%Y-%m-%d}" if item else "2026-01-31",
        "published_at_1": f"{item.published_at:%H:%M:%S}" if item else "12:00:00",
        "expires_at_0": "",
        "expires_at_1": "",
    }
    media = list(item.media.all()) if item else []
    texts = list(item.texts.all()) if item else []
    for i, row in enumerate(media):
        data |= _row(f"media-{i}", row, alt=row.alt, position=row.position)
    for i, text in enumerate(texts):
        data |= _row(
            f"texts-{i}",
            text,
            language=text.language,
            title=text.title,
            description=text.description,
            tags="\n".join(text.tags),
        )
    data |= changes
    for prefix, rows in (("media", media), ("texts", texts)):
        numbers = {key.split("-")[1] for key in data if key.startswith(f"{prefix}-")}
        data[f"{prefix}-TOTAL_FORMS"] = len(numbers)
        data[f"{prefix}-INITIAL_FORMS"] = len(rows)
    return {key: value for key, value in data.items() if value is not None}


def _row(prefix: str, row: Any, **values: Any) -> dict[str, Any]:
    values |= {"id": row.pk, "item": row.item_id}
    return {f"{prefix}-{name}": value for name, value in values.items()}
