"""The filter language: what it lets through, what it refuses, and that SQL agrees with Python."""

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from catalog.models import Item
from catalog.services import ItemContent, TextContent
from catalog.upserts import items_upsert
from retrieval.exceptions import InvalidQuery
from retrieval.filters import compiling, fields, filter_items, indexes
from tests.retrieval import filter_reference as reference
from tests.thoroughness import examples

WORLD = reference.items(64)
GENERATED = hypothesis_settings(
    max_examples=examples(1_000),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def declared(settings, monkeypatch):
    settings.RETRIEVAL = {**settings.RETRIEVAL, "FILTERS": reference.DECLARED}
    monkeypatch.setattr(compiling, "MAX_CONTAINED", 2)  # so that short lists go both ways


@pytest.fixture
def world(db) -> list[dict]:
    items_upsert([(_content(item), None) for item in WORLD])
    return WORLD


def _content(item: dict) -> ItemContent:
    return ItemContent(
        **{k: v for k, v in item.items() if k not in ("texts", "tags", "categories")},
        title=item["external_id"],
        texts=tuple(TextContent(language=each, title=each) for each in item["texts"]),
        tags=tuple(item["tags"]),
        categories=tuple(item["categories"]),
    )


def found(tree: object) -> set[str]:
    """As the index asks: inside another statement, with its parameters."""
    matching, parameters = (
        filter_items(Item.objects.all(), tree).order_by().values("id").query.sql_with_params()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT external_id FROM catalog_item WHERE id IN ({matching})",  # noqa: S608
            parameters,
        )
        return {row[0] for row in cursor.fetchall()}


def expected(tree: dict) -> set[str]:
    return {item["external_id"] for item in WORLD if reference.matches(item, tree)}


def problems(tree: object) -> dict[str, str]:
    with pytest.raises(InvalidQuery) as refused:
        filter_items(Item.objects.all(), tree)
    return refused.value.errors


# --- SQL and Python agree -----------------------------------------------------------------------

_numbers = st.sampled_from([*reference.NUMBERS, 5, 10.5, -1e300])
_texts = st.sampled_from([*reference.TEXTS, "Zeta"])
_moments = st.sampled_from(list(reference.ASKED_MOMENTS))
_flags = st.booleans()


def _operators(values, *names: str, exists: bool = True):
    choices = dict.fromkeys(names, values) | {
        "in": st.lists(values, min_size=1, max_size=4),
        **({"exists": _flags} if exists else {}),
    }
    several = st.lists(st.sampled_from(sorted(choices)), min_size=1, max_size=3, unique=True)
    return several.flatmap(lambda chosen: st.fixed_dictionaries({n: choices[n] for n in chosen}))


_RANGE = ("lt", "lte", "gt", "gte")
_BY_TYPE = {
    "number": _numbers | _operators(_numbers, "eq", *_RANGE),
    "date": _moments | _operators(_moments, "eq", *_RANGE),
    "text": _texts | _operators(_texts, "eq"),
    "boolean": _flags | _operators(_flags, "eq"),
}


def _own(values, *, exists: bool = False):
    return values | _operators(values, "eq", exists=exists)


_CONDITIONS = {
    "external_id": _own(st.sampled_from(["item-0", "item-1", "item-63", "item-64"])),
    "kind": _own(st.sampled_from([*reference.KINDS, "Stamp"])),
    "categories": _own(st.sampled_from([*reference.CATEGORIES, "z", "a/"[:1], "A"]), exists=True),
    "tags": _own(st.sampled_from([*reference.TAGS, "", reference.LONG_TAG + "t"]), exists=True),
    "language": _own(st.sampled_from([*reference.LANGUAGES, "fr"])),
    "published_at": _moments | _operators(_moments, "eq", *_RANGE, exists=False),
    **{name: _BY_TYPE[kind] for name, kind in reference.DECLARED.items()},
}
_objects = st.lists(
    st.sampled_from(list(_CONDITIONS)), min_size=1, max_size=2, unique=True
).flatmap(lambda names: st.fixed_dictionaries({name: _CONDITIONS[name] for name in names}))


def _nested(inner):
    branches = st.lists(inner, min_size=1, max_size=3)
    parts = {"not": inner, "and": branches, "or": branches}
    chosen = st.lists(st.sampled_from(sorted(parts)), min_size=1, max_size=2, unique=True)
    trees = chosen.flatmap(lambda names: st.fixed_dictionaries({n: parts[n] for n in names}))
    return trees | st.builds(lambda one, two: {**one, **two}, _objects, trees)


trees = st.recursive(_objects, _nested, max_leaves=6)


@GENERATED
@given(tree=trees)
def test_sql_and_python_agree(world, tree):
    assert found(tree) == expected(tree)


@hypothesis_settings(GENERATED, max_examples=examples(300))
@given(tree=trees)
def test_the_indexes_answer_the_same(world, tree):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_indexes WHERE starts_with(indexname, 'item_filter')"
        )
        if not cursor.fetchone()[0]:
            for index in indexes.wanted():
                cursor.execute(index.create(concurrently=False))
        cursor.execute("SET LOCAL enable_seqscan = off")

    assert found(tree) == expected(tree)


