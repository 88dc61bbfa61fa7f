"""axe-core finds nothing serious or critical on the pages that people see first.

Only what axe can tell: keyboard and words are tried in the other browser tests.
"""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from catalog.models import ImportProblem, ImportRun, Item
from recommender.models import Placement
from retrieval import claims, spaces
from tests.e2e.test_storefront import world  # noqa: F401 - a fixture
from tests.retrieval.conftest import make_item

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

GRAVE = ("serious", "critical")


def findings(page: Page) -> list[str]:
    """What axe finds grave: rule, where, and what is wrong there."""
    found = Axe().run(page)
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
        if node["impact"] in GRAVE
    ]


@pytest.fixture(params=["en-US", "zh-CN"])
def visit(request, browser: Browser, live_server, world: dict[str, Item], served) -> Iterator[Page]:  # noqa: F811
    """A visitor's page in English and in Chinese."""
    context = browser.new_context(base_url=live_server.url, locale=request.param)
    page = context.new_page()
    yield page
    context.close()


def test_storefront(visit: Page):
    found = {}
    for path in (
        "/",
        "/?q=frog",
        "/?q=frog,+no+drum",
        "/items/frog/",
        "/ask/",
        "/you/",
        "/plain/?q=frog",
    ):
        visit.goto(path)
        visit.wait_for_load_state("networkidle")
        found[path] = findings(visit)
    assert found == {path: [] for path in found}


@pytest.fixture
def staff(browser: Browser, live_server, world, admin_user, served) -> Iterator[BrowserContext]:  # noqa: F811
    """Somebody who may do everything."""
    client = Client()
    client.force_login(admin_user)
    context = browser.new_context(base_url=live_server.url, locale="en-US")
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies(
        [{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    yield context
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_admin(staff: BrowserContext, scheme, settings, tmp_path):
    settings.IMPORT_ROOT = tmp_path
    run = ImportRun.objects.create(
        name="items.csv", file_format="csv", status="checked", rows=3, created=1, refused=1,
        sample=[{"external_id": "a", "outcome": "created", "fields": [["title", "", "A"]]}],
    )  # fmt: skip
    ImportProblem.objects.create(run=run, line=2, reason="external_id: is missing")
    space_id = spaces.active_id()
    broken = make_item("broken", "a broken thing")
    claims.fail(space_id, claims.claim(space_id, [broken.pk])[0], "undecodable", "no picture")
    placement = Placement.objects.create(name="home")
    cache.clear()
    page = staff.new_page()
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    found = {}
    for path in (
        *("/admin/", "/admin/catalog/queuepause/", "/admin/catalog/importrun/add/"),
        *(f"/admin/catalog/importrun/{run.pk}/change/", "/admin/catalog/item/"),
        f"/admin/recommender/placement/{placement.pk}/change/",
        *("/admin/recommender/experiment/add/", "/admin/recommender/rule/add/"),
        *(f"/admin/retrieval/embeddingspace/{space_id}/{name}/" for name in ("change", "backfill")),
    ):
        page.goto(path)
        expect(page.locator("body")).to_be_visible()
        found[path] = findings(page)
    assert found == {path: [] for path in found}
