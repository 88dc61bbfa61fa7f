"""Spoken descriptions find their texts: the WaveNet trained from scratch against chance and against
MFCC statistics with the same targets; docs/evaluation.md has the protocol.

    manage.py train_wavenet
    manage.py train_wavenet --without ca bg --out var/wavenet/without-ca-bg.safetensors
    python -m benchmarks.wavenet
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

if TYPE_CHECKING:
    from retrieval.training.wavenet import Ranking, Split, SpokenTask, WaveNetTrainingConfig

LEAST_CANDIDATES = 50
"""A language with fewer held-out items is left out: ten of a few are found by chance."""
STRENGTHS = (10.0, 100.0, 1_000.0, 10_000.0)
RESAMPLES = 2_000

Vectors = NDArray[np.float32]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="trained on every language")
    parser.add_argument("--without", type=Path, help="trained without some languages")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    import django

    django.setup()
    import torch
    from django.conf import settings
    from rich.console import Console

    from retrieval import spoken
    from retrieval.encoders.e5 import E5Encoder
    from retrieval.encoders.wavenet import read_header
    from retrieval.training.wavenet import prepared_task

    torch.set_num_threads(arguments.threads)
    folder = settings.VAR / "wavenet"
    every = arguments.weights or folder / "wavenet.safetensors"
    without = arguments.without or folder / "without-ca-bg.safetensors"
    read_header(every)  # a missing file is said before minutes of decoding
    package = spoken.fetch(settings.DEMO_CACHE, Console(stderr=True))
    task = prepared_task(package, folder, E5Encoder())
    _compare(task, every)
    if without.exists():
        _compare(task, without)


def _compare(task: "SpokenTask", weights: Path) -> None:
    """One table; of the held-out languages only, if the weights were trained without some."""
    from retrieval.encoders import wavenet
    from retrieval.training.wavenet import encode_clips, split_items, text_targets

    header = wavenet.read_header(weights)
    split = split_items(task.clips, header["split"], header["held_out_languages"])
    targets = text_targets(task, split, header["training"]["whitening_ridge"])
    network = wavenet.load(weights)

    def rows(clip: int) -> Vectors:
        return wavenet.standardised(task.clips.clip(clip))

    asked = _asking(task, split)
    systems = {
        "MFCC statistics, ridge": _ridge(task, split, targets)[asked],
        "MFCC statistics, two layers, same loss": _layers(task, split)[asked],
        "**WaveNet**": encode_clips(network, rows, asked),
    }
    left_out = ", ".join(split.held_out_languages)
    title = f"Languages not learned: {left_out}" if left_out else "All languages learned"
    _say(f"\n{title}; {len(asked)} clips of {len(set(task.clips.external_ids[asked]))} items\n")
    _say("| | R@10 own language | MRR | R@10 English | MRR |\n|---|---|---|---|---|")
    found = {name: _rankings(task, targets, asked, vectors) for name, vectors in systems.items()}
    chance = [one.chance.mean() for one in found["**WaveNet**"]]
    _say(f"| chance | {chance[0]:.3f} | | {chance[1]:.3f} | |")
    items = task.clips.external_ids[asked]
    for name, rankings in found.items():
        _say(f"| {name} | " + " | ".join(_figures(one, items) for one in rankings) + " |")
    best = "MFCC statistics, two layers, same loss"
    for side, name in enumerate(("own language", "English")):
        hits = [(found[one][side].ranks <= 10).astype(float) for one in ("**WaveNet**", best)]
        low, high = _interval(hits[0] - hits[1], items)
        _say(
            f"\nWaveNet minus {best}, {name}: {(hits[0] - hits[1]).mean():+.3f} [{low:+.3f}, {high:+.3f}]"
        )
    _by_language(task, asked, found)


def _asking(task: "SpokenTask", split: "Split") -> NDArray[np.int64]:
    """The test's clips in languages with enough held-out items; in the held-out languages if any."""
    languages = task.clips.languages[split.test]
    chosen = [
        language
        for language in np.unique(languages)
        if (languages == language).sum() >= LEAST_CANDIDATES
        and (not split.held_out_languages or language in split.held_out_languages)
    ]
    return split.test[np.isin(languages, chosen)]


