"""The storefront's pages as a plain client gets them."""

import io
import re
from gettext import GNUTranslations
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from catalog.models import Item
from catalog.services import media_add
from catalog.uploads import check_upload
from recommender.checks import storefront_makes_sense
from tests.clients import png
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db

STATIC = Path(settings.BASE_DIR) / "recommender" / "static" / "storefront"
IMPORT = re.compile(r'from "(\./[a-z0-9]+\.js)"')


class Elements(HTMLParser):
    """Every element of a page, with its attributes; and the text of each script that is code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        data = dict(attrs).get("type") == "application/json"
        self._in_script = tag in ("script", "style") and not data

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.inline += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every ``tag``."""
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def frog() -> Item:
    item = Item.objects.create(external_id="stamp:frog.1", title="A <b>frog</b>")
    item.texts.create(language="de", title="Ein Frosch", description="grün")
    return item


def static_files(page: str) -> set[str]:
    """What the page asks of ``/static/``, without the prefix."""
    return set(re.findall(r'="/static/([^"#]+)', page))


def scripts() -> str:
    """Every script, one after the other."""
    return "".join(path.read_text() for path in (STATIC / "js").glob("*.js"))


def test_the_first_page_has_a_search_form_that_works_as_a_link(client: Client):
    response = client.get("/")
    assert response.status_code == 200
    elements = Elements(response.text)
    form = next(each for each in elements.named("form") if each.get("role") == "search")
    assert form["action"] == "/"
    named = [each["name"] for each in elements.named("input") if "name" in each]
    search = [name for name in named if name not in ("history", "question", "image", "audio")]
    assert search == ["q", "by.text", "by.image", "by.audio", "mode", "mode", "mode"]
    assert elements.named("html")[0]["data-api"] == "/api/v1/"


def test_examples_are_links_to_searches(client: Client):
    make_item("emoji:1F4F1", "mobile phone")  # the demo catalog
    links = [a["href"] for a in Elements(client.get("/").text).named("a") if "data-example" in a]
    assert "/?q=frog" in links
    assert (
        "/?q=%E6%88%91%E6%83%B3%E8%A6%81%E4%B8%80%E9%83%A8%E6%96%B0%E7%9A%84%E6%99%BA%E8%83%BD%E6%89%8B%E6%9C%BA"
        in links
    )


def test_languages_offered(client: Client):
    options = Elements(client.get("/").text).named("option")
    assert [each["value"] for each in options] == ["en", "zh", "de", "fr", "es", "ja"]


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(client: Client):
    page = client.get("/").text
    elements = Elements(page)
    assert elements.inline.strip() == ""
    attributes = [name for _, given in elements.found for name in given]
    assert not [name for name in attributes if name.startswith("on") or name == "style"]
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)


