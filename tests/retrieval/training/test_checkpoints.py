"""A training that is killed goes on at the stage it was in."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.training import TrainingConfig, train_head
from retrieval.training.contrastive import ContrastiveConfig
from tests.retrieval.training.test_align import world

CONFIG = TrainingConfig(
    dim=16, strengths=(0.01, 0.1), contrastive=ContrastiveConfig(max_epochs=2, margin=-9.0)
)


class Killed(Exception):
    """What stands for SIGKILL: nothing below catches it."""


def killed_at(stage: str):
    def progress(entry: dict) -> None:
        if entry["stage"] == stage:
            raise Killed

    return progress


@pytest.mark.parametrize(
    ("stage", "resumes_after"), [("contrastive", "aligned"), ("fusion", "refined")]
)
def test_it_goes_on_at_the_interrupted_stage(tmp_path, stage, resumes_after):
    data = world()
    with pytest.raises(Killed):
        train_head(data, CONFIG, killed_at(stage), checkpoints=tmp_path)
    seen: list[dict] = []
    resumed = train_head(data, CONFIG, seen.append, checkpoints=tmp_path)
    whole = train_head(data, CONFIG)
    assert seen[0] == {"stage": "resumed", "after": resumes_after}
    assert not {"text", "image", "audio"} & {entry["stage"] for entry in seen}
    assert resumed.head.fingerprint == whole.head.fingerprint
    assert resumed.metrics == whole.metrics
    assert not list(tmp_path.iterdir())


def test_other_data_or_settings_start_anew(tmp_path):
    data = world()
    with pytest.raises(Killed):
        train_head(data, CONFIG, killed_at("fusion"), checkpoints=tmp_path)
    for other in (data.subset(np.arange(150)), replace(data, further={"image": data.image})):
        seen: list[dict] = []
        train_head(other, CONFIG, seen.append, checkpoints=tmp_path)
        assert seen[0]["stage"] == "text"


def test_a_broken_file_starts_anew(tmp_path):
    data = world()
    with pytest.raises(Killed):
        train_head(data, CONFIG, killed_at("fusion"), checkpoints=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    seen: list[dict] = []
    train_head(data, CONFIG, seen.append, checkpoints=tmp_path)
    assert seen[0]["stage"] == "text"
