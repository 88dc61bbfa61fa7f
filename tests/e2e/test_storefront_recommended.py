"""What the storefront recommends, and what it tells of its visitors, in a real browser."""

import re
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Locator, Page, Request, Route, expect

from catalog.models import Item
from recommender.models import Event, Impression
from retrieval import lexical, services, spaces
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item, png, wav

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ANIMALS = ("green toad", "pond newt", "tree frog", "bull frog", "marsh frog", "quick newt")
INSTRUMENTS = ("brass gong", "silver drum", "kettle drum", "wooden flute", "steel cymbal")
GREEN, RED = (30, 180, 60), (210, 30, 30)
TOLD = "Similar to {}, which you liked"


def item_of(name: str, words: str, category: str, colour: tuple[int, int, int]) -> Item:
    return make_item(
        name.replace(" ", "-"),
        name,
        description=words,
        texts={"de": f"{name} (de)"},
        media=[png(colour)],
        categories=(category,),
    )


@pytest.fixture(autouse=True)
def no_chance(settings) -> None:
    """Nothing is drawn by chance, nor rotated."""
    home = settings.RECOMMENDER["PLACEMENTS"]["home"] | {"exploration": 0.0, "rotation": 0.0}
    placements = settings.RECOMMENDER["PLACEMENTS"] | {"home": home}
    settings.RECOMMENDER = settings.RECOMMENDER | {"PLACEMENTS": placements}


@pytest.fixture
def world() -> dict[str, Item]:
    """Animals are green and of the pond, instruments red and of the band; and as much of other things."""
    items = [
        *(item_of(f"frog {n}", "animal pond", "animals", GREEN) for n in (1, 2, 3)),
        *(item_of(name, "animal pond", "animals", GREEN) for name in ANIMALS),
        item_of("drum", "instrument band", "music", RED),
        *(item_of(name, "instrument band", "music", RED) for name in INSTRUMENTS),
        *(item_of(f"car {n}", "vehicle on a road", "cars", (90, 60, 210)) for n in range(12)),
        *(item_of(f"pear {n}", "fruit from some tree", "food", (250, 230, 130)) for n in range(12)),
    ]
    ids = [item.pk for item in items]
    retrieval = django_settings.RETRIEVAL
    space_id = spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
    services.embed_items(space_id, ids)
    lexical.index_items(ids)
    return {item.external_id: item for item in items}


def rows(page: Page) -> Locator:
    """The recommended ones, once they are there."""
    expect(page.locator(".recommended .shelf[data-row] .card").first).to_be_visible()
    return page.locator(".recommended .shelf[data-row]")


def row(page: Page, title: str) -> Locator:
    heading = page.get_by_role("heading", name=title, exact=True)
    return page.locator(".recommended .shelf[data-row]", has=heading)


def ids(cards: Locator) -> list[str]:
    return cards.evaluate_all("cards => cards.map(card => card.dataset.id).filter(Boolean)")


def like(page: Page, external_id: str) -> Locator:
    return page.locator(f'.card[data-id="{external_id}"] .like').first


def say(page: Page, button: Locator) -> dict[str, Any]:
    """Press an opinion's button; the event that is sent."""
    with page.expect_response("**/events/") as told:
        button.click()
    sent: list[dict[str, Any]] = told.value.request.post_data_json
    assert told.value.json()["accepted"] == len(sent) == 1
    return sent[0]


def open_item(page: Page, external_id: str) -> None:
    """Its page, once the server knows that it is looked at."""
    with page.expect_response("**/events/") as told:
        page.goto(f"/items/{external_id}/")
    assert told.value.request.post_data_json[0]["type"] == "view"