def test_the_generated_filters_are_worth_running(world):
    """Were nearly all of them to match nothing or everything, agreement would say little."""
    sizes = Counter()

    @hypothesis_settings(GENERATED, max_examples=300)
    @given(tree=trees)
    def measure(tree):
        size = len(expected(tree))
        sizes["none" if not size else "all" if size == len(WORLD) else "some"] += 1

    measure()

    assert sizes["some"] > 100
    assert min(sizes["none"], sizes["all"]) > 0


@hypothesis_settings(GENERATED, max_examples=examples(300))
@given(tree=_objects)
def test_a_filter_and_its_negation_share_the_items_out(world, tree):
    everything = {item["external_id"] for item in WORLD}

    assert found({"not": tree}) == everything - found(tree)
    assert found({"not": {"not": tree}}) == found(tree)
    assert found({"or": [tree, {"not": tree}]}) == everything
    assert found({"and": [tree, {"not": tree}]}) == set()


# --- whatever comes -----------------------------------------------------------------------------

_words = st.text(max_size=5) | st.sampled_from(
    ["\0", "\ud800", "%s", "'", '"', "2026-02-30", "2026-01-31T00:00:00+14:59", "a/b", "/", "en"]
)
_keys = st.sampled_from(
    [*_CONDITIONS, "and", "or", "not", "in", "eq", "exists", *_RANGE, "ne", "Price"]
)
_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | _words | st.just(10**400) | _moments
)
any_json = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys | _words, inner, max_size=3),
    max_leaves=12,
)


@hypothesis_settings(GENERATED, max_examples=examples(1_500))
@given(tree=st.dictionaries(_keys, any_json, max_size=3) | any_json)
def test_any_json_is_refused_or_answered(world, tree):
    try:
        count = filter_items(Item.objects.all(), tree).count()
    except InvalidQuery as refused:
        errors = refused.errors
    else:
        errors = None
        assert count <= len(WORLD)
    if errors is not None:
        assert errors
        assert all(path.startswith("filter") and len(path) < 1_000 for path in errors)
        assert all(problem.endswith(".") for problem in errors.values())
        json.dumps(errors, ensure_ascii=False).encode()  # an answer can hold it


