"""A person runs the whole catalog from the admin, in a browser: no terminal from the first file to the report."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import F
from django.test import Client
from playwright.sync_api import Page, expect

from catalog.models import Item, Media
from retrieval.models import Embedding, EmbeddingSpace
from tests.retrieval.conftest import png
from tests.workers.conftest import Processes, processes, until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

__all__ = ["processes"]

SLOW_MS = 90_000
"""For workers that start, embed or train beside everything else."""
VISITORS = 40
ANIMALS = (
    "frog",
    "newt",
    "toad",
    "eel",
    "crow",
    "duck",
    "goose",
    "swan",
    "otter",
    "mole",
    "hare",
    "fox",
)
TOOLS = (
    "hammer",
    "saw",
    "pliers",
    "wrench",
    "chisel",
    "drill",
    "file",
    "plane",
    "rasp",
    "vise",
    "axe",
    "awl",
)


@pytest.fixture
def world() -> None:
    """Nothing but somebody who may do everything."""
    get_user_model().objects.create_superuser("ada", password="countess")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Items as JSON Lines and their pictures as a zip: one row is wrong, and one picture is broken."""
    rows = [
        {
            "external_id": f"{kind}:{name}",
            "kind": kind,
            "title": {"en": f"a {name}", "de": f"{name} (de)"},
            "description": f"{kind} number {place}",
            "categories": [f"{kind}s"],
            "media": [{"modality": "image", "path": f"{name}.png", "alt": name}],
        }
        for kind, names in (("animal", ANIMALS), ("tool", TOOLS))
        for place, name in enumerate(names)
    ]
    lines = [json.dumps(row) for row in rows]
    lines.insert(3, '{"external_id": "no spaces please", "kind": "animal", "title": "x"}')
    pictures = {
        name: png((9 * place, 220 - 9 * place, 90)).getvalue()
        for place, name in enumerate((*ANIMALS, *TOOLS))
    }
    pictures["swan"] = pictures["swan"][:60]  # a good header, and nothing more
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for name, content in pictures.items():
            archive.writestr(f"{name}.png", content)
    (tmp_path / "items.jsonl").write_text("\n".join(lines))
    return tmp_path / "items.jsonl", tmp_path / "pictures.zip"


