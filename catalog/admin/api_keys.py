"""API keys in the admin: made, shown once, revoked."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework_api_key.models import APIKey as UnscopedKey
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from catalog.admin import html
from catalog.admin.base import LOGGED, CatalogModelAdmin, counted
from catalog.models import ApiKey
from catalog.models.api_keys import Scope

# its keys open nothing here
admin.site.unregister(UnscopedKey)


class ApiKeyForm(forms.ModelForm):
    """A key's name, scopes and end."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget, initial=[Scope.READ]
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "expiry_date")


@admin.register(ApiKey)
class ApiKeyAdmin(CatalogModelAdmin):
    """Keys are hashed: the message after creation is the only place that shows one."""

    form = ApiKeyForm
    list_display = ("name", "prefix", "scope_badges", "state", "created", "expiry_date")
    list_filter = (("revoked", BooleanRadioFilter),)
    search_fields = ("name", "prefix")
    actions = ("revoke",)
    note_themselves = actions
    readonly_fields = ("scope_badges", "prefix", "created", "state")

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A revoked key is history."""
        return not (obj and obj.revoked) and bool(super().has_change_permission(request, obj))

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """With its facts, once there are any."""
        if obj is None:
            return ("name", "scopes", "expiry_date")
        scopes = "scope_badges" if obj.revoked else "scopes"
        return ("name", scopes, "expiry_date", "prefix", "created", "state")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """A new key is shown in a message, this once."""
        if change:
            obj.save()
            return
        key = ApiKey.objects.assign_key(obj)
        obj.save()
        shown = format_html(
            "The key {} is <code>{}</code>. Copy it now: it is not stored and cannot be shown "
            "again.",
            obj.name,
            key,
        )
        self.message_user(request, shown, messages.WARNING)

    @admin.action(description="Revoke (cannot be undone)", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """The chosen keys open nothing from now on."""
        total, valid = queryset.count(), queryset.filter(revoked=False)
        rows = list(valid[: LOGGED + 1])
        count = valid.update(revoked=True)
        said = f"{counted(count, 'key')} revoked"
        self.note(request, "Revoke.", rows, said)
        rest = f", {total - count} already revoked" if count < total else ""
        self.message_user(request, f"{said}{rest}.")

    @display(description="scopes")
    def scope_badges(self, key: ApiKey) -> SafeString:
        """What it may do."""
        return html.badges([html.badge(scope, "info") for scope in key.scopes])

    @display(description="state")
    def state(self, key: ApiKey) -> SafeString:
        """Whether it opens anything."""
        if key.revoked:
            return html.badge("revoked", "danger")
        if key.expiry_date and key.expiry_date < timezone.now():
            return html.badge("expired", "warning")
        return html.badge("valid", "success")
