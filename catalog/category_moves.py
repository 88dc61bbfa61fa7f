"""Renames a node of the category tree, or hangs it somewhere else, with everything below it."""

from django.db import IntegrityError, connection, transaction
from django.db.models import TextField, Value
from django.db.models.functions import Concat, Length, Substr

from catalog.content import checked_category_path
from catalog.exceptions import InvalidItem
from catalog.models import Category
from catalog.selectors import category_descendants
from catalog.versions import items_touch_in

TREE_LOCK = 0x7472_6565
"""Advisory lock, "tree": of two moves at once the second sees what the first did."""


def category_rename(category: Category, name: str) -> None:
    """``category_move`` under the same parent."""
    category_move(category, category.parent, name)


@transaction.atomic
def category_move(category: Category, parent: Category | None, name: str) -> None:
    """Give the node this parent and name; the paths of everything below it follow, and their items
    are due again.

    Refreshes ``category``. Raises ``InvalidItem`` as ``check_move`` does.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TREE_LOCK])
    category.refresh_from_db()
    if parent is not None:
        parent.refresh_from_db()
    new = check_move(category, parent, name)
    tail = Substr("path", Length(Value(category.path)) + 1)
    try:
        with transaction.atomic():
            category_descendants(category.path).update(
                path=Concat(Value(new), tail, output_field=TextField())
            )
            Category.objects.filter(pk=category.pk).update(
                parent=parent, name=new.rpartition("/")[2]
            )
            items_touch_in(category_descendants(new))
    except IntegrityError as err:  # an import made that path a moment ago
        raise InvalidItem({"name": f"there is a category {new!r} already"}) from err
    category.refresh_from_db()


def check_move(category: Category | None, parent: Category | None, name: str) -> str:
    """The path the node would have; None stands for a new node.

    Raises ``InvalidItem``: a parent from below the node, a path that is taken, or one that would
    become too long or too deep.
    """
    if "/" in name:
        raise InvalidItem({"name": "must not contain /"})
    new = _path(f"{parent.path}/{name}" if parent else name, "name")
    same = Category.objects.filter(path=new)
    if (same.exclude(pk=category.pk) if category else same).exists():
        raise InvalidItem({"name": f"there is a category {new!r} already"})
    if category is None:
        return new
    if parent and f"{parent.path}/".startswith(f"{category.path}/"):
        raise InvalidItem({"parent": f"{parent.path!r} is {category.path!r} or below it"})
    moved = category.parent != parent
    for below in category_descendants(category.path).values_list("path", flat=True):
        _path(new + below.removeprefix(category.path), "parent" if moved else "name")
    return new


def _path(path: str, field: str) -> str:
    try:
        return checked_category_path(path)
    except InvalidItem as err:
        raise InvalidItem({field: err.errors["path"]}) from err
