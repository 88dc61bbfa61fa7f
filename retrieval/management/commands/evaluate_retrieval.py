"""``manage.py evaluate_retrieval``: how well a space finds what it should."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table

from catalog.commands import ExampleCommand, non_negative
from retrieval import spaces
from retrieval.evaluation import catalog, protocol
from retrieval.exceptions import RetrievalError
from retrieval.management.bars import stage_bars
from retrieval.models import EmbeddingSpace

MIN_SAMPLE = 10


class Command(ExampleCommand):
    """Reads only; searches meanwhile are answered as ever."""

    help = (
        "Measure a space on the catalog's own items in every direction (words to pictures, sounds "
        "to words, ...), or on your own questions with --protocol. Exit code 1 if a line of the "
        "protocol is wrong."
    )
    epilog = """examples:
  manage.py evaluate_retrieval                              the active space, on its own catalog
  manage.py evaluate_retrieval --space spring --json out.json
  manage.py evaluate_retrieval --languages en zh --sample 200
  manage.py evaluate_retrieval --protocol questions.jsonl   your questions, asked of the search

a protocol has one question a line; paths of pictures and sounds are relative to its folder:
  {"query": "a green frog", "language": "en", "relevant": ["frog-1", "frog-2"]}
  {"query": {"image": "frog.jpg"}, "relevant": {"frog-1": 3, "toad-1": 1}}
  {"query": {"audio": "croak.wav"}, "relevant": ["frog-1"]}
  {"query": {"item": "frog-1"}, "relevant": ["frog-2"]}"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--space", metavar="NAME", help="default: the active one")
        parser.add_argument("--protocol", type=Path, metavar="FILE", help="questions, JSON Lines")
        parser.add_argument(
            "--json",
            type=Path,
            metavar="FILE",
            help="write everything there as well (- for stdout)",
        )
        parser.add_argument("--seed", type=non_negative, default=0, help="of samples and intervals")
        parser.add_argument(
            "--sample",
            type=_sample,
            default=catalog.SAMPLE,
            help="items that ask, in each direction (%(default)s)",
        )
        parser.add_argument(
            "--languages", nargs="+", default=(), help=f"default: {catalog.MAX_LANGUAGES} frequent"
        )

    def handle(self, **options: Any) -> None:
        """Raises CommandError with what to do."""
        to_stdout = options["json"] == Path("-")
        # the terminal's own: a table wider than it is still readable when piped into a file
        console = Console(file=self.stdout._out, width=None if self.stdout.isatty() else 140)  # type: ignore[arg-type]
        if to_stdout:
            console = Console(stderr=True)
        try:
            space = self._space(options["space"])
            if options["protocol"]:
                report = self._protocol(console, space, options)
            else:
                report = self._catalog(console, space, options)
        except RetrievalError as err:
            raise CommandError(str(err)) from err
        if options["json"]:
            self._write(report, None if to_stdout else options["json"])
        if report.get("problems"):
            sys.exit(1)

    def _space(self, name: str | None) -> spaces.Space:
        if name is None:
            return spaces.active_space()
        row = EmbeddingSpace.objects.filter(name=name).defer("head").first()
        if row is None:
            names = ", ".join(EmbeddingSpace.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no space {name!r}. There are: {names}.")
        if row.state == EmbeddingSpace.State.RETIRED:
            raise CommandError(f"Space {name!r} is retired: its vectors are gone.")
        if not row.head_sha256:
            step = "train" if row.trained else "backfill"
            raise CommandError(
                f"Space {name!r} failed before it had a head: {row.error} Repair that, then run "
                f"`manage.py space {step} {name!r}`."
            )
        return spaces.space(row.pk)

    def _write(self, report: Mapping[str, Any], path: Path | None) -> None:
        text = json.dumps(report, ensure_ascii=False, indent=1) + "\n"
        if path is None:
            self.stdout.write(text, ending="")
            return
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as err:
            raise CommandError(f"{path} cannot be written: {err.strerror}.") from err

    def _catalog(
        self, console: Console, space: spaces.Space, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        seed = options["seed"]
        with stage_bars(console) as progress:
            result = catalog.evaluate_catalog(
                space,
                sample=options["sample"],
                seed=seed,
                languages=options["languages"],
                progress=progress,
            )
        if not result.tasks:
            raise CommandError(
                f"Space {space.name!r} holds {result.stored.of} items: too few to measure. Import "
                "more (`manage.py import_catalog`) and embed them (`manage.py embed --wait`)."
            )
        asked = {task.language for task in result.tasks}
        if silent := [name for name in options["languages"] if name not in asked]:
            raise CommandError(
                f"--languages {' '.join(silent)}: too few items of the space have words in it to "
                "measure."
            )
        report = _report(space, result, seed)
        _show_catalog(console, report)
        return report

    def _protocol(
        self, console: Console, space: spaces.Space, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        path: Path = options["protocol"]
        try:
            with stage_bars(console) as progress:
                result = protocol.evaluate_protocol(space, path, progress)
        except OSError as err:
            raise CommandError(f"{path} cannot be read: {err.strerror}.") from err
        if not result.kinds and not result.problems:
            raise CommandError(f"{path} has no questions: write one a line, see --help.")
        report = {"space": space.name, "protocol": str(path), **result.as_json(options["seed"])}
        _show_protocol(console, report)
        return report


def _sample(text: str) -> int:
    if not text.isdecimal() or int(text) < MIN_SAMPLE:
        raise ArgumentTypeError(f"{text!r} is not a number of at least {MIN_SAMPLE}")
    return int(text)


def _report(space: spaces.Space, result: catalog.CatalogResult, seed: int) -> dict[str, Any]:
    row = EmbeddingSpace.objects.only("trained", "metrics").get(pk=space.id)
    stored = result.stored
    seen = int((~stored.unseen).sum()) if row.trained else 0
    return {
        "space": space.name,
        "seed": seed,
        "items": stored.count,
        "items_in_space": stored.of,
        "trained": row.trained,
        "items_seen_in_training": seen,
        "main_language": result.main_language,
        "tasks": [
            {**task.as_json(seed), "items_seen_in_training": bool(seen)} for task in result.tasks
        ],
        "language_ratios": result.ratios(seed),
        "held_out": row.metrics.get("held_out", {}) if row.trained else {},
    }


def _show_catalog(console: Console, report: Mapping[str, Any]) -> None:
    drawn = f" of {report['items_in_space']:,}" * (report["items"] < report["items_in_space"])
    console.print(
        f"Space {report['space']!r}: {report['items']:,}{drawn} items as candidates, "
        f"seed {report['seed']}; 95 % intervals by bootstrap over queries.",
        highlight=False,
    )
    if report["items_seen_in_training"]:
        console.print(
            f"SEEN ITEMS: the head was trained on {report['items_seen_in_training']:,} of these "
            "very items, so the figures say how well the catalog is found, not how well new items "
            "will be. For those see 'held out' below.",
            highlight=False,
        )
    elif not report["trained"]:
        console.print(
            "The space is untrained: its modalities are not aligned, and words find pictures by "
            "chance (`manage.py train_space`).",
            highlight=False,
        )
    rows = report["tasks"]
    names = [_name(row) for row in rows]
    console.print(_table("direction", names, rows, with_candidates=True))
    if any(row["own_content_in_target"] for row in rows):
        console.print(
            "* what asks is part of the fused vector it looks for; 'without' takes it out first.",
            highlight=False,
        )
    _show_ratios(console, report["language_ratios"])
    _show_held_out(console, report["held_out"])


def _name(row: Mapping[str, Any]) -> str:
    left_out = f" {row['left_out']}" if row["left_out"] else ""
    return f"{row['source']} → {row['target']}{left_out}" + "*" * row["own_content_in_target"]


def _table(
    corner: str,
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    *,
    with_candidates: bool = False,
) -> Table:
    """A line for each row: each metric with its interval."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(corner, no_wrap=True)
    for title in ("language", "queries", *(["of"] if with_candidates else [])):
        table.add_column(title, justify="left" if title == "language" else "right")
    metrics = list(rows[0]["metrics"])
    for name in metrics:
        table.add_column(name.replace("r@", "R@").replace("mrr", "MRR").replace("ndcg", "nDCG"))
    for name, row in zip(names, rows, strict=True):
        cells = [name, row["language"], f"{row['queries']:,}"]
        if with_candidates:
            cells.append(f"{row['candidates']:,}")
        cells += [_figure(row["metrics"][m], row["intervals"][m]) for m in metrics]
        table.add_row(*cells)
    return table


def _figure(mean: float, bounds: Sequence[float]) -> str:
    low, high = (f"{bound:.2f}".removeprefix("0") for bound in bounds)
    return f"{mean:.3f} [dim]{low}–{high}[/dim]"


def _show_ratios(console: Console, ratios: Sequence[Mapping[str, Any]]) -> None:
    if not ratios:
        return
    console.print("\nR@10 by language, on the items that asked in both:", highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("direction", "languages", "items", "ratio"):
        table.add_column(title)
    for row in ratios:
        low, high = row["interval"]
        shown = "–" if row["r@10"] is None else _figure(row["r@10"], [low, high])
        table.add_row(row["task"], row["ratio"], f"{row['items']:,}", shown)
    console.print(table)


def _show_held_out(console: Console, held_out: Mapping[str, Any]) -> None:
    if not held_out:
        return
    console.print(
        "\nUNSEEN ITEMS (held out when the space was trained; a head of four fifths of the items, "
        "the other fifth as candidates):",
        highlight=False,
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("direction", "language", "queries", "R@1", "R@5", "R@10", "MRR"):
        table.add_column(title)
    for task, languages in held_out.items():
        for language, found in languages.items():
            figures = [f"{found[name]:.3f}" for name in ("r@1", "r@5", "r@10", "mrr")]
            table.add_row(task.replace("_to_", " → "), language, str(found["queries"]), *figures)
    console.print(table)


def _show_protocol(console: Console, report: Mapping[str, Any]) -> None:
    groups = report["groups"]
    asked = groups[0]["queries"] if groups else 0
    console.print(
        f"Space {report['space']!r}: {asked:,} questions asked, the first {report['depth']} hits "
        "of each looked at; 95 % intervals by bootstrap over questions.",
        highlight=False,
    )
    if groups:
        names = [group["kind"] for group in groups]
        console.print(_table("asked with", names, groups))
    for problem in report["problems"]:
        text = f"line {problem['line']}: {problem['reason']}"
        printable = text.encode(errors="backslashreplace").decode()  # lone surrogates
        console.print(printable, markup=False, highlight=False, soft_wrap=True)
