"""Writes to the catalog: what changes, what does not, and what leaves nothing behind."""

import random
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from catalog import services
from catalog.category_moves import category_move
from catalog.exceptions import InvalidItem, TooManyMedia, UnsupportedMedia
from catalog.models import Category, Item, ItemText, Media
from catalog.services import ItemContent, NewMedia, TextContent, item_upsert, media_add
from catalog.uploads import check_upload
from tests.catalog.factories import ItemFactory, MediaFactory, image_bytes, upload, wav_bytes

pytestmark = pytest.mark.django_db

FROG = ItemContent(
    external_id="frog:1",
    kind="stamp",
    title="A frog",
    description="Green.",
    language="en",
    texts=(TextContent(language="zh", title="青蛙", tags=("绿",)),),
    tags=("green", "small"),
    attributes={"price": 3},
    categories=("animals/amphibians",),
    published=True,
    published_at=datetime(2026, 1, 1, tzinfo=UTC),
    expires_at=None,
)


def changed(**fields: Any) -> ItemContent:
    return ItemContent(external_id="frog:1", **fields)


def files(media_root: Path) -> list[str]:
    return sorted(str(p.relative_to(media_root)) for p in media_root.rglob("*") if p.is_file())


def state(item: Item) -> tuple[Any, ...]:
    row = Item.objects.get(pk=item.pk)
    return row.content_version, row.content_changed_at, row.updated_at


def test_upsert_creates_everything(media_root: Path):
    made = item_upsert(FROG, [NewMedia(upload=upload(), alt="front"), NewMedia(upload=upload())])
    assert made.outcome == "created"
    item = Item.objects.get()
    assert (item.external_id, item.kind, item.title, item.tags, item.content_version) == (
        "frog:1",
        "stamp",
        "A frog",
        ["green", "small"],
        1,
    )
    assert item.attributes == {"price": 3}
    text = ItemText.objects.get()
    assert (text.language, text.title, text.tags) == ("zh", "青蛙", ["绿"])
    assert [c.path for c in item.categories.all()] == ["animals/amphibians"]
    assert [(m.position, m.alt, m.status) for m in item.media.all()] == [
        (0, "front", "pending"),
        (1, "", "pending"),
    ]
    assert files(media_root) == sorted(m.file.name for m in item.media.all())


def test_an_equal_upsert_touches_nothing(django_assert_num_queries):
    media = [NewMedia(upload=upload())]
    item = item_upsert(FROG, media).item
    before = state(item)
    with django_assert_num_queries(7):  # a savepoint's two, categories, the item, its relations
        assert item_upsert(FROG, media).outcome == "unchanged"
    assert state(item) == before


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({"title": "Frog"}, 2),
        ({"description": ""}, 2),
        ({"tags": ("green",)}, 2),
        ({"language": "fr"}, 2),
        ({"texts": ()}, 2),
        ({"texts": (TextContent(language="zh", title="蛙"),)}, 2),
        ({"published": False}, 1),
        ({"attributes": {}}, 1),
        ({"categories": ("pond",)}, 2),
        ({"kind": "photo"}, 1),
        ({"expires_at": datetime(2030, 1, 1, tzinfo=UTC)}, 1),
    ],
)
def test_only_what_the_item_is_found_by_raises_the_version(fields, version):
    item = item_upsert(FROG).item
    before = state(item)
    result = item_upsert(changed(**fields))
    assert (result.outcome, result.item.content_version) == ("changed", version)
    after = state(item)
    assert after[0] == version
    assert (after[1] > before[1]) is (version == 2)
    assert after[2] > before[2]


@pytest.mark.parametrize(
    ("old", "new", "outcome", "stored"),
    [
        (1, True, "changed", "True"),
        ([0], [False], "changed", "[False]"),
        (1e30, 1e30, "unchanged", str(10**30)),
        ([1, {"y": 2}], [1, {"y": 2}], "unchanged", "[1, {'y': 2}]"),
    ],
)
def test_attributes_are_compared_as_json(old, new, outcome, stored):
    item_upsert(ItemContent(external_id="a", title="A", attributes={"x": old}))
    assert item_upsert(ItemContent(external_id="a", attributes={"x": new})).outcome == outcome
    assert str(Item.objects.get().attributes["x"]) == stored


def test_what_is_not_given_stays():
    item_upsert(FROG, [NewMedia(upload=upload())])
    assert item_upsert(changed(title="Frog")).outcome == "changed"
    item = Item.objects.get()
    assert (item.title, item.description, item.kind) == ("Frog", "Green.", "stamp")
    assert item.texts.count() == item.media.count() == item.categories.count() == 1


