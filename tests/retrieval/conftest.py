"""Small worlds: items with words, pictures and sounds whose likeness is known."""

import io
import wave
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from django.conf import settings
from PIL import Image

from catalog.models import Item
from catalog.services import ItemContent, TextContent, item_upsert, media_add
from catalog.uploads import check_upload
from retrieval import spaces

RATE = 22_050


def png(colour: tuple[int, int, int], size: int = 16) -> io.BytesIO:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(file, "PNG")
    file.seek(0)
    return file


def wav(frequency: float, seconds: float = 1.0) -> io.BytesIO:
    """A pure tone."""
    time = np.arange(int(RATE * seconds)) / RATE
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes((16_000 * np.sin(2 * np.pi * frequency * time)).astype("<i2").tobytes())
    file.seek(0)
    return file


def make_item(
    external_id: str,
    title: str,
    *,
    texts: dict[str, str] | None = None,
    media: Sequence[io.BytesIO] = (),
    **content,
) -> Item:
    """An item with its media, stored the way the API does it."""
    translated = tuple(TextContent(language=k, title=v) for k, v in (texts or {}).items())
    given = ItemContent(external_id=external_id, title=title, texts=translated, **content)
    item = item_upsert(given).item
    for file in media:
        media_add(item, check_upload(file))
    item.refresh_from_db()
    return item


def make_space() -> spaces.Space:
    """The first, untrained space."""
    spaces.ensure_active_space(settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"])
    return spaces.active_space()


@pytest.fixture
def space(db) -> spaces.Space:
    """The first, untrained space."""
    return make_space()


@pytest.fixture
def many_items(db) -> Callable[[int], list[Item]]:
    """Bare items, quickly."""

    def make(count: int, **fields) -> list[Item]:
        return Item.objects.bulk_create(
            [Item(external_id=f"item-{n}", title=f"item {n}", **fields) for n in range(count)]
        )

    return make


@pytest.fixture
def runs_sent(monkeypatch) -> list:
    """Messages that ask workers for a run of a review."""
    found: list = []
    monkeypatch.setattr(
        "retrieval.review_runs.current_app.send_task", lambda *a, **k: found.append((a, k))
    )
    return found
