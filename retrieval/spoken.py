"""The spoken descriptions of Tux Paint's stamps: somebody reads an item's label aloud.

About 7,300 clips of two seconds in 13 languages, close to one speaker a language. They are training
material, not media of the items: a sound effect is the item's own sound, these only name it.
"""

import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from catalog.importers.demo import FetchError
from catalog.importers.demo.fetch import apt_package
from catalog.importers.demo.stamps import MAX_FILE_BYTES, PACKAGE, ROOT, external_id, plain_title
from retrieval.encoders.wavenet import log_mel_frames
from retrieval.exceptions import DecodeFailed
from retrieval.preprocess.decoder import Decoder

_CLIP: Final = re.compile(r"(?P<name>.+)_desc(?:_(?P<code>[a-z]{2}(?:_[A-Z]{2})?))?\.(?:ogg|wav)")


class Recording(NamedTuple):
    """One clip as it lies in the package; ``file`` is undecoded."""

    external_id: str
    language: str
    text: str
    english: str
    file: bytes


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """Rows of clips with their log-mel frames one after the other; strings as numpy arrays."""

    external_ids: NDArray[np.str_]
    languages: NDArray[np.str_]
    texts: NDArray[np.str_]
    english: NDArray[np.str_]
    frames: NDArray[np.float16]
    """(sum of lengths, bands)"""
    starts: NDArray[np.int64]
    """(n + 1,): clip i is ``frames[starts[i] : starts[i + 1]]``."""
    statistics: NDArray[np.float32]
    """(n, d): ``AudioStatisticsEncoder`` of the same clips, the baseline's input."""

    def __len__(self) -> int:
        return len(self.external_ids)

    def clip(self, index: int) -> NDArray[np.float32]:
        """Log-mel of one clip, (frames, bands)."""
        return self.frames[self.starts[index] : self.starts[index + 1]].astype(np.float32)

    def save(self, path: Path) -> None:
        """Under another name first: what is there is whole."""
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as file:
            np.savez(file, **{name: getattr(self, name) for name in self.__slots__})
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "ClipFeatures":
        """What ``save`` wrote."""
        with np.load(path) as file:
            return cls(**{name: file[name] for name in cls.__slots__})


def fetch(cache: Path, console: Console) -> Path:
    """The stamps' package in the demo's cache. Raises ``FetchError``."""
    cache.mkdir(parents=True, exist_ok=True)
    return apt_package(PACKAGE, cache, console)


def recordings(package: Path) -> Iterator[Recording]:
    """Every spoken description whose label exists in its language. Raises ``FetchError``."""
    with _tar(package) as stream:
        labels = read_labels(stream)
    with _tar(package) as stream:
        yield from read_recordings(stream, labels)


def read_labels(stream: IO[bytes]) -> dict[PurePosixPath, dict[str, str]]:
    """Labels by language code of every ``NAME.txt`` in a tar stream, by path without suffix."""
    labels = {}
    for path, content in _members(stream, (".txt",)):
        english, *others = content.decode("utf-8", errors="replace").splitlines() or [""]
        lines = dict(line.split(".utf8=", 1) for line in others if ".utf8=" in line)
        found = {
            code: plain_title(label, english) for code, label in {"en": english, **lines}.items()
        }
        labels[path.with_suffix("")] = {code: label for code, label in found.items() if label}
    return labels


def read_recordings(
    stream: IO[bytes], labels: dict[PurePosixPath, dict[str, str]]
) -> Iterator[Recording]:
    """In the stream's order. A clip without a label in its language or in English is left out."""
    for path, content in _members(stream, (".ogg", ".wav")):
        match = _CLIP.fullmatch(path.name)
        if match is None:
            continue
        code = match["code"] or "en"
        item = path.with_name(match["name"])
        titles = labels.get(item, {})
        if code in titles and "en" in titles:
            name = external_id(item.with_name(f"{item.name}.txt"))
            yield Recording(name, code.split("_")[0], titles[code], titles["en"], content)


def clip_features(
    package: Path, decoder: Decoder, progress: Callable[[int], None] = lambda done: None
) -> ClipFeatures:
    """Decodes every clip, about two minutes on one core; one that cannot be decoded is left out.

    ``progress`` gets how many are done. Raises ``FetchError``.
    """
    from retrieval.encoders.audio_statistics import AudioStatisticsEncoder

    statistics = AudioStatisticsEncoder()
    rows: list[Recording] = []
    frames, measured = [], []
    for recording in recordings(package):
        try:
            sound = decoder.decode_audio(recording.file)
        except DecodeFailed:
            continue
        rows.append(recording)
        frames.append(log_mel_frames(sound).astype(np.float16))
        measured.append(statistics.encode("audio", [sound]))
        progress(len(rows))
    if not rows:
        raise FetchError(f"{package.name} holds no spoken descriptions where they used to be")
    names, languages, texts, english, _ = zip(*rows, strict=True)
    return ClipFeatures(
        external_ids=np.array(names),
        languages=np.array(languages),
        texts=np.array(texts),
        english=np.array(english),
        frames=np.concatenate(frames),
        starts=np.cumsum([0, *map(len, frames)]),
        statistics=np.concatenate(measured),
    )


def label_groups(external_ids: Sequence[str], texts: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    """(n,): rows get the same number if they share an item or any text, directly or by a chain.

    ``texts`` holds each row's texts. Splitting by these numbers keeps equal labels on one side.
    """
    parents = list(range(len(external_ids)))

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    first: dict[str, int] = {}
    for row, name in enumerate(external_ids):
        for key in (f"item {name}", *(f"text {text.casefold()}" for text in texts[row])):
            parents[root(row)] = root(first.setdefault(key, row))
    return np.array([root(row) for row in range(len(parents))], dtype=np.int64)


def _members(stream: IO[bytes], suffixes: tuple[str, ...]) -> Iterator[tuple[PurePosixPath, bytes]]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if member.isreg() and member.size <= MAX_FILE_BYTES and path.suffix in suffixes:
                source = archive.extractfile(member) if path.is_relative_to(ROOT) else None
                if source is not None:
                    yield path.relative_to(ROOT), source.read()


@contextmanager
def _tar(package: Path) -> Iterator[IO[bytes]]:
    """The package's files as a tar stream."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE) as dpkg:  # noqa: S603
            if dpkg.stdout is None:
                raise FetchError("dpkg-deb gave no output")
            yield dpkg.stdout
            dpkg.stdout.read()
    except (OSError, tarfile.TarError) as err:
        raise FetchError(f"{package.name} cannot be unpacked: {err}") from err
    if dpkg.returncode:
        raise FetchError(f"{package.name} cannot be unpacked: dpkg-deb ended: {dpkg.returncode}")