def sign_in(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("countess")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def reread(space: EmbeddingSpace) -> EmbeddingSpace:
    return EmbeddingSpace.objects.defer("head").get(pk=space.pk)


def shown(visitor: str) -> dict[str, Any]:
    """What the home page would show somebody."""
    answer = Client().get("/api/v1/recommendations/", {"visitor": visitor, "placement": "home"})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def happened(visitor: str, answer: dict[str, Any]) -> None:
    """A click on the first item of an answer."""
    event = {
        "id": f"{visitor}-click",
        "visitor": visitor,
        "type": "click",
        "item": answer["items"][0]["item"]["external_id"],
        "request_id": answer["request_id"],
    }
    sent = Client().post("/api/v1/events/", json.dumps([event]), "application/json")
    assert sent.json()["accepted"] == 1


def opened(page: Page, model: str) -> None:
    """Go to a list by the sidebar; ``model`` is the end of its address."""
    page.locator(f'#nav-sidebar a[href$="/{model}/"]').first.click()
    page.wait_for_url(f"**/{model}/")


def confirm(page: Page, opened_by: str, **values: str) -> None:
    """Open an action's dialog, fill it in and go on; ``opened_by`` is the end of its address."""
    page.locator(f'a[href$="/{opened_by}/"]:visible').first.click()
    form = page.locator("form:has(#dialog-form)")
    for name, value in values.items():
        field = form.locator(f"[name={name}]")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    form.locator("button[type=submit]").click()


def test_from_a_file_to_an_experiments_report(
    page: Page, files: tuple[Path, Path], processes: Processes
):
    processes.start("worker", "-Q", "query,profiles,embed,default,train", "-c", "1")
    processes.start("beat", SWEEP_INTERVAL_S="2")
    sign_in(page)
    imported(page, files)
    mended(page)
    trained_compared_and_activated(page)
    pinned(page)
    tried(page)


def imported(page: Page, files: tuple[Path, Path]) -> None:
    """What would happen is shown first; the bad row costs nothing but itself."""
    opened(page, "catalog/item")
    page.locator('#main a[href$="/import_items/"]:visible').first.click()
    page.locator("input[type=file][name=rows_file]").set_input_files(files[0])
    page.locator("input[type=file][name=media_file]").set_input_files(files[1])
    page.get_by_role("button", name="Save").click()
    run = page.locator("#import-run")
    expect(run).to_contain_text("Nothing was written yet", timeout=SLOW_MS)
    expect(run.locator(".triad-tile")).to_have_text(
        ["24 would be created", "0 would be changed", "0 unchanged", "1 refused"]
    )
    expect(run.locator("tr", has_text="external_id").first).to_contain_text("4")
    assert Item.objects.count() == 0
    confirm(page, "start")
    expect(run.locator(".triad-tile").first).to_have_text("24 created", timeout=SLOW_MS)
    opened(page, "catalog/item")
    expect(page.locator("#result_list tbody tr")).to_have_count(24)
    assert Item.objects.count() == 24


def mended(page: Page) -> None:
    """The picture that could not be decoded is found and replaced."""

    def failed() -> int:
        return Media.objects.filter(status="failed").count()

    until(lambda: failed() == 1, "the broken picture is known to be broken")
    opened(page, "catalog/media")
    broken = page.locator("#result_list tbody tr", has_text="failed")
    expect(broken).to_have_count(1)
    broken.get_by_role("link", name="animal:swan").click()
    page.locator("td.delete label:has([name=media-0-DELETE])").click()
    page.get_by_role("link", name="Add another Media").click()
    page.locator("[name=media-1-file]").set_input_files(
        {"name": "swan.png", "mimeType": "image/png", "buffer": png((250, 250, 250)).getvalue()}
    )
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("was changed successfully")

    def ready() -> bool:
        rows = Embedding.objects.filter(status="ready", content_version=F("item__content_version"))
        return rows.filter(image__isnull=False).count() == len(ANIMALS) + len(TOOLS)

    until(ready, "every item is embedded with its picture")
    assert failed() == 0
    opened(page, "catalog/item")
    expect(page.locator("#result_list")).not_to_contain_text("broken")
    expect(page.locator("#result_list tbody tr", has_text="ready")).to_have_count(24)


def trained_compared_and_activated(page: Page) -> None:
    """Another space, made, measured and filled while the first one answers."""
    opened(page, "retrieval/embeddingspace")
    confirm(page, "train", name="aligned", profile="fake")
    expect(page.locator("#training-jobs tr", has_text="aligned")).to_contain_text(
        "done", timeout=SLOW_MS
    )
    made = EmbeddingSpace.objects.get(name="aligned")
    until(lambda: reread(made).state == "ready", "the new space has every item")
    former = EmbeddingSpace.objects.exclude(pk=made.pk).get()
    opened(page, "retrieval/embeddingspace")
    page.locator("#result_list").get_by_role("link", name="aligned", exact=True).click()
    page.locator('a[href$="/compare/"]:visible').first.click()
    page.locator("select[name=with]").select_option(str(former.pk))
    page.get_by_role("button", name="Compare", exact=True).click()
    compared = page.locator(".triad-compare")
    expect(compared).to_contain_text("Of an item's 10 nearest neighbours", timeout=SLOW_MS)
    expect(compared.locator("thead th")).to_contain_text(["", "aligned", former.name])
    page.get_by_role("link", name="Back to aligned").click()
    confirm(page, "activate")
    expect(page.locator("body")).to_contain_text("aligned is active.")
    expect(page.locator("#result_list tr", has_text="aligned")).to_contain_text("active")
    assert reread(made).state == "active"


def pinned(page: Page) -> None:
    """What an editor pins is what a visitor of the shop sees first."""
    opened(page, "catalog/item")
    page.locator("#searchbar").fill("animal:fox")
    page.locator("#searchbar").press("Enter")
    page.locator("#result_list").get_by_role("link", name="a fox").first.click()
    confirm(page, "decide", action="pin", placement="home", position="1")
    expect(page.locator("body")).to_contain_text("The rule is made.")
    for visitor in ("web-1", "web-2"):
        assert shown(visitor)["items"][0]["item"]["external_id"] == "animal:fox"
    page.goto("/")
    expect(page.locator(".recommended .card").first).to_have_attribute("data-id", "animal:fox")
    page.goto("/admin/")


def tried(page: Page) -> None:
    """Two variants, visitors who click more on what one of them shows, and the figures of both."""
    opened(page, "recommender/experiment")
    page.locator('#main a[href$="/experiment/add/"]:visible').first.click()
    page.locator("[name=name]").fill("only-animals")
    page.locator("[name=placement]").select_option("home")
    page.locator("[name=variants-0-name]").fill("control")
    page.locator("[name=variants-1-name]").fill("animals")
    page.locator("#variants-data summary", has_text="What may be shown").nth(1).click()
    page.locator("[name=variants-1-filter-field]").first.select_option("kind")
    page.locator("[name=variants-1-filter-value]").first.fill("animal")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator("body")).to_contain_text("was added successfully")
    confirm(page, "start")
    expect(page.locator("body")).to_contain_text("started")
    seen: dict[str, list[bool]] = {"control": [], "animals": []}
    for number in range(VISITORS):
        visitor = f"web-visitor-{number}"
        answer = shown(visitor)
        kinds = {each["item"]["external_id"].split(":")[0] for each in answer["items"]}
        variant = "animals" if kinds == {"animal"} else "control"
        clicks = variant == "animals" or number % 4 == 0
        seen[variant].append(clicks)
        if clicks:
            happened(visitor, answer)
    assert min(map(len, seen.values())) > VISITORS // 5
    opened(page, "recommender/experiment")
    page.get_by_role("link", name="only-animals", exact=True).click()
    page.locator('a[href$="/report/"]:visible').first.click()
    report = page.locator("#main")
    for variant, clicks in seen.items():
        expect(report.locator("tr", has_text=variant).first).to_contain_text(str(len(clicks)))
