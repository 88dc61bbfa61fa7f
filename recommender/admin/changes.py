"""The trail in the admin: who changed what, and what it was before."""

from typing import Any, Final

from django.contrib import admin
from django.db.models import Model
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from catalog.admin import html
from recommender.admin.events import ReadOnlyAdmin
from recommender.models import Change

VARIANTS: Final = {
    Change.Action.CREATED: "success",
    Change.Action.DELETED: "danger",
    Change.Action.STARTED: "info",
    Change.Action.STOPPED: "warning",
}
SHOWN: Final = 20
Difference = tuple[str, Any, Any]
"""What was changed, before, after."""


def differences(change: Change) -> list[Difference]:
    """What is not as it was, by name; of a mapping, each of its keys by itself."""
    before, after = _flat(change.before or {}), _flat(change.after or {})
    names = dict.fromkeys([*before, *after])
    return [
        (name, before.get(name, ""), after.get(name, ""))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _flat(facts: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{path}{name}.")
        elif value not in (None, "", [], {}):
            flat[path + name] = value
    return flat


def trail(subject: Change.Subject, row: Model) -> SafeString:
    """The latest changes of one placement, rule or experiment."""
    changes = Change.objects.filter(subject=subject, object_id=row.pk or 0)[:SHOWN]
    lines = [(change, _badge(change), differences(change)) for change in changes]
    return render_to_string("recommender/admin/trail.html", {"lines": lines})


def _badge(change: Change) -> SafeString:
    return html.badge(change.action, VARIANTS.get(Change.Action(change.action), ""))


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """Every change of placements, rules and experiments, the latest first."""

    list_display = ("at", "what", "subject", "name", "by", "changed")
    list_filter = (("subject", ChoicesDropdownFilter), ("action", ChoicesDropdownFilter))
    list_filter_submit = True
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("name", "by")
    fields = (("at", "by"), ("subject", "name"), "what", "changed")
    readonly_fields = ("what", "changed")

    @display(description="action")
    def what(self, change: Change) -> SafeString:
        """Created, changed, deleted, started or stopped."""
        return _badge(change)

    @display(description="before and after")
    def changed(self, change: Change) -> SafeString:
        """Each thing that is not as it was."""
        context = {"differences": differences(change)}
        return render_to_string("recommender/admin/differences.html", context)
