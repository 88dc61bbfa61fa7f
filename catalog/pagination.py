"""Pages of lists: by key, so that page 1,000 costs what page 1 costs."""

from typing import Any

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

MAX_LIMIT = 100
MAX_ID = 2**63 - 1


def limit_from(request: Request, default: int, maximum: int = MAX_LIMIT) -> int:
    """``?limit=``, 1 to ``maximum``; anything else raises ValidationError naming the field."""
    raw = request.query_params.get("limit")
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 9 and 1 <= int(raw) <= maximum):
        raise ValidationError({"limit": [f"Use a whole number from 1 to {maximum}."]})
    return int(raw)


class ItemPagination(CursorPagination):
    """Items in the order they were made, ``?limit=`` of them, from ``?cursor=`` on."""

    page_size = 20
    page_size_query_param = "limit"
    max_page_size = MAX_LIMIT
    ordering = "id"

    def get_page_size(self, request: Request) -> int:
        """Unlike the base class, refuses what it cannot use."""
        return limit_from(request, self.page_size, self.max_page_size)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Unlike the base class, refuses positions that are no id."""
        try:
            cursor = super().decode_cursor(request)
        except NotFound as err:
            raise _bad_cursor() from err
        position: Any = cursor.position if cursor else None
        if position is not None and not (
            position.isascii()
            and position.isdigit()
            and len(position) <= 19
            and int(position) <= MAX_ID
        ):
            raise _bad_cursor()
        return cursor


def _bad_cursor() -> ValidationError:
    return ValidationError({"cursor": ["Use a cursor from `next` or `previous`, unchanged."]})
