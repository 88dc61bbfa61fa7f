"""What a dry run shows of the items it would make or change: some of them, before and after."""

import json
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from django.db.models import Prefetch

from catalog.exporting import WORDS, Row, row
from catalog.models import Category, Item, ItemText, Media
from catalog.upserts import Upserted

SHOWN: Final = 10
"""New items, and as many changed ones."""
SHOWN_CHARS: Final = 200
Sample: TypeAlias = dict[str, Any]
"""``external_id``, ``outcome``, ``fields``: [name, before, after] of what differs."""


class Rehearsal:
    """A watcher of ``load``: looks from inside the transaction until it has seen enough."""

    def __init__(self, seen: Iterable[Sample] = ()) -> None:
        self.sample = list(seen)
        self._before: dict[str, Row] = {}

    def before(self, external_ids: list[str]) -> None:
        """Keep what the items are now."""
        self._before = _rows(external_ids) if self._wants("changed") else {}

    def after(self, upserted: list[Upserted]) -> None:
        """Compare it with what they have become."""
        chosen = []
        for outcome in ("created", "changed"):
            same = [each.item.external_id for each in upserted if each.outcome == outcome]
            if outcome == "changed":  # what an earlier row would have made cannot be compared
                same = [external_id for external_id in same if external_id in self._before]
            chosen += [(each, outcome) for each in same[: self._wants(outcome)]]
        after = _rows([external_id for external_id, _ in chosen])
        for external_id, outcome in chosen:
            fields = _differences(self._before.get(external_id, {}), after[external_id])
            self.sample.append({"external_id": external_id, "outcome": outcome, "fields": fields})

    def _wants(self, outcome: str) -> int:
        return SHOWN - sum(each["outcome"] == outcome for each in self.sample)


def _rows(external_ids: list[str]) -> dict[str, Row]:
    """As an export has them, with their media's names."""
    items = Item.objects.filter(external_id__in=external_ids).prefetch_related(
        Prefetch("texts", ItemText.objects.order_by("language")),
        Prefetch("categories", Category.objects.order_by("path")),
        Prefetch("media", Media.objects.order_by("position", "pk")),
    )
    return {
        item.external_id: row(item)
        | {"media": [f"{m.modality} {m.sha256[:12]} {m.alt}".strip() for m in item.media.all()]}
        for item in items
    }


def _differences(before: Row, after: Row) -> list[tuple[str, str, str]]:
    """What is not the same, each language and attribute by itself."""
    old, new = _flat(before), _flat(after)
    names = dict.fromkeys([*new, *old])
    return [
        (name, _shown(old.get(name, "")), _shown(new.get(name, "")))
        for name in names
        if name != "external_id" and (old.get(name) or "") != (new.get(name) or "")
    ]


def _flat(given: Row) -> Row:
    """Words as ``title.en``, attributes as ``attributes.price``; of no item nothing."""
    flat: Row = {}
    for name, value in given.items():
        if name in WORDS and not isinstance(value, dict):
            value = {given["language"]: value}  # noqa: PLW2901 - as if it had several
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": part for key, part in value.items()}
        else:
            flat[name] = value
    return flat


def _shown(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        text = ", ".join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
