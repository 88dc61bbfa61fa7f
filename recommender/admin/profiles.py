"""A visitor's taste on their page of the admin: to be looked at."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin import html
from catalog.admin.cards import card, items_pictured, link, picture
from catalog.models import Item
from recommender.models import Visitor
from recommender.profiles import items_of, taste_of
from recommender.types import Done, Interest
from retrieval import index, spaces
from retrieval.exceptions import NoActiveSpace, RetrievalError

DONE_SHOWN: Final = 50
NEAREST: Final = 5
"""Items that an interest is shown by."""
SHOWN_BY: Final = 4
"""Interests that are shown so, the heaviest, beside the session's: where few items match, each takes a
statement of its own.
"""


def profile_panel(visitor: Visitor) -> SafeString:
    """As the recommender sees them now, in the active space: also without a profile there."""
    try:
        space = spaces.active_space()
    except NoActiveSpace:
        return SafeString(
            "There is no embedding space yet; the first worker that starts makes one."
        )
    except RetrievalError as err:
        return format_html("{}", err)
    known = taste_of(visitor.external_id, space, timezone.now())
    if not known.history:
        return SafeString("Nothing is known of them yet.")
    session = [known.session] if known.session else []
    shown = (*known.interests, *session, *known.dislikes)
    near = _nearest(space.partition, (*known.interests[:SHOWN_BY], *session))
    items = items_pictured(
        items_of(known) | {item_id for found in near.values() for item_id, _ in found}
    )
    heaviest = max((each.weight for each in shown), default=1.0)
    context = {
        "space": space,
        "groups": [
            ("drawn to", _lines(known.interests, items, near, heaviest)),
            ("in this session", _lines(session, items, near, heaviest)),
            ("not to their taste", _lines(known.dislikes, items, near, heaviest)),
        ],
        "done": [_done(each, items) for each in known.history[:DONE_SHOWN]],
        "more": max(len(known.history) - DONE_SHOWN, 0),
    }
    return render_to_string("recommender/admin/profile.html", context)


def _nearest(
    partition: index.Partition, shown: Sequence[Interest]
) -> dict[int, list[tuple[int, float]]]:
    """``id`` of each interest → the visible items nearest to it, with their scores."""
    if not shown:
        return {}
    vectors = np.stack([each.vector for each in shown])
    ef_search = partition.ef_search
    items = Item.objects.visible()
    found = index.nearest_each(partition, vectors, NEAREST, items=items, ef_search=ef_search)
    return {id(each): near for each, near in zip(shown, found, strict=True)}


def _lines(
    interests: Iterable[Interest],
    items: Mapping[int, Item],
    near: Mapping[int, list[tuple[int, float]]],
    heaviest: float,
) -> list[dict[str, Any]]:
    return [
        {
            "picture": picture(items.get(each.item_id)),
            "item": link(items.get(each.item_id), each.item_id),
            "percent": round(100 * each.weight / heaviest),
            "weight": each.weight,
            "near": [
                card(items, item_id, score=score) for item_id, score in near.get(id(each), ())
            ],
        }
        for each in interests
    ]


def _done(done: Done, items: Mapping[int, Item]) -> dict[str, Any]:
    return {
        "at": datetime.fromtimestamp(done.at, UTC),
        "type": html.badge(done.type, "danger" if done.strength < 0 else "info"),
        "item": link(items.get(done.item_id), done.item_id),
        "strength": done.strength,
    }
