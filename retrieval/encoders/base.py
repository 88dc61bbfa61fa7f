"""What encoders that hold a model in memory share: lazy, locked, per-process loading."""

import hashlib
import inspect
import json
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

import numpy as np

from retrieval.exceptions import EncoderFailed, EncoderUnavailable
from retrieval.types import Modality, Role, Vectors

_VARIABLE = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


class LocalEncoder(ABC):
    """Base of encoders that run in this process: subclasses give ``_load`` and ``_vectors``.

    The model is loaded at the first ``encode`` in each process: one loaded before a fork hangs
    in the child (OpenMP's threads are gone). Calls are serialised by a lock.
    """

    modalities: frozenset[Modality]
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version changes vectors; part of the fingerprint."""
    revision: ClassVar[int] = 1
    """Raised by hand when the code changes vectors."""

    def __init__(self, *, batch_size: int = 32, **options: Any) -> None:
        if batch_size < 1:
            raise EncoderUnavailable(
                f"batch_size={batch_size} of {type(self).__name__}: take 1 or more."
            )
        self._batch_size = batch_size
        self._options = options
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._model: Any = None

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length of vectors; a class attribute, unless it follows from the weights."""

    @property
    def fingerprint(self) -> str:
        """Class, revision, package versions and options. Raises ``EncoderUnavailable``."""
        try:
            versions = ",".join(f"{name}-{_version(name)}" for name in self.packages)
        except PackageNotFoundError as err:
            raise EncoderUnavailable(
                f"{err.name} is not installed: pip install {err.name}"
            ) from err
        identity = json.dumps(self._identity(), sort_keys=True)
        digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
        return f"{type(self).__name__}/{self.revision}[{versions}]{digest}"

    def _identity(self) -> Mapping[str, Any]:
        """What vectors follow from besides class and packages; JSON."""
        return self._options

    def encode(self, modality: Modality, batch: Sequence[Any], role: Role = "document") -> Vectors:
        """See ``retrieval.types.Encoder``."""
        if modality not in self.modalities:
            raise EncoderFailed(f"{type(self).__name__} does not encode {modality!r}.")
        size = self._batch_size
        parts = (batch[start : start + size] for start in range(0, len(batch), size))
        empty = np.zeros((0, self.dim), np.float32)
        return np.concatenate(
            [empty, *(self._unit(self._locked_vectors(part, role)) for part in parts)]
        )

    @abstractmethod
    def _load(self) -> Any:
        """The model. Raises ``EncoderUnavailable``."""

    @abstractmethod
    def _vectors(self, model: Any, batch: Sequence[Any], role: Role) -> Vectors:
        """float, (len(batch), dim), of any norm."""

    def _locked_vectors(self, batch: Sequence[Any], role: Role) -> Vectors:
        if self._pid != os.getpid():  # forked: neither the lock nor the model can be trusted
            self._lock, self._model, self._pid = threading.Lock(), None, os.getpid()
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._vectors(self._model, batch, role)

    def _unit(self, vectors: Vectors) -> Vectors:
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        name = type(self).__name__
        if not np.isfinite(norms).all():
            raise EncoderFailed(f"{name} gave a vector that is not finite.", "encoder_not_finite")
        if not (norms > 0).all():
            raise EncoderFailed(f"{name} gave a zero vector.", "encoder_zero_vector")
        return (vectors / norms).astype(np.float32)


def options_of(backend: Any) -> list[str] | None:
    """Names of the options that a class takes, those it hands on to its bases included; None if it
    takes any. What ``LocalEncoder`` takes besides its own is what subclasses are identified by.
    """
    names: set[str] = set()
    for cls in (each for each in inspect.getmro(backend) if "__init__" in vars(each)):
        parameters = list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]
        names |= {each.name for each in parameters if each.kind not in _VARIABLE}
        hands_on = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)
        if cls is LocalEncoder or not hands_on:
            return sorted(names)
    return None


@lru_cache
def _version(package: str) -> str:
    """Of an installed package; a fingerprint is asked for with every batch, a file each time."""
    return version(package)
