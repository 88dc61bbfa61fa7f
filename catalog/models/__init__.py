"""The tables of the catalog: what is recommended, and who may ask."""

from catalog.models.api_keys import ApiKey
from catalog.models.items import Category, Item, ItemText
from catalog.models.media import Media

__all__ = ["ApiKey", "Category", "Item", "ItemText", "Media"]
