"""What can go wrong in the catalog; ``code`` is stable and reaches the API and the admin."""

from collections.abc import Mapping
from typing import Any


class CatalogError(Exception):
    """Base of all errors of this app."""

    code = "catalog_error"
    errors: Mapping[str, Any] = {}
    """What is wrong by the place in the request, where it is known."""


class InvalidItem(CatalogError):
    """Item data that cannot be stored; ``errors`` maps a field to what is wrong with it."""

    code = "invalid"

    def __init__(self, errors: dict[str, Any]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in errors.items()))
        self.errors = errors


class UnsupportedMedia(CatalogError):
    """The bytes are no picture, sound or video of a supported format, or not what they claim to be."""

    code = "unsupported_media"


class MediaTooLarge(CatalogError):
    """More bytes, pixels or seconds than the settings allow."""

    code = "media_too_large"


class TooManyMedia(CatalogError):
    """The item already has as many media as the settings allow."""

    code = "too_many_media"


class AlreadyExists(CatalogError):
    """Another item has the external id."""

    code = "already_exists"

    def __init__(self, external_id: str) -> None:
        super().__init__(f"An item {external_id!r} exists: use PUT or PATCH to change it.")


class ImportConflict(CatalogError):
    """An import cannot be done, confirmed or cancelled as things stand; the message says why."""

    code = "import_conflict"
