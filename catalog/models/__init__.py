"""The tables of the catalog: what is recommended, who may ask, what is imported."""

from catalog.models.api_keys import ApiKey
from catalog.models.imports import ImportProblem, ImportRun, QueuePause
from catalog.models.items import Category, Item, ItemText
from catalog.models.media import Media

__all__ = [
    "ApiKey",
    "Category",
    "ImportProblem",
    "ImportRun",
    "Item",
    "ItemText",
    "Media",
    "QueuePause",
]
