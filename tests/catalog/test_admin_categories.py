"""The category tree in the admin."""

import pytest
from django.urls import reverse

from catalog import services
from catalog.content import ItemContent
from catalog.models import Category, Item

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/category/"


@pytest.fixture
def tree() -> dict[str, Category]:
    """animals over birds over owls, a neighbour that sorts between them, and two items."""
    for path in ("animals/birds/owls", "animals b", "plants"):
        services.category_get(path)
    for name, paths in {
        "one": ("animals/birds", "animals/birds/owls"),
        "two": ("animals/birds/owls",),
    }.items():
        services.item_upsert(ItemContent(external_id=name, title=name, categories=paths))
    return {category.path: category for category in Category.objects.all()}


def paths() -> set[str]:
    return set(Category.objects.values_list("path", flat=True))


def edit(client, category: Category, name: str, parent: Category | None):
    url = reverse("admin:catalog_category_change", args=[category.pk])
    return client.post(url, {"name": name, "parent": parent.pk if parent else ""})


def test_the_list_is_the_tree_with_counts(admin_client, tree):
    response = admin_client.get(LIST)
    rows = response.context["cl"].result_list
    assert [(row.path, row.items_here, row.items_with_below) for row in rows] == [
        ("animals", 0, 2),
        ("animals/birds", 1, 2),
        ("animals/birds/owls", 2, 2),
        ("animals b", 0, 0),
        ("plants", 0, 0),
    ]
    html = response.content.decode()
    assert '<span style="padding-left: 3.0rem">owls</span>' in html
    assert "/admin/catalog/item/?category=animals%2Fbirds" in html


def test_adding_makes_a_node_at_its_path(admin_client, tree):
    url = reverse("admin:catalog_category_add")
    admin_client.post(url, {"name": " ducks ", "parent": tree["animals/birds"].pk})
    duck = Category.objects.get(path="animals/birds/ducks")
    assert (duck.name, duck.parent) == ("ducks", tree["animals/birds"])


def test_renaming_keeps_the_paths_below_right(admin_client, tree):
    response = edit(admin_client, tree["animals"], "beasts", None)
    assert response.status_code == 302
    assert paths() == {"beasts", "beasts/birds", "beasts/birds/owls", "animals b", "plants"}
    assert Item.objects.get(external_id="two").categories.get().path == "beasts/birds/owls"


def test_moving_takes_everything_below_along(admin_client, tree):
    assert edit(admin_client, tree["animals/birds"], "fowl", tree["plants"]).status_code == 302
    assert paths() == {"animals", "animals b", "plants", "plants/fowl", "plants/fowl/owls"}
    moved = Category.objects.get(path="plants/fowl")
    assert moved.parent == tree["plants"]
    assert edit(admin_client, moved, "fowl", None).status_code == 302
    assert paths() == {"animals", "animals b", "plants", "fowl", "fowl/owls"}
    assert Category.objects.get(path="fowl").parent is None


@pytest.mark.parametrize(
    ("path", "name", "parent", "field", "problem"),
    [
        ("animals", "animals", "animals/birds/owls", "parent", "'animals' or below it"),
        ("animals", "animals", "animals", "parent", "'animals' or below it"),
        ("animals b", "animals", None, "name", "there is a category 'animals' already"),
        ("plants", "a/b", None, "name", "must not contain /"),
        ("plants", "x\ty", None, "name", "join names of"),
    ],
)
def test_what_would_break_the_tree_is_refused(
    admin_client, tree, path, name, parent, field, problem
):
    before = paths()
    response = edit(admin_client, tree[path], name, tree[parent] if parent else None)
    errors = response.context["adminform"].form.errors
    assert list(errors) == [field]
    assert problem in errors[field][0]
    assert paths() == before


def test_a_move_that_would_make_paths_too_deep_is_refused(admin_client, tree):
    deep = services.category_get("/".join("abcdefgh"))
    errors = edit(admin_client, tree["animals"], "animals", deep).context["adminform"].form.errors
    assert list(errors) == ["parent"]
    assert "has 11 levels; the limit is 10" in errors["parent"][0]


def test_deleting_names_the_nodes_and_counts_the_items(admin_client, tree):
    url = reverse("admin:catalog_category_delete", args=[tree["animals"].pk])
    html = admin_client.get(url).content.decode()
    assert "category: animals/birds/owls" in html
    assert "3 links to items; the items themselves stay" in html
    admin_client.post(url, {"post": "yes"})
    assert paths() == {"animals b", "plants"}
    assert Item.objects.count() == 2
    assert set(Item.objects.values_list("content_version", flat=True)) == {
        2
    }  # found by other words
