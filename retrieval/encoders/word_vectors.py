"""Texts as the mean of static word vectors (GloVe, word2vec, fastText): cheap, no torch, no order."""

import gzip
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.base import LocalEncoder
from retrieval.encoders.hub import file_sha256
from retrieval.exceptions import EncoderUnavailable
from retrieval.preprocess.segmentation import words
from retrieval.types import Role, Vectors

LIMIT = 400_000
"""Words read: files begin with the most frequent. 400,000 of 300 dimensions take 480 MB."""


class _Table(NamedTuple):
    rows: dict[str, int]
    vectors: NDArray[np.float32]
    """(number of words, dim), unit rows."""


class StaticWordVectors(LocalEncoder):
    """``path``: a text file, .gz or not, one word and its numbers a line, word2vec's header or none.

    Words are cut and folded as for the lexical index, without function words, and all weigh the
    same. A word not in the file gets a direction of its own, drawn from its hash: equal names meet,
    and nothing else does.
    """

    modalities = frozenset({"text"})
    packages = ("jieba", "budoux")

    def __init__(self, *, path: str | os.PathLike[str], limit: int = LIMIT) -> None:
        super().__init__(batch_size=1024, limit=limit)
        self._path = Path(path)
        self._limit = limit

    @cached_property
    def dim(self) -> int:
        """Numbers of the first line that holds a word."""
        with self._open() as file:
            head = file.readline()
            return len(_fields(file.readline() if _is_header(head) else head)) - 1

    def _identity(self) -> Mapping[str, Any]:
        return {**self._options, "file": file_sha256(self._path)}

    def _open(self) -> AbstractContextManager[BinaryIO]:
        if not self._path.is_file():
            raise EncoderUnavailable(
                f"There is no file {self._path} of word vectors: set path= to one in GloVe's or "
                "word2vec's text format."
            )
        if self._path.suffix == ".gz":
            return cast("AbstractContextManager[BinaryIO]", gzip.open(self._path, "rb"))
        return self._path.open("rb")

    def _load(self) -> _Table:
        rows: dict[str, int] = {}
        found: list[NDArray[np.float32]] = []
        try:
            for word, vector in self._lines():
                norm = np.linalg.norm(vector)
                if norm > 0 and word not in rows:
                    rows[word] = len(found)
                    found.append(vector / norm)
        except (OSError, EOFError, ValueError) as err:
            raise EncoderUnavailable(f"{self._path} cannot be read: {err}.") from err
        if not found:
            raise EncoderUnavailable(f"{self._path} holds no word vectors.")
        return _Table(rows, np.stack(found))

    def _lines(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        with self._open() as file:
            head = file.readline()
            lines = file if _is_header(head) else chain([head], file)
            for number, line in enumerate(islice(lines, self._limit), 1):
                # from the right: a few tokens of GloVe 840B hold spaces
                word, *numbers = line.decode("utf-8", "replace").rstrip().rsplit(" ", self.dim)
                vector = np.array(numbers, dtype=np.float32)
                if vector.shape != (self.dim,) or not np.isfinite(vector).all():
                    raise ValueError(f"line {number} holds no word with {self.dim} numbers")
                yield word, vector

    def _vectors(self, model: _Table, batch: Sequence[str], role: Role) -> Vectors:
        return np.stack([self._mean(model, text) for text in batch])

    def _mean(self, table: _Table, text: str) -> NDArray[np.float32]:
        found = np.stack([self._of(table, word) for word in words(text) or [""]]).mean(0)
        # opposite vectors may cancel out
        return found if np.linalg.norm(found) > 1e-6 else self._unknown(text)

    def _of(self, table: _Table, word: str) -> NDArray[np.float32]:
        for form in (word, word.capitalize(), word.upper()):  # some files keep the case
            if form in table.rows:
                return table.vectors[table.rows[form]]
        return self._unknown(word)

    def _unknown(self, word: str) -> NDArray[np.float32]:
        seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:8])
        drawn = np.random.default_rng(seed).standard_normal(self.dim).astype(np.float32)
        return drawn / np.linalg.norm(drawn)


def _fields(line: bytes) -> list[bytes]:
    return line.rstrip().split(b" ")


def _is_header(line: bytes) -> bool:
    """word2vec's: number of words and of dimensions."""
    return len(_fields(line)) == 2 and all(field.isdigit() for field in _fields(line))
