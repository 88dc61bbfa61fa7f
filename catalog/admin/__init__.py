"""The catalog in the admin. Writes go through ``catalog.services``."""

from catalog.admin.api_keys import ApiKeyAdmin
from catalog.admin.categories import CategoryAdmin
from catalog.admin.imports import ImportRunAdmin
from catalog.admin.items import ItemAdmin
from catalog.admin.media import MediaAdmin
from catalog.admin.texts import ItemTextAdmin

__all__ = [
    "ApiKeyAdmin",
    "CategoryAdmin",
    "ImportRunAdmin",
    "ItemAdmin",
    "ItemTextAdmin",
    "MediaAdmin",
]
