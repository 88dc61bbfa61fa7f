"""The category tree with the number of visible items at each node."""

from dataclasses import dataclass, field

from django.db.models import Count

from catalog.models import Category, Item


@dataclass(slots=True)
class CategoryNode:
    """A category with what is below it."""

    name: str
    path: str
    items: int = 0
    """visible items in this very category"""
    items_below: int = 0
    """the sum over the categories below; an item in several of them counts in each"""
    children: list["CategoryNode"] = field(default_factory=list)


def category_tree() -> list[CategoryNode]:
    """The roots, in the order of their names; two queries."""
    counts: dict[int, int] = dict(
        Item.objects.visible()
        .filter(categories__isnull=False)
        .order_by()
        .values_list("categories")
        .annotate(number=Count("id"))
    )
    rows = list(Category.objects.values_list("id", "parent_id", "name", "path").order_by("path"))
    nodes = {pk: CategoryNode(name, path, counts.get(pk, 0)) for pk, _, name, path in rows}
    parents = {pk: parent for pk, parent, _, _ in rows}
    roots: list[CategoryNode] = []
    for pk, node in nodes.items():
        parent = parents[pk]
        (roots if parent is None else nodes[parent].children).append(node)
        while parent is not None:
            nodes[parent].items_below += node.items
            parent = parents[parent]
    return roots
