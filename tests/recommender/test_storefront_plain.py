"""The storefront without scripts: forms, links and what it says of bad input."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.models import Item
from recommender.llm.understanding import names_read
from retrieval import lexical, queries, services
from tests.recommender.test_storefront import Elements
from tests.retrieval.conftest import make_item, make_space, png, wav

pytestmark = pytest.mark.django_db

RED, GREEN, BLUE = (210, 30, 30), (30, 180, 60), (30, 60, 210)


@pytest.fixture(scope="module")
def stored(module_db) -> None:
    """A few things with prices, embedded."""
    given: list[dict[str, Any]] = [
        {"external_id": "frog", "title": "green frog", "media": [png(GREEN), wav(440)], "categories": ("animals/amphibians",), "attributes": {"price": 30}, "texts": {"zh": "青蛙"}},
        {"external_id": "toad", "title": "green toad", "media": [png(GREEN)], "categories": ("animals/amphibians",), "attributes": {"price": 12}},
        {"external_id": "apple", "title": "red apple", "media": [png(RED)], "categories": ("food",), "attributes": {"price": 2}},
        {"external_id": "whale", "title": "blue whale", "media": [png(BLUE), wav(1760)], "categories": ("animals/mammals",), "attributes": {"price": 90}},
    ]  # fmt: skip
    items = {one["external_id"]: make_item(kind="thing", **one) for one in given}
    services.embed_items(make_space().id, [item.pk for item in items.values()])
    lexical.index_items([item.pk for item in items.values()])


@pytest.fixture
def world(stored, monkeypatch: pytest.MonkeyPatch) -> dict[str, Item]:
    """The things; a worker that answers at once."""
    monkeypatch.setattr(
        "retrieval.queries.current_app.send_task",
        lambda name, args, **_: queries.media_answer(*args),
    )
    return {item.external_id: item for item in Item.objects.all()}


def ids(page: str) -> list[str]:
    return [each["data-id"] or "" for each in Elements(page).named("article") if "data-id" in each]


def values(page: str, name: str) -> list[str | None]:
    return [each.get("value") for each in Elements(page).named("input") if each.get("name") == name]


def test_the_first_page_has_a_form_and_things_to_look_at(client: Client, world):
    page = client.get("/plain/").text
    assert ids(page) == ["whale", "apple", "toad", "frog"]
    form = next(each for each in Elements(page).named("form") if each.get("role") == "search")
    assert (form["method"], form["enctype"]) == ("post", "multipart/form-data")
    assert values(page, "q") == ["", ""]
    assert not [each for each in Elements(page).named("script") if "src" in each]


def test_the_shell_leads_there_without_scripts(client: Client, world):
    page = client.get("/?q=a+b&w=-1").text
    assert (
        '<noscript><meta http-equiv="refresh" content="0; url=/plain/?q=a+b&amp;w=-1"></noscript>'
        in page
    )
    assert 'content="0; url=/plain/items/frog/"' in client.get("/items/frog/").text


def test_a_composed_query_of_words_a_picture_and_a_sound_with_a_filter(client: Client, world):
    answer = client.post(
        "/plain/",
        {
            "q": ["frog", "red apple"],
            "w": ["1", "-1", "0.5"],
            "item": ["frog"],
            "image": SimpleUploadedFile("<i>green.png", png(GREEN, size=40).getvalue(), "image/png"),
            "image_w": "0.5",
            "audio": SimpleUploadedFile("tone.wav", wav(440).getvalue(), "audio/wav"),
            "f.categories": ["animals"],
            "f.price.lt": "90",
            "by.text": "1", "by.image": "1", "by.audio": "1",
            "mode": "dense",
        },
    )  # fmt: skip
    assert answer.status_code == 200
    page = answer.text
    assert ids(page) == ["frog", "toad"]
    assert values(page, "q") == ["frog", "red apple", ""]
    assert values(page, "w") == ["1", "-1", "1", "0.5"]
    assert "Found with &lt;i&gt;green.png, tone.wav" in page
    named = re.findall(r'<span class="name">(.*?)</span>', page.split("</article>")[0])
    assert named[:5] == [
        "frog",
        "red apple",
        "green frog",
        "&lt;i&gt;green.png",
        "tone.wav",
    ]
    assert named[5:] == ["Words", "Looks", "Sound"]


def test_filters_are_offered_with_counts_and_kept(client: Client, world):
    page = client.get("/plain/?q=green&f.categories=animals").text
    assert sorted(ids(page)) == ["frog", "toad", "whale"]
    boxes = {
        each["value"]: "checked" in each
        for each in Elements(page).named("input")
        if each.get("name") == "f.categories"
    }
    assert boxes == {"animals": True, "animals/amphibians": False, "animals/mammals": False}
    assert re.search(r"Animals › Amphibians</span><span class=\"count-of\">2<", page)


def test_cheaper_than_what_was_chosen(client: Client, world):
    page = client.get("/plain/?item=frog").text
    assert values(page, "f.price.lt") == ["30"]
    assert "under 30" in page
    page = client.get("/plain/?item=frog&f.price.lt=30").text
    assert sorted(ids(page)) == ["apple", "toad"]


def test_more_and_less_like_a_hit_are_links(client: Client, world):
    page = client.get("/plain/?q=green&w=0.5&f.kind=thing&lang=en").text
    links = [a["href"] for a in Elements(page).named("a") if "item=frog" in (a["href"] or "")]
    assert links == [
        "/plain/?q=green&f.kind=thing&lang=en&item=frog&w=0.5%2C1",
        "/plain/?q=green&f.kind=thing&lang=en&item=frog&w=0.5%2C-0.5",
    ]
    assert ids(client.get(links[0]).text)[0] == "frog"
    assert ids(client.get(links[1]).text)[0] == "toad"


def test_a_page_follows_another(client: Client, world, monkeypatch):
    monkeypatch.setattr("recommender.storefront.plain.PER_PAGE", 3)
    first = client.get("/plain/?q=green+frog").text
    (more,) = [a["href"] for a in Elements(first).named("a") if "more" in (a.get("class") or "")]
    second = client.get(f"/plain/{more}").text
    assert sorted(ids(first) + ids(second)) == ["apple", "frog", "toad", "whale"]
    assert values(second, "q")[0] == "green frog"
    tampered = client.get(f"/plain/{more}&w=x")
    assert (tampered.status_code, "The weight of" in tampered.text) == (400, True)


def test_categories_are_read_a_page_at_a_time(client: Client, world, monkeypatch):
    monkeypatch.setattr("recommender.storefront.plain.PER_PAGE", 2)
    first = client.get("/plain/?category=animals&lang=zh").text
    assert ids(first) == ["frog", "toad"]
    assert "青蛙" in first
    (more,) = [a["href"] for a in Elements(first).named("a") if "more" in (a.get("class") or "")]
    assert ids(client.get(f"/plain/{more}").text) == ["whale"]


def test_a_sentence_is_read_and_can_be_taken_back(client: Client, world):
    names_read()
    page = client.get("/plain/?q=green+animals+under+20,+not+frog").text
    assert ids(page) == ["toad"]
    chips = [
        (each["aria-label"], each["href"])
        for each in Elements(page).named("a")
        if each.get("class") == "chip"
    ]
    assert [name for name, _ in chips] == [
        "This is not meant: not frog",
        "This is not meant: Category: Animals",
        "This is not meant: Price: < 20",
    ]
    assert set(ids(client.get(f"/plain/{chips[2][1]}").text)) == {"toad", "whale"}
    (other,) = [
        each["href"] for each in Elements(page).named("a") if each.get("class") == "as-link"
    ]
    typed = client.get(f"/plain/{other}").text
    assert "Searched for the words as typed." in typed
    assert len(ids(typed)) == 4
    (back,) = [
        each["href"] for each in Elements(typed).named("a") if each.get("class") == "as-link"
    ]
    assert ids(client.get(f"/plain/{back}").text) == ["toad"]


def test_a_sentence_with_a_picture_in_chinese(client: Client, world):
    names_read()
    picture = SimpleUploadedFile("green.png", png(GREEN).getvalue(), "image/png")
    form = {"q": "动物，20元以下", "image": picture, "lang": "zh"}
    page = client.post("/plain/?lang=zh", form).text
    assert ids(page) == ["toad"]
    assert "理解为" in page
    assert "不是这个意思：价格: ≤ 20" in page


def test_plain_words_are_not_read(client: Client, world):
    names_read()
    for address in (
        "q=frog",
        "q=animals",
        "q=green+frog+under+20&mode=lexical",
        "q=not+frog&q=toad",
    ):
        assert "understood" not in client.get(f"/plain/?{address}").text


def test_an_item_and_its_kin_by_what_they_are_alike_in(client: Client, world):
    page = client.get("/plain/items/frog/").text
    assert '<h1 lang="en">green frog</h1>' in page
    toggles = [
        a["href"] for a in Elements(page).named("a") if a.get("class") in ("text", "image", "audio")
    ]
    assert toggles == ["?by.text=1", "?by.image=1", "?by.audio=1"]
    assert ids(client.get("/plain/items/frog/?by.image=1").text)[0] == "toad"
    assert ids(client.get("/plain/items/frog/?by.audio=1").text) == ["whale"]
    assert client.get("/plain/?similar=frog").text.count("green frog") > 1
    missing = client.get("/plain/items/nobody/")
    assert (missing.status_code, "Not found" in missing.text) == (404, True)


BAD = {
    "q=a&w=heavy": (400, "w[0]", "The weight of &#x27;a&#x27; must be a number from -2 to 2, not &#x27;heavy&#x27;."),
    "q=a&w=nan": (400, "w[0]", "must be a number"),
    "q=a&w=-1": (400, "query", "At least one part needs a weight above 0."),
    "q=a&w=0": (400, "w", "every part weighs 0"),
    "q=a&f.prise=3": (400, "filter.prise", "There is no such field: did you mean &#x27;price&#x27;?"),
    "q=a&f.price.lt=cheap": (400, "filter.price.lt", "must be a number, not text."),
    "q=a&f.in_stock=maybe": (400, "filter.in_stock", "true or false"),
    "q=a&f.released.gte=soon": (400, "filter.released.gte", ""),
    "q=a&f.kind.lt=3": (400, "filter.kind", ""),
    "q=a&by.text=-3": (400, "by.text", "must be a number from 0 to 2"),
    "q=a&by.text=0&by.image=0": (400, "modalities", ""),
    "q=a&mode=magic": (400, "mode", "magic"),
    "item=a&mode=lexical": (400, "mode", "reads words"),
    "item=nobody": (400, "query[0].item", "There is no item &#x27;nobody&#x27;."),
    "item=a%00b": (400, "", "NUL"),
    "q=a%00b": (400, "", "NUL"),
    "q=%ff%fe": (400, "q", "not UTF-8"),
    "q=%ED%A0%80": (400, "q", "not UTF-8"),
    "q=" + "a" * 2_001: (400, "query", "2000"),
    "&".join(f"q=a{n}" for n in range(11)): (400, "query", "10"),
    "q=a&cursor=forged": (400, "cursor", ""),
    "q=a&lang=<script>": (400, "lang", "Use a language tag"),
    "q=a&f.kind=%00": (400, "", "NUL"),
    "q=" + "%E2%80%8B": (400, "query", "blank"),
}  # fmt: skip


@pytest.mark.parametrize("address", BAD)
def test_bad_input_is_answered_on_the_page(client: Client, world, address: str):
    status, path, message = BAD[address]
    answer = client.get(f"/plain/?{address}")
    assert answer.status_code == status
    state = answer.text.split('role="alert"')[1].split("</div>")[0]
    assert path in state
    assert message in state
    assert "<script>" not in state
    # what was typed is still there to be corrected
    if "%" not in address and address.startswith("q=a&") and len(address) < 100:
        assert values(answer.text, "q")[0] == "a"


@pytest.mark.parametrize(
    "form",
    [
        {"image": ("notes.png", b"not a picture", "image/png")},
        {"audio": ("picture.wav", png(RED).getvalue(), "audio/wav")},
        {"image": ("empty.png", b"", "image/png")},
        {"image": ("huge.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "image/png")},
    ],
)
def test_files_that_are_something_else_are_refused(client: Client, world, form: dict):
    files = {name: SimpleUploadedFile(*given) for name, given in form.items()}
    answer = client.post("/plain/", {"q": "a", **files})
    assert answer.status_code in (400, 415)
    assert 'role="alert"' in answer.text
    assert values(answer.text, "q")[0] == "a"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"q=a", "application/x-www-form-urlencoded", 415),
        (b"--x\r\nContent-Disposition: form-data", "multipart/form-data; boundary=\x00", 400),
    ],
)
def test_bodies_that_are_no_form_are_refused(client: Client, world, body, kind, status):
    answer = client.generic("POST", "/plain/", body, kind)
    assert (answer.status_code, 'role="alert"' in answer.text) == (status, True)


def test_titles_categories_and_queries_are_text_not_markup(client: Client, world):
    evil = '"><script>alert(1)</script>'
    make_item("evil", evil, description=evil, tags=(evil,), categories=("<b>bold</b>",))
    services.embed_items(make_space().id, [Item.objects.get(external_id="evil").pk])
    pages = [
        client.get("/plain/").text,
        client.get("/plain/", {"q": evil, "item": "evil", "f.tags": evil}).text,
        client.get("/plain/items/evil/").text,
        client.get("/plain/", {"category": "<b>bold</b>"}).text,
        client.get("/plain/", {"category": evil}).text,
        client.get("/plain/", {"q": "a", f"f.{evil}": evil, "w": evil}).text,
        client.get("/items/evil/").text,
    ]
    for page in pages:
        assert "<script>alert" not in page
        assert "<b>bold" not in page
        assert 'href="javascript' not in page


def test_reading_that_needs_a_key_shows_nothing(client: Client, world, settings):
    settings.API = settings.API | {"ANONYMOUS_READ": False}
    for address in ("/plain/", "/plain/?q=frog", "/plain/items/frog/", "/plain/?category=food"):
        answer = client.get(address)
        assert answer.status_code == 403
        assert "green frog" not in answer.text


def test_the_rate_limit_of_the_api_counts_here_too(client: Client, world, settings):
    settings.API = settings.API | {"RATE_LIMIT_ANONYMOUS": 2}
    statuses = [client.get("/plain/?q=frog").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert int(client.get("/plain/?q=frog").headers["Retry-After"]) > 0


def test_only_reading_and_sending_the_form(client: Client, world):
    assert client.put("/plain/").status_code == 403
    assert client.delete("/plain/items/frog/").status_code == 403
    assert client.post("/plain/items/frog/").status_code == 405


def test_a_form_from_elsewhere_can_do_nothing_but_search(world):
    assert Client(enforce_csrf_checks=True).post("/plain/", {"q": "frog"}).status_code == 200


def test_the_policy_lets_no_script_in(client: Client, world):
    for address in ("/plain/?q=frog", "/plain/items/frog/", "/plain/?q=a&w=x"):
        policy = client.get(address).headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        elements = Elements(client.get(address).text)
        assert elements.inline.strip() == ""
        assert not [each for _, given in elements.found for each in given if each.startswith("on")]
        assert not [each for _, given in elements.found for each in given if each == "style"]


def test_a_search_takes_a_fixed_number_of_statements(
    client: Client, world, django_assert_max_num_queries
):
    client.get("/plain/?q=green")
    for n in range(12):
        make_item(f"more-{n}", f"green thing {n}", attributes={"price": n})
    with django_assert_max_num_queries(30):
        client.get("/plain/?q=green&item=frog&f.kind=thing")


def test_what_an_item_says_of_itself_is_shown(client: Client, world):
    make_item("pan", "iron pan", attributes={"price": 12.5, "sizes": [20, "<b>28</b>"], "dishwasher_safe": False, "size": {"w": 3}, "note": " "})  # fmt: skip
    services.embed_items(make_space().id, [Item.objects.get(external_id="pan").pk])
    page = client.get("/plain/items/pan/", {"lang": "en"}).text
    rows = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    assert rows == [
        ("Price", "12.5"),
        ("Sizes", "20, &lt;b&gt;28&lt;/b&gt;"),
        ("Dishwasher safe", "No"),
    ]
    cards = client.get("/plain/").text
    assert re.findall(r'class="price">Price <b>(.*?)</b>', cards) == ["12.5", "90", "2", "12", "30"]
    assert cards.count('<span class="initial" aria-hidden="true">I</span>') == 1
