"""A visitor's profile for people: exported with all else that is known of them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from catalog.models import Item
from recommender.interests import taste
from recommender.models import Profile
from recommender.profiles import rows
from recommender.types import Interest, Taste


def profiles_exported(visitor_id: int, now: datetime) -> list[dict[str, Any]]:
    """One object for each profile, which are one or none: what stands for each interest and its weight
    as of ``now``, and what was done. An item that has left the catalog is null.
    """
    stored = Profile.objects.filter(visitor=visitor_id).order_by("space")
    about = list(
        stored.values_list("space_id", "space__name", "space__fused_dim", "updated_at").all()
    )
    found: list[dict[str, Any]] = []
    for space_id, space, dim, updated_at in about:
        for leanings in rows.read(space_id, dim, [visitor_id]).values():
            known = taste(leanings, now.timestamp())
            found.append({"space": space, "updated_at": updated_at.isoformat(), **_told(known)})
    return found


def _told(known: Taste) -> dict[str, Any]:
    names = dict(Item.objects.filter(pk__in=items_of(known)).values_list("pk", "external_id"))
    return {
        "interests": _interests(known.interests, names),
        "session": _interests([known.session] if known.session else [], names),
        "dislikes": _interests(known.dislikes, names),
        "history": [
            {
                "item": names.get(done.item_id),
                "type": done.type,
                "strength": done.strength,
                "at": datetime.fromtimestamp(done.at, UTC).isoformat(),
            }
            for done in known.history
        ],
    }


def _interests(found: Iterable[Interest], names: Mapping[int, str]) -> list[dict[str, Any]]:
    return [{"item": names.get(each.item_id), "weight": each.weight} for each in found]


def items_of(known: Taste) -> set[int]:
    """Ids of all items that the taste names."""
    interests = (*known.interests, *known.dislikes, *filter(None, [known.session]))
    return {each.item_id for each in interests} | {done.item_id for done in known.history}
