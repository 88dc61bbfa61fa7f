"""``manage.py find_duplicates``: items that are the same thing, nearly or merely alike."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console

from catalog.commands import ExampleCommand, non_negative
from catalog.models import Item
from retrieval.duplicates import Found, find_duplicates
from retrieval.exceptions import RetrievalError
from retrieval.management.bars import stage_bars
from retrieval.models import DuplicatePair

SHOWN = 20


class Command(ExampleCommand):
    """Decides nothing: people do, in the admin."""

    help = (
        "Compare every published item with what is near to it: equal files, pictures scaled, cut or "
        "mirrored, sounds encoded anew, the same words. The admin's list 'Near duplicates' shows the pairs "
        "and takes decisions, which stand when this runs again."
    )
    epilog = """examples:
  manage.py find_duplicates                          compare, store what was found
  manage.py find_duplicates --dry-run --limit 50     only print it
  manage.py find_duplicates --json pairs.json        all pairs with what they have in common, into a file"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--dry-run", action="store_true", help="store no pairs")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write all pairs there")
        parser.add_argument(
            "--limit", type=non_negative, default=SHOWN, help="pairs printed a class (%(default)s)"
        )

    def handle(self, *, dry_run: bool, json: Path | None, limit: int, **_: Any) -> None:
        """What is found is no error: exit code 0."""
        console = Console(file=self.stdout._out)  # type: ignore[arg-type]
        try:
            with stage_bars(console) as tell:
                counts, found = find_duplicates(rehearsal=dry_run, progress=tell)
        except RetrievalError as err:
            raise CommandError(str(err)) from err
        names = _names(found)
        for grade in DuplicatePair.Grade:
            mine = sorted((f for f in found if f.grade == grade), key=lambda f: -f.score)
            console.print(f"[bold]{grade.label}[/bold]: {counts[grade]:,}", highlight=False)
            for each in mine[:limit]:
                line = f"  {each.score:.3f}  {names[each.pair[0]]}  =  {names[each.pair[1]]}"
                printable = line.encode(errors="backslashreplace").decode()
                console.print(printable, markup=False, highlight=False, soft_wrap=True)
            if len(mine) > limit:
                console.print(f"  … and {len(mine) - limit:,} more", highlight=False)
        if not dry_run:
            rest = ", ".join(
                f"{counts[name]:,} {name}" for name in ("new", "reopened", "not found any more")
            )
            console.print(f"{rest}.", highlight=False)
        if json is not None:
            _write(json, found)


def _names(found: Sequence[Found]) -> dict[int, str]:
    ids = {item_id for each in found for item_id in each.pair}
    rows = Item.objects.filter(pk__in=ids).values_list("pk", "external_id", "title")
    return {pk: f"{external_id} {title}" for pk, external_id, title in rows}


def _write(path: Path, found: Sequence[Found]) -> None:
    ids = dict(
        Item.objects.filter(pk__in={i for each in found for i in each.pair}).values_list(
            "pk", "external_id"
        )
    )
    rows = [
        {
            "left": ids[each.pair[0]],
            "right": ids[each.pair[1]],
            "class": each.grade,
            "score": round(each.score, 4),
            **each.signals.as_json(),
        }
        for each in found
    ]
    try:
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    except OSError as err:
        raise CommandError(f"{path} cannot be written: {err.strerror}.") from err
