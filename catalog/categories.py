"""The category tree: nodes are made by their path, parents included."""

from collections.abc import Iterable

from django.db import transaction

from catalog.content import checked_category_path
from catalog.models import Category


def category_get(path: str) -> Category:
    """The category at ``path`` (``animals/birds``), made with its parents if it is missing.

    Safe to call from several processes at once. Raises ``InvalidItem``.
    """
    path = checked_category_path(path)
    return categories_get([path])[path]


def categories_get(paths: Iterable[str]) -> dict[str, Category]:
    """The categories at these checked paths, by path; one query when all of them exist."""
    wanted = sorted(set(paths))
    found = _existing(wanted)
    if missing := [path for path in wanted if path not in found]:
        found |= _made(missing)
    return found


def _existing(paths: Iterable[str]) -> dict[str, Category]:
    return {each.path: each for each in Category.objects.filter(path__in=list(paths))}


@transaction.atomic
def _made(paths: list[str]) -> dict[str, Category]:
    """Level by level, in sorted order so that two writers wait for each other the same way."""
    levels: dict[int, set[str]] = {}
    for path in paths:
        names = path.split("/")
        for depth in range(1, len(names) + 1):
            levels.setdefault(depth, set()).add("/".join(names[:depth]))
    found: dict[str, Category] = {}
    for depth in sorted(levels):
        wanted = sorted(levels[depth])
        rows = []
        for path in wanted:
            parent, _, name = path.rpartition("/")
            rows.append(Category(path=path, name=name, parent=found.get(parent)))
        Category.objects.bulk_create(rows, ignore_conflicts=True)  # another writer was first
        found |= _existing(wanted)
    return found
