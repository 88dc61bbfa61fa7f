"""``manage.py search``: the search that users get, in the terminal."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table

from catalog.commands import ExampleCommand, positive
from catalog.models import Item
from catalog.selectors import items_for_api
from retrieval import outputs, pages, queries, spaces
from retrieval.exceptions import RetrievalError
from retrieval.scoring import SIMILARITIES, Contributions, Part
from retrieval.search import MODES, Query, item_part
from retrieval.serializers import MAX_WEIGHT
from retrieval.types import MODALITIES, Modality

MOST = 1_000


class Command(ExampleCommand):
    """Pictures and sounds are encoded here, not by a worker."""

    help = "Find items by words, pictures, sounds and items, or several of them at once."
    epilog = """examples:
  manage.py search "a green frog"
  manage.py search "red boots" --not leather --filter '{"price": {"lt": 50}}'
  manage.py search --image photo.jpg --audio clip.mp3 --limit 5 --explain
  manage.py search --item SKU-1 --modalities image=0.7,text=0.3
  manage.py search frosch --mode lexical --json"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("text", nargs="*", help="words to look for; each is a part")
        parser.add_argument("--image", type=Path, action="append", default=[], metavar="FILE")
        parser.add_argument("--audio", type=Path, action="append", default=[], metavar="FILE")
        parser.add_argument("--item", action="append", default=[], metavar="EXTERNAL_ID")
        parser.add_argument(
            "--not",
            dest="unwanted",
            action="append",
            default=[],
            metavar="TEXT",
            help="words that count against an item by half of what the others count for it",
        )
        parser.add_argument("--mode", choices=MODES, default="hybrid", help="default: %(default)s")
        parser.add_argument(
            "--similarity", choices=SIMILARITIES, help="default: the space's metric"
        )
        parser.add_argument(
            "--modalities", metavar="NAME=N,…", help="how much each counts: image=0.7,text=0.3"
        )
        parser.add_argument("--filter", metavar="JSON", help='such as {"kind": "stamp"}')
        parser.add_argument(
            "--lexical-share", type=float, metavar="SHARE", help="of a hybrid score, 0 to 1"
        )
        parser.add_argument("--diversity", type=float, default=0.0, help="0 to 1")
        parser.add_argument("--space", metavar="NAME", help="default: the active one")
        parser.add_argument("--limit", type=positive, default=10, help="default: %(default)s")
        parser.add_argument("--explain", action="store_true", help="what brought the score")
        parser.add_argument("--json", action="store_true", help="one JSON object for programs")

    def handle(self, **options: Any) -> None:
        """Raises CommandError with what to do."""
        if options["similarity"] == "normalised" and options["modalities"]:
            raise CommandError("The similarity normalised takes no modality weights.")
        try:
            space = (
                spaces.space(spaces.space_named(options["space"]).pk)
                if options["space"]
                else spaces.active_space()
            )
            query = Query(
                parts=self._parts(space, options),
                mode=options["mode"],
                lexical_share=_share("--lexical-share", options["lexical_share"]),
                similarity=options["similarity"],
                modalities=_modalities(options["modalities"]),
                diversity=_share("--diversity", options["diversity"]) or 0.0,
            )
            started = time.perf_counter()
            limit = min(options["limit"], MOST)
            page = pages.first(space, query, limit, filter=_filter(options["filter"]))
            took_ms = (time.perf_counter() - started) * 1000
            why = page.listing.explained(page.hits) if options["explain"] else {}
        except RetrievalError as err:
            raise CommandError(str(err)) from err
        if options["json"]:
            self.stdout.write(json.dumps(_json(page, why, took_ms), ensure_ascii=False, indent=2))
        else:
            self._show(page, why, took_ms)

    def _parts(self, space: spaces.Space, options: Mapping[str, Any]) -> tuple[Part, ...]:
        parts = [
            Part(queries.text_vector(space, text), "text", weight, words=text)
            for texts, weight in ((options["text"], 1.0), (options["unwanted"], -0.5))
            for text in texts
        ]
        kinds: tuple[Modality, ...] = ("image", "audio")
        for modality in kinds:
            for path in options[modality]:
                if not path.is_file():
                    raise CommandError(f"There is no file {path}.")
                content = outputs.decoded(modality, path)
                parts.append(Part(queries.content_vector(space, modality, content), modality))
        for name in options["item"]:
            item = Item.objects.visible().filter(external_id=name).first()
            if item is None:
                raise CommandError(f"There is no item {name!r}.")
            parts.append(item_part(space, item.pk, name=f"The item {name!r}"))
        if not any(part.weight > 0 for part in parts):
            raise CommandError('Say what to look for: manage.py search "a green frog"')
        return tuple(parts)

    def _show(self, page: pages.Page, why: Mapping[int, Contributions], took_ms: float) -> None:
        # the terminal's own: a table wider than it is still readable when piped into a file
        console = Console(file=self.stdout._out, width=None if self.stdout.isatty() else 140)  # type: ignore[arg-type]
        table = Table("", "score", "item", "title", "categories", box=None, header_style="bold")
        for name in MODALITIES if why else ():
            table.add_column(name, justify="right")
        items = items_for_api().in_bulk([hit.item_id for hit in page.hits])
        for number, hit in enumerate(page.hits, start=1):
            item = items[hit.item_id]
            brought = why[hit.item_id].modalities if hit.item_id in why else {}
            table.add_row(
                str(number),
                f"{hit.score:.3f}",
                item.external_id,
                item.title,
                ", ".join(category.path for category in item.categories.all()),
                *(f"{brought[name]:+.3f}" for name in MODALITIES if brought),
            )
        console.print(table if page.hits else "Nothing found.")
        console.print(f"{len(page.hits)} found, {page.listing.mode}, {took_ms:.0f} ms", style="dim")


def _json(page: pages.Page, why: Mapping[int, Contributions], took_ms: float) -> dict[str, Any]:
    names = Item.objects.in_bulk([hit.item_id for hit in page.hits])
    hits: list[dict[str, Any]] = []
    for hit in page.hits:
        row: dict[str, Any] = {
            "external_id": names[hit.item_id].external_id,
            "title": names[hit.item_id].title,
            "score": round(hit.score, 6),
        }
        if hit.item_id in why:
            found = why[hit.item_id]
            row["contributions"] = {
                "parts": [round(value, 6) for value in found.parts],
                "modalities": {name: round(value, 6) for name, value in found.modalities.items()},
            }
        hits.append(row)
    return {"took_ms": round(took_ms), "mode": page.listing.mode, "hits": hits}


def _filter(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as err:
        raise CommandError(f'--filter is JSON such as \'{{"kind": "stamp"}}\': {err}') from err


def _modalities(text: str | None) -> dict[Modality, float]:
    if not text:
        return {}
    found: dict[Modality, float] = {}
    for entry in text.split(","):
        name, _, number = entry.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        known = next((m for m in MODALITIES if m == name.strip()), None)
        if known is None or not 0 <= weight <= MAX_WEIGHT:
            raise CommandError(
                f"--modalities {entry!r}: use one of {', '.join(MODALITIES)} and a number, 0 to "
                f"{MAX_WEIGHT}, such as image=0.7,text=0.3"
            )
        found[known] = weight
    if not sum(found.values()) > 1 / MAX_WEIGHT:
        raise CommandError(f"--modalities: let one of them weigh at least {1 / MAX_WEIGHT}.")
    return found


def _share(option: str, value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise CommandError(f"{option} is a number from 0 to 1.")
    return value
