"""What the pipeline costs beside its models: speed and memory of a real worker against a bare loop.

    python -m benchmarks.embed

A Celery worker with one process, and a process that runs nothing but decoders and encoders, take
turns on the same items in the same batches, so that whatever else the machine does hits both. The
bare loop reads files and decodes them in its own process, without the child that protects a worker
from hostile ones, and knows no database. Works in a data folder of its own (``bench`` under VAR)
with the demo catalog. Linux only (/proc).

Items that did not change are measured over the whole catalog, whose vectors are made up for that: none
of them is read.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
POLL_S = 0.2
"""Asking whether all is done takes a core that the encoders want: at 0.05 the worker was a tenth slower."""
DEADLINE_S = 1_800.0
START_S = 180.0
THROUGHPUT = 0.85
UNCHANGED_S = 2.0
MEMORY_MIB = 400.0


def main() -> None:
    """Measure, print a table, exit with 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=256, help="whose speed is compared")
    parser.add_argument("--rounds", type=int, default=5, help="of each; the median counts")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of items")
    arguments = parser.parse_args()
    django_ready()
    catalog = Catalog()
    with running_worker() as worker, bare_process() as bare:
        catalog.fill()
        unchanged = [catalog.embed_unchanged() for _ in range(arguments.rounds)]
        say("unchanged: " + ", ".join(f"{took:.2f} s" for took in unchanged))
        chosen = catalog.sample(arguments.items, arguments.seed)
        rounds = []
        for number in range(arguments.rounds):
            turns: list[Callable[[], float]] = [
                lambda: bare.run(catalog.batches(chosen)),
                lambda: catalog.embed_anew(chosen),
            ]
            first = number % 2  # whoever comes second finds the files in the page cache
            took = {turn: turns[turn]() for turn in (first, 1 - first)}
            rounds.append((took[0], took[1]))
            say(f"round {number + 1}: bare {took[0]:.2f} s, worker {took[1]:.2f} s")
        memory = [
            resident_mib(pid) for pid in (worker.pool_process(), *worker.decoders(), bare.pid)
        ]
    rows = [
        throughput_row(len(chosen), rounds),
        unchanged_row(len(catalog.ids), unchanged),
        memory_row(sum(memory[:-1]), memory[-1]),
    ]
    say("\n| measured | median (least to most) | bar | met | |\n|---|---|---|---|---|")
    for name, value, bar, met, note in rows:
        say(f"| {name} | {value} | {bar} | {'yes' if met else 'NO'} | {note} |")
    sys.exit(not all(row[3] for row in rows))


Row = tuple[str, str, str, bool, str]


def throughput_row(count: int, rounds: Sequence[tuple[float, float]]) -> Row:
    """Of seconds (bare, worker) in each round."""
    ratios = [bare_s / worker_s for bare_s, worker_s in rounds]
    bare_s, worker_s = (median(column) for column in zip(*rounds, strict=True))
    return (
        f"items/s of the worker / of the bare loop, {count} items",
        f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        f">= {THROUGHPUT}",
        median(ratios) >= THROUGHPUT,
        f"{count / worker_s:.1f} / {count / bare_s:.1f} items/s",
    )


def unchanged_row(items: int, took: Sequence[float]) -> Row:
    """Of seconds in each round."""
    return (
        f"embedding {items} unchanged items again",
        f"{median(took):.2f} s ({min(took):.2f} to {max(took):.2f})",
        f"<= {UNCHANGED_S:.0f} s",
        median(took) <= UNCHANGED_S,
        f"{items / median(took):.0f} items/s",
    )


def memory_row(worker_mib: float, bare_mib: float) -> Row:
    """Of resident memory at the end."""
    return (
        "memory of the worker and its decoder - of the bare process",
        f"{worker_mib - bare_mib:.0f} MiB",
        f"<= {MEMORY_MIB:.0f} MiB",
        worker_mib - bare_mib <= MEMORY_MIB,
        f"{worker_mib:.0f} - {bare_mib:.0f} MiB",
    )


def say(line: str) -> None:
    """At once, also into a file."""
    print(line, flush=True)  # noqa: T201


