"""``manage.py space``: the life of embedding spaces, one subcommand a step."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from catalog.commands import ExampleCommand, non_negative, positive
from retrieval import claims, comparison, spaces
from retrieval.exceptions import RetrievalError
from retrieval.management.training import (
    fill,
    space_arguments,
    train_and_fill,
    training_arguments,
)
from retrieval.models import EmbeddingSpace
from retrieval.types import Modality

TABLE_WIDTH = 120  # of a table that is not printed to a terminal


class Command(ExampleCommand):
    """Every subcommand is one method; ``handle`` calls it by name."""

    help = "Create, train, fill, compare, switch and retire embedding spaces."
    epilog = """examples:
  manage.py space list
  manage.py space train spring --fusion attention        a trained space, filled, not yet active
  manage.py space create exact --from spring --metric inner_product
  manage.py space backfill exact --wait                  embed every item there
  manage.py space compare spring exact                   neighbours, metrics, speed, size
  manage.py space activate exact                         in one transaction
  manage.py space rollback                               back to the one before
  manage.py space retire spring                          what would go; --yes drops it

`manage.py space SUBCOMMAND --help` tells more."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        steps = parser.add_subparsers(dest="step", required=True, metavar="SUBCOMMAND")
        steps.add_parser("list", help="all spaces, newest first")
        create = steps.add_parser(
            "create",
            help="a new space, untrained or with another's head",
            description="A new space with random projections, or with the head of --from. It is "
            "building until `space backfill` has embedded every item there.",
        )
        create.add_argument("name")
        create.add_argument("--from", dest="source", help="space whose encoders and head it takes")
        space_arguments(create, given=False)
        train = steps.add_parser(
            "train",
            help="a new space with a head trained on the catalog",
            description="Train a head on every embedded item, put it into a new space with its "
            "held-out metrics, and embed the catalog there.",
        )
        training_arguments(train)
        backfill = steps.add_parser(
            "backfill",
            help="embed every item that is due in a space",
            description="Embed every item that is due in the space, failed ones too. A failed space "
            "is building again, if what its error names is repaired.",
        )
        backfill.add_argument("name")
        backfill.add_argument("--wait", action="store_true", help="watch until all are done")
        backfill.add_argument("--here", action="store_true", help="embed in this process")
        compare = steps.add_parser(
            "compare",
            help="two spaces side by side",
            description="Overlap of the 10 nearest neighbours on a seeded sample of items; how well the "
            "catalog's items are found, measured now with the same items in both; stored held-out "
            "figures; time of finding similar items (measured in turns); size on disk.",
        )
        compare.add_argument("first")
        compare.add_argument("second")
        compare.add_argument(
            "--items", type=positive, default=comparison.SAMPLE, help="in the sample"
        )
        compare.add_argument("--seed", type=non_negative, default=0, help="of the sample")
        compare.add_argument("--json", action="store_true", dest="as_json")
        activate = steps.add_parser("activate", help="let a space answer, in one transaction")
        activate.add_argument("name")
        activate.add_argument(
            "--force", action="store_true", help="though its backfill is unfinished"
        )
        steps.add_parser("rollback", help="back to the space that was active before")
        retire = steps.add_parser(
            "retire",
            help="drop a space's vectors",
            description="Say what would be dropped; with --yes, drop the space's partition and the "
            "encoder outputs that no other live space uses. Its row stays as a record.",
        )
        retire.add_argument("name")
        retire.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *, step: str, **options: Any) -> None:
        """Raises CommandError with what to do."""
        steps: dict[str, Callable[..., None]] = {
            "list": self._list,
            "create": self._create,
            "train": self._train,
            "backfill": self._backfill,
            "compare": self._compare,
            "activate": self._activate,
            "rollback": self._rollback,
            "retire": self._retire,
        }
        try:
            steps[step](**options)
        except RetrievalError as err:
            raise CommandError(str(err)) from err

    def _list(self, **_: Any) -> None:
        rows = EmbeddingSpace.objects.defer("head")
        columns = ("name", "state", "profile", "fusion", "metric", "dim", "trained", "items")
        self._table(
            columns,
            [
                [
                    row.name, row.state, row.profile, row.fusion, row.metric, row.dim,
                    "yes" if row.trained else "no", _items(row),
                ]
                for row in rows
            ],
        )  # fmt: skip
        for row in rows:
            if row.error:
                self.stdout.write(f"{row.name}: {row.error}")

    def _create(
        self,
        *,
        name: str,
        source: str | None,
        profile: str | None,
        fusion: Any,
        metric: Any,
        fusion_weights: dict[Modality, float] | None,
        **_: Any,
    ) -> None:
        if source is None:
            row = spaces.space_create_untrained(
                name,
                profile=profile or settings.RETRIEVAL["PROFILE"],
                fusion=fusion or "weighted",
                metric=metric or "cosine",
                weights=fusion_weights,
            )
        else:
            given = spaces.space_named(source)
            if profile not in (None, given.profile):
                raise CommandError(
                    f"A space made from {source!r} has its profile, {given.profile!r}: leave "
                    "--profile out, or leave --from out and train the new one."
                )
            row = spaces.space_create_from(
                given, name, fusion=fusion, metric=metric, weights=fusion_weights
            )
        self.stdout.write(
            f"Space {row.name!r} is building: {row.profile}, {row.fusion}, {row.metric}, "
            f"{row.fused_dim} dimensions. `manage.py space backfill {row.name!r} --wait` fills it."
        )

    def _train(self, **options: Any) -> None:
        names = ("name", "seed", "augment", "profile", "fusion", "fusion_weights", "metric")
        train_and_fill(self, **{name: options[name] for name in (*names, "activate", "here")})

    def _backfill(self, *, name: str, wait: bool, here: bool, **_: Any) -> None:
        row = spaces.space_resume(spaces.space_named(name).pk)
        fill(self, row, here=here, wait=wait)

    def _compare(
        self, *, first: str, second: str, items: int, seed: int, as_json: bool, **_: Any
    ) -> None:
        ids = [spaces.space_named(name).pk for name in (first, second)]
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as bars:
            tasks: dict[str, TaskID] = {}

            def tell(what: str, done: int, of: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what)
                bars.update(tasks[what], completed=done, total=of)

            found = comparison.compare(*ids, sample=items, seed=seed, progress=tell)
        if as_json:
            self.stdout.write(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
            return
        overlap = found.overlap
        self.stdout.write(
            f"Overlap@{comparison.NEIGHBOURS} of {overlap.items} items: {overlap.mean:.3f} "
            f"[{overlap.interval[0]:.3f}, {overlap.interval[1]:.3f}]"
        )
        self._table(("", first, second, "ratio or gain"), comparison.table(found))
        for line in comparison.notes(found):
            self.stdout.write(line)

    def _activate(self, *, name: str, force: bool, **_: Any) -> None:
        seen = spaces.active_id()
        row = spaces.space_activate(spaces.space_named(name).pk, expected=seen, force=force)
        self.stdout.write(f"Space {row.name!r} is active. `manage.py space rollback` goes back.")

    def _rollback(self, **_: Any) -> None:
        row = spaces.space_rollback()
        self.stdout.write(f"Space {row.name!r} is active again.")

    def _retire(self, *, name: str, yes: bool, **_: Any) -> None:
        row = spaces.space_named(name)
        plan = spaces.space_retire(row.pk) if yes else spaces.retirement(row.pk)
        self.stdout.write(f"{'Dropped' if yes else 'Would drop'} of space {name!r}:")
        self.stdout.write(f"  {plan.vectors} items' vectors, {filesizeformat(plan.bytes)}")
        self.stdout.write(
            f"  {plan.outputs} stored outputs of encoders no other live space uses, "
            f"{filesizeformat(plan.output_bytes)}" + "".join(f"\n    {e}" for e in plan.encoders)
        )
        if not yes:
            self.stdout.write("Nothing was dropped; --yes does it.")

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        table = Table(*columns)
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
        with console.capture() as printed:
            console.print(table)
        self.stdout.write(printed.get())


def _items(row: EmbeddingSpace) -> str:
    if row.state not in EmbeddingSpace.LIVE:
        return ""
    count = claims.progress(row.pk)
    return f"{count['ready']} of {count['total']}" + (
        f", {count['failed']} failed" if count["failed"] else ""
    )