def test_media_are_replaced_as_a_set_and_their_order_counts(
    media_root: Path, django_capture_on_commit_callbacks
):
    one, two, three = (NewMedia(upload=upload()) for _ in range(3))
    item = item_upsert(FROG, [one, two, two]).item
    kept = item.media.get(sha256=two.upload.sha256)
    assert kept.position == 1
    assert item_upsert(FROG, [one, two]).outcome == "unchanged"
    with django_capture_on_commit_callbacks(execute=True):
        result = item_upsert(FROG, [two, three])
    assert (result.outcome, result.item.content_version) == ("changed", 2)
    assert [m.sha256 for m in item.media.order_by("position")] == [
        two.upload.sha256,
        three.upload.sha256,
    ]
    assert item.media.get(sha256=two.upload.sha256).pk == kept.pk
    assert len(files(media_root)) == 2
    described = [NewMedia(upload=two.upload, alt="back"), three]
    result = item_upsert(FROG, described)
    assert (result.outcome, result.item.content_version) == ("changed", 2)


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"title": " "}, {"title": "must not be empty"}),
        ({"title": "\u200b\u3164"}, {"title": "must have a visible character"}),
        ({"title": "x" * 501}, {"title": "has 501 characters; the limit is 500"}),
        ({"title": "a\0b"}, {"title": "contains the character U+0000, which cannot be stored"}),
        (
            {"description": "\ud800"},
            {"description": "contains the character U+D800, which cannot be stored"},
        ),
        ({"language": "english"}, {"language": "use a language tag such as en, zh or zh-Hant"}),
        ({"tags": "green"}, {"tags": "must be a list of texts, not str"}),
        ({"tags": [1]}, {"tags": "must be text, not a number"}),
        ({"attributes": []}, {"attributes": "must be a JSON object, not a list"}),
        (
            {"attributes": {"a": ["\0"]}},
            {"attributes": "contains the character U+0000, which cannot be stored"},
        ),
        (
            {"categories": (f"{'青' * 100}/" * 6 + "蛙" * 68,)},
            {"categories": f"{'青' * 50}… has 2010 bytes in UTF-8; the limit is 2000"},
        ),
        *(
            (
                {"external_id": dots},
                {"external_id": "use 1 to 128 characters from A-Z a-z 0-9 . _ : -, not dots alone"},
            )
            for dots in (".", "..", "...")
        ),
        ({"published": "yes"}, {"published": "must be true or false, not str"}),
        ({"texts": (TextContent(language="zh", title=""),)}, {"texts.zh": "must not be empty"}),
        (
            {"texts": (TextContent(language="en", title="x"),)},
            {"texts.en": "repeats the item's own language"},
        ),
    ],
)
def test_refuses_what_cannot_be_stored(fields, errors):
    with pytest.raises(InvalidItem) as caught:
        item_upsert(ItemContent(**{"external_id": "a", "title": "A", **fields}))
    assert caught.value.errors == errors
    assert not Item.objects.exists()


@pytest.mark.parametrize("value", [float("nan"), 10**5000, {1, 2}], ids=["nan", "huge", "set"])
def test_refuses_attributes_that_are_no_json(value):
    with pytest.raises(InvalidItem, match="attributes: cannot be stored as JSON"):
        item_upsert(ItemContent(external_id="a", title="A", attributes={"x": value}))


def test_refuses_deep_attributes_and_bad_paths_together():
    deep: Any = {}
    for _ in range(50):
        deep = {"a": deep}
    with pytest.raises(InvalidItem) as caught:
        item_upsert(ItemContent(external_id="a b", attributes=deep, categories=("a//b",)))
    assert set(caught.value.errors) == {"external_id", "attributes", "categories"}


def test_a_new_item_needs_a_title():
    with pytest.raises(InvalidItem, match="title: is required"):
        item_upsert(ItemContent(external_id="a"))


def test_an_update_says_whether_anything_changed():
    item = item_upsert(FROG).item
    assert services.item_update(item, title="Toad", published=False) is True
    assert (item.title, item.published, item.content_version) == ("Toad", False, 2)
    assert services.item_update(item, title="Toad") is False
    with pytest.raises(InvalidItem, match="colour: is not a field"):
        services.item_update(item, colour="red")
    with pytest.raises(InvalidItem, match="external_id: is not a field"):
        services.item_update(item, external_id="x")
    with pytest.raises(InvalidItem, match="language: the item has a text in zh already"):
        services.item_update(item, language="zh")


def test_publishing_leaves_the_version_alone():
    items = ItemFactory.create_batch(3, published=False)
    assert services.items_publish(Item.objects.all(), True) == 3
    assert services.items_publish(Item.objects.all(), True) == 0
    assert {i.content_version for i in Item.objects.all()} == {1}
    services.items_touch([items[0].pk])
    assert Item.objects.get(pk=items[0].pk).content_version == 2


