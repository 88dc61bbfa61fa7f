"""What ``train_space`` and ``space train`` share: train, fill, activate, and say how it went."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from catalog.commands import non_negative
from retrieval import claims, leases, spaces, training_jobs
from retrieval.management.backfill import fill_here, watch
from retrieval.models import EmbeddingSpace
from retrieval.training import TrainingConfig
from retrieval.types import MODALITIES, Modality


def training_arguments(parser: ArgumentParser) -> None:
    """The options of both commands."""
    parser.add_argument("name", nargs="?", help="of the new space; the date unless given")
    parser.add_argument("--seed", type=non_negative, default=0, help="of the held-out split")
    parser.add_argument(
        "--augment",
        type=non_negative,
        default=0,
        metavar="N",
        help="augmented copies of each picture and sound to learn from as well; each takes as long as "
        "embedding the catalog once",
    )
    parser.add_argument("--activate", action="store_true", help="switch to it when complete")
    parser.add_argument("--here", action="store_true", help="embed in this process")
    space_arguments(parser)


def space_arguments(parser: ArgumentParser, *, given: bool = True) -> None:
    """What a new space is made of; ``given`` False leaves what is not said to be None."""
    profile = settings.RETRIEVAL["PROFILE"] if given else None
    fusion, metric = ("weighted", "cosine") if given else (None, None)
    parser.add_argument(
        "--profile", default=profile, choices=list(settings.RETRIEVAL["PROFILES"]), help="encoders"
    )
    parser.add_argument("--fusion", default=fusion, choices=EmbeddingSpace.Fusion.values)
    parser.add_argument("--metric", default=metric, choices=EmbeddingSpace.Metric.values)
    parser.add_argument(
        "--fusion-weights",
        type=fusion_weights,
        metavar="text=0.5,image=0.3,audio=0.2",
        help="of the fusion 'weighted': how much each modality counts; unless given they are learned, "
        "equal without training, or those of --from",
    )


def fusion_weights(text: str) -> dict[Modality, float]:
    """``text=0.5,image=0.3,audio=0.2``. Raises ArgumentTypeError for what does not read so."""
    pairs = [part.partition("=") for part in text.split(",")]
    try:
        found = {name.strip(): float(number) for name, _, number in pairs}
    except ValueError:
        found = {}
    if set(found) != set(MODALITIES) or len(pairs) != len(MODALITIES):
        example = ",".join(f"{name}=1" for name in MODALITIES)
        raise ArgumentTypeError(f"{text!r} does not give each modality a number, as {example} does")
    return {name: found[name] for name in MODALITIES}


def train_and_fill(
    command: BaseCommand,
    *,
    name: str | None,
    seed: int,
    profile: str,
    fusion: Any,
    metric: Any,
    activate: bool,
    here: bool,
    augment: int = 0,
    fusion_weights: Mapping[Modality, float] | None = None,
) -> None:
    """Raises RetrievalError with what to do."""
    weights = spaces.weights_checked(fusion, fusion_weights) if fusion_weights else None
    name = name or f"trained {timezone.now():%Y-%m-%d %H:%M:%S}"
    config = TrainingConfig(
        dim=settings.RETRIEVAL["DIM"],
        seed=seed,
        fusion=fusion,
        fusion_weights=weights,
        augment=augment,
    )
    seen = spaces.active_id()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn()) as progress:
        bars = StageBars(progress)
        space = training_jobs.train(
            name, profile=profile, config=config, metric=metric, progress=bars
        )
        bars.complete()
    _report(command, space)
    fill(command, space, here=here, wait=True)
    if activate:
        spaces.space_activate(space.pk, expected=seen)
        command.stdout.write(f"Space {name!r} is active.")
    else:
        command.stdout.write(
            f"Space {name!r} is ready; `manage.py space activate {name!r}` lets it answer."
        )


def fill(command: BaseCommand, space: EmbeddingSpace, *, here: bool, wait: bool) -> None:
    """Embed what is due in one space and say how far it is; it becomes ready once nothing is.

    Raises CommandError without workers, EncoderUnavailable, SpaceBroken, SpaceConflict.
    """
    if here:
        fill_here([space.pk], claims.all_due(space.pk))
    else:
        enqueued = training_jobs.wake_due(space.pk)
        if not wait:
            command.stdout.write(f"{enqueued} items enqueued; add --wait to watch.")
            return
        watch([space.pk])
    spaces.space_ready(space.pk)
    count = claims.progress(space.pk)
    command.stdout.write(
        f"{space.name}: {count['ready']} of {count['total']} items ready, "
        f"{count['pending']} pending, {count['failed']} failed."
    )
    if count["failed"]:
        command.stdout.write(
            command.style.WARNING(
                "The admin's filter 'embedding: failed' shows which items failed and why; after a "
                "repair, backfill again."
            )
        )


class StageBars:
    """A bar for each stage of a training; what a stage says without a length is printed."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage = ""
        self._bar: TaskID | None = None

    def __call__(self, entry: dict[str, Any]) -> None:
        """One entry of what training reports."""
        if entry["stage"] != self._stage:
            self.complete()
            self._stage = entry["stage"]
        if "of" not in entry:
            self._progress.console.print(f"  {self._stage}: {leases.note_of(entry)}")
            return
        if self._bar is None:
            self._bar = self._progress.add_task(self._stage)
        done = entry.get("items", entry.get("epoch"))
        self._progress.update(self._bar, completed=done, total=entry["of"])

    def complete(self) -> None:
        """The stage is over: one that stopped early was as long as it got."""
        if self._bar is not None:
            done = self._progress.tasks[self._bar].completed
            self._progress.update(self._bar, total=done)
        self._bar = None


def _report(command: BaseCommand, space: EmbeddingSpace) -> None:
    for task, languages in space.metrics["held_out"].items():
        for language, found in languages.items():
            low, high = found["r@10_interval"]
            command.stdout.write(
                f"  held out, {task.replace('_', ' ')}, {language}: R@1 {found['r@1']:.3f}, "
                f"R@10 {found['r@10']:.3f} [{low:.3f}, {high:.3f}], MRR {found['mrr']:.3f} "
                f"({found['queries']} queries)"
            )