def _rankings(
    task: "SpokenTask", targets: Vectors, clips: NDArray[np.int64], vectors: Vectors
) -> list["Ranking"]:
    from retrieval.training.wavenet import rank_texts

    return [rank_texts(task, targets, clips, vectors, english=english) for english in (False, True)]


def _statistics(task: "SpokenTask", split: "Split") -> Vectors:
    """(clips, d), standardised by the training clips."""
    statistics = task.clips.statistics
    seen = statistics[split.train]
    return ((statistics - seen.mean(0)) / (seen.std(0) + 1e-6)).astype(np.float32)


def _ridge(task: "SpokenTask", split: "Split", targets: Vectors) -> Vectors:
    """(clips, d): the statistics mapped to the sum of both texts; strength chosen on validation."""
    inputs = _statistics(task, split).astype(np.float64)
    wanted = targets[task.own] + targets[task.english]
    seen = inputs[split.train]
    best: tuple[float, Vectors] = (-1.0, np.zeros((0, 0), np.float32))
    for strength in STRENGTHS:
        gram = seen.T @ seen + strength * np.eye(seen.shape[1])
        mapped = inputs @ np.linalg.solve(gram, seen.T @ wanted[split.train])
        vectors = (mapped / np.linalg.norm(mapped, axis=1, keepdims=True)).astype(np.float32)
        rankings = _rankings(task, targets, split.validation, vectors[split.validation])
        judged = float(np.mean([(one.ranks <= 10).mean() for one in rankings]))
        best = max(best, (judged, vectors), key=lambda one: one[0])
    return best[1]


def _layers(task: "SpokenTask", split: "Split") -> Vectors:
    """(clips, d): two layers on the statistics, trained with the WaveNet's own loss and stopping."""
    import torch
    from torch import Tensor, nn

    from retrieval.training.wavenet import encode_clips, fit

    class TwoLayers(nn.Module):
        def __init__(self, inputs: int, dim: int) -> None:
            super().__init__()
            self.stack = nn.Sequential(
                nn.Linear(inputs, 256), nn.ReLU(), nn.Dropout(0.3), nn.Linear(256, dim)
            )

        def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, None]:
            return nn.functional.normalize(self.stack(frames[:, 0]), dim=1), None

    inputs = _statistics(task, split)[:, None]
    torch.manual_seed(0)
    network = TwoLayers(inputs.shape[2], task.vectors.shape[1])
    fit(network, lambda clip: inputs[clip], task, split, _baseline_config())
    return encode_clips(network, lambda clip: inputs[clip], np.arange(len(task.clips)))


def _baseline_config() -> "WaveNetTrainingConfig":
    from retrieval.training.wavenet import WaveNetTrainingConfig

    # large batches: two layers cost nothing beside the comparison with every text
    return WaveNetTrainingConfig(
        augment=False, batch_size=128, learning_rate=2e-3, reading_weight=0.0
    )


def _figures(ranking: "Ranking", items: NDArray[Any]) -> str:
    hits = (ranking.ranks <= 10).astype(float)
    low, high = _interval(hits, items)
    return f"{hits.mean():.3f} [{low:.3f}, {high:.3f}] | {(1 / ranking.ranks).mean():.3f}"


def _interval(values: NDArray[np.float64], items: NDArray[Any]) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean; items are drawn, with all their clips."""
    _, owners = np.unique(items, return_inverse=True)
    counts, sums = np.bincount(owners), np.bincount(owners, values)
    drawn = np.random.default_rng(0).integers(0, len(counts), (RESAMPLES, len(counts)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _by_language(
    task: "SpokenTask", asked: NDArray[np.int64], found: dict[str, list["Ranking"]]
) -> None:
    _say("\n| language | clips | chance | " + " | ".join(found) + " |")
    _say("|---|---|---|" + "---|" * len(found))
    languages = task.clips.languages[asked]
    for language in np.unique(languages):
        of = languages == language
        shares = [(rankings[0].ranks[of] <= 10).mean() for rankings in found.values()]
        chance = next(iter(found.values()))[0].chance[of].mean()
        figures = " | ".join(f"{share:.3f}" for share in (chance, *shares))
        _say(f"| {language} | {of.sum()} | {figures} |")


def _say(line: str) -> None:
    print(line)  # noqa: T201


if __name__ == "__main__":
    main()
