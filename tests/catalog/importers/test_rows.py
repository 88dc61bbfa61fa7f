"""One row of an import file as item content."""

from datetime import UTC, datetime

import pytest

from catalog.content import UNSET, ItemContent, TextContent
from catalog.importers.rows import MediaPath, RowError, parse_row
from catalog.models import Media


def test_a_full_row():
    content, media = parse_row(
        {
            "external_id": "frog:1",
            "kind": "stamp",
            "title": {"zh": "青蛙", "en": "A frog"},
            "description": {"en": "Green."},
            "tags": {"zh": ["绿"]},
            "categories": ["animals/frogs"],
            "attributes": {"price": 3},
            "published": True,
            "published_at": "2026-01-31T12:00:00+02:00",
            "expires_at": "2027-01-01",
            "media": [{"modality": "image", "path": "a.png", "alt": "x"}],
        }
    )
    assert content == ItemContent(
        external_id="frog:1",
        kind="stamp",
        language="en",
        title="A frog",
        description="Green.",
        texts=(TextContent(language="zh", title="青蛙", tags=("绿",)),),
        attributes={"price": 3},
        categories=("animals/frogs",),
        published=True,
        published_at=datetime(2026, 1, 31, 10, tzinfo=UTC),
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    )
    assert media == [MediaPath(Media.Modality.IMAGE, "a.png", "x", {})]


def test_what_a_row_leaves_out_is_not_given():
    content, media = parse_row({"external_id": "a", "title": "A", "tags": ["x"]})
    assert content == ItemContent(external_id="a", title="A", tags=("x",))
    assert content.texts is UNSET
    assert media is None


def test_the_first_title_is_the_own_one_where_there_is_no_english():
    content, _ = parse_row({"external_id": "a", "title": {"fr": "G", "de": "F"}})
    assert (content.language, content.title) == ("fr", "G")
    content, _ = parse_row({"external_id": "a", "title": {"fr": "G", "de": "F"}, "language": "de"})
    assert (content.language, content.title) == ("de", "F")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"colour": 1}, "unknown field 'colour'; allowed: external_id, kind, title"),
        ({"title": {}}, "title: the object is empty"),
        ({"title": {"en": 1}}, "title: must be text, not a number"),
        ({"title": {"english!": "x"}}, "language: use a language tag"),
        ({"title": {"fr": "x"}, "language": "de"}, "title: has no text in 'de'"),
        ({"title": "x", "tags": {"en": []}}, "tags: is an object by language, so title must be"),
        ({"title": {"en": "x"}, "tags": {"zh": []}}, "tags: has the language 'zh', which title"),
        ({"title": {"en": "x"}, "language": {}}, "language: must be text"),
        ({"title": {"en": "x"}, "language": ["en"]}, "language: must be text"),
        ({"published_at": "soon"}, "published_at: 'soon' is no time"),
        ({"published_at": None}, "published_at: 'None' is no time"),
        ({"expires_at": "2026-02-31"}, "expires_at: '2026-02-31' is no time"),
        ({"media": {}}, "media: must be a list"),
        ({"media": [{"modality": "film", "path": "x"}]}, r"media\[0\].modality: use one of image"),
        ({"media": [{"modality": "image"}]}, r"media\[0\].path: must name a file"),
        ({"media": [{"modality": "image", "path": "a", "url": "b"}]}, "unknown field 'url'"),
    ],
)
def test_refuses_a_row(fields, message):
    with pytest.raises(RowError, match=message):
        parse_row({"external_id": "a", **fields})


def test_refuses_a_row_without_an_id():
    with pytest.raises(RowError, match="external_id: is missing"):
        parse_row({"title": "A"})