def test_three_frogs_and_a_drum_bring_animals_and_instruments_with_reasons(
    page: Page, world: dict[str, Item]
):
    page.goto("/")
    expect(row(page, "New").locator(".card").first).to_be_visible()
    for words, liked in (("frog", ("frog-1", "frog-2", "frog-3")), ("drum", ("drum",))):
        page.goto(f"/?q={words}")
        for external_id in liked:
            say(page, like(page, external_id))
            expect(like(page, external_id)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Triad").click()
    expect(page.locator(".recommended")).to_contain_text("Because you liked drum")
    cards = row(page, "For you").locator(".card[data-id]")
    reasons = dict(zip(ids(cards), cards.locator(".why").all_inner_texts(), strict=True))
    assert len(reasons) == 12
    of_animals = [reasons[name] for name in map(slug, ANIMALS) if name in reasons]
    of_instruments = [reasons[name] for name in map(slug, INSTRUMENTS) if name in reasons]
    assert {name in reasons for name in ("frog-1", "frog-2", "frog-3", "drum")} == {False}
    assert len(of_animals) >= 3
    assert len(of_instruments) >= 3
    assert all(re.search(TOLD.format("frog [123]"), reason) for reason in of_animals)
    assert all(TOLD.format("drum") in reason for reason in of_instruments)


def slug(name: str) -> str:
    return name.replace(" ", "-")


def test_the_rows_follow_a_like_without_reloading(page: Page):
    page.goto("/")
    expect(rows(page).first).to_have_attribute("data-row", "new ")
    page.evaluate("window.stays = true")
    liked = row(page, "New").locator(".card[data-id]").first.get_attribute("data-id")
    assert liked is not None
    name = liked.replace("-", " ")
    say(page, like(page, liked))
    expect(row(page, f"Because you liked {name}")).to_be_visible()
    expect(page.locator(f'.recommended .card[data-id="{liked}"]')).to_have_count(0)
    expect(row(page, "For you").locator(".why").first).to_contain_text(name)
    assert page.evaluate("window.stays")


def test_a_stranger_is_shown_something_and_more_of_it_once(page: Page, world: dict[str, Item]):
    page.goto("/")
    first = rows(page).first
    expect(first.locator("h2")).to_have_text("New")
    expect(first.locator(".card[data-id]")).to_have_count(12)
    expect(page.locator(".recommended .why")).to_have_count(0)
    for shown in (24, 36, len(world)):
        first.get_by_role("button", name="Show more").click()
        expect(first.locator(".card[data-id]")).to_have_count(shown)
        expect(first.locator(".card[data-id] a:focus")).to_have_count(1)
    expect(first.get_by_role("button", name="Show more")).to_have_count(0)
    assert sorted(ids(first.locator(".card"))) == sorted(world)


def test_reasons_say_what_a_likeness_consists_of(page: Page):
    open_item(page, "drum")
    say(page, page.locator(".detail .like"))
    page.goto("/?lang=de")
    card = page.locator('[data-row="for_you "] .card', has=page.locator("details.why")).first
    why = card.locator("details.why")
    expect(why.locator("summary")).to_have_attribute(
        "title", re.compile(r"^Warum das\? Worte \d+ %, Aussehen \d+ %$")
    )
    expect(why).to_contain_text("Ähnlich wie drum (de), was Ihnen gefiel")
    why.locator("summary").click()
    expect(why.locator("li").first).to_be_visible()
    parts = why.locator("li").first.locator(".score-bar > span")
    share = "spans => spans.reduce((sum, s) => sum + Number(s.style.getPropertyValue('--part')), 0)"
    assert parts.evaluate_all(share) == pytest.approx(1.0)


def test_what_leads_to_an_item_is_told_with_the_answer_that_did(page: Page):
    page.goto("/")
    link = row(page, "New").locator(".card a").first
    title = link.inner_text()
    with page.expect_response("**/events/") as told:
        link.click()
    told.value.finished()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    with page.expect_response(lambda r: "dislike" in (r.request.post_data or "")) as told:
        page.locator(".detail .dislike").click()
    told.value.finished()
    expect(page.locator(".detail .dislike")).to_have_attribute("aria-pressed", "true")
    events = list(Event.objects.order_by("id"))
    assert [event.type for event in events] == ["click", "view", "dislike"]
    assert {event.item.title for event in events if event.item} == {title}
    (shown,) = {event.request_id for event in events}
    impression = Impression.objects.get(request_id=shown)
    assert impression.placement == "home"
    visitor = page.evaluate("localStorage.getItem('triad.visitor')")
    assert re.fullmatch(r"web-[0-9a-f-]{32,36}", visitor)
    assert {event.visitor.external_id for event in events} == {visitor}
    assert {event.session for event in events} == {
        page.evaluate("sessionStorage.getItem('triad.session')")
    }


def test_an_opinion_is_changed_and_taken_back_by_keyboard(page: Page):
    open_item(page, "drum")
    for_it, against = page.locator(".detail .like"), page.locator(".detail .dislike")
    expect(for_it).to_have_accessible_name("Like drum")
    for button, type_, pressed in (
        (for_it, "like", ("true", "false")),
        (against, "dislike", ("false", "true")),
        (against, "withdraw", ("false", "false")),
    ):
        button.focus()
        with page.expect_response("**/events/") as told:
            page.keyboard.press("Enter")
        assert told.value.request.post_data_json[0]["type"] == type_
        expect(for_it).to_have_attribute("aria-pressed", pressed[0])
        expect(against).to_have_attribute("aria-pressed", pressed[1])
        expect(button).to_be_focused()


def test_every_button_of_an_item_shows_the_opinion_also_after_coming_back(page: Page):
    page.goto("/?q=drum")
    say(page, like(page, "drum"))
    page.goto("/items/drum/")
    expect(page.locator(".detail .like")).to_have_attribute("aria-pressed", "true")
    page.goto("/?category=music")
    expect(like(page, "drum")).to_have_attribute("aria-pressed", "true")
    expect(like(page, "brass-gong")).to_have_attribute("aria-pressed", "false")


def test_what_the_server_refuses_is_undone(page: Page):
    refused = {"index": 0, "status": 400, "code": "invalid", "detail": "No."}
    answer = {"accepted": 0, "duplicates": 0, "errors": [refused]}
    page.route("**/events/", lambda route: route.fulfill(status=202, json=answer))
    page.goto("/?q=drum")
    like(page, "drum").click()
    expect(page.locator("#announce")).to_have_text("The server did not take it")
    expect(like(page, "drum")).to_have_attribute("aria-pressed", "false")


def test_events_that_could_not_be_sent_are_sent_later_and_stored_once(page: Page):
    sent: list[str] = []

    def lost(route: Route) -> None:
        """Stored, but the answer never arrives; from the second time on it does."""
        sent.append(route.request.post_data_json[0]["id"])
        if len(sent) == 1:
            assert route.fetch().status == 202
            route.abort("connectionreset")
        else:
            route.continue_()

    page.goto("/?q=drum")
    page.route("**/events/", lost)
    like(page, "drum").click()
    expect(like(page, "drum")).to_have_attribute("aria-pressed", "true")
    with page.expect_response("**/events/") as told:
        page.evaluate("dispatchEvent(new Event('online'))")
    assert told.value.json() == {"accepted": 0, "duplicates": 1, "errors": []}
    assert sent == [sent[0]] * 2
    assert Event.objects.filter(type="like").count() == 1
    expect(like(page, "drum")).to_have_attribute("aria-pressed", "true")


def test_where_browsers_may_not_send_events_nothing_is_sent_and_no_button_offers_it(
    page: Page, settings
):
    settings.API = settings.API | {"ANONYMOUS_EVENTS": False}
    sent: list[Request] = []
    page.on("request", lambda r: sent.append(r) if "/events/" in r.url else None)
    page.goto("/")
    rows(page).first.locator(".card a").first.click()
    expect(page.locator(".kin .card").first).to_be_visible()
    expect(page.locator(".opinion")).to_have_count(0)
    assert sent == []


def test_buttons_go_once_the_server_says_that_it_needs_a_key(page: Page, settings):
    page.goto("/?q=drum")
    settings.API = settings.API | {"ANONYMOUS_EVENTS": False}
    like(page, "drum").click()
    expect(like(page, "drum")).to_be_hidden()
    expect(like(page, "drum")).to_have_attribute("aria-pressed", "false")


def test_without_recommendations_the_page_is_as_it_was(page: Page):
    page.route("**/recommendations/**", lambda route: route.fulfill(status=404, body="{}"))
    page.goto("/")
    expect(page.locator(".pills a").first).to_be_visible()
    expect(page.locator(".shelf h2")).to_have_text(["Cars", "Food", "Animals", "Music"])
    expect(page.locator(".state")).to_have_count(0)
    page.goto("/items/drum/")
    expect(page.locator(".kin .card")).to_have_count(12)


def test_starting_over_makes_somebody_new(page: Page):
    open_item(page, "drum")
    say(page, page.locator(".detail .like"))
    page.goto("/")
    expect(page.locator(".recommended")).to_contain_text("Because you liked drum")
    before = page.evaluate("localStorage.getItem('triad.visitor')")
    page.get_by_role("link", name="Your data").click()
    expect(page.locator("#name")).to_have_text(before)
    page.get_by_role("button", name="Forget me").click()
    dialog = page.get_by_role("dialog", name="Forget everything?")
    dialog.get_by_role("button", name="Forget me").click()
    expect(page.locator("#said")).to_contain_text("everything is erased")
    assert not Event.objects.exists()
    page.goto("/")
    expect(page.locator(".recommended")).not_to_contain_text("drum, which you liked")
    expect(row(page, "Because you liked drum")).to_have_count(0)
    expect(rows(page).first.locator("h2")).to_have_text("New")
    assert page.evaluate("localStorage.getItem('triad.visitor')") != before
    page.goto("/items/drum/")
    expect(page.locator(".detail .like")).to_have_attribute("aria-pressed", "false")


def test_an_item_has_company(page: Page):
    names = ("brass-gong", *(f"car-{n}" for n in range(4)))
    happen([(who, "like", name) for who in ("anna", "ben") for name in names])
    page.goto("/items/brass-gong/")
    company = page.locator(".shelf", has=page.get_by_role("heading", name="People also look at"))
    expect(company.locator(".card").first).to_be_visible()
    shown = ids(company.locator(".card"))
    assert {"car-0", "car-1", "car-2", "car-3"} <= set(shown)
    assert not {"brass-gong"} & set(shown)


def test_how_much_of_a_sound_was_heard_is_told(page: Page, world: dict[str, Item]):
    singing = make_item("singing-frog", "singing frog", media=[wav(440, seconds=0.6)])
    assert singing.external_id not in world
    page.goto("/items/singing-frog/")
    with page.expect_response(lambda r: "/events/" in r.url and "play" in r.request.post_data):
        page.locator(".sounds .play").click()
    play = Event.objects.get(type="play")
    assert play.item_external_id == "singing-frog"
    assert play.share == pytest.approx(1.0, abs=0.1)


def test_a_narrow_screen_has_nothing_to_scroll_sideways(page: Page):
    page.set_viewport_size({"width": 360, "height": 700})
    open_item(page, "drum")
    say(page, page.locator(".detail .like"))
    for address in ("/", "/items/brass-gong/"):
        page.goto(address)
        page.locator(".shelf[data-row] .card, .kin .card").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    page.goto("/you/")
    page.get_by_role("button", name="Forget me").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
