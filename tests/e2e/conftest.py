"""A real browser, and pages of it that fail the test for any script error."""

import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from playwright.sync_api import Browser, Page, expect, sync_playwright

from catalog.models import Item

# the first needs a third less of the processor
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
TIMEOUT_MS = 10_000
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.fail(f"These tests need one of {', '.join(CHROMIUM)}: apt-get install chromium")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # playwright keeps an event loop in this thread; Django would refuse the ORM beside it
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def served(live_server) -> Iterator[None]:
    """Ends once every request the server began is answered.

    The tables are emptied next, and a request that still reads them would deadlock with that.
    """
    begun: list[object] = []
    ended: list[object] = []

    def begin(sender: object, **_: Any) -> None:
        begun.append(sender)

    def end(sender: object, **_: Any) -> None:
        ended.append(sender)

    request_started.connect(begin)
    request_finished.connect(end)
    yield
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while len(begun) > len(ended) and time.monotonic() < deadline:
        time.sleep(0.02)
    request_started.disconnect(begin)
    request_finished.disconnect(end)


@pytest.fixture
def page(browser: Browser, live_server, world: dict[str, Item], served: None) -> Iterator[Page]:
    """A page of its own that fails the test for any script error."""
    context = browser.new_context(base_url=live_server.url, locale="en-US")
    context.set_default_timeout(TIMEOUT_MS)
    errors: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on(
        "console",
        lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None,
    )
    yield opened
    context.close()
    assert errors == []
