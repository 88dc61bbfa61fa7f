"""``manage.py train_space``: align words, pictures and sounds on the catalog itself."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from catalog.commands import ExampleCommand
from retrieval.exceptions import RetrievalError
from retrieval.management.training import train_and_fill, training_arguments
from retrieval.types import Modality


class Command(ExampleCommand):
    """The active space goes on answering until the new one is complete and activated."""

    help = (
        "Train a head on every embedded item, put it into a new embedding space with its held-out "
        "metrics, embed the catalog there and, with --activate, let it answer."
    )
    epilog = """examples:
  manage.py train_space                      a space named by the date, for a look in the admin
  manage.py train_space spring --activate    and let it answer once it is complete
  manage.py train_space --seed 1 --here      without workers
  manage.py train_space wordy --fusion-weights text=0.6,image=0.3,audio=0.1

The same as `manage.py space train`; `manage.py space --help` has the rest of a space's life."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        training_arguments(parser)

    def handle(
        self,
        *,
        name: str | None,
        seed: int,
        activate: bool,
        here: bool,
        profile: str,
        fusion: str,
        metric: str,
        augment: int,
        fusion_weights: dict[Modality, float] | None,
        **_: Any,
    ) -> None:
        """Raises CommandError with what to do."""
        try:
            train_and_fill(
                self,
                name=name,
                seed=seed,
                profile=profile,
                fusion=fusion,
                metric=metric,
                activate=activate,
                here=here,
                augment=augment,
                fusion_weights=fusion_weights,
            )
        except RetrievalError as err:
            raise CommandError(str(err)) from err
