"""Makes the pictures of the main pages: a running demo as a visitor and its administrator see it.

    VAR=var python docs/images/make.py --base http://127.0.0.1:8000 [--only home search]

Signs in by a session of its own as the first superuser of VAR's database, and likes four items as a
visitor of its own, after a month of other visitors, drawn from one seed; all of them are forgotten at the end.
Needs Chromium and the development packages.
"""

import argparse
import json
import os
import random
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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
SENTENCE: Final = "/?q=animals+that+are+not+dogs+or+cats"
SETTLED_MS: Final = 20_000
DAYS: Final = 30
ANSWERED_DAYS: Final = 7
"""Days of which the overview shows clicks; shoppers are recommended something on these."""


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
    with (
        shopping(arguments.base),
        visiting(arguments.base) as visitor,
        browsing(arguments.base, visitor) as context,
    ):
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
        "home": "/#.recommended h2",
        "search": COMPOSED,
        "sentence": SENTENCE,
        "item": f"/items/{ITEM}/",
        "your-data": "/you/",
        "admin-overview": "/admin/",
        "admin-item": f"/admin/catalog/item/{item.pk}/change/#.triad-columns",
        "admin-visitor": f"/admin/recommender/visitor/{person.pk}/sees/?placement=home",
        "admin-playground": "/admin/catalog/item/playground/?q=red+flower&item=emoji:1F98B&w=1,-0.5",
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
def shopping(base: str) -> Iterator[None]:
    """A month of visitors, more of them by and by, and the figures of it; nothing of it afterwards."""
    from recommender import popularity, visitors
    from workers.overview import overview_count

    chance, shoppers = random.Random(7), []  # noqa: S311 - a drawn month, no secret
    try:
        for back in range(DAYS - 1, -1, -1):
            at, number = datetime.now(UTC) - timedelta(days=back), chance.randint(3, 6)
            today = [f"picture-{uuid.uuid4()}" for _ in range(number + (DAYS - back) // 6)]
            shoppers += today
            events = [each for name in today for each in _done(base, name, at, chance)]
            # a day at once: requests are counted
            httpx.post(f"{base}/api/v1/events/", json=events).raise_for_status()
        popularity.popularity_count(force=True)
        overview_count()
        yield
    finally:
        for shopper in shoppers:
            visitors.visitor_forget(shopper)
        popularity.popularity_count(force=True)
        overview_count()


def _done(base: str, shopper: str, at: datetime, chance: random.Random) -> list[dict[str, str]]:
    """What somebody does: looks at what most look at; lately, also at what they are recommended."""
    from catalog.models import Item
    from recommender.models import Impression

    names = list(Item.objects.visible().order_by("pk").values_list("external_id", flat=True))
    liked = [names[min(int(chance.paretovariate(0.6)), len(names)) - 1] for _ in range(4)]
    done: list[dict[str, str]] = [{"item": name, "type": "view"} for name in liked]
    done.append({"item": liked[0], "type": chance.choice(("like", "cart", "view"))})
    if (datetime.now(UTC) - at).days < ANSWERED_DAYS:
        for placement in ("home", "item"):
            asked = {"visitor": shopper, "placement": placement, "items": liked[0]}
            answer = httpx.get(f"{base}/api/v1/recommendations/", params=asked).raise_for_status()
            found = answer.json()
            shown = Impression.objects.filter(request_id=found["request_id"])
            shown.update(shown_at=at - timedelta(minutes=30))
            for each in found["items"]:
                if chance.random() < (0.06 if placement == "home" else 0.1):
                    kind = "purchase" if chance.random() < 0.2 else "click"
                    item = each["item"]["external_id"]
                    done.append({"item": item, "type": kind, "request_id": found["request_id"]})
    when = at.isoformat()
    return [
        {**each, "id": str(uuid.uuid4()), "visitor": shopper, "occurred_at": when} for each in done
    ]


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