# --- what is refused, and how -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "path", "said"),
    [
        ([], "filter", "must be an object, not a list"),
        (None, "filter", "must be an object, not null"),
        (
            {"prise": 1},
            "filter.prise",
            "no such field: did you mean 'price'? Use one of external_id",
        ),
        ({"Price": 1}, "filter.Price", "did you mean 'price'?"),
        ({"size": {}}, "filter.size", "There is no such field. Use one of external_id, kind,"),
        ({"not": {"must_not": {}}}, "filter.not.must_not", "did you mean 'not'?"),
        ({"a b\ud800\n": 1}, 'filter["a b\\ud800\\n"]', "no such field"),
        ({"x" * 200: 1}, f'filter["{"x" * 50}"]', "no such field"),
        ({"price": {"<=": 5}}, 'filter.price["<="]', "did you mean 'lte'? Use one of eq, in, lt"),
        ({"brand": {"lt": "b"}}, "filter.brand.lt", "brand has no such operator"),
        ({"kind": {"exists": True}}, "filter.kind.exists", "Use one of eq, in."),
        ({"price": {}}, "filter.price", "has no operator; use eq, in, lt, lte, gt, gte, exists."),
        ({"price": "50"}, "filter.price", "must be a number, not text."),
        ({"price": {"lt": True}}, "filter.price.lt", "must be a number, not true or false."),
        ({"price": float("nan")}, "filter.price", "must be a finite number."),
        ({"price": {"gt": float("inf")}}, "filter.price.gt", "must be a finite number."),
        ({"price": 2**63}, "filter.price", "must fit 64 bits."),
        ({"price": 10**5000}, "filter.price", "must fit 64 bits."),
        (
            {"price": None},
            "filter.price",
            'must not be null: for items without it use {"exists": f',
        ),
        ({"kind": None}, "filter.kind", "must not be null."),
        ({"price": [1]}, "filter.price", 'must be one value, not a list: for several use {"in": '),
        ({"price": {"in": []}}, "filter.price.in", "must be a list of values, not an empty one."),
        ({"price": {"in": 5}}, "filter.price.in", "must be a list of values, not a number."),
        ({"price": {"in": [5, "6"]}}, "filter.price.in[1]", "must be a number, not text."),
        ({"price": {"exists": 1}}, "filter.price.exists", "must be true or false, not a number."),
        ({"in_stock": 1}, "filter.in_stock", "must be true or false, not a number."),
        ({"brand": "a\0"}, "filter.brand", "contains the character U+0000"),
        ({"tags": {"in": ["\udfff"]}}, "filter.tags.in[0]", "contains the character U+DFFF"),
        ({"brand": "x" * 501}, "filter.brand", "has 501 characters; the limit is 500."),
        ({"released": "2026-02-29"}, "filter.released", "is no day of the calendar."),
        ({"released": "31.1.2026"}, "filter.released", "must be a date such as 2026-01-31"),
        ({"published_at": {"lt": 5}}, "filter.published_at.lt", "must be text, not a number."),
        ({"categories": "a//b"}, "filter.categories", "join names of 1 to 100 characters with /"),
        ({"language": "english"}, "filter.language", "use a language tag such as en, zh or"),
        ({"and": []}, "filter.and", "must be a list of objects, not an empty one."),
        ({"or": {"kind": "a"}}, "filter.or", "must be a list of objects, not an object."),
        ({"or": [{}]}, "filter.or[0]", "has no conditions."),
        ({"or": ["kind"]}, "filter.or[0]", "must be an object, not text."),
        ({"not": []}, "filter.not", "must be an object, not a list."),
        ({"not": {}}, "filter.not", "has no conditions."),
    ],
)
def test_a_message_names_the_path_and_the_repair(tree, path, said):
    found = problems(tree)

    assert list(found) == [path]
    assert said in found[path]


def test_every_bad_path_is_named_at_once():
    tree = {"price": "x", "and": [{"kind": "a"}, {"or": [{"price": {"lt": "y"}}, {"tags": 5}]}]}

    assert set(problems(tree)) == {
        "filter.price",
        "filter.and[1].or[0].price.lt",
        "filter.and[1].or[1].tags",
    }


def test_paths_begin_with_what_the_caller_says():
    with pytest.raises(InvalidQuery) as refused:
        filter_items(Item.objects.all(), {"kind": 5}, "query.filter")

    assert list(refused.value.errors) == ["query.filter.kind"]


def test_nesting_conditions_values_and_problems_are_bounded(db):
    def nested(levels: int) -> dict:
        tree: dict = {"kind": "a"}
        for _ in range(levels - 1):
            tree = {"not": tree}
        return tree

    filter_items(Item.objects.all(), nested(8)).count()
    assert problems(nested(9)) == {f"filter{'.not' * 8}": "is nested deeper than 8 levels."}
    assert "nested deeper" in problems(nested(900))[f"filter{'.not' * 8}"]

    filter_items(Item.objects.all(), {"or": [{"kind": "a"}] * 100}).count()
    assert problems({"or": [{"kind": "a"}] * 101}) == {
        "filter.or[100].kind": "is one more than 100 conditions."
    }

    for name, value in {"brand": "é" * 500, "price": 1.5, "released": "2026-01-31"}.items():
        filter_items(Item.objects.all(), {name: {"in": [value] * 1000}}).count()
    assert problems({"price": {"in": [1] * 1001}}) == {
        "filter.price.in[0]": "There may be at most 1000 values in a filter."
    }
    assert len(problems({"or": [5] * 100_000})) == 20


