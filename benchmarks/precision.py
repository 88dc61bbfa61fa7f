"""Whether a sentence encoder keeps its neighbours at bfloat16 and int8, and what time that takes.

    python -m benchmarks.precision FOLDER [--texts FILE]

FOLDER is a checkpoint in the format of transformers; FILE has one text a line (default: the English
titles of the demo's emoji). Recommended is what keeps at least RECOMMENDED of the ten neighbours.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

RECOMMENDED = 0.95
NEIGHBOURS = 10
RUNS = 2


def overlap(exact: np.ndarray, other: np.ndarray, k: int = NEIGHBOURS) -> float:
    """Mean share of a row's ``k`` nearest other rows that both (n, dim) have in common."""
    near = [_nearest(vectors, k) for vectors in (exact, other)]
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(*near, strict=True)]))


def _nearest(vectors: np.ndarray, k: int) -> np.ndarray:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k]


def main() -> None:
    """Print one row a precision; times are the best of RUNS, taken in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    import torch

    from retrieval.encoders.sentence import SentenceEncoder

    class Int8Encoder(SentenceEncoder):
        """Quantized, one text at a time: the scale of activations follows from the whole batch."""

        def _network(self, auto: Any) -> Any:
            return quantized(super()._network(auto))

    torch.set_num_threads(arguments.threads)
    texts = _texts(arguments.texts)
    encoders: dict[str, Any] = {
        precision: SentenceEncoder(
            model=str(arguments.folder), device="cpu", precision=precision, batch_size=32
        )
        for precision in ("float32", "bfloat16")
    }
    encoders["int8"] = Int8Encoder(model=str(arguments.folder), device="cpu", batch_size=1)
    # compare like with like as well
    encoders["float32, one at a time"] = SentenceEncoder(
        model=str(arguments.folder), device="cpu", batch_size=1
    )
    vectors: dict[str, np.ndarray] = {}
    seconds = dict.fromkeys(encoders, float("inf"))
    for encoder in encoders.values():
        encoder.encode("text", texts[:10])
    for _ in range(RUNS):
        for name, encoder in encoders.items():
            started = time.perf_counter()
            vectors[name] = encoder.encode("text", texts)
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    print(f"{len(texts)} texts, {arguments.threads} threads\n")  # noqa: T201
    print("| precision | overlap@10 | worst cosine | time / float32 | texts/s |")  # noqa: T201
    print("|---|---|---|---|---|")  # noqa: T201
    for name, found in vectors.items():
        kept = overlap(vectors["float32"], found)
        cosine = float((found * vectors["float32"]).sum(1).min())
        ratio, rate = seconds[name] / seconds["float32"], len(texts) / seconds[name]
        mark = "" if kept >= RECOMMENDED else " (not recommended)"
        print(f"| {name} | {kept:.3f}{mark} | {cosine:.4f} | {ratio:.2f} | {rate:.0f} |")  # noqa: T201


def quantized(network: Any) -> Any:
    """Weights of linear layers in 8 bits with a scale for each output, activations as they come."""
    import torch
    from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

    with warnings.catch_warnings():
        # deprecated in favour of torchao, which is not among our packages
        warnings.simplefilter("ignore", DeprecationWarning)
        return quantize_dynamic(network, {torch.nn.Linear: per_channel_dynamic_qconfig})


def _texts(path: Path | None) -> list[str]:
    if path is not None:
        lines = path.read_text(encoding="utf-8").splitlines()
        return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings

    found: list[str] = []
    for file in sorted(Path(settings.DEMO_CACHE).glob("emoji-*/*.jsonl")):
        found += [json.loads(line)["title"]["en"] for line in file.open(encoding="utf-8")]
    if not found:
        raise SystemExit("No emoji in DEMO_CACHE: run `manage.py import_demo`, or give --texts.")
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    main()
