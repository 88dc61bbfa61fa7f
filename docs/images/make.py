"""Makes the pictures of the main pages: a running demo as a visitor and its administrator see it.

    VAR=var python docs/images/make.py --base http://127.0.0.1:8000 [--only home search]

Signs in by a session of its own as the first superuser of VAR's database, and likes four items as a
visitor of its own; both are forgotten at the end. Needs Chromium and the development packages.
"""

import argparse
import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

HERE: Final = Path(__file__).resolve().parent
CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1440, 900
LIKED: Final = ("emoji:1F438", "emoji:1F98E", "emoji:1F422", "emoji:1F941")
"""A frog, a lizard, a turtle and a drum."""
ITEM: Final = "emoji:1F438"
COMPOSED: Final = "/?q=red+flower&item=emoji:1F98B&w=1,0.6"
SETTLED_MS: Final = 20_000


def main() -> None:
    """Write one PNG a page beside this file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", default="http://127.0.0.1:8000", help="where the demo is served")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some pages; all unless given")
    parser.add_argument("--to", type=Path, default=HERE, help="folder; default: %(default)s")
    arguments = parser.parse_args()
    sys.path.insert(0, str(HERE.parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # playwright has an event loop in this thread
    import django

    django.setup()
    arguments.to.mkdir(parents=True, exist_ok=True)
    with visiting(arguments.base) as visitor, browsing(arguments.base, visitor) as context:
        page = context.new_page()
        for name, address in pages(visitor).items():
            if not arguments.only or name in arguments.only:
                picture(page, name, address, arguments.to)


def pages(visitor: str) -> dict[str, str]:
    """Name of the picture -> address; after a ``#``, what the page is scrolled to."""
    from catalog.models import Item
    from recommender.models import Visitor
    from retrieval.models import EmbeddingSpace

    item = Item.objects.get(external_id=ITEM)
    space = EmbeddingSpace.objects.get(state=EmbeddingSpace.State.ACTIVE)
    person = Visitor.objects.get(external_id=visitor)
    return {
        "home": "/#.recommended",
        "search": COMPOSED,
        "item": f"/items/{ITEM}/",
        "your-data": "/you/",
        "admin-overview": "/admin/",
        "admin-item": f"/admin/catalog/item/{item.pk}/change/#.triad-columns",
        "admin-visitor": f"/admin/recommender/visitor/{person.pk}/sees/?placement=home",
        "admin-playground": f"/admin/catalog/item/playground/?q=red+flower&item={ITEM}&w=1,,-0.5",
        "admin-space": f"/admin/retrieval/embeddingspace/{space.pk}/change/",
        "admin-jobs": "/admin/catalog/queuepause/",
    }


def picture(page: "Page", name: str, address: str, folder: Path) -> None:
    """Raises RuntimeError for a page that is not there."""
    address, _, part = address.partition("#")
    answer = page.goto(address)
    if answer is None or not answer.ok:
        raise RuntimeError(f"{address} answered {answer.status if answer else 'nothing'}.")
    page.wait_for_load_state("networkidle", timeout=SETTLED_MS)
    if part:
        page.locator(part).first.evaluate("part => part.scrollIntoView({block: 'center'})")
        page.wait_for_load_state("networkidle", timeout=SETTLED_MS)
    page.screenshot(path=folder / f"{name}.png")
    sys.stdout.write(f"{name:18} {address}\n")


@contextmanager
def visiting(base: str) -> Iterator[str]:
    """The identifier of a visitor who liked some items."""
    visitor = f"web-{uuid.uuid4()}"
    events = [
        {"id": str(uuid.uuid4()), "visitor": visitor, "item": item, "type": "like"}
        for item in LIKED
    ]
    httpx.post(f"{base}/api/v1/events/", json=events).raise_for_status()
    try:
        yield visitor
    finally:
        from recommender import visitors

        visitors.visitor_forget(visitor)


@contextmanager
def browsing(base: str, visitor: str) -> Iterator["BrowserContext"]:
    """A browser that is signed in, and is that visitor."""
    from django.contrib.auth import get_user_model
    from django.test import Client
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        sys.exit(f"This needs one of {', '.join(CHROMIUM)}: apt-get install chromium")
    client = Client()
    client.force_login(get_user_model().objects.filter(is_superuser=True).earliest("pk"))
    host = urlsplit(base).hostname or "127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        context = browser.new_context(
            base_url=base, viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US"
        )
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "domain": host, "path": "/"}])
        remembered = json.dumps(["triad.visitor", visitor])
        context.add_init_script(f"localStorage.setItem(...{remembered})")
        yield context
        browser.close()
    client.logout()


if __name__ == "__main__":
    main()
