"""Events in the admin: to be looked at; they change through the API only."""

from datetime import timedelta
from typing import Any, Final, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from catalog.admin import html
from catalog.admin.base import CarefulAdmin
from catalog.models import Item
from recommender.event_types import event_types
from recommender.models import Event, Visitor

COUNTED: Final = 10_000
PERIODS: Final = {"1": "last 24 hours", "7": "last 7 days", "30": "last 30 days"}


class BoundedPaginator(Paginator):
    """Counts to COUNTED and no further: counting millions of rows takes longer than showing some."""

    @cached_property
    def count(self) -> int:
        """At most COUNTED."""
        found = cast("QuerySet[Any]", self.object_list)
        return found.order_by()[:COUNTED].count()


class ReadOnlyAdmin(CarefulAdmin):
    """Lists and shows; neither adds, changes nor deletes."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: the admin's log would keep the name of whoever is to be forgotten."""
        return False


class TypeFilter(DropdownFilter):
    """Events of a type that the settings name."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Of the settings: what the table holds would have to be read from end to end."""
        return [(name, name) for name in event_types()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """The events of it."""
        return queryset.filter(type=self.value()) if self.value() else queryset


class PeriodFilter(DropdownFilter):
    """Events by when they happened."""

    title = "when"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The periods."""
        return list(PERIODS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """The events since then, which are in the last months only."""
        days = self.value()
        if days not in PERIODS:
            return queryset
        return queryset.filter(occurred_at__gte=timezone.now() - timedelta(days=int(days)))


class WaitingFilter(DropdownFilter):
    """Events whose item has not arrived."""

    title = "item"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Either."""
        return [("yes", "unknown"), ("no", "in the catalog")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """The events with or without one."""
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(item__isnull=self.value() == "yes")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What visitors did, latest first."""

    list_display = ("occurred_at", "what", "visitor", "item_shown", "value", "share", "session")
    list_filter = (TypeFilter, PeriodFilter, WaitingFilter)
    list_filter_submit = True
    list_select_related = ("visitor", "item")
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("visitor__external_id",)  # see get_search_results
    search_help_text = "A visitor's or an item's whole identifier"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Identifiers are looked up first, so that the events are found by their indexes."""
        term = search_term.strip()
        if not term:
            return queryset, False
        people = Visitor.objects.filter(external_id=term).values_list("pk", "merged_into")
        visitors = [root or pk for pk, root in people]
        items = list(Item.objects.filter(external_id=term).values_list("pk", flat=True))
        found = Q(visitor__in=visitors) | Q(item__in=items)
        found |= Q(item__isnull=True, item_external_id=term)
        return queryset.filter(found), False

    @display(description="type")
    def what(self, event: Event) -> SafeString:
        """The event's type."""
        return html.badge(event.type, "info")

    @display(description="item")
    def item_shown(self, event: Event) -> str:
        """Its title, or the identifier of one that has not arrived."""
        return str(event.item) if event.item else f"{event.item_external_id} (unknown)"