def until(condition: Callable[[], bool], what: str, deadline_s: float) -> None:
    """Return once it holds. Exits if it does not in time."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"Not within {deadline_s:.0f} s: {what}.")
        time.sleep(POLL_S)


def django_ready() -> None:
    """Settings on the benchmark's own data folder."""
    home = Path(os.environ.get("VAR", ROOT / "var"))
    os.environ.setdefault("DEMO_CACHE", str(home / "cache"))
    os.environ["VAR"] = str(home / "bench")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()


class Catalog:
    """The demo catalog in an untrained space."""

    def __init__(self) -> None:
        from django.conf import settings
        from django.core.management import call_command

        from catalog.broker import redis_client
        from catalog.models import Item
        from retrieval import spaces
        from retrieval.models import Embedding

        call_command("migrate", verbosity=0)
        if not Item.objects.exists():
            call_command("import_demo")
        redis_client().flushdb()  # messages of the import
        Embedding.objects.update(leased_until=None)  # of a benchmark that was killed
        self._forget_other_encoders()
        retrieval = settings.RETRIEVAL
        self.space_id = spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
        self.ids = list(Item.objects.order_by("id").values_list("id", flat=True))

    def _forget_other_encoders(self) -> None:
        """A space of an earlier benchmark may be of encoders that have changed since."""
        from retrieval import index, spaces
        from retrieval.exceptions import SpaceConflict
        from retrieval.models import EmbeddingSpace

        for row in EmbeddingSpace.objects.defer("head"):
            try:
                spaces.check_encoders(spaces.space(row.pk))
            except SpaceConflict:
                index.partition_drop(spaces.partition_of(row))
                row.delete()

    def sample(self, count: int, seed: int) -> list[int]:
        """Some of the items, ascending."""
        import numpy as np

        drawn = np.random.default_rng(seed).permutation(self.ids)[:count]
        return sorted(int(item_id) for item_id in drawn)

    def embed(self, ids: Sequence[int] | None = None) -> float:
        """Seconds from waking the worker to the last embedding."""
        from django.db.models import F

        from catalog.wake import workers_wake
        from retrieval.models import Embedding

        ids = self.ids if ids is None else ids
        ready = Embedding.objects.filter(
            space_id=self.space_id,
            item_id__in=list(ids),
            content_version=F("item__content_version"),
        )
        started = time.perf_counter()
        workers_wake(ids)
        until(lambda: ready.count() == len(ids), f"{len(ids)} items are embedded", DEADLINE_S)
        return time.perf_counter() - started

    def fill(self) -> None:
        """Every item embedded, of made-up encoder outputs: of an unchanged item none is read again."""
        import numpy as np

        from retrieval import encoders
        from retrieval.models import EncoderOutput

        rng = np.random.default_rng(0)
        rows = []
        for batch in self.batches(self.ids):
            for piece in batch:
                encoder = encoders.encoder_for(piece["modality"])  # type: ignore[arg-type]
                vector = rng.standard_normal(encoder.dim)
                data = (vector / np.linalg.norm(vector)).astype("<f2").tobytes()
                key = {"encoder": encoder.fingerprint, "content_hash": piece["sha256"]}
                rows.append(EncoderOutput(**key, vector=data))
        EncoderOutput.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)
        self.embed()

    def embed_unchanged(self) -> float:
        """Every item due again, though nothing of it changed."""
        from catalog.services import items_touch

        items_touch(self.ids)
        return self.embed()

    def embed_anew(self, ids: Sequence[int]) -> float:
        """As if the items had just come."""
        self._forget(ids)
        return self.embed(ids)

    def _forget(self, ids: Sequence[int]) -> None:
        from retrieval.models import Embedding, EncoderOutput

        hashes = {piece["sha256"] for batch in self.batches(ids) for piece in batch}
        EncoderOutput.objects.filter(content_hash__in=hashes).delete()
        Embedding.objects.filter(space_id=self.space_id, item_id__in=list(ids)).delete()

    def batches(self, ids: Sequence[int]) -> list[list[dict[str, str]]]:
        """What the encoders read of the items, in the worker's batches."""
        from django.core.files.storage import default_storage

        from catalog import selectors
        from retrieval import outputs, services

        found = []
        for start in range(0, len(ids), services.BATCH):
            documents = selectors.documents(ids[start : start + services.BATCH])
            pieces = [piece for document in documents for piece in outputs.pieces_of(document)]
            found.append(
                [
                    {
                        "modality": piece.modality,
                        "sha256": piece.sha256,
                        "content": default_storage.path(piece.file) if piece.file else piece.text,
                    }
                    for piece in pieces
                ]
            )
        return found


