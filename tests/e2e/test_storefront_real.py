"""A real photo and a real sound in one composed query, encoded by the real encoders."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as django_settings
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect
from rich.console import Console

from catalog.importers import demo
from catalog.models import Item
from retrieval import lexical, queries, services, spaces
from retrieval.preprocess.decoder import Decoder
from tests.e2e.test_demo import mp3
from tests.e2e.test_storefront import FACETS, found, parts, search, searches_sent, titles, weigh
from tests.retrieval.conftest import make_item

pytestmark = [
    pytest.mark.browser,
    pytest.mark.demo,
    pytest.mark.encoders,
    pytest.mark.django_db(transaction=True),
]

PRICES = {
    "animals.amphibians.frog": 12,
    "animals.birds.blackbird": 15,
    "animals.birds.crow": 18,
    "animals.birds.cuckoo": 60,
    "animals.birds.duck": 40,
    "animals.mammals.badger": 25,
    "animals.amphibians.frog-1": 70,
    "food.pizza": 9,
    "household.tools.saw": 30,
    "household.kettle": 35,
    "household.rubberduck": 45,
}
"""Of stamps of the demo catalog: photos, most of them with a recorded sound."""


@pytest.fixture(scope="session")
def stamps() -> Path:
    """The folder of the demo's stamps."""
    quiet = Console(quiet=True)
    return demo.prepared(demo.SETS["stamps"], django_settings.DEMO_CACHE, quiet)


@pytest.fixture
def world(stamps: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> dict[str, Item]:
    """Some of the stamps with invented prices; a worker that answers at once."""
    settings.RETRIEVAL = settings.RETRIEVAL | {"PROFILE": "starter", "DIM": 256}
    rows = map(json.loads, (stamps / demo.CATALOG_FILE).read_text().splitlines())
    items = {}
    for row in rows:
        name = row["external_id"].removeprefix("stamp:")
        if name not in PRICES:
            continue
        items[name] = make_item(
            name,
            row["title"]["en"],
            categories=tuple(row["categories"]),
            attributes={"price": PRICES[name]},
            media=[io.BytesIO((stamps / each["path"]).read_bytes()) for each in row["media"]],
        )
    assert items.keys() == PRICES.keys()
    space_id = spaces.ensure_active_space("starter", 256)
    ids = [item.pk for item in items.values()]
    assert services.embed_items(space_id, ids).embedded == len(ids)
    lexical.index_items(ids)
    monkeypatch.setattr(
        "retrieval.queries.current_app.send_task",
        lambda name, args, **_: queries.media_answer(*args),
    )
    return items


@pytest.fixture
def photo(stamps: Path, tmp_path: Path) -> Path:
    """The frog again, mirrored, smaller and on white, as a JPEG."""
    original = Image.open(stamps / "animals" / "amphibians" / "frog.png").convert("RGBA")
    white = Image.new("RGBA", original.size, "white")
    picture = ImageOps.mirror(Image.alpha_composite(white, original).convert("RGB"))
    path = tmp_path / "photo.jpg"
    picture.resize((picture.width * 2 // 3, picture.height * 2 // 3)).save(path, quality=85)
    return path


@pytest.fixture
def clip(stamps: Path, tmp_path: Path) -> Path:
    """The middle of the blackbird's song, as an MP3 at another rate."""
    song = (stamps / "animals" / "birds" / "blackbird.ogg").read_bytes()
    samples = Decoder(audio_rate=44_100).decode_audio(song).samples
    middle = np.asarray(samples[len(samples) // 4 : len(samples) * 3 // 4])
    path = tmp_path / "song.mp3"
    path.write_bytes(mp3(middle, 44_100, 22_050))
    return path


def test_like_this_photo_with_the_mood_of_this_clip_cheaper_and_not_that(
    page: Page, photo: Path, clip: Path
):
    sent = searches_sent(page)
    page.goto("/")
    page.locator("#image-file").set_input_files(photo)
    found(page)
    assert titles(page)[0] == "A frog"
    page.locator("#audio-file").set_input_files(clip)
    expect(page.locator("#parts li")).to_have_count(2)
    found(page)
    # recordings of birds are alike: what sounds so comes first until looks count for more
    assert titles(page)[0] == "A blackbird"
    with page.expect_response("**/search/"):
        weigh(page, "photo.jpg", 2)
        weigh(page, "song.mp3", 0.5)
    found(page)
    assert titles(page)[0] == "A frog"
    page.get_by_role("button", name="More like A duck").click()
    expect(page.locator("#parts li")).to_have_count(3)
    found(page)
    page.get_by_role("button", name="Cheaper than the item you chose (under 40)").click()
    expect(page.locator(".chips .chip")).to_have_text(["Price: under 40"])
    found(page)
    weigh(page, "A duck", 0.25)
    expect(page.locator(".part.item .said")).to_have_text("a bit like")
    search(page, "animal")
    expect(page.locator("#parts li")).to_have_count(4)
    cheaper = [name for name, price in PRICES.items() if price < 40]
    before = titles(page)
    assert len(before) == len(cheaper) == 7
    assert before[:3] == ["A frog", "A crow", "A blackbird"]
    page.get_by_label("Add words to the query").fill("crow")
    page.get_by_role("button", name="Not like it").click()
    expect(page.locator(".part.against .name")).to_have_text(["crow"])
    found(page)
    after = titles(page)
    assert sent[-1] == {
        "query": [
            {"text": "animal"},
            {"image": "file0", "weight": 2},
            {"audio": "file1", "weight": 0.5},
            {"item": "animals.birds.duck", "weight": 0.25},
            {"text": "crow", "weight": -1},
        ],
        "limit": 24,
        "lang": "en",
        "explain": True,
        "facets": FACETS,
        "filter": {"price": {"lt": 40}},
        "files": [
            ["file0", "image/jpeg", photo.stat().st_size],
            ["file1", "audio/mpeg", clip.stat().st_size],
        ],
    }
    assert sorted(after) == sorted(before)
    assert after[:2] == ["A frog", "A blackbird"]
    assert after.index("A crow") > 2
    card = page.locator('.card[data-id="animals.birds.blackbird"]')
    card.get_by_text("Why this?").click()
    expect(card.locator(".told-why ul").first.locator(".name")).to_have_text(
        ["animal", "photo.jpg", "song.mp3", "A duck", "crow"]
    )
    assert parts(page) == ["animal", "photo.jpg", "song.mp3", "A duck", "crow"]
