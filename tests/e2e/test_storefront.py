"""The storefront in a real browser, over a small world whose right answers are known."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Locator, Page, Request, Route, expect

from catalog.models import Item
from retrieval import lexical, queries, services, spaces
from retrieval.search import Query, Ranking
from retrieval.search import ranking as search_ranking
from tests.retrieval.conftest import make_item, png, wav

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RED, GREEN, BLUE = (210, 30, 30), (30, 180, 60), (30, 60, 210)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Item]:
    """Three items, embedded; a worker that answers at once."""
    given: list[dict[str, Any]] = [
        {
            "external_id": "frog",
            "title": "green frog",
            "texts": {"de": "grüner Frosch", "zh": "青蛙"},
            "media": [png(GREEN), wav(440)],
            "categories": ("animals/amphibians",),
            "tags": ("pond",),
        },
        {
            "external_id": "apple",
            "title": "red apple",
            "media": [png(RED)],
            "categories": ("food",),
        },
        {
            "external_id": "whale",
            "title": "blue whale",
            "texts": {"de": "Blauwal"},
            "media": [png(BLUE), wav(1760)],
            "categories": ("animals/mammals",),
        },
    ]
    items = {one["external_id"]: make_item(**one) for one in given}
    retrieval = django_settings.RETRIEVAL
    space_id = spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
    services.embed_items(space_id, [item.pk for item in items.values()])
    lexical.index_items([item.pk for item in items.values()])
    monkeypatch.setattr(
        "retrieval.queries.current_app.send_task",
        lambda name, args, **_: queries.media_answer(*args),
    )
    (tmp_path / "red.png").write_bytes(png(RED, size=40).getvalue())
    (tmp_path / "tone.wav").write_bytes(wav(1760, seconds=0.5).getvalue())
    return items


def titles(page: Page) -> list[str]:
    """The titles of the cards shown, once there are any."""
    expect(page.locator("#view .card[data-id]").first).to_be_visible()
    return page.locator("#view .card[data-id] :is(h2, h3)").all_inner_texts()


def search_box(page: Page) -> Locator:
    """Where words are typed; a combobox because it completes them."""
    return page.get_by_role("combobox", name="What are you looking for")


def found(page: Page) -> None:
    """Wait until what is looked for now is shown, not what was before."""
    expect(page.locator("#view section:not([aria-busy]) > .count")).to_be_visible()


def search(page: Page, words: str) -> None:
    search_box(page).fill(words)
    search_box(page).press("Enter")
    found(page)


def parts(page: Page) -> list[str]:
    """What the parts of the query are called."""
    return page.locator("#parts .name").all_inner_texts()


def weigh(page: Page, name: str, weight: float) -> None:
    """Move the slider of a part."""
    page.get_by_role("slider", name=f"How much “{name}” counts").fill(str(weight))


# browsers do not show what is in a form with files: the page's own call is looked at
SENT = """
const send = window.fetch;
window.fetch = (address, init) => {
  if (new URL(address, location.href).pathname === "/api/v1/search/") {
    const form = init.body instanceof FormData ? init.body : null;
    const body = JSON.parse(form ? form.get("body") : init.body);
    const files = form ? [...form].filter(([, one]) => one instanceof File) : [];
    if (files.length) body.files = files.map(([name, file]) => [name, file.type, file.size]);
    window.searchSent(body);
  }
  return send(address, init);
};
"""


def searches_sent(page: Page) -> list[dict[str, Any]]:
    """The query of every search from now on, with the name, type and size of its files as ``files``."""
    bodies: list[dict[str, Any]] = []
    page.expose_function("searchSent", lambda body: bodies.append(body))  # noqa: PLW0108 - it has to be a function
    page.add_init_script(SENT)
    return bodies


FACETS = ["categories", "price", "kind", "brand", "tags", "in_stock", "released", "language"]


def test_the_first_page_shows_sounds_and_categories(page: Page):
    page.goto("/")
    listen = page.locator(".shelf", has=page.get_by_role("heading", name="Listen"))
    expect(listen.locator(".card")).to_have_count(2)
    expect(page.locator(".pills a")).to_have_text(["Animals", "Food"])
    expect(page.locator("#status")).to_have_text("3 items · space untrained")
    page.locator(".pills a", has_text="Food").click()
    expect(page.get_by_role("heading", level=1, name="Food")).to_be_visible()
    expect(page.locator(".card h2")).to_have_text(["red apple"])


def test_words_find_items_without_credentials(page: Page):
    page.goto("/")
    sent: list[Request] = []
    page.on("request", lambda r: sent.append(r) if "/search/" in r.url else None)
    page.context.add_cookies([{"name": "sessionid", "value": "x", "url": page.url}])
    page.keyboard.press("/")
    expect(search_box(page)).to_be_focused()
    search(page, "frog")
    assert titles(page)[0] == "green frog"
    assert parts(page) == ["frog"]
    assert "q=frog" in page.url
    assert sent[0].post_data_json == {
        "query": [{"text": "frog"}],
        "limit": 24,
        "lang": "en",
        "explain": True,
        "facets": FACETS,
        "understand": True,
        "by_rules": True,
    }
    assert "cookie" not in sent[0].all_headers()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[str | None, float]]]:
    """Modality and weight of the parts of every search."""
    found: list[list[tuple[str | None, float]]] = []

    def spy(space: spaces.Space, query: Query, *args: Any, **options: Any) -> Ranking:
        found.append([(part.modality, part.weight) for part in query.parts])
        return search_ranking(space, query, *args, **options)

    monkeypatch.setattr("retrieval.search.ranking", spy)
    return found


def test_pictures_words_and_items_make_one_query(
    page: Page, tmp_path: Path, asked: list[list[tuple[str | None, float]]]
):
    page.goto("/")
    page.locator("#image-file").set_input_files(tmp_path / "red.png")
    found(page)
    assert titles(page)[0] == "red apple"
    search(page, "whale")
    page.get_by_role("button", name="More like green frog").click()
    expect(page.locator("#parts li")).to_have_count(3)
    found(page)
    assert parts(page) == ["whale", "red.png", "green frog"]
    assert asked == [
        [("image", 1)],
        [("text", 1), ("image", 1)],
        [("text", 1), ("image", 1), (None, 1)],
    ]
    page.get_by_role("button", name="Remove whale").click()
    expect(page.locator("#parts li")).to_have_count(2)
    expect(search_box(page)).to_have_value("")
    page.get_by_role("button", name="Remove red.png").click()
    page.get_by_role("button", name="Remove green frog").click()
    expect(page.locator("body")).to_have_attribute("data-view", "home")


def test_a_sound_finds_the_item_that_sounds_so(page: Page, tmp_path: Path):
    page.goto("/")
    page.locator("#audio-file").set_input_files(tmp_path / "tone.wav")
    found(page)
    assert titles(page)[0] == "blue whale"
    assert parts(page) == ["tone.wav"]


def test_parts_count_as_much_as_is_chosen(
    page: Page, tmp_path: Path, asked: list[list[tuple[str | None, float]]]
):
    """Like the words, with the mood of the sound, not like the picture."""
    page.goto("/?q=frog&item=apple&w=1,-0.5")
    expect(page.locator("#parts .name")).to_have_text(["frog", "red apple"])
    expect(page.locator(".part.against")).to_have_text(re.compile("red apple"))
    page.locator("#audio-file").set_input_files(tmp_path / "tone.wav")
    expect(page.locator("#parts li")).to_have_count(3)
    page.locator("#image-file").set_input_files(tmp_path / "red.png")
    expect(page.locator("#parts li")).to_have_count(4)
    found(page)
    with page.expect_response("**/search/"):
        weigh(page, "red.png", -1)
    expect(page.locator(".part.against")).to_have_count(2)
    found(page)
    assert asked[-1] == [("text", 1), (None, -0.5), ("audio", 1), ("image", -1)]
    assert titles(page)[-1] == "red apple"
    assert page.url.endswith("?q=frog&item=apple&w=1%2C-0.5&lang=en")


def test_a_query_of_nothing_wanted_is_not_sent(page: Page):
    page.goto("/?q=frog")
    found(page)
    weigh(page, "frog", -1)
    expect(page.locator("#hint")).to_contain_text("Say also what it should be like")


def test_the_bar_says_what_each_modality_brought(page: Page):
    page.goto("/?q=frog")
    bar = page.locator('.card[data-id="frog"] .score')
    expect(bar).to_have_attribute("title", re.compile(r"^Score \d\.\d{4}: words \d+ %"))
    segments = bar.locator(".score-bar > span")
    expect(segments).to_have_count(3)
    share = "spans => spans.reduce((sum, s) => sum + Number(s.style.getPropertyValue('--part')), 0)"
    assert segments.evaluate_all(share) == pytest.approx(1.0)


def test_more_is_the_next_page(page: Page, world: dict[str, Item]):
    retrieval = django_settings.RETRIEVAL
    space_id = spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
    more = [make_item(f"frog-{n}", f"frog {n}") for n in range(50)]
    services.embed_items(space_id, [item.pk for item in more])
    page.goto("/?q=frog")
    assert len(titles(page)) == 24
    expect(page.locator(".count")).to_contain_text("The best 24")
    for shown in (48, 53):
        page.get_by_role("button", name="Show more").click()
        expect(page.locator(".grid .card")).to_have_count(shown)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    expect(page.locator(".count")).to_contain_text("53 results")
    ids = page.locator(".grid .card").evaluate_all("cards => cards.map(card => card.dataset.id)")
    assert len(set(ids)) == 53


def test_typing_is_completed_from_the_catalog(page: Page):
    page.goto("/")
    search_box(page).press_sequentially("gre")
    completion = page.locator("#completions option").first
    expect(completion).to_have_attribute("value", "green frog")


def test_the_address_is_the_state(page: Page):
    page.goto("/?q=whale&lang=de")
    assert titles(page)[0] == "Blauwal"
    expect(search_box(page)).to_have_value("whale")
    page.get_by_role("link", name="Similar to Blauwal").click()
    expect(page.locator(".source h1")).to_have_text("Blauwal")
    assert "Blauwal" not in titles(page)
    page.locator(".card h2 a", has_text="grüner Frosch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("grüner Frosch")
    assert page.url.endswith("/items/frog/?lang=de")
    expect(page.locator("#view")).to_be_focused()
    page.go_back()
    expect(page.locator(".source h1")).to_have_text("Blauwal")
    page.go_back()
    found(page)
    expect(search_box(page)).to_have_value("whale")
    page.go_forward()
    expect(page.locator(".source h1")).to_have_text("Blauwal")


def test_the_language_switch_changes_the_titles_and_is_remembered(page: Page):
    page.goto("/?q=frog")
    assert titles(page)[0] == "green frog"
    page.locator("#language").select_option("zh")
    expect(page.locator(".card h2").first).to_have_text("青蛙")
    assert "lang=zh" in page.url
    page.goto("/?q=frog")
    expect(page.locator(".card h2").first).to_have_text("青蛙")


def test_an_item_page_by_its_address(page: Page):
    page.goto("/items/frog/")
    expect(page.get_by_role("heading", level=1)).to_have_text("green frog")
    expect(page.locator(".titles dd")).to_have_text(["green frog", "grüner Frosch", "青蛙"])
    expect(page.locator(".tags")).to_have_text("pond")
    expect(page.locator(".kin .card h3")).to_have_count(2)
    expect(page).to_have_title("green frog · Triad")
    loaded = "image => image.complete && image.naturalWidth === 16"
    page.locator(".stage img[data-size]").wait_for()
    assert page.locator(".stage img").evaluate(loaded)


def test_one_sound_at_a_time(page: Page):
    page.goto("/?q=frog")
    frog = page.locator('.card[data-id="frog"] .play')
    whale = page.locator('.card[data-id="whale"] .play')
    # a second of sound is over before a slow machine looks at it
    page.evaluate("() => { Audio.prototype.play = async function () {}; }")
    page.evaluate(
        "() => Object.defineProperty(HTMLMediaElement.prototype, 'paused', { get: () => false })"
    )
    expect(frog).to_have_attribute("aria-label", "Play the sound of green frog")
    frog.click()
    expect(frog).to_have_attribute("aria-label", "Pause the sound of green frog")
    whale.click()
    expect(whale).to_have_attribute("data-state", "playing")
    expect(frog).to_have_attribute("data-state", "idle")


def test_a_sound_plays_to_its_end(page: Page):
    page.goto("/items/whale/")
    play = page.locator(".sounds .play")
    with page.expect_response(lambda answer: answer.url.endswith(".wav")) as fetched:
        play.click()
    assert fetched.value.ok
    expect(play).to_have_attribute("data-state", "idle")
    expect(play).to_be_enabled()


def test_busy_workers_are_tried_again_after_the_time_they_ask_for(page: Page):
    asked: list[str] = []

    def busy_once(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 1:
            route.continue_()
            return
        problem = {"type": "urn:x", "title": "Workers busy", "status": 503}
        problem |= {"detail": "No worker encoded the text.", "code": "workers_busy"}
        route.fulfill(
            status=503,
            headers={"Content-Type": "application/problem+json", "Retry-After": "1"},
            body=json.dumps(problem),
        )

    page.route("**/api/v1/search/", busy_once)
    page.goto("/?q=frog")
    state = page.locator(".state.error")
    expect(state.get_by_role("heading")).to_have_text("Workers busy")
    expect(state).to_contain_text("No worker encoded the text.")
    expect(state).to_contain_text("The workers are busy: trying again in 1 s")
    assert titles(page)[0] == "green frog"
    assert len(asked) == 2


def test_too_many_requests_say_when_to_come_back(page: Page, settings):
    settings.API = settings.API | {"RATE_LIMIT_ANONYMOUS": 1}
    page.goto("/")
    state = page.locator("#view .state.error")
    expect(state).to_have_attribute("data-status", "429")
    expect(state.locator(".countdown")).to_contain_text("Too many requests: trying again in")
    settings.API = settings.API | {"RATE_LIMIT_ANONYMOUS": 1000}
    state.get_by_role("button", name="Try now").click()
    expect(page.locator(".pills a").first).to_be_visible()


def test_an_unknown_item_shows_what_the_api_says(page: Page):
    response = page.goto("/items/nobody/")
    assert response is not None
    assert response.status == 404
    expect(page.locator(".state h2")).to_have_text("Not found")
    page.get_by_role("link", name="To the first page").click()
    expect(page.locator(".pills a").first).to_be_visible()


def test_no_connection_is_said_and_can_be_tried_again(page: Page):
    page.goto("/")
    expect(page.locator(".pills a").first).to_be_visible()
    page.context.set_offline(True)
    search_box(page).fill("frog")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".state h2")).to_have_text("The server cannot be reached")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try now").click()
    assert titles(page)[0] == "green frog"


def test_a_file_that_is_neither_is_refused_before_it_is_sent(page: Page, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("words")
    page.goto("/")
    page.locator("#image-file").set_input_files(tmp_path / "notes.txt")
    expect(page.locator("#hint")).to_have_text("“notes.txt” is neither a picture nor a sound.")


def test_a_narrow_screen_has_nothing_to_scroll_sideways(page: Page):
    page.set_viewport_size({"width": 360, "height": 700})
    for address in ("/", "/?q=frog", "/?similar=frog", "/items/frog/", "/?category=animals"):
        page.goto(address)
        page.locator("#view .card[data-id]").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_long_values_and_huge_numbers_fit_a_narrow_screen(page: Page, world):
    vast = make_item(
        "vast",
        "vast thing",
        attributes={"price": 1e308, "source": f"https://example.org/{'a' * 400}", "n" * 90: 10**40},
    )
    services.embed_items(spaces.active_space().id, [vast.pk])
    page.set_viewport_size({"width": 390, "height": 700})
    for address in ("/", "/plain/"):
        page.goto(address)
        expect(page.locator('.card[data-id="vast"] .price b').first).to_have_text(
            re.compile(r"^1(\.00)?E\+?308$")
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
    for address in ("/items/vast/", "/plain/items/vast/"):
        page.goto(address)
        rows = page.locator(".details dd")
        expect(rows.first).to_have_text(re.compile(r"^1(\.00)?E\+?308$"))
        expect(rows.nth(1)).to_have_text(re.compile("^https://example.org/a{160,180}…$"))
        expect(rows.last).to_have_text(re.compile(r"^1(\.00)?E\+?40$"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address


@pytest.mark.parametrize("field", ["__proto__", "constructor", "toString"])
def test_a_filter_called_like_what_objects_inherit_is_a_name_like_any_other(page: Page, field: str):
    page.goto(f"/?q=frog&f.{field}.lt=50&f.{field}.gt=2")
    page.locator(".chip", has_text="2 to 50").first.wait_for()
    assert page.evaluate("[({}).lt, ({}).gt, Object.lt, ({}).toString.lt]") == [None] * 4
    page.goto(f"/?q=frog&f.{field}=50")
    page.locator(".chip", has_text="50").first.wait_for()
    assert page.evaluate("Array.isArray({}) || '0' in {}") is False


def test_what_an_item_says_of_itself_and_how_it_is_shown_without_a_picture(page: Page, world):
    make_item(
        "pan",
        "«iron pan»",
        attributes={"price": 1012.5, "sizes": [20, "<b>28</b>"], "dishwasher_safe": False, "size": {"w": 3}},
    )  # fmt: skip
    make_item("bell", "a bell", media=[wav(500)])
    page.goto("/")
    card = page.locator('.card[data-id="pan"]').first
    expect(card.locator(".price")).to_have_text("Price 1,012.5")
    expect(card.locator(".picture .initial")).to_have_text("I")
    bell = page.locator('.card[data-id="bell"]').first
    expect(bell.locator(".picture > svg")).to_be_visible()
    expect(bell.locator(".price")).to_have_count(0)
    page.goto("/items/pan/")
    rows = page.locator(".details dl div")
    expect(rows).to_have_text(["Price1,012.5", "Sizes20, <b>28</b>", "Dishwasher safeNo"])