# --- the worker ---------------------------------------------------------------------------------


class Worker:
    """A Celery worker with one process that holds the models."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def pool_process(self) -> int:
        """The process that embeds."""
        (child,) = children(self._pid)
        return child

    def decoders(self) -> list[int]:
        """Its own children."""
        return children(self.pool_process())


@contextmanager
def running_worker() -> Iterator[Worker]:
    """Started, warm, and stopped at the end."""
    from celery import current_app

    if current_app.control.ping(timeout=1):
        sys.exit("Another worker takes from this queue: stop it first.")
    celery = [str(Path(sys.executable).parent / "celery"), "-A", "workers", "worker"]
    options = ["-Q", "embed", "-c", "1", "--loglevel", "WARNING", "-n", "bench@%h"]
    process = subprocess.Popen([*celery, *options], cwd=ROOT)  # noqa: S603 - our own command line
    try:
        until(lambda: bool(current_app.control.ping(timeout=1)), "the worker answers", START_S)
        yield Worker(process.pid)
    finally:
        process.terminate()
        process.wait()


def children(pid: int) -> list[int]:
    """Pids of a process's children."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]


def resident_mib(pid: int) -> float:
    """Resident memory of a process, pages shared with others included."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return int(fields["VmRSS"].split()[0]) / 1024


# --- the bare loop ------------------------------------------------------------------------------


class BareProcess:
    """A process that decodes and encodes what it is told to, and nothing else."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid

    def run(self, batches: list[list[dict[str, str]]]) -> float:
        """Seconds for all batches, measured there."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("The bare process was started without pipes.")
        stdin.write(json.dumps(batches) + "\n")
        stdin.flush()
        return float(stdout.readline())


@contextmanager
def bare_process() -> Iterator[BareProcess]:
    """Started, warm, and stopped at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from benchmarks import embed; embed.bare_loop()"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    bare = BareProcess(process)
    try:
        bare.run([])
        yield bare
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait()


def bare_loop() -> None:
    """In the bare process: warm models, then one line of batches in, one of seconds out."""
    import django

    django.setup()  # the profile is in the settings; no query is made
    from retrieval import encoders

    encoders.warm_up()
    for line in sys.stdin:
        batches = json.loads(line)
        started = time.perf_counter()
        seen: set[tuple[str, str]] = set()  # equal content is encoded once, as a worker does
        for batch in batches:
            for modality in encoders.modalities():
                new = {
                    piece["sha256"]: piece["content"]
                    for piece in batch
                    if piece["modality"] == modality and (modality, piece["sha256"]) not in seen
                }
                seen |= {(modality, sha256) for sha256 in new}
                contents = [content_of(modality, content) for content in new.values()]
                encoders.encoder_for(modality).encode(
                    modality, [content for content in contents if content is not None]
                )
        say(f"{time.perf_counter() - started}")


def content_of(modality: str, content: str) -> Any:
    """What the encoder reads; None for a file that cannot be decoded."""
    from retrieval.exceptions import DecodeFailed
    from retrieval.preprocess import decoder, decoding
    from retrieval.types import Waveform

    if modality == "text":
        return content
    file = io.BytesIO(Path(content).read_bytes())
    try:
        if modality == "image":
            return decoding.decode_image(
                file, max_side=decoder.MAX_SIDE, max_pixels=decoder.MAX_PIXELS
            )
        rate = decoder.AUDIO_RATE
        return Waveform(decoding.decode_audio(file, rate=rate, max_s=decoder.MAX_AUDIO_S), rate)
    except DecodeFailed:
        return None


if __name__ == "__main__":
    main()