def test_the_same_bytes_give_the_same_row(media_root: Path):
    item = ItemFactory()
    content = wav_bytes()
    first, created = media_add(item, upload(content), alt="croak")
    assert created
    assert state(item)[0] == 2
    again, created = media_add(item, upload(content), alt="other")
    assert not created
    assert (again.pk, again.alt, state(item)[0]) == (first.pk, "croak", 2)
    assert media_add(item, upload()).medium.position == 1
    assert first.file.name == f"{first.sha256[:2]}/{first.sha256[2:4]}/{first.sha256}.wav"
    assert (media_root / first.file.name).read_bytes() == content
    assert (first.duration_s, first.content_type, first.bytes) == (0.5, "audio/wav", len(content))


def test_refuses_more_media_than_allowed(settings, media_root: Path):
    settings.CATALOG = {**settings.CATALOG, "MAX_MEDIA_PER_ITEM": 1}
    item = MediaFactory().item
    with pytest.raises(TooManyMedia, match="already has 1 media"):
        media_add(item, upload())
    with pytest.raises(TooManyMedia, match="has 2 media; the limit is 1"):
        item_upsert(FROG, [NewMedia(upload=upload()), NewMedia(upload=upload())])
    assert len(files(media_root)) == 1


def test_moving_media_raises_the_version_and_describing_it_does_not():
    media = MediaFactory()
    before = state(media.item)
    assert services.media_update(media, alt="a frog") is True
    assert state(media.item)[:2] == before[:2]
    assert services.media_update(media, position=4) is True
    assert state(media.item)[0] == before[0] + 1
    assert services.media_update(media, position=4) is False
    with pytest.raises(InvalidItem, match="position: must be between 0 and 32767"):
        services.media_update(media, position=-1)


def test_marking_media_notes_the_failure_only():
    media = MediaFactory()
    before = state(media.item)
    services.media_mark([media.pk], Media.Status.FAILED, "undecodable", "bad\0" + "x" * 600)
    media.refresh_from_db()
    assert (media.status, media.error_code, len(media.error)) == ("failed", "undecodable", 500)
    assert state(media.item) == before


def test_the_file_goes_with_the_last_row(media_root: Path, django_capture_on_commit_callbacks):
    content = image_bytes()
    first, second = MediaFactory(content=content), MediaFactory(content=content)
    assert len(files(media_root)) == 1
    with django_capture_on_commit_callbacks(execute=True):
        services.media_delete(first)
    assert len(files(media_root)) == 1
    assert state(first.item)[0] == 3
    with django_capture_on_commit_callbacks(execute=True):
        services.item_delete(second.item)
    assert files(media_root) == []


@pytest.mark.parametrize("delete", [services.items_delete, lambda queryset: queryset.delete()])
def test_bulk_deletes_take_the_files(delete, media_root: Path, django_capture_on_commit_callbacks):
    for _ in range(3):
        MediaFactory()
    with django_capture_on_commit_callbacks(execute=True):
        delete(Item.objects.all())
    assert files(media_root) == []


def test_a_file_that_changed_after_the_check_is_refused(tmp_path: Path, media_root: Path):
    path = tmp_path / "x.png"
    path.write_bytes(image_bytes())
    checked = check_upload(path)
    path.write_bytes(image_bytes())
    item = ItemFactory()
    with pytest.raises(UnsupportedMedia, match="changed while it was read"), transaction.atomic():
        media_add(item, checked)
    assert files(media_root) == []
    assert not Media.objects.exists()


class Boom(Exception):
    pass


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_leaves_no_file(media_root: Path):
    shared = image_bytes()
    MediaFactory(content=shared)

    def fail() -> None:
        with transaction.atomic():
            item_upsert(FROG, [NewMedia(upload=upload()), NewMedia(upload=upload(shared))])
            assert len(files(media_root)) == 2
            raise Boom

    with pytest.raises(Boom):
        fail()
    assert len(files(media_root)) == 1
    assert Item.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_savepoint_leaves_no_file_and_the_rest_stays(media_root: Path):
    def fail(item: Item) -> None:
        with transaction.atomic():
            media_add(item, upload())
            raise Boom

    with transaction.atomic():
        item = ItemFactory()
        media_add(item, upload())
        with pytest.raises(Boom):
            fail(item)
    assert files(media_root) == [Media.objects.get().file.name]


@pytest.mark.django_db(transaction=True)
def test_a_refused_upsert_leaves_no_file(media_root: Path):
    item_upsert(FROG)
    with pytest.raises(InvalidItem):
        services.items_upsert(
            [
                (ItemContent(external_id="a", title="A"), [NewMedia(upload=upload())]),
                (changed(texts=(TextContent(language="en", title="x"),)), None),
            ]
        )
    assert files(media_root) == []
    assert Item.objects.count() == 1


