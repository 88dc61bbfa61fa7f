"""``manage.py index_filters``: what it makes, keeps and drops, and that searches use it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.models import Item
from retrieval.filters import filter_items, indexes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def cleaned(settings, transactional_db):
    yield
    declare(settings)
    run()


def declare(settings, **filters: str) -> None:
    settings.RETRIEVAL = {**settings.RETRIEVAL, "FILTERS": filters}


def run(*options: str) -> list[str]:
    out = StringIO()
    call_command("index_filters", *options, stdout=out)
    return out.getvalue().splitlines()


def there() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname ~ '^item_filter_'")
        return {row[0] for row in cursor.fetchall()}


def test_creates_keeps_and_drops(settings):
    declare(settings, price="number", released="date", brand="text", in_stock="boolean")
    assert run("--dry-run")[-1] == "6 would be created, 0 would be dropped, 0 kept."
    assert there() == set()
    assert run()[-1] == "6 created, 0 dropped, 0 kept."
    assert there() == {index.name for index in indexes.wanted()}
    assert run() == ["0 created, 0 dropped, 6 kept."]

    declare(settings, price="date")  # another type is another index
    lines = run()

    assert lines[-1] == "1 created, 5 dropped, 1 kept."  # lists are lists of either
    assert lines[0].startswith('DROP INDEX CONCURRENTLY IF EXISTS "item_filter_')
    assert there() == {index.name for index in indexes.wanted()}


def test_an_index_left_unfinished_is_made_again(settings):
    declare(settings, price="number")
    run()
    name = indexes.wanted()[0].name
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [name]
        )

    assert run()[-1] == "1 created, 1 dropped, 1 kept."


def test_two_at_once_are_refused(settings):
    declare(settings, price="number")
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [indexes.LOCK])
        with pytest.raises(CommandError, match="Another process makes these indexes"):
            run()
    finally:
        with other.cursor() as cursor:  # a closed connection keeps its locks for a moment
            cursor.execute("SELECT pg_advisory_unlock_all()")
        other.close()


def test_odd_names_and_values_can_be_indexed(settings):
    declare(settings, **{"'; DROP TABLE catalog_item; -- %s": "number", "真" * 100: "text"})
    odd = [None, "x" * 60_000, "真" * 500, 10**4000, [1] * 5000, {"a": {}}, "2026-02-30", True]
    Item.objects.bulk_create(
        Item(
            external_id=f"i{at}", title="i", attributes={**dict.fromkeys(("真" * 100, "a"), value)}
        )
        for at, value in enumerate(odd)
    )

    assert run()[-1] == "4 created, 0 dropped, 0 kept."
    assert filter_items(Item.objects.all(), {"真" * 100: "真" * 500}).count() == 1


TREES = (
    {"price": {"lt": 3}},
    {"price": {"gte": 3, "lt": 5}},
    {"price": {"in": [n + 0.5 for n in range(11)]}},
    {"released": "2021-03-04"},
    {"released": {"gte": "2021-03-04", "lte": "2021-03-05T12:00:00Z"}},
    {"brand": {"in": [f"b{n}" for n in range(11)]}},
    {"or": [{"price": {"lt": 2}}, {"brand": "b7"}]},
    {"tags": "t7"},
    {"published_at": {"lt": "2020-01-01"}},
)


def test_the_planner_chooses_the_indexes(settings):
    """Of 5,000 items, where a scan of the table is cheap."""
    store(settings)
    for tree in TREES:
        explained = explain(tree)
        assert "Index Scan" in explained, tree
        assert "Seq Scan on catalog_item" not in explained, tree


def test_equality_can_use_the_index_on_all_attributes(settings):
    """The planner prefers it from some 10,000 items on."""
    store(settings)
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            for tree in ({"price": 7}, {"brand": {"in": ["b7", "b8"]}}):
                assert "Bitmap Index Scan on item_attributes" in explain(tree), tree
        finally:
            cursor.execute("RESET enable_seqscan")


def store(settings) -> None:
    declare(settings, price="number", released="date", brand="text")
    Item.objects.bulk_create(
        Item(
            external_id=f"i{n}",
            title="i",
            tags=[f"t{n % 997}"],
            attributes={
                "price": [n] if n % 97 == 0 else n,
                "released": f"20{n % 27:02}-{n % 12 + 1:02}-{n % 28 + 1:02}",
                "brand": f"b{n % 4999}",
                "words": "some more words that make a row as long as rows are " * 5,
            },
        )
        for n in range(5_000)
    )
    run()


def explain(tree: dict) -> str:
    return filter_items(Item.objects.order_by(), tree).explain()
