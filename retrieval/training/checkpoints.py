"""What training has finished so far, kept in a file so that a killed one goes on from there."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retrieval.head import Head
from retrieval.training.data import TrainingSet
from retrieval.types import MODALITIES


@dataclass(slots=True)
class Checkpoint:
    """The last finished stage: its head, and what training has measured and reported until then."""

    stage: str
    head: Head
    metrics: dict[str, float]
    history: list[dict[str, Any]]


class Checkpoints:
    """One file for one training set and configuration in ``folder``; None keeps nothing."""

    def __init__(self, folder: Path | None, data: TrainingSet, config: str) -> None:
        self._path = folder and folder / f"{_key(data, config)}.safetensors"

    def load(self) -> Checkpoint | None:
        """None if there is none, or if it cannot be read: training then starts anew."""
        if self._path is None:
            return None
        try:
            head = Head.load(self._path)
        except (OSError, ValueError):
            return None
        kept = dict(head.metadata["checkpoint"])
        bare = {name: value for name, value in head.metadata.items() if name != "checkpoint"}
        return Checkpoint(head=replace(head, metadata=bare), **kept)

    def save(
        self, stage: str, head: Head, metrics: dict[str, float], history: Sequence[dict[str, Any]]
    ) -> None:
        """Replaces the former one; a kill leaves either, never half a file."""
        if self._path is None:
            return
        kept = {"stage": stage, "metrics": metrics, "history": list(history)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        replace(head, metadata={**head.metadata, "checkpoint": kept}).save(part)
        part.rename(self._path)

    def forget(self) -> None:
        """Once the space it was for exists."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _key(data: TrainingSet, config: str) -> str:
    digest = hashlib.sha256(config.encode())
    digest.update(data.labels.tobytes())
    digest.update(json.dumps(data.text.languages.tolist()).encode())
    own = [(name, data.modality(name)) for name in MODALITIES]
    for name, rows in [*own, *sorted(data.further.items())]:
        digest.update(name.encode() + rows.items.tobytes())
        digest.update(rows.vectors.tobytes())
    for name, anchors in sorted(data.anchors.items()):
        digest.update(name.encode() + anchors.features.tobytes() + anchors.texts.tobytes())
    return digest.hexdigest()[:24]
