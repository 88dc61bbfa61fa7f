"""The item's page with what the recommender knows: rules about it, where it was shown."""

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from catalog.admin import panels
from catalog.admin.dialogs import dialog_action, redirected
from catalog.models import Item
from recommender.admin.item_forms import ItemRuleForm
from recommender.admin.playground import playground
from recommender.admin.rules import action_badge, state_badge
from recommender.admin.suggestions import SuggestingItemAdmin
from recommender.exceptions import InvalidRule
from recommender.models import Rule
from recommender.reports.item import item_report
from recommender.rules import rule_save

DAYS: Final = 30
RULES_SHOWN: Final = 20
NEEDED: Final = {"Rules": "recommender.view_rule", "Shown": "recommender.view_placement"}
"""Section → what its reader may look at; nobody has one about an item that is new."""

SPACES: Final = "retrieval.view_embeddingspace"
"""The playground shows them side by side."""

admin.site.unregister(Item)


@admin.register(Item)
class RecommendedItemAdmin(SuggestingItemAdmin):
    """Where it is shown, why, and how to change that."""

    readonly_fields = (*SuggestingItemAdmin.readonly_fields, "rules_panel", "shown_panel")
    fieldsets = (
        *SuggestingItemAdmin.fieldsets[:2],
        ("Rules", {"fields": ("rules_panel",)}),
        ("Shown", {"fields": ("shown_panel",)}),
        *SuggestingItemAdmin.fieldsets[2:],
    )
    actions_detail = (*SuggestingItemAdmin.actions_detail, "decide")

    def get_urls(self) -> list[URLPattern]:
        """Before the admin's own, which take any path."""
        view = self.admin_site.admin_view
        own = [
            path("<int:item_id>/shown/", view(self.shown_view), name="catalog_item_shown"),
            path("playground/", view(self.playground_view), name="catalog_item_playground"),
        ]
        return [*own, *super().get_urls()]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Item | None:
        """With whether its reader may make rules."""
        item = super().get_object(request, object_id, from_field)
        if item is not None:
            item.may_decide = self.has_decide_permission(request)  # type: ignore[attr-defined]
        return item

    def get_fieldsets(self, request: HttpRequest, obj: Item | None = None) -> list[Any]:
        """Without what its reader may not see."""
        return [
            each
            for each in super().get_fieldsets(request, obj)
            if each[0] not in NEEDED or (obj and request.user.has_perm(NEEDED[each[0]]))
        ]

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Users who may add rules."""
        return bool(request.user.has_perm("recommender.add_rule"))

    @dialog_action(
        description="Pin, boost, bury, hide",
        icon="push_pin",
        permissions=["decide"],
        dialog={
            "title": "Pin, boost, bury or hide this item",
            "description": "A rule about this item, in force with the next request. It is listed with the "
            "rules, where it can be changed and its effect seen beforehand.",
            "form_class": ItemRuleForm,
            "form_submit_text": "Make the rule",
        },
    )
    def decide(self, request: HttpRequest, form: ItemRuleForm, object_id: str) -> HttpResponse:
        """Store the rule with its trail."""
        item = get_object_or_404(Item, pk=object_id)
        try:
            rule = rule_save(form.rule(item.title), request.user.get_username(), [item.pk])
        except InvalidRule as err:
            self.message_user(request, f"Nothing was changed: {err}", messages.ERROR)
        else:
            self.log_change(
                request, item, f"Rule made: {rule.action} in {rule.placement or 'all'}."
            )
            self.message_user(request, "The rule is made.", messages.SUCCESS)
        return redirected(request, reverse("admin:catalog_item_change", args=[item.pk]))

    def shown_view(self, request: HttpRequest, item_id: int) -> HttpResponse:
        """Where it was shown in the last DAYS, and how often it was clicked there."""
        if not (self.has_view_permission(request) and request.user.has_perm(NEEDED["Shown"])):
            raise PermissionDenied
        item = get_object_or_404(Item, pk=item_id)
        now = timezone.now()
        context: dict[str, Any] = {"days": DAYS}
        try:
            context["rows"] = item_report(item.pk, now - timedelta(days=DAYS), now)
        except OperationalError:
            context["problem"] = (
                "There are too many answers to count while you wait; the key figures of the placements "
                "count them by the day."
            )
        back = reverse("admin:catalog_item_change", args=[item.pk])
        return panels.panel(
            request, self, "recommender/admin/item_shown.html", context,
            title=f"Where {item.title} was shown", back=back,
        )  # fmt: skip

    def playground_view(self, request: HttpRequest) -> HttpResponse:
        """Search with its workings shown."""
        if not (self.has_view_permission(request) and request.user.has_perm(SPACES)):
            raise PermissionDenied
        return playground(request, self.admin_site)

    @display(description="about it")
    def rules_panel(self, item: Item) -> SafeString:
        """Rules that name it, its tags, or its categories and those above."""
        lines = [
            {"rule": rule, "badge": action_badge(rule), "state": state_badge(rule)}
            for rule in rules_about(item)
        ]
        add = ""
        if getattr(item, "may_decide", False):
            add = f"{reverse('admin:recommender_rule_add')}?{urlencode({'items': item.pk})}"
        context = {"lines": lines, "add": add}
        return render_to_string("recommender/admin/item_rules.html", context)

    @display(description="in the last 30 days")
    def shown_panel(self, item: Item) -> SafeString:
        """Fetched once the page is there: it looks at every answer."""
        url = reverse("admin:catalog_item_shown", args=[item.pk])
        return panels.lazy(url, "Show where it was shown")


def rules_about(item: Item) -> list[Rule]:
    """The newest RULES_SHOWN rules that concern an item, in force or not; two statements."""
    paths: set[str] = set()
    for category in item.categories.all():
        names = category.path.split("/")
        paths |= {"/".join(names[: n + 1]) for n in range(len(names))}
    about = Q(items=item) | Q(category__path__in=paths)
    if item.tags:
        about |= Q(tag__in=item.tags)
    found = Rule.objects.filter(about).select_related("category").distinct().order_by("-id")
    return list(found[:RULES_SHOWN])
