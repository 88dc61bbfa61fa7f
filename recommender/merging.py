"""Two items become one: what visitors did with either is about the one that stays."""

from typing import Any

from django.db import connection

from catalog.models import Item
from recommender.changes import Action, Subject, change_record
from recommender.models import Event, Rule
from recommender.models.profiles import PendingEvent
from recommender.visitors import visitors_stand_still


class EventMover:
    """Events, those that profiles have yet to take in, and the answers that they are owed to."""

    noun = "events"

    def count(self, item_id: int) -> int:
        """Stored ones."""
        return Event.objects.filter(item=item_id).count()

    def move(self, kept_id: int, other_id: int, by: str) -> int:
        """Under the kept item's identifier. Who was shown the other was shown this one: else the events
        would be owed to no answer. Popularity is counted anew by the next sweep, models learn it when they
        are trained.
        """
        visitors_stand_still()
        kept = Item.objects.get(pk=kept_id)
        with connection.cursor() as cursor:
            cursor.execute(_IMPRESSIONS, {"kept": kept_id, "other": other_id})
        PendingEvent.objects.filter(item=other_id).update(item=kept)
        events = Event.objects.filter(item=other_id)
        return events.update(item=kept, item_external_id=kept.external_id)


_IMPRESSIONS = """
    UPDATE recommender_impression i
    SET item_ids = array_replace(item_ids, %(other)s::bigint, %(kept)s::bigint)
    WHERE i.id IN (
        SELECT shown.id FROM recommender_impression shown
        JOIN recommender_event e ON e.item_id = %(other)s
            AND (shown.visitor_id = e.visitor_id OR (e.request_id <> '' AND shown.request_id = e.request_id))
        WHERE %(other)s = ANY(shown.item_ids) AND NOT %(kept)s = ANY(shown.item_ids)
    )
"""


class RuleMover:
    """Rules that name the item: pins, boosts, buries."""

    noun = "rules"

    def count(self, item_id: int) -> int:
        """Those that name it."""
        return Rule.objects.filter(items=item_id).count()

    def move(self, kept_id: int, other_id: int, by: str) -> int:
        """They name the kept item in its place, each with its trail."""
        rules = list(
            Rule.objects.select_for_update(of=("self",)).filter(items=other_id).order_by("pk")
        )
        for rule in rules:
            before = rule.facts()
            items: Any = rule.items
            items.add(kept_id)
            items.remove(other_id)
            change_record(Subject.RULE, Action.CHANGED, rule, by, before=before)
        return len(rules)
