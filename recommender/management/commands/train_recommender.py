"""``manage.py train_recommender``: learns from the events, measures, and lets the result answer if asked."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from catalog.commands import ExampleCommand, non_negative
from recommender import versions
from recommender.collaborative.event_table import events_read
from recommender.collaborative.recipes import HELD_OUT
from recommender.exceptions import NothingToLearn, RecommenderError
from recommender.models import RecommenderModel
from recommender.ranking_training import LEAST_ANSWERS, LEAST_TAKEN
from recommender.ranking_training.reading import shown_count
from recommender.training import recommender_train
from retrieval.management.training import StageBars

Activation = RecommenderModel.Activation
Algorithm = RecommenderModel.Algorithm


def option(text: str) -> tuple[str, Any]:
    """An argument's type: ``name=value``, the value in JSON."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError as err:
        raise ArgumentTypeError(f"{text!r} is not like regularization=50") from err


class Command(ExampleCommand):
    """Trains here, in this process."""

    help = (
        "Train models of what goes together on all events, and a ranker on what was shown; measure them "
        "on the latest."
    )
    epilog = """examples:
  manage.py train_recommender                       what the settings name, of each kind
  manage.py train_recommender --activate            and let it answer
  manage.py train_recommender --kind item-item --algorithm item-knn --option k=50
  manage.py train_recommender --kind ranker         from impressions: in place of the formula
  manage.py train_recommender --dry-run             what there is to learn from

`manage.py recommender_model list` shows the versions."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument(
            "--kind", choices=RecommenderModel.Kind.values, help="only this one; else each"
        )
        parser.add_argument(
            "--algorithm", choices=Algorithm.values, help="instead of the settings'"
        )
        parser.add_argument(
            "--option", type=option, action="append", default=[], metavar="NAME=VALUE",
            help="of the algorithm, with --algorithm",
        )  # fmt: skip
        parser.add_argument("--name", help="of the new version; algorithm and time unless given")
        parser.add_argument("--seed", type=non_negative, default=0)
        parser.add_argument(
            "--activate", action="store_true", help="let it answer, whatever was measured"
        )
        parser.add_argument("--dry-run", action="store_true", help="only count what there is")

    def handle(self, *_: Any, **options: Any) -> None:
        """Raises CommandError with what to do."""
        asked = self._asked(options)
        if options["dry_run"]:
            self._count(asked)
            return
        if options["name"] and len(asked) > 1:
            raise CommandError("--name is for one version: give --kind or --algorithm as well.")
        refused: list[NothingToLearn] = []
        for algorithm, config in asked:
            try:
                self._train(algorithm, config, options)
            except NothingToLearn as err:  # the others may have more to learn from
                refused.append(err)
                if len(refused) == len(asked):
                    raise CommandError(str(refused[0])) from err
                self.stdout.write(f"No {algorithm}: {err}")
            except RecommenderError as err:
                raise CommandError(str(err)) from err

    def _asked(self, options: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        kind, algorithm = options["kind"], options["algorithm"]
        if algorithm:
            own = versions.KIND_OF[Algorithm(algorithm)]
            if kind not in (None, own):
                raise CommandError(f"{algorithm} is of the kind {own}.")
            return [(algorithm, dict(options["option"]))]
        if options["option"]:
            raise CommandError("--option belongs to an algorithm: give --algorithm as well.")
        models = settings.RECOMMENDER["MODELS"]
        chosen = [models[kind]] if kind else models.values()
        return [
            (each["ALGORITHM"], {name: v for name, v in each.items() if name != "ALGORITHM"})
            for each in chosen
        ]

    def _count(self, asked: list[tuple[str, dict[str, Any]]]) -> None:
        algorithms = {algorithm for algorithm, _ in asked}
        if algorithms - {Algorithm.LOGISTIC}:
            table = events_read()
            x = table.interactions()
            self.stdout.write(
                f"{len(table)} events: {x.visitors.nnz} likings of {x.visitors.shape[1]} items by "
                f"{x.visitors.shape[0]} visitors; the latest {HELD_OUT:.0%} of the events would be held "
                "out."
            )
        if Algorithm.LOGISTIC in algorithms:
            answers, taken = shown_count()
            self.stdout.write(
                f"{answers} answers with features, {taken} items in them taken up; a ranker needs "
                f"{LEAST_ANSWERS} and {LEAST_TAKEN}."
            )
        for algorithm, config in asked:
            given = ", ".join(f"{name}={value}" for name, value in config.items())
            self.stdout.write(f"Would train {algorithm} ({given or 'as it comes'}). Nothing was.")

    def _train(self, algorithm: str, config: dict[str, Any], options: dict[str, Any]) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn()) as progress:
            bars = StageBars(progress)
            row = recommender_train(
                algorithm,
                name=options["name"],
                config=config,
                seed=options["seed"],
                activation=Activation.ALWAYS if options["activate"] else Activation.NEVER,
                progress=bars,
            )
            bars.complete()
        self.stdout.write(
            f"{row.name}: {row.events} events of {row.visitors} visitors with {row.items} items, "
            f"{row.seconds} s"
        )
        for name, found in row.metrics.items():
            shown = found
            if isinstance(found, dict):
                shown = ", ".join(f"{metric} {value:.3f}" for metric, value in found.items())
            self.stdout.write(f"  {name}: {shown}")
        if row.state == RecommenderModel.State.ACTIVE:
            self.stdout.write(f"Model {row.name!r} is active.")
        else:
            self.stdout.write(
                f"Model {row.name!r} is {row.state}; `manage.py recommender_model activate "
                f"{row.name!r}` lets it answer. {row.note}"
            )
