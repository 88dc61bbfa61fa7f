"""Which copies of pictures and sounds are found as near duplicates, and what else is taken for one.

``python -m benchmarks.duplicates`` on a demo: of PLANTED pictures and all sounds copies are made in ways that
people make them; the share found in either half of them. Nothing is stored but prints of files.
``--scale 100000`` times the search for pairs among so many made-up pictures instead.
"""

import argparse
import io
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageOps

PLANTED = 120
SEED = 7
"""Thresholds were chosen on the pictures that 0 draws."""


def picture_copies(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Name and file of each copy."""
    flat = Image.new("RGBA", image.size, "white")
    flat.alpha_composite(image.convert("RGBA"))
    image = flat.convert("RGB")
    wide, high = image.size

    def cut(share: float) -> Image.Image:
        left, top = round(wide * share), round(high * share)
        return image.crop((left, top, wide - left, high - top))

    yield "mirrored", _file(ImageOps.mirror(image))
    yield "scaled to 40 %", _file(image.resize((max(8, wide * 4 // 10), max(8, high * 4 // 10))))
    yield "JPEG, quality 30", _file(image, "JPEG", quality=30)
    yield "WebP, quality 50", _file(image, "WEBP", quality=50)
    yield "cut by 5 % all around", _file(cut(0.05))
    yield "cut by 7 % all around", _file(cut(0.07))
    yield "cut by 10 % all around", _file(cut(0.1))
    yield "cut by 5 % left and top", _file(image.crop((wide // 20, high // 20, wide, high)))
    yield "15 % brighter", _file(image.point(lambda value: min(255, int(value * 1.15))))
    yield "white frame", _file(ImageOps.expand(image, max(1, wide // 20), "white"))
    yield "turned by 3 degrees", _file(image.rotate(3, fillcolor="white"))
    yield (
        "mirrored, JPEG, scaled",
        _file(
            ImageOps.mirror(image).resize((max(8, wide // 2), max(8, high // 2))),
            "JPEG",
            quality=50,
        ),
    )


def _file(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def sound_copies() -> dict[str, Callable[[Any, int], Any]]:
    """Name and what is done to the samples."""
    rng = np.random.default_rng(SEED)
    return {
        "quieter": lambda s, rate: 0.3 * s,
        "noise at -40 dB": lambda s, rate: s + 0.01 * np.abs(s).max() * rng.standard_normal(len(s)),
        "50 ms cut off": lambda s, rate: s[rate // 20 :],
        "5 % cut off the end": lambda s, rate: s[: round(len(s) * 0.95)],
        "8 bits": lambda s, rate: np.round(127 * s) / 127,
        "telephone": lambda s, rate: np.interp(np.arange(len(s)), np.arange(0, len(s), 3), s[::3]),
    }


def main() -> None:
    """Prints tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=0, help="time so many pictures instead")
    scale = parser.parse_args().scale
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    if scale:
        _scale(scale)
    else:
        _pictures()
        _sounds()
        _natural()


def _pieces(modality: str) -> list[Any]:
    from catalog import selectors
    from catalog.models import Item
    from retrieval import outputs

    documents = selectors.documents(Item.objects.values_list("pk", flat=True))
    found = [p for d in documents for p in outputs.pieces_of(d) if p.modality == modality]
    return [piece for piece in found if not piece.is_video]


def _halves(hits: list[bool]) -> str:
    return f"{np.mean(hits[0::2]):.2f} / {np.mean(hits[1::2]):.2f}"


def _pictures() -> None:
    from django.core.files.storage import default_storage

    from retrieval import outputs
    from retrieval.duplicates import grading, prints

    chosen = random.Random(SEED).sample(_pieces("image"), PLANTED)  # noqa: S311 - a drawing
    hits: dict[str, list[bool]] = {}
    for piece in chosen:
        own = prints.picture_print([outputs.content_of(piece)[0]])  # type: ignore[list-item]
        image = Image.open(default_storage.path(piece.file))
        for name, data in picture_copies(image):
            copy = prints.picture_print([outputs.decoded("image", data)])  # type: ignore[list-item]
            alike = own and copy and prints.pictures_alike(own, copy)[0]
            hits.setdefault(name, []).append(bool(alike and alike >= grading.PICTURE))
    for name, found in hits.items():
        print(f"| {name} | {_halves(found)} |")  # noqa: T201


def _sounds() -> None:
    from retrieval import outputs
    from retrieval.duplicates import grading, prints
    from retrieval.exceptions import DecodeFailed
    from retrieval.types import Waveform

    hits: dict[str, list[bool]] = {}
    rows: list[Any] = []
    for piece in _pieces("audio"):
        try:
            sound: Any = outputs.content_of(piece)[0]
        except DecodeFailed:  # nothing but silence
            continue
        own = prints.sound_print(sound)
        if not own:
            continue
        rows.append(prints.sound_vector(own))
        for name, change in sound_copies().items():
            copy = prints.sound_print(
                Waveform(np.asarray(change(sound.samples, sound.rate), np.float32), sound.rate)
            )
            alike = float(prints.sound_vector(own) @ prints.sound_vector(copy)) if copy else 0
            hits.setdefault(name, []).append(alike >= grading.SOUND)
    for name, found in hits.items():
        print(f"| sound: {name} | {_halves(found)} |")  # noqa: T201
    cosines = np.triu(np.stack(rows) @ np.stack(rows).T, 1)
    print(f"{len(rows)} sounds: {int((cosines >= grading.SOUND).sum())} pairs of them alike")  # noqa: T201


def _natural() -> None:
    from retrieval.duplicates import find_duplicates

    started = time.perf_counter()
    counts, _ = find_duplicates(rehearsal=True)
    print(f"the demo as it is: {dict(counts)} in {time.perf_counter() - started:.1f} s")  # noqa: T201


def _scale(count: int) -> None:
    """Made-up pictures: noise of some scale, 1 % of them twice."""
    from retrieval.duplicates import candidates, grading, prints
    from retrieval.duplicates.candidates import Catalog, Shape

    rng = np.random.default_rng(SEED)
    catalog = Catalog()
    for n in range(count):
        small = rng.integers(0, 256, (4, 4, 3), np.uint8)
        pixels = np.asarray(Image.fromarray(small).resize((48, 48), Image.Resampling.BICUBIC))
        if n % 100 == 1:
            pixels = np.clip(last.astype(int) + rng.integers(-12, 12, last.shape), 0, 255)  # noqa: F821
            pixels = pixels.astype(np.uint8)
        last = pixels  # noqa: F841
        sha = f"{n:064x}"
        catalog.prints["image", sha] = prints.picture_print([pixels])
        catalog.items[n] = Shape(frozenset([sha]), (sha,), (), {"en": f"picture {n}"}, sha)
    started = time.perf_counter()
    found = candidates._pictures(catalog)
    planted = {(n - 1, n) for n in range(1, count, 100)}
    print(  # noqa: T201
        f"{count:,} pictures: {len(found):,} candidates in {time.perf_counter() - started:.0f} s, "
        f"{len(planted & found)} of {len(planted)} planted copies among them "
        f"(correlation {grading.PICTURE_TOO} and more)"
    )


if __name__ == "__main__":
    main()
