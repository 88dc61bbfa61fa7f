"""The ask box in a real browser."""

from pathlib import Path

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, Page, expect

from catalog.models import Item
from retrieval import queries, spaces
from tests.recommender.llm.ask.worlds import made
from tests.retrieval.conftest import make_item, png

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Item]:
    retrieval = django_settings.RETRIEVAL
    spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
    monkeypatch.setattr(
        "retrieval.queries.current_app.send_task",
        lambda name, args, **_: queries.media_answer(*args),
    )
    (tmp_path / "owl.png").write_bytes(png((240, 240, 250), size=40).getvalue())
    return made(spaces.active_space())


def ask(page: Page, question: str) -> None:
    box = page.get_by_label("Your question")
    box.fill(question)
    box.press("Enter")


def test_a_conversation_is_written_into_the_page(page: Page):
    page.goto("/")
    ask(page, "Which bird?")
    answer = page.locator(".ask-answer")
    expect(answer.locator(".ask-text")).to_contain_text("This fits: ")
    expect(answer).not_to_have_attribute("aria-busy", "true")
    expect(answer.locator(".ask-cited li")).to_have_count(3)
    ask(page, "cheaper")
    second = page.locator(".ask-turn").nth(1)
    expect(second.locator(".ask-cited li")).to_have_count(1)
    expect(second.locator(".ask-text")).to_contain_text("little robin bird")
    second.locator(".ask-mark").first.click()
    expect(second.locator(".ask-cited li a")).to_be_focused()
    second.locator(".ask-cited a").click()
    expect(page.get_by_role("heading", level=1, name="little robin bird")).to_be_visible()


def test_an_example_is_asked_and_a_new_conversation_forgets(page: Page):
    make_item("emoji:1F4F1", "mobile phone")  # the demo catalog, which has questions of its own
    page.goto("/")
    page.locator("[data-ask]", has_text="What animals can fly?").click()
    expect(page.locator(".ask-turn")).to_have_count(1)
    expect(page.locator(".ask-examples")).to_be_hidden()
    page.get_by_text("New conversation").click()
    expect(page.locator(".ask-turn")).to_have_count(0)
    expect(page.locator("#ask [name=history]")).to_have_value("")


def test_a_picture_goes_with_a_question(page: Page, tmp_path: Path):
    page.goto("/")
    page.locator("#ask input[type=file][hidden]").set_input_files(tmp_path / "owl.png")
    expect(page.locator(".ask-attached")).to_contain_text("owl.png")
    page.locator("#ask .go").click()
    expect(page.locator(".ask-cited li").first).to_have_attribute("data-id", "owl")


def test_what_was_refused_is_told(page: Page):
    page.goto("/")
    ask(page, "What is your refund policy?")
    expect(page.locator(".ask-answer[data-refused]")).to_contain_text("I found nothing about that")
    page.evaluate("document.querySelector('#ask [name=history]').value = 'x'")
    ask(page, "cheaper")
    expect(page.locator(".ask-answer").nth(1)).to_contain_text("Use the `history`")


def test_the_box_works_without_scripts(browser: Browser, live_server, world, served):
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    plain = context.new_page()
    plain.goto("/ask/")
    ask(plain, "Which bird?")
    expect(plain.locator(".ask-cited li")).to_have_count(3)
    ask(plain, "cheaper")
    expect(plain.locator(".ask-cited li")).to_have_attribute("data-id", "robin")
    context.close()
