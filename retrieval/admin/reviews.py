"""What the review queues share: runs with progress, queues by state, cards of items, decisions."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter

from catalog.admin import html
from catalog.admin.base import CarefulAdmin, counted
from catalog.admin.dialogs import redirected
from catalog.models import Item, Media
from retrieval import review_runs
from retrieval.admin.runs import run_badge
from retrieval.exceptions import RetrievalError, ReviewConflict
from retrieval.models import ReviewRun

MEDIA_SHOWN: Final = 4
OPEN: Final = ""
ALL: Final = "all"


class StateFilter(DropdownFilter):
    """What waits for a decision, unless something else is asked for."""

    title = "state"
    parameter_name = "state"
    all_option = None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Open first."""
        states = model_admin.model.State
        decided = [(value, label) for value, label in states.choices if value != states.OPEN]
        return [(OPEN, "open"), *decided, (ALL, "all")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those in that state."""
        chosen = self.value() or OPEN
        if chosen == ALL:
            return queryset
        return queryset.filter(state="open" if chosen == OPEN else chosen)


class ReviewAdmin(CarefulAdmin):
    """A queue: rows come from runs, and are decided one by one or together, never edited."""

    run_kind: ClassVar[ReviewRun.Kind]
    decision_permission: ClassVar[str]
    """``app.codename`` of who decides."""
    list_display_links = None
    list_filter_submit = True
    list_per_page = 25
    list_before_template = "retrieval/admin/review/run_above.html"
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a run finds something."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor is it changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It goes with its item."""
        return obj is not None and bool(request.user.has_perm("catalog.delete_item"))

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users with the permission of their own."""
        return bool(request.user.has_perm(self.decision_permission))

    def get_urls(self) -> list[URLPattern]:
        """Before the admin's own, which take any path."""
        name = f"retrieval_{self.opts.model_name}_run"
        view = self.admin_site.admin_view(self.run_view)
        return [path("run/", view, name=name), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With the last run above the list."""
        return super().changelist_view(
            request, {**(extra_context or {}), "run_panel": self.run_panel()}
        )

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """The last run alone, for the list to show again and again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponse(self.run_panel())

    def run_panel(self) -> SafeString:
        """How far the last run is; it asks again by itself while it goes on."""
        return run_panel(self.run_kind, f"admin:retrieval_{self.opts.model_name}_run")

    def decide_all(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        decide: Callable[[Any], Any],
        noun: str,
        said: str = "decided",
    ) -> None:
        """One after the other; what somebody else decided meanwhile is left as it is, and told."""
        done, problems = 0, []
        for row in queryset.order_by("pk"):
            try:
                decided = decide(row)
            except ReviewConflict as err:
                problems.append(str(err))
            else:
                self.log_change(request, decided, f"{decided.get_state_display()}, with others.")
                done += 1
        self.message_user(request, f"{counted(done, noun)} {said}.")
        if problems:
            left = f"{counted(len(problems), noun)} left as they were: {problems[0]}"
            self.message_user(request, left, messages.WARNING)

    def start(self, request: HttpRequest, **asked: Any) -> HttpResponse:
        """Queue a run and go to the list, which shows its progress."""
        try:
            by = request.user.get_username()
            run = review_runs.run_create(self.run_kind, **asked, created_by=by)
        except RetrievalError as err:
            self.message_user(request, str(err), messages.WARNING)
        else:
            self.log_change(request, run, "Asked for.")
            self.message_user(request, "The run is queued; its progress is shown below.")
        return redirected(request, reverse(f"admin:retrieval_{self.opts.model_name}_changelist"))

    def decided(self, request: HttpRequest, run: Callable[[], Model], said: str) -> bool:
        """Run a decision, tell its user, and write it into the history of its row and its item; whether
        it was made.
        """
        if not self.has_decide_permission(request):
            raise PermissionDenied
        try:
            row = run()
        except ReviewConflict as err:
            self.message_user(request, f"Nothing was changed: {err}", messages.ERROR)
            return False
        self.log_change(request, row, said)
        return True


def run_panel(kind: ReviewRun.Kind, url_name: str) -> SafeString:
    """Of the last run of a kind."""
    run = ReviewRun.objects.filter(kind=kind).select_related("policy").first()
    if run is None:
        return render_to_string("retrieval/admin/review/run.html", {"run": None, "url": url_name})
    context = {
        "run": run,
        "url": url_name,
        "badge": run_badge(run),
        "alive": run.status in ReviewRun.UNFINISHED,
        "found": _figures(run),
        "examples": _rehearsed(run),
    }
    return render_to_string("retrieval/admin/review/run.html", context)


def _figures(run: ReviewRun) -> list[tuple[str, Any]]:
    figures: list[tuple[str, Any]] = []
    for name, value in run.found.items():
        if isinstance(value, dict):
            figures += [(f"{name}: {key}", count) for key, count in value.items()]
        elif not isinstance(value, list):
            figures.append((name, value))
    return figures


def _rehearsed(run: ReviewRun) -> list[dict[str, Any]]:
    rows = run.found.get("examples", [])
    items = Item.objects.in_bulk([row["item"] for row in rows])
    return [{**row, "item": items[row["item"]]} for row in rows if row["item"] in items]


def with_media(prefix: str) -> Prefetch:
    """The media of the items at ``prefix``, in order."""
    return Prefetch(f"{prefix}__media", Media.objects.order_by("position", "pk"))


def picture(item: Item) -> SafeString:
    """The first picture, small. ``media`` is prefetched."""
    images = (m for m in item.media.all() if m.modality == Media.Modality.IMAGE)
    return html.thumbnail(next(images, None), "small")


def about(item: Item) -> SafeString:
    """Its picture, title and identifier."""
    name = html.two_lines(item.title, item.external_id)
    return format_html('<span class="triad-about">{}{}</span>', picture(item), name)


def bar(value: float, share: float, label: str = "") -> SafeString:
    """A figure with a bar, ``share`` of 1 full."""
    percent = round(100 * max(0.0, min(1.0, share)))
    return format_html(
        '<span class="triad-strength"><span class="triad-bar" role="img" aria-label="{}">'
        '<i style="width: {}%"></i></span><span>{}</span></span>',
        label or f"{percent} %",
        percent,
        f"{value:.2f}",
    )


def card(item: Item) -> dict[str, Any]:
    """What a card shows of an item; media, texts and categories are prefetched."""
    media = list(item.media.all())
    return {
        "item": item,
        "media": [html.preview(each) for each in media[:MEDIA_SHOWN]],
        "facts": [html.facts(each) for each in media[:MEDIA_SHOWN]],
        "more": max(0, len(media) - MEDIA_SHOWN),
        "texts": list(item.texts.all()),
        "categories": ", ".join(category.path for category in item.categories.all()),
        "shown": shown_badge(item),
    }


def shown_badge(item: Item) -> SafeString:
    """Held, hidden or published."""
    if item.held:
        return html.badge("held", "warning", "Moderation keeps it from being shown.")
    return html.badge("published", "success") if item.published else html.badge("hidden")


def next_of(ids: Sequence[int], after: int) -> int | None:
    """Who comes after a row in a queue, else the first other one."""
    rest = [pk for pk in ids if pk != after]
    if after in ids:
        place = list(ids).index(after)
        rest = [*ids[place + 1 :], *ids[:place]]
    return rest[0] if rest else None