def in_threads(number: int, work: Any) -> list[Any]:
    """Runs ``work(n)`` in threads with connections of their own, all starting at once."""
    barrier, results = threading.Barrier(number), []

    def run(n: int) -> None:
        barrier.wait()
        try:
            results.append(work(n))
        except Exception as err:
            results.append(err)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[n]) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.django_db(transaction=True)
def test_upserts_of_one_id_at_once_all_succeed(media_root: Path):
    content = image_bytes()

    def work(n: int) -> str:
        return item_upsert(FROG, [NewMedia(upload=upload(content))]).outcome

    assert sorted(map(str, in_threads(6, work))) == ["created"] + ["unchanged"] * 5
    assert Item.objects.get().content_version == 1
    assert len(files(media_root)) == 1


@pytest.mark.django_db(transaction=True)
def test_every_concurrent_change_counts():
    item = item_upsert(FROG).item
    results = in_threads(5, lambda n: item_upsert(changed(title=f"Frog {n}")).outcome)
    assert results == ["changed"] * 5
    assert state(item)[0] == 6


@pytest.mark.django_db(transaction=True)
def test_categories_made_at_once_exist_once():
    results = in_threads(6, lambda n: services.category_get(f"a/b/{n % 2}").path)
    assert sorted(map(str, results)) == ["a/b/0"] * 3 + ["a/b/1"] * 3
    assert [c.path for c in Category.objects.all()] == ["a", "a/b", "a/b/0", "a/b/1"]


@pytest.mark.django_db(transaction=True)
def test_a_file_shared_by_a_delete_and_an_add_survives(media_root: Path):
    content = image_bytes()
    for _ in range(10):
        old, new = MediaFactory(content=content), ItemFactory()

        def work(n: int, old: Media = old, new: Item = new) -> Any:
            return services.media_delete(old) if n else media_add(new, upload(content)).medium.pk

        results = in_threads(2, work)
        assert not [r for r in results if isinstance(r, Exception)]
        assert (media_root / Media.objects.get().file.name).read_bytes() == content
        Item.objects.all().delete()
        assert files(media_root) == []


def test_renaming_a_category_moves_what_is_below():
    for path in ("animals/birds/owls", "animals_too"):
        services.category_get(path)
    services.category_rename(Category.objects.get(path="animals"), "fauna")
    assert [c.path for c in Category.objects.all()] == [
        "animals_too",
        "fauna",
        "fauna/birds",
        "fauna/birds/owls",
    ]
    with pytest.raises(InvalidItem, match="there is a category 'animals_too' already"):
        services.category_rename(Category.objects.get(path="fauna"), "animals_too")
    with pytest.raises(InvalidItem, match="name: must not contain /"):
        services.category_rename(Category.objects.get(path="fauna"), "a/b")


def test_items_of_a_renamed_or_moved_category_are_due_again():
    owl = item_upsert(
        ItemContent(external_id="owl", title="owl", categories=("a/birds/owls",))
    ).item
    cow = item_upsert(ItemContent(external_id="cow", title="cow", categories=("a",))).item
    services.category_rename(Category.objects.get(path="a/birds"), "fowl")
    assert (state(owl)[0], state(cow)[0]) == (2, 1)
    category_move(Category.objects.get(path="a/fowl"), None, "fowl")
    assert (state(owl)[0], state(cow)[0]) == (3, 1)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("field", ["published_at", "expires_at"])
def test_moments_that_postgres_keeps_and_python_cannot_read_are_refused(field, moment):
    given = {field: datetime.fromisoformat(moment)}
    with pytest.raises(InvalidItem, match=f"{field}: must lie between"):
        item_upsert(ItemContent(external_id="a", title="A", **given))


def test_what_is_below_a_renamed_category_stays_within_the_bytes_of_an_index():
    long = "/".join(["青" * 100] * 6)
    services.category_get(f"a/{long}/{'蛙' * 60}")
    with pytest.raises(InvalidItem) as caught:
        services.category_rename(Category.objects.get(path="a"), "é" * 10)
    assert caught.value.errors == {
        "name": f"{'é' * 10}/{'青' * 39}… has 2007 bytes in UTF-8; the limit is 2000"
    }
    assert Category.objects.get(parent=None).path == "a"


def test_a_path_of_the_most_bytes_is_stored():
    """Random characters: Postgres compresses others before it looks at the length."""
    letters = random.Random(1).sample(  # noqa: S311
        [chr(code) for code in range(0x4E00, 0x9F00)], 662
    )
    names = ["".join(letters[at : at + 95]) for at in range(0, 662, 95)]
    path = "/".join(names) + "aaaaaaaa"
    assert len(path.encode()) == 2000
    assert services.category_get(path).path == path
