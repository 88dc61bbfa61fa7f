"""Models as safetensors: arrays and figures, nothing that could run. Pure."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save
from scipy.sparse import csr_matrix

Arrays = dict[str, NDArray[Any]]


def to_bytes(kind: str, settings: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """What ``from_bytes`` reads again."""
    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    metadata = {"kind": kind, "settings": json.dumps(dict(settings))}
    return bytes(save(tensors, metadata=metadata))


def from_bytes(kind: str, data: bytes) -> tuple[dict[str, Any], Arrays]:
    """Settings and arrays. Raises ValueError for anything but a model of that kind."""
    try:
        size = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + size]).get("__metadata__", {})
        arrays: Arrays = load(data)
    except (SafetensorError, UnicodeDecodeError, json.JSONDecodeError) as err:
        raise ValueError(f"not a stored model: {err}") from err
    if metadata.get("kind") != kind:
        raise ValueError(f"a model of kind {metadata.get('kind')!r} is no {kind!r}")
    return json.loads(metadata["settings"]), arrays


def settings_of(model: Any) -> dict[str, Any]:
    """What a model was made with: the arguments of its dataclass."""
    return {each.name: getattr(model, each.name) for each in fields(model) if each.init}


def write(path: str | Path, data: bytes) -> None:
    """To a file."""
    Path(path).write_bytes(data)


def read(path: str | Path) -> bytes:
    """From a file."""
    return Path(path).read_bytes()


def sparse_arrays(matrix: csr_matrix) -> Arrays:
    """The parts of a sparse matrix."""
    return {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}


def sparse_of(arrays: Arrays, shape: tuple[int, int]) -> csr_matrix:
    """The matrix again."""
    return csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
