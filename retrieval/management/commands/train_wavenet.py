"""``manage.py train_wavenet``: an audio encoder for spoken words, from scratch."""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from catalog.commands import ExampleCommand
from catalog.importers.demo import FetchError
from retrieval import spoken
from retrieval.encoders.e5 import E5Encoder
from retrieval.exceptions import RetrievalError
from retrieval.training.wavenet import (
    Fitted,
    WaveNetTrainingConfig,
    has_bf16,
    prepared_task,
    split_items,
    train_wavenet,
)


class Command(ExampleCommand):
    """Interrupted with Ctrl-C it can be continued with --resume and ends as if nothing happened."""

    help = (
        "Train a WaveNet on the stamps' spoken descriptions (161 MB, fetched once) to find the text "
        "that is read, and write its weights for retrieval.encoders.wavenet.WaveNetEncoder."
    )
    epilog = """examples:
  manage.py train_wavenet                         var/wavenet/wavenet.safetensors
  manage.py train_wavenet --resume                go on where it was interrupted
  manage.py train_wavenet --without ca bg --out var/wavenet/no-ca-bg.safetensors"""
    requires_system_checks: list[str] = []  # neither the database nor the queue is used

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        defaults = WaveNetTrainingConfig()
        parser.add_argument("--out", type=Path, help="the file of weights")
        parser.add_argument("--epochs", type=int, default=defaults.epochs, help="at most")
        parser.add_argument("--seed", type=int, default=0, help="of weights and order")
        parser.add_argument("--split", type=int, default=0, help="of held-out items")
        parser.add_argument(
            "--without", nargs="+", default=[], metavar="LANGUAGE", help="languages not learned"
        )
        parser.add_argument("--threads", type=int, default=2, help="of torch")
        parser.add_argument("--resume", action="store_true", help="continue an interrupted run")

    def handle(
        self,
        *,
        out: Path | None,
        epochs: int,
        seed: int,
        split: int,
        without: list[str],
        threads: int,
        resume: bool,
        **_: Any,
    ) -> None:
        """Raises CommandError with what to do."""
        import torch

        torch.set_num_threads(threads)
        folder = settings.VAR / "wavenet"
        out = out or folder / "wavenet.safetensors"
        config = replace(WaveNetTrainingConfig(), epochs=epochs, seed=seed, bf16=has_bf16())
        try:
            fitted = self._train(folder, out, config, split, without, resume)
        except (FetchError, RetrievalError) as err:
            raise CommandError(str(err)) from err
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted; the same command with --resume goes on after the last whole epoch."
            ) from None
        self.stdout.write(
            f"{out}: epoch {fitted.epoch}, validation R@10 {fitted.validation:.3f}. "
            "Figures on the held-out items: python -m benchmarks.wavenet"
        )

    def _train(
        self,
        folder: Path,
        out: Path,
        config: WaveNetTrainingConfig,
        split: int,
        without: list[str],
        resume: bool,
    ) -> Fitted:
        console = Console()
        package = spoken.fetch(settings.DEMO_CACHE, console)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        left = (TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=True))
        with Progress(*columns, *left, console=console) as progress:
            bar = progress.add_task("preparing", total=None)
            first: int | None = None

            def show(entry: dict[str, Any]) -> None:
                nonlocal first
                match entry["stage"]:
                    case "batch":
                        first = entry["epoch"] if first is None else first  # after a resume
                        done = (entry["epoch"] - first) * entry["of"] + entry["done"]
                        total = (entry["epochs"] - first) * entry["of"]
                        progress.update(bar, description="training", completed=done, total=total)
                    case "wavenet":
                        facts = ", ".join(f"{k} {v}" for k, v in entry.items() if k != "stage")
                        progress.console.print(f"  {facts}", highlight=False)
                    case stage:
                        progress.update(bar, description=f"{stage} {entry['done']}")

            task = prepared_task(package, folder, E5Encoder(), show)
            sides = split_items(task.clips, split, without)
            parts = {"train": sides.train, "validation": sides.validation, "test": sides.test}
            counts = ", ".join(f"{len(clips)} {name}" for name, clips in parts.items())
            progress.console.print(f"  clips: {counts}", highlight=False)
            return train_wavenet(task, sides, out, config, show, resume=resume)
