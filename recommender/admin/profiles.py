"""A visitor's taste on their page of the admin: to be looked at."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Prefetch
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from catalog.admin import html
from catalog.models import Item, Media
from recommender.models import Visitor
from recommender.profiles import items_of, taste_of
from recommender.types import Done, Interest, Taste
from retrieval import spaces
from retrieval.exceptions import NoActiveSpace

DONE_SHOWN: Final = 50


def profile_panel(visitor: Visitor) -> SafeString:
    """As the recommender sees them now, in the active space: also without a profile there."""
    try:
        space = spaces.active_space()
    except NoActiveSpace:
        return SafeString(
            "There is no embedding space yet; the first worker that starts makes one."
        )
    known = taste_of(visitor.external_id, space, timezone.now())
    if not known.history:
        return SafeString("Nothing is known of them yet.")
    items = _items(known)
    session = [known.session] if known.session else []
    shown = (*known.interests, *session, *known.dislikes)
    heaviest = max((each.weight for each in shown), default=1.0)
    context = {
        "space": space,
        "groups": [
            ("drawn to", _lines(known.interests, items, heaviest)),
            ("in this session", _lines(session, items, heaviest)),
            ("not to their taste", _lines(known.dislikes, items, heaviest)),
        ],
        "done": [_done(each, items) for each in known.history[:DONE_SHOWN]],
        "more": max(len(known.history) - DONE_SHOWN, 0),
    }
    return render_to_string("recommender/admin/profile.html", context)


def _items(known: Taste) -> dict[int, Item]:
    """With their pictures, in two statements."""
    images = Media.objects.filter(modality=Media.Modality.IMAGE).order_by("position", "pk")
    found = Item.objects.filter(pk__in=items_of(known)).prefetch_related(Prefetch("media", images))
    return {item.pk: item for item in found}


def _lines(
    interests: Iterable[Interest], items: Mapping[int, Item], heaviest: float
) -> list[dict[str, Any]]:
    return [
        {
            "picture": _picture(items.get(each.item_id)),
            "item": _link(items.get(each.item_id), each.item_id),
            "percent": round(100 * each.weight / heaviest),
            "weight": each.weight,
        }
        for each in interests
    ]


def _picture(item: Item | None) -> SafeString:
    images = list(item.media.all()) if item else []
    return html.thumbnail(images[0] if images else None, "small")


def _link(item: Item | None, item_id: int) -> str:
    return html.item_link(item) if item else f"an item that is gone ({item_id})"


def _done(done: Done, items: Mapping[int, Item]) -> dict[str, Any]:
    return {
        "at": datetime.fromtimestamp(done.at, UTC),
        "type": html.badge(done.type, "danger" if done.strength < 0 else "info"),
        "item": _link(items.get(done.item_id), done.item_id),
        "strength": done.strength,
    }
