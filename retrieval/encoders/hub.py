"""Encoders whose weights come from the hub or a local folder: pinned, safetensors only, offline.

Nothing is downloaded while encoding: ``manage.py fetch_weights`` does that beforehand.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, get_args

from retrieval.encoders.base import LocalEncoder
from retrieval.exceptions import EncoderUnavailable

Precision = Literal["float32", "bfloat16"]

COMMIT = re.compile(r"[0-9a-f]{40}")
FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
"""Weights, configurations, vocabularies. No pickles, no code."""


class Weights(Protocol):
    """Files an encoder needs that no package brings."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    def size(self) -> int:
        """Bytes still to download; 0 if all are here. Asks the network."""
        ...

    def fetch(self) -> None:
        """Download what is missing, with a progress bar. Asks the network."""
        ...


@dataclass(frozen=True, slots=True)
class HubWeights:
    """One commit of one repository of the hub."""

    model: str
    revision: str

    @property
    def name(self) -> str:
        """Model and commit, for people."""
        return f"{self.model} at {self.revision[:12]}"

    def folder(self) -> Path:
        """Its files in the hub's cache. Raises ``EncoderUnavailable`` with the command to run."""
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            folder = Path(self._snapshot(local_files_only=True))
            if any(folder.glob("*.safetensors")):
                return folder
        except LocalEntryNotFoundError:
            pass  # nothing is here, or a part of it
        command = fetch_command(model=self.model) or (
            f"hf download {self.model} --revision {self.revision}"
        )
        raise EncoderUnavailable(
            f"The weights of {self.name} are not on this machine: run `{command}`."
        )

    def size(self) -> int:
        """See ``Weights``."""
        return sum(file.file_size for file in self._snapshot(dry_run=True) if file.will_download)

    def fetch(self) -> None:
        """See ``Weights``."""
        self._snapshot()

    def _snapshot(self, **options: Any) -> Any:
        from huggingface_hub import snapshot_download

        # files in folders are other formats of the same weights
        return snapshot_download(
            self.model,
            revision=self.revision,
            allow_patterns=list(FILES),
            ignore_patterns=["*/*"],
            **options,
        )


class HubEncoder(LocalEncoder):
    """Base of encoders that ``transformers`` loads.

    ``model``: a name of the hub with ``revision``, a whole commit hash, or a local folder without.
    ``device``: auto (CUDA if there is one), cpu, cuda, cuda:1 or mps. ``precision``: float32
    or bfloat16. Of MiniLM's ten nearest neighbours bfloat16 keeps .99 in .64 of the time, int8 would
    keep .83, which is too few (``benchmarks/precision.py``). In bfloat16 a row depends on its
    neighbours within 5e-3.
    """

    packages = ("transformers", "torch")
    unread: ClassVar[tuple[str, ...]] = ("position_ids",)
    """Parts of names of parameters that a checkpoint may lack: the encoder does not read them."""

    def __init__(
        self,
        *,
        model: str,
        revision: str = "",
        device: str = "auto",
        precision: Precision = "float32",
        batch_size: int = 16,
        **options: Any,
    ) -> None:
        if revision and not COMMIT.fullmatch(revision):
            raise EncoderUnavailable(
                f"{model}: revision={revision!r} is no commit hash of 40 hexadecimal digits; a "
                "branch or tag can change the weights under stored vectors."
            )
        if not revision and not Path(model).is_dir():
            raise EncoderUnavailable(
                f"model={model!r} is not a folder on this machine; a model of the hub needs "
                "revision=, a commit hash of 40 hexadecimal digits."
            )
        if precision not in get_args(Precision):
            raise EncoderUnavailable(
                f"precision={precision!r}: use one of {', '.join(get_args(Precision))}."
            )
        super().__init__(batch_size=batch_size, precision=precision, **options)
        self._source = HubWeights(model, revision) if revision else Path(model)
        self._wanted_device = device
        self._precision = precision

    @property
    def weights(self) -> Weights | None:
        """What can be fetched; None for a local folder."""
        return self._source if isinstance(self._source, HubWeights) else None

    def _identity(self) -> Mapping[str, Any]:
        source = self._source
        if isinstance(source, HubWeights):
            return {**self._options, "model": source.model, "revision": source.revision}
        return {**self._options, "files": folder_sha256(source)}

    def _folder(self) -> Path:
        return self._source.folder() if isinstance(self._source, HubWeights) else self._source

    def _pretrained(self, auto: Any, **options: Any) -> Any:
        """A tokenizer, processor or configuration of the checkpoint, by its ``Auto`` class."""
        from safetensors import SafetensorError

        folder = self._folder()
        try:
            return auto.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, **options
            )
        except (SafetensorError, OSError, ValueError, ImportError, LookupError, TypeError) as err:
            raise EncoderUnavailable(f"{folder} cannot be loaded: {err}") from err

    def _network(self, auto: Any) -> Any:
        """The network in evaluation mode, on its device, at its precision.

        Raises ``EncoderUnavailable`` rather than leave a parameter random.
        """
        import torch
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        dtype = torch.bfloat16 if self._precision == "bfloat16" else torch.float32
        network, info = self._pretrained(
            auto, use_safetensors=True, dtype=dtype, output_loading_info=True
        )
        lacking = sorted(
            key for key in info["missing_keys"] if not any(part in key for part in self.unread)
        )
        if lacking:
            raise EncoderUnavailable(
                f"{self._folder()} lacks {len(lacking)} parameters of {type(network).__name__}, "
                f"such as {lacking[0]}: it is a checkpoint of another kind of model."
            )
        return network.eval().to(self._device())

    def _device(self) -> str:
        import torch

        if self._wanted_device != "auto":
            return self._wanted_device
        return "cuda" if torch.cuda.is_available() else "cpu"


def fetch_command(**option: str) -> str:
    """The command that downloads what the first profile with this option needs; "" if none has it."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        profiles = settings.RETRIEVAL["PROFILES"]
    except ImproperlyConfigured:  # used without Django
        return ""
    for name, encoders in profiles.items():
        configs = [
            one for config in encoders.values() for one in [config, *config.get("members", ())]
        ]
        if any(option.items() <= config.items() for config in configs):
            return f"manage.py fetch_weights --profile {name}"
    return ""


def folder_sha256(folder: Path) -> str:
    """Of the names and contents of a checkpoint's files."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in FILES for path in folder.glob(pattern)):
        digest.update(f"{path.name}:{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Of a file's bytes, remembered until it changes. Raises ``EncoderUnavailable``."""
    try:
        stat = path.stat()
    except OSError as err:
        raise EncoderUnavailable(f"{path} cannot be read: {err.strerror}.") from err
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _sha256(path: Path, changed_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
