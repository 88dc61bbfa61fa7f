"""``manage.py fetch_weights``: download what a profile's encoders need, before workers need it."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat

from catalog.commands import ExampleCommand
from retrieval import encoders
from retrieval.encoders.hub import Weights
from retrieval.exceptions import EncoderUnavailable


class Command(ExampleCommand):
    """What is here already is not downloaded again; an interrupted download goes on."""

    help = "Download the pinned weights of a profile's encoders: safetensors and configurations."
    epilog = """examples:
  manage.py fetch_weights                              of the profile in RETRIEVAL_PROFILE
  manage.py fetch_weights --profile standard --dry-run sizes only
HF_HOME is where they are kept (default: ~/.cache/huggingface); with HF_HUB_OFFLINE=1 nothing is asked."""
    requires_system_checks: list[str] = []  # neither the database nor the queue is used

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument(
            "--profile", choices=list(settings.RETRIEVAL["PROFILES"]), help="whose encoders"
        )
        parser.add_argument("--dry-run", action="store_true", help="show sizes, download nothing")

    def handle(self, *, profile: str | None, dry_run: bool, **_: Any) -> None:
        """Exit code 1 if something is missing and cannot be had."""
        profile = profile or settings.RETRIEVAL["PROFILE"]
        wanted = _weights(profile)
        if not wanted:
            self.stdout.write(f"The profile {profile} needs no downloads.")
        for weights in wanted:
            try:
                size = weights.size()
                self.stdout.write(
                    f"{weights.name}: {filesizeformat(size)} to download"
                    if size
                    else f"{weights.name}: complete"
                )
                if size and not dry_run:
                    weights.fetch()
                    self.stdout.write(f"{weights.name}: complete")
            except Exception as err:
                raise CommandError(_problem(weights, err)) from err


def _weights(profile: str) -> list[Weights]:
    """Each once, though two modalities may share an encoder; those of ensembles' members too."""
    configs = settings.RETRIEVAL["PROFILES"][profile].values()
    single = [one for config in configs for one in config.get("members", [config])]
    found: list[Weights | None] = []
    for config in single:
        options = {key: value for key, value in config.items() if key != "share"}
        try:
            found.append(getattr(encoders.make(options), "weights", None))
        except EncoderUnavailable as err:
            raise CommandError(str(err)) from err
    return list(dict.fromkeys(weights for weights in found if weights is not None))


def _problem(weights: Weights, err: Exception) -> str:
    from huggingface_hub.constants import is_offline_mode

    if is_offline_mode():
        return f"{weights.name}: HF_HUB_OFFLINE is set; unset it to download."
    return f"{weights.name} cannot be downloaded: {type(err).__name__}: {err}"