def test_the_content_security_policy_allows_own_files_only(client: Client):
    policy = dict(
        rule.split(" ", 1)
        for rule in client.get("/").headers["Content-Security-Policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' blob:",
        "media-src": "'self' blob:",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


def test_media_of_another_host_may_be_shown(client: Client, settings):
    settings.MEDIA_URL = "https://cdn.example.com/media/"
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "img-src 'self' blob: https://cdn.example.com;" in policy
    assert "media-src 'self' blob: https://cdn.example.com;" in policy
    assert "script-src 'self';" in policy


def test_every_static_file_named_exists(client: Client):
    named = static_files(client.get("/").text)
    assert "storefront/js/main.js" in named
    assert [name for name in named if finders.find(name) is None] == []


def test_every_module_imported_exists_and_every_module_is_used():
    modules = {path.name: path.read_text() for path in (STATIC / "js").glob("*.js")}
    imported = {
        name.removeprefix("./") for text in modules.values() for name in IMPORT.findall(text)
    }
    assert imported | {"main.js", "you.js", "ask.js"} == set(modules)


def test_every_icon_used_is_in_the_sprite():
    drawn = set(re.findall(r'<symbol id="([a-z]+)"', (STATIC / "icons.svg").read_text()))
    page = Client().get("/").text
    used = set(re.findall(r'\bicon\("([a-z]+)"\)', scripts())) | set(
        re.findall(r'icons\.svg#([a-z]+)"', page)
    )
    assert used | {"pause", "play", "stop", "mic", "heart", "down"} == drawn


def test_an_item_page_names_the_item(client: Client, frog: Item):
    media_add(frog, check_upload(io.BytesIO(png())))
    page = client.get("/items/stamp:frog.1/").text
    assert "<title>A &lt;b&gt;frog&lt;/b&gt; · Triad</title>" in page
    metas = {
        each.get("property"): each["content"]
        for each in Elements(page).named("meta")
        if "content" in each
    }
    assert metas["og:title"] == "A <b>frog</b>"
    assert metas["og:image"] == f"http://testserver{frog.media.get().file.url}"


def test_an_item_page_speaks_the_language_of_its_address(client: Client, frog: Item):
    page = client.get("/items/stamp:frog.1/?lang=de").text
    assert "<title>Ein Frosch · Triad</title>" in page
    assert '<meta name="description" content="grün">' in page


def test_an_item_page_takes_a_fixed_number_of_queries(
    client: Client, frog, django_assert_num_queries
):
    client.get("/")  # what is suggested there is remembered
    with django_assert_num_queries(4):
        client.get("/items/stamp:frog.1/")
    with django_assert_num_queries(0):
        client.get("/")


@pytest.mark.parametrize("external_id", ["nobody", "hidden"])
def test_an_unknown_or_hidden_item_is_404_and_nameless(client: Client, external_id: str):
    Item.objects.create(external_id="hidden", title="A secret", published=False)
    response = client.get(f"/items/{external_id}/")
    assert response.status_code == 404
    assert "secret" not in response.text
    assert "og:title" not in response.text


def test_titles_are_kept_from_visitors_where_reading_needs_a_key(client: Client, frog, settings):
    settings.API = settings.API | {"ANONYMOUS_READ": False}
    known, unknown = (client.get(f"/items/{name}/") for name in ("stamp:frog.1", "nobody"))
    assert known.status_code == unknown.status_code == 200
    assert "&lt;b&gt;frog" not in known.text


def test_only_reading(client: Client):
    assert client.post("/").status_code == 405


def test_a_page_knows_whether_browsers_may_send_events(client: Client, settings):
    for allowed, said in ((True, "on"), (False, "off")):
        settings.API = settings.API | {"ANONYMOUS_EVENTS": allowed}
        assert Elements(client.get("/").text).named("html")[0]["data-events"] == said


def test_every_language_says_as_much_of_recommendations(client: Client):
    source = (STATIC / "js" / "words.js").read_text()
    blocks = dict(re.findall(r"^  ([a-z]{2}): \{\n(.*?)^  \},$", source, re.MULTILINE | re.DOTALL))
    said = {
        tag: re.findall(r"^    ([a-z]+): ", block, re.MULTILINE) for tag, block in blocks.items()
    }
    options = Elements(client.get("/").text).named("option")
    assert sorted(said) == sorted(str(each["value"]) for each in options)
    assert {tuple(phrases) for phrases in said.values()} == {tuple(said["en"])}
    used = set(re.findall(r'\bsay\("([a-z]+)"', scripts()))
    assert used <= set(said["en"])


LOCALE = Path(settings.BASE_DIR) / "recommender" / "locale" / "zh_Hans" / "LC_MESSAGES"


def phrases_of(domain: str) -> dict[str, str]:
    """A catalog as it is read when it runs; plurals by their singular."""
    with (LOCALE / f"{domain}.mo").open("rb") as file:
        catalog = GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {key[0] if isinstance(key, tuple) else key: text for key, text in catalog.items()}


def test_scripts_say_everything_in_chinese_too():
    said = set(re.findall(r'\bn?gettext\(\s*"((?:[^"\\]|\\.)+)"', scripts()))
    assert len(said) > 80
    chinese = phrases_of("djangojs")
    assert {text for text in said if not chinese.get(text)} == set()
    for text in said:  # what is filled in is the same
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", chinese[text]))


def test_pages_say_everything_in_chinese_too():
    folder = Path(settings.BASE_DIR) / "recommender" / "templates" / "storefront"
    sources = "".join(path.read_text() for path in folder.glob("*.html"))
    said = set(re.findall(r'{% translate "(.+?)" %}', sources))
    assert len(said) > 60
    chinese = phrases_of("django")
    assert {text for text in said if not chinese.get(text)} == set()


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_compiled_phrases_are_those_of_the_source(domain: str):
    source = re.sub(r'"\n"', "", (LOCALE / f"{domain}.po").read_text())
    texts = re.findall(r'^msgstr(?:\[0\])? "(.+)"$', source, re.MULTILINE)
    written = sorted(text.replace('\\"', '"') for text in texts if "Content-Type" not in text)
    assert written == sorted(text for key, text in phrases_of(domain).items() if key)


@pytest.mark.parametrize(
    ("address", "accepted", "language", "title"),
    [
        ("/", "en", "en", "Find it by"),
        ("/", "zh-CN,zh;q=0.9", "zh", "来查找"),
        ("/?lang=zh", "en", "zh", "来查找"),
        ("/?lang=en", "zh-CN", "en", "Find it by"),
        ("/?lang=de", "zh-CN", "en", "Find it by"),
        ("/", "de-DE", "en", "Find it by"),
        ("/?lang=%00", "zh-CN", "en", "Find it by"),
    ],
)
def test_pages_are_in_english_and_chinese(
    client: Client, address: str, accepted: str, language: str, title: str
):
    page = client.get(address, headers={"Accept-Language": accepted})
    assert Elements(page.text).named("html")[0]["lang"] == language
    assert page.headers["Content-Language"] == language
    assert title in page.text


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["categories", "price"], None),
        (["prise"], "'prise' cannot be filtered by"),
        (["external_id"], "'external_id' cannot be filtered by"),
        (["kind", "kind"], "a field is named twice"),
        (["kind"] * 11, "11 fields are more than the 10"),
    ],
)
def test_filters_that_cannot_be_offered_stop_the_start(
    settings, given: list[str], problem: str | None
):
    settings.RECOMMENDER = settings.RECOMMENDER | {"STOREFRONT": {"FILTERS": given}}
    said = [str(error.msg) for error in storefront_makes_sense(None)]
    assert bool(said) is bool(problem)
    assert problem is None or any(problem in each for each in said)
