"""A query composed of many parts, weighed and filtered, as people do it in a browser."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, Page, expect

from catalog.models import Item
from retrieval import lexical, queries, services, spaces
from tests.e2e.test_storefront import FACETS, found, parts, search, searches_sent, titles, weigh
from tests.retrieval.conftest import make_item, png, wav

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RED, GREEN, BLUE = (210, 30, 30), (30, 180, 60), (30, 60, 210)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Item]:
    """Boots and bags in three colours, of three materials, at three prices; a worker that answers at once."""
    items = [
        make_item(
            f"{colour}-{kind}",
            f"{colour} {kind}",
            description=material,
            media=[png(shade), *([wav(pitch)] if kind == "boots" else [])],
            kind=kind,
            categories=(f"shop/{kind}",),
            tags=(material,),
            attributes={"price": price, "brand": "Acme" if price < 60 else "Other"},
        )
        for kind, first in (("boots", 20), ("bags", 50))
        for price, (colour, shade, material, pitch) in enumerate(
            (
                ("red", RED, "leather", 440),
                ("green", GREEN, "canvas", 880),
                ("blue", BLUE, "wool", 1760),
            ),
            first,
        )
    ]
    retrieval = django_settings.RETRIEVAL
    space_id = spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
    services.embed_items(space_id, [item.pk for item in items])
    lexical.index_items([item.pk for item in items])
    monkeypatch.setattr(
        "retrieval.queries.current_app.send_task",
        lambda name, args, **_: queries.media_answer(*args),
    )
    (tmp_path / "green.png").write_bytes(png(GREEN, size=40).getvalue())
    (tmp_path / "tone.wav").write_bytes(wav(880, seconds=0.5).getvalue())
    return {item.external_id: item for item in items}


@pytest.fixture
def sent(page: Page) -> list[dict[str, Any]]:
    """The query of every search as it was sent, with the type and size of its files as ``files``."""
    return searches_sent(page)


def field(page: Page, name: str):
    return page.locator(f'[data-filter="{name}"]')


def test_words_a_picture_a_sound_an_item_and_what_it_should_not_be(
    page: Page, tmp_path: Path, sent: list[dict[str, Any]]
):
    page.goto("/")
    search(page, "boots")
    page.locator("#image-file").set_input_files(tmp_path / "green.png")
    expect(page.locator("#parts li")).to_have_count(2)
    page.locator("#audio-file").set_input_files(tmp_path / "tone.wav")
    expect(page.locator("#parts li")).to_have_count(3)
    found(page)
    page.get_by_role("button", name="More like blue boots").click()
    expect(page.locator("#parts li")).to_have_count(4)
    page.get_by_label("Add words to the query").fill("leather")
    page.get_by_role("button", name="Not like it").click()
    expect(page.locator("#parts li")).to_have_count(5)
    found(page)
    weigh(page, "green.png", 0.5)
    expect(page.locator(".part.image output")).to_have_text("a bit like")
    expect(page.locator(".part.against .name")).to_have_text(["leather"])
    found(page)
    page.get_by_role("button", name="Cheaper than the item you chose (under 22)").click()
    expect(page.locator(".chips .chip")).to_have_text(["Price: under 22"])
    found(page)
    assert parts(page) == ["boots", "green.png", "tone.wav", "blue boots", "leather"]
    assert sent[-1] == {
        "query": [
            {"text": "boots"},
            {"image": "file0", "weight": 0.5},
            {"audio": "file1"},
            {"item": "blue-boots"},
            {"text": "leather", "weight": -1},
        ],
        "limit": 24,
        "lang": "en",
        "explain": True,
        "facets": FACETS,
        "filter": {"price": {"lt": 22}},
        "files": [
            ["file0", "image/png", (tmp_path / "green.png").stat().st_size],
            ["file1", "audio/wav", (tmp_path / "tone.wav").stat().st_size],
        ],
    }
    assert titles(page) == ["green boots", "red boots"]
    assert page.url.endswith(
        "?q=boots&q=leather&item=blue-boots&w=1%2C-1%2C1&f.price.lt=22&lang=en"
    )


def test_why_a_hit_is_there_adds_up(page: Page):
    page.goto("/?q=boots&q=leather&item=green-boots&w=1,-1,0.5&mode=dense")
    found(page)
    card = page.locator('.card[data-id="green-boots"]')
    score = float(card.locator(".score > span").nth(2).inner_text())
    card.get_by_text("Why this?").click()
    told = card.locator(".told-why ul")
    expect(told.first.locator(".name")).to_have_text(["boots", "leather", "green boots"])
    for rows in (told.first, told.last):
        amounts = [
            float(text.replace("−", "-")) for text in rows.locator(".amount").all_inner_texts()
        ]
        assert sum(amounts) == pytest.approx(score, abs=0.02)
    expect(told.last.locator(".name")).to_have_text(["words", "looks", "sound"])


def test_values_are_ticked_with_their_counts_and_others_stay_to_choose_from(
    page: Page, sent: list[dict[str, Any]]
):
    page.goto("/?q=boots")
    rows = field(page, "kind").locator("label")
    expect(rows).to_have_text(["Bags3", "Boots3"])
    field(page, "kind").get_by_label("Boots").check()
    expect(page.locator(".chips .chip")).to_have_text(["Kind: Boots"])
    found(page)
    assert sent[-1]["filter"] == {"kind": "boots"}
    assert sorted(titles(page)) == ["blue boots", "green boots", "red boots"]
    # the other kind is still there, with what it would bring
    expect(rows).to_have_text(["Bags3", "Boots3"])
    expect(field(page, "kind").get_by_label("Boots")).to_be_focused()
    field(page, "kind").get_by_label("Bags").check()
    expect(page.locator(".chips .chip")).to_have_count(2)
    found(page)
    assert {"kind": {"in": ["boots", "bags"]}} in [body.get("filter") for body in sent]
    assert len(titles(page)) == 6
    page.get_by_role("button", name="Remove the filter Kind: Bags").click()
    expect(page.locator(".chips .chip")).to_have_text(["Kind: Boots"])
    page.get_by_role("button", name="Clear all filters").click()
    expect(page.locator(".chips")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?q=boots&lang=en$"))


def test_a_range_of_prices_is_typed_or_chosen(page: Page, sent: list[dict[str, Any]]):
    page.goto("/?q=boots")
    found(page)
    page.get_by_label("Price from").fill("21.5")
    page.get_by_label("Price from").press("Enter")
    found(page)
    expect(page.locator(".chips .chip")).to_have_text(["Price: from 21.5"])
    page.get_by_label("Price to").fill("51")
    page.get_by_label("Price to").press("Tab")
    expect(page.locator(".chips .chip")).to_have_text(["Price: 21.5 to 51"])
    found(page)
    assert sent[-1]["filter"] == {"price": {"gte": 21.5, "lte": 51}}
    assert sorted(titles(page)) == ["blue boots", "green bags", "red bags"]
    expect(page.locator(".refined")).to_have_text("1")
    page.get_by_role("button", name="Reset").click()
    found(page)
    assert len(titles(page)) == 6


def test_what_counts_and_how_words_match(page: Page, sent: list[dict[str, Any]]):
    page.goto("/?q=green&item=red-boots&w=0.5")
    found(page)
    with page.expect_response("**/search/"):
        page.get_by_role("slider", name="Words").fill("0")
        page.get_by_role("slider", name="Sound").fill("0.5")
    expect(page).to_have_url(re.compile(r"by\.image=1&by\.audio=0\.5"))
    found(page)
    assert sent[-1]["modalities"] == {"image": 1, "audio": 0.5}
    with page.expect_response("**/search/"):
        page.get_by_label("Word for word only").check()
    found(page)
    assert sent[-1]["mode"] == "lexical"
    expect(page.locator(".refined")).to_have_text("2")
    page.reload()
    found(page)
    assert sent[-1]["modalities"] == {"image": 1, "audio": 0.5}
    expect(page.get_by_role("slider", name="Words")).to_have_value("0")
    expect(page.get_by_label("Word for word only")).to_be_checked()


def test_with_the_keyboard_alone(page: Page, sent: list[dict[str, Any]]):
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("boots")
    page.keyboard.press("Enter")
    found(page)
    slider = page.get_by_role("slider", name="How much “boots” counts")
    slider.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "much like, 1.5")
    expect(page).to_have_url(re.compile(r"w=1\.5"))
    expect(slider).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="“boots” counts more")).to_be_focused()
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile(r"w=1\.75"))
    expect(page.get_by_role("button", name="“boots” counts more")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Add words to the query")).to_be_focused()
    page.keyboard.type("leather")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#parts li")).to_have_count(2)
    found(page)
    assert sent[-1]["query"] == [
        {"text": "boots", "weight": 1.75},
        {"text": "leather", "weight": -1},
    ]
    kind = field(page, "kind").get_by_label("Bags")
    kind.focus()
    page.keyboard.press("Space")
    expect(page.locator(".chips .chip")).to_have_text(["Kind: Bags"])
    expect(kind).to_be_focused()
    found(page)
    why = page.locator(".why.hit summary").first
    why.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".told-why").first).to_be_visible()
    remove = page.get_by_role("button", name="Remove leather")
    remove.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#parts li")).to_have_count(1)
    expect(page.get_by_role("button", name="Remove boots")).to_be_focused()


def test_a_part_can_be_left_out_and_taken_back_in(page: Page, sent: list[dict[str, Any]]):
    page.goto("/?q=boots&q=leather&w=1,-1")
    found(page)
    with page.expect_response("**/search/"):
        weigh(page, "leather", 0)
    expect(page.locator(".part.ignored .said")).to_have_text("left out")
    expect(page).to_have_url(re.compile(r"w=1%2C0"))
    found(page)
    assert sent[-1]["query"] == [{"text": "boots"}]
    with page.expect_response("**/search/"):
        weigh(page, "leather", 1)
    expect(page.locator(".part.ignored")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?q=boots&q=leather&lang"))
    found(page)
    assert sent[-1]["query"] == [{"text": "boots"}, {"text": "leather"}]


def test_less_like_a_hit_and_then_more_of_it(page: Page, sent: list[dict[str, Any]]):
    page.goto("/?q=boots")
    page.get_by_role("button", name="Less like red boots").click()
    expect(page.locator(".part.against .name")).to_have_text(["red boots"])
    found(page)
    assert sent[-1]["query"][1] == {"item": "red-boots", "weight": -0.5}
    assert titles(page)[0] != "red boots"
    page.get_by_role("button", name="More like red boots").click()
    expect(page.locator(".part.against")).to_have_count(0)
    found(page)
    assert sent[-1]["query"][1] == {"item": "red-boots"}
    assert titles(page)[0] == "red boots"


def test_an_items_kin_by_words_looks_or_sound(page: Page):
    page.goto("/items/red-boots/")
    toggles = page.get_by_role("navigation", name="Alike in").get_by_role("link")
    expect(toggles).to_have_text(["Everything", "Words", "Looks", "Sound"])
    kin = page.locator(".kin .card h3")
    expect(kin).to_have_count(5)
    toggles.filter(has_text="Looks").click()
    expect(kin.first).to_have_text("red bags")
    expect(page).to_have_url(re.compile(r"/items/red-boots/\?by\.image=1&lang=en$"))
    expect(toggles.filter(has_text="Looks")).to_have_attribute("aria-current", "true")
    expect(toggles.filter(has_text="Looks")).to_be_focused()
    toggles.filter(has_text="Sound").click()
    expect(kin).to_have_count(2)
    page.reload()
    expect(kin).to_have_count(2)
    toggles.filter(has_text="Everything").click()
    expect(kin).to_have_count(5)
    page.goto("/items/red-bags/")
    expect(toggles).to_have_text(["Everything", "Words", "Looks"])


def test_unknown_filters_of_an_address_are_explained(page: Page):
    page.goto("/?q=boots&f.prise=3&w=nonsense")
    state = page.locator(".state.error")
    expect(state).to_have_attribute("data-status", "400")
    expect(state).to_contain_text("There is no such field: did you mean 'price'?")
    page.get_by_role("button", name="Remove the filter Prise: 3").click()
    found(page)
    assert len(titles(page)) == 6


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_scrolls_sideways(page: Page, tmp_path: Path, width: int):
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(
        "/?q=boots&q=a+very+long+name+of+something+unwanted&item=blue-boots&w=1,-1&f.kind=boots"
    )
    found(page)
    page.locator("#image-file").set_input_files(tmp_path / "green.png")
    expect(page.locator("#parts li")).to_have_count(4)
    found(page)
    panel = page.locator("#refine > details")
    assert panel.evaluate("each => each.open") is (width > 1000)
    if width < 1000:
        panel.locator("summary").first.click()
    expect(field(page, "price")).to_be_visible()
    page.locator(".why.hit summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto("/you/")
    expect(page.get_by_role("button", name="Forget me")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_everything_is_a_form(browser: Browser, live_server, world, tmp_path: Path):
    context = browser.new_context(
        base_url=live_server.url, locale="en-US", java_script_enabled=False,
        viewport={"width": 360, "height": 700},
    )  # fmt: skip
    page = context.new_page()
    page.goto("/?q=boots&q=leather&w=1,-1")
    page.wait_for_url(re.compile(r"/plain/\?q=boots&q=leather&w=1%2C-1$"))
    page.get_by_label("Search with a picture").set_input_files(tmp_path / "green.png")
    page.get_by_label("Search with a sound").set_input_files(tmp_path / "tone.wav")
    page.get_by_text("Refine", exact=True).click()
    page.get_by_role("checkbox", name="Boots 3", exact=True).check()
    with page.expect_event("domcontentloaded"):
        page.get_by_role("button", name="Search", exact=True).first.click()
    cards = page.locator(".card[data-id] h3")
    expect(cards).to_have_count(3)
    expect(cards.first).to_have_text("green boots")
    page.locator(".card", has_text="green boots").get_by_text("Why this?").click()
    told = page.locator(".card", has_text="green boots").locator(".told-why ul").first
    expect(told.locator(".name")).to_have_text(["boots", "leather", "green.png", "tone.wav"])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cards.first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("green boots")
    page.get_by_role("link", name="Looks").click()
    expect(page.locator(".kin .card h3").first).to_have_text("green bags")
    page.get_by_role("link", name="Triad").click()
    page.wait_for_url("**/plain/")
    expect(page.locator(".pills a")).to_have_text(["Shop"])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_your_data_speaks_the_language_that_is_chosen(page: Page):
    page.goto("/you/?lang=zh")
    language = page.get_by_role("combobox")
    expect(language).to_have_value("zh")
    language.select_option("en")
    expect(page).to_have_url(re.compile(r"/you/\?lang=en$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your data")
    expect(language).to_have_value("en")


def test_your_data_is_shown_taken_along_and_forgotten(page: Page):
    page.goto("/you/")
    expect(page.locator("#nothing")).to_be_visible()
    name = page.locator("#name").inner_text()
    assert re.fullmatch(r"web-[0-9a-f-]{32,36}", name)
    page.goto("/items/red-boots/")
    with page.expect_response(lambda answer: "like" in (answer.request.post_data or "")):
        page.locator(".detail .like").click()
    page.get_by_role("link", name="Your data").click()
    expect(page.locator("#latest tbody tr").first).to_contain_text("liked")
    expect(page.locator("#latest tbody tr").first.get_by_role("link")).to_have_text("red boots")
    with page.expect_download() as handed:
        page.get_by_role("button", name="Download all of it").click()
    told = json.loads(Path(handed.value.path()).read_text())
    assert (told["visitor"], [event["type"] for event in told["events"]]) == (
        name,
        ["view", "like"],
    )
    page.get_by_role("button", name="Forget me").click()
    dialog = page.get_by_role("dialog", name="Forget everything?")
    dialog.get_by_role("button", name="Keep it").click()
    expect(page.locator("#latest")).to_be_visible()
    page.get_by_role("button", name="Forget me").click()
    dialog.get_by_role("button", name="Forget me").click()
    expect(page.locator("#said")).to_contain_text("everything is erased")
    expect(page.locator("#latest")).to_be_hidden()
    assert page.locator("#name").inner_text() != name
    page.goto("/items/red-boots/")
    expect(page.locator(".detail .like")).to_have_attribute("aria-pressed", "false")


def test_a_picture_from_the_camera(browser: Browser, page: Page):
    page.add_init_script(
        """navigator.mediaDevices.getUserMedia = async () => {
             const canvas = document.createElement("canvas");
             canvas.width = canvas.height = 64;
             const context = canvas.getContext("2d");
             setInterval(() => { context.fillStyle = "rgb(30,180,60)"; context.fillRect(0, 0, 64, 64); }, 20);
             return canvas.captureStream(30);
           };"""
    )
    page.goto("/")
    page.get_by_role("button", name="Take a picture").click()
    dialog = page.get_by_role("dialog", name="Take a picture")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Take a picture").click()
    page.wait_for_function("() => document.querySelector('#camera video').videoWidth > 0")
    dialog.get_by_role("button", name="Take the picture").click()
    found(page)
    assert parts(page) == ["photo.jpg"]
    assert set(titles(page)[:2]) == {"green boots", "green bags"}


CONTRAST = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (colour, below) => {  // any CSS colour drawn over an opaque one
    canvas.fillStyle = `rgb(${below.join(",")})`;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const ground = (element) => {
    const chain = [];
    for (let each = element; each; each = each.parentElement) chain.unshift(getComputedStyle(each));
    if (chain.some((style) => style.backgroundImage !== "none" || Number(style.opacity) < 1)) return null;
    return chain.reduce((below, style) => over(style.backgroundColor, below), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const poor = [];
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(".visually-hidden, .skip, :disabled, script, option")) continue;
    const below = ground(element);
    if (!below) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(over(style.color, below)), light(below)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    seen += 1;
    if (ratio < (large ? 3 : 4.5)) poor.push(`${walker.currentNode.data.trim().slice(0, 30)} ${element.className} ${ratio.toFixed(2)}`);
  }
  return { seen, poor };
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(page: Page, scheme: str):
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for address in (
        "/?q=boots&q=leather&item=blue-boots&w=1,-1,0&f.kind=boots",
        "/items/red-boots/?by.image=1",
        "/items/red-boots/?by.audio=1",
        "/you/",
        "/plain/?q=boots&f.kind=boots",
        "/plain/?q=boots&w=x",
        "/",
    ):
        page.goto(address)
        page.locator(".card[data-id], #yours, .state").first.wait_for()
        page.wait_for_load_state("networkidle")
        checked = page.evaluate(CONTRAST)
        assert checked["seen"] > 10
        assert checked["poor"] == [], address


def test_every_control_has_a_name(page: Page):
    unnamed = """() => [...document.querySelectorAll("a, button, input, select, summary, audio, video")]
      .filter((each) => each.checkVisibility() && each.type !== "hidden")
      .filter((each) => !(each.innerText || each.ariaLabel || each.labels?.length || each.title || "").toString().trim())
      .filter((each) => !each.querySelector("img[alt]:not([alt=''])") && each.tabIndex >= 0)
      .map((each) => each.outerHTML.slice(0, 120))"""
    for address in (
        "/?q=boots&item=blue-boots&f.kind=boots",
        "/items/red-boots/",
        "/you/",
        "/plain/?q=boots&item=blue-boots",
    ):
        page.goto(address)
        page.locator(".card[data-id], #yours").first.wait_for()
        page.wait_for_load_state("networkidle")
        assert page.evaluate(unnamed) == [], address


def test_a_sound_from_the_microphone(page: Page):
    page.add_init_script(
        """navigator.mediaDevices.getUserMedia = async () => {
             const context = window.heard = new AudioContext();
             const tone = new OscillatorNode(context, { frequency: 880 });
             const out = context.createMediaStreamDestination();
             tone.connect(out);
             tone.start();
             return out.stream;
           };"""
    )
    page.goto("/")
    record = page.get_by_role("button", name="Record a sound")
    record.click()
    expect(record).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#hint")).to_contain_text("press again to search")
    page.wait_for_function("() => heard.currentTime > 0.7")
    record.click()
    found(page)
    assert parts(page) == ["recording.wav"]
    assert titles(page)[0] == "green boots"


def test_what_is_dropped_is_searched_with(page: Page, tmp_path: Path):
    page.goto("/?q=bags")
    found(page)
    drop = """([name, type, bytes, item]) => {
      const data = new DataTransfer();
      if (item) data.setData("application/x-triad-item", item);
      else data.items.add(new File([new Uint8Array(bytes)], name, { type }));
      for (const kind of ["dragenter", "dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
    }"""
    page.evaluate(drop, ["a.png", "image/png", list((tmp_path / "green.png").read_bytes()), None])
    expect(page.locator("#parts .name")).to_have_text(["bags", "a.png"])
    found(page)
    assert titles(page)[0] == "green bags"
    page.evaluate(drop, [None, None, None, "red-boots"])
    expect(page.locator("#parts .name")).to_have_text(["bags", "a.png", "red boots"])
    found(page)
    expect(page.locator("#drop")).to_be_hidden()