def test_an_empty_filter_lets_everything_through(world):
    assert found({}) == expected({}) == {item["external_id"] for item in WORLD}


def test_a_filter_is_one_statement(world):
    tree = {"categories": "a", "or": [{"language": "zh"}, {"not": {"price": {"lt": 20}}}]}
    with CaptureQueriesContext(
        connection,
    ) as captured:
        list(filter_items(Item.objects.all(), tree))

    assert len(captured) == 1


def test_values_are_never_part_of_the_statement(world):
    hostile = "'; DROP TABLE catalog_item; --%s"
    tree = {
        "kind": hostile,
        "tags": {"in": [hostile]},
        "categories": hostile,
        "brand": hostile,
        "external_id": {"in": [hostile]},
    }
    statement, parameters = filter_items(Item.objects.all(), tree).query.sql_with_params()

    assert "DROP TABLE" not in statement
    assert sum("DROP TABLE" in str(each) for each in parameters) == 7
    assert found(tree) == set()
    assert Item.objects.count() == len(WORLD)


def test_names_of_attributes_are_quoted(world):
    name = next(name for name in reference.DECLARED if "DROP TABLE" in name)
    statement, _ = filter_items(
        Item.objects.all(), {name: {"exists": True}}
    ).query.sql_with_params()

    assert "'x'' OR 1=1; DROP TABLE" in statement  # within a literal, its quote doubled
    assert found({name: {"exists": True}}) == expected({name: {"exists": True}})


def test_numbers_are_compared_as_they_are_written(db):
    written = [Decimal("0.1"), 9007199254740993, 9007199254740992]
    for at, price in enumerate(written):
        stored = float(price) if isinstance(price, Decimal) else price
        Item.objects.create(external_id=f"n{at}", title="n", attributes={"price": stored})

    assert found({"price": 0.1}) == {"n0"}
    assert found({"price": {"gt": 9007199254740992}}) == {"n1"}
    assert found({"price": {"in": [9007199254740992]}}) == {"n2"}


def test_a_value_is_one_element_of_a_list(db):
    Item.objects.create(external_id="sizes", title="s", attributes={"price": [5, 30]})

    assert found({"price": {"lt": 10}}) == {"sizes"}
    assert found({"price": {"gt": 10, "lt": 20}}) == set()
    assert found({"and": [{"price": {"gt": 10}}, {"price": {"lt": 20}}]}) == {"sizes"}


# --- the declaration and its indexes ------------------------------------------------------------


def test_the_declaration_is_checked_at_start_up(settings):
    declaration = {"price": "numeric", "kind": "text", "or": "text", "a\0": "text", 5: "date"}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "FILTERS": declaration}

    said = [error.msg for error in run_checks() if error.id == "retrieval.E001"]

    assert said == [
        "'price' has the type 'numeric': use one of text, number, boolean, date.",
        "'kind' means something in filters already: rename the attribute.",
        "'or' means something in filters already: rename the attribute.",
        "'a\\x00': use a name of 1 to 100 characters without control codes.",
        "5: use a name of 1 to 100 characters without control codes.",
    ]


def test_nothing_is_wrong_with_our_own_declaration():
    assert [error for error in run_checks() if error.id == "retrieval.E001"] == []


def test_fields_say_what_they_take():
    assert fields()["price"].operators == ("eq", "in", "lt", "lte", "gt", "gte", "exists")
    assert list(fields())[:7] == [
        *("external_id", "kind", "categories", "tags", "language", "published_at", "price")
    ]


def test_the_examples_of_the_howto_are_filters(db, settings):
    page = (Path(__file__).parents[2] / "docs/howto/filter.md").read_text()
    example, refused = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    settings.RETRIEVAL = {**settings.RETRIEVAL, "FILTERS": {**reference.DECLARED}}

    assert filter_items(Item.objects.all(), json.loads(example)).count() == 0
    said = problems({"prise": 1, "or": [{"kind": "a"}, {"price": {"lt": "50"}}]})
    for path, problem in json.loads(refused).items():
        assert said[path].startswith(problem.removesuffix("…"))
