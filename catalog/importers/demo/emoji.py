"""Emoji as pictures (Noto, 64 pixels) with labels and tags in many languages."""

import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from catalog.importers.demo.fetch import FetchError, Package, npm_package

PICTURES: Final = Package(
    name="emoji-datasource-google",
    version="16.0.0",
    filename="emoji-datasource-google-16.0.0.tgz",
    sha256="fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    bytes=74_344_091,
    about="emoji pictures",
)
WORDS: Final = Package(
    name="emojibase-data",
    version="17.0.0",
    filename="emojibase-data-17.0.0.tgz",
    sha256="d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
    bytes=6_711_091,
    about="emoji labels",
)
FOLDER: Final = "emoji-r1"
GROUPS: Final = ("animals-nature", "food-drink", "travel-places", "activities", "objects")
LANGUAGES: Final = {
    "en": "en",
    "zh": "zh",
    "zh-hant": "zh-Hant",
    **{each: each for each in ("de", "es", "fr", "ja")},
}
PICTURE_FOLDER: Final = "package/img/google/64/"
VARIATION: Final = "-fe0f"


@dataclass(frozen=True, slots=True)
class Words:
    """What emojibase says: per language the emoji by hexcode, and the English category names."""

    by_language: Mapping[str, Mapping[str, Mapping[str, Any]]]
    groups: Mapping[int, tuple[str, str]]
    """order → (key, name)"""
    subgroups: Mapping[int, str]

    @classmethod
    def read(cls, files: Mapping[str, Any]) -> "Words":
        """From the package's parsed files by path, such as ``en/data.json``."""
        messages = files["en/messages.json"]
        return cls(
            {
                language: {entry["hexcode"]: entry for entry in files[f"{locale}/data.json"]}
                for locale, language in LANGUAGES.items()
            },
            {each["order"]: (each["key"], each["message"]) for each in messages["groups"]},
            {each["order"]: each["message"] for each in messages["subgroups"]},
        )


def build(cache: Path, folder: Path, console: Console) -> Iterator[dict[str, Any]]:
    """Fetch, unpack into ``folder`` and yield the rows. Raises ``FetchError``."""
    words_file = npm_package(WORDS, cache, console)
    pictures_file = npm_package(PICTURES, cache, console)
    console.print("Unpacking the emoji", highlight=False)
    try:
        words = Words.read(read_words(words_file))
        unpack_pictures(pictures_file, folder)
    except (OSError, EOFError, tarfile.TarError, KeyError, ValueError) as err:
        raise FetchError(f"the emoji packages cannot be unpacked: {err!r}") from err
    unused = {path.name for path in folder.glob("*.png")}
    for row in rows(words, sorted(unused)):
        unused.discard(row["media"][0]["path"])
        yield row
    for name in unused:
        (folder / name).unlink()


def rows(words: Words, pictures: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Every emoji of the five groups that has a picture, in the emojis' own order."""
    by_code = {_plain(name.removesuffix(".png")): name for name in sorted(pictures)}
    for entry in sorted(words.by_language["en"].values(), key=lambda each: each.get("order", 0)):
        key, group = words.groups.get(entry.get("group", -1), ("", ""))
        picture = by_code.get(_plain(entry["hexcode"].lower()))
        if key in GROUPS and picture is not None:
            yield _row(words, entry, group, picture)


def _row(words: Words, entry: Mapping[str, Any], group: str, picture: str) -> dict[str, Any]:
    code = entry["hexcode"]
    texts = {
        language: entries[code]
        for language, entries in words.by_language.items()
        if entries.get(code, {}).get("label")
    }
    return {
        "external_id": f"emoji:{code}",
        "kind": "emoji",
        "title": {language: text["label"] for language, text in texts.items()},
        "tags": {language: text.get("tags", []) for language, text in texts.items()},
        "language": "en",
        "categories": [f"{group}/{words.subgroups[entry['subgroup']]}"],
        "attributes": {"source": PICTURES.name, "emoji": entry["emoji"], "hexcode": code},
        "media": [{"modality": "image", "path": picture, "alt": entry["label"]}],
    }


def _plain(code: str) -> str:
    """Both packages leave out the variation selector at times."""
    return code.replace(VARIATION, "")


def read_words(tarball: Path) -> dict[str, Any]:
    """The JSON files that are needed, by their path in the package."""
    wanted = {f"package/{locale}/data.json" for locale in LANGUAGES} | {"package/en/messages.json"}
    files = {}
    with tarfile.open(tarball, mode="r|gz") as archive:
        for member in archive:
            source = archive.extractfile(member) if member.name in wanted else None
            if source is not None:
                files[member.name.removeprefix("package/")] = json.load(source)
    return files


def unpack_pictures(tarball: Path, folder: Path) -> None:
    """Write the 64-pixel pictures into ``folder``, flat."""
    with tarfile.open(tarball, mode="r|gz") as archive:
        for member in archive:
            name = member.name.removeprefix(PICTURE_FOLDER)
            if name == member.name or "/" in name or not name.endswith(".png"):
                continue
            source = archive.extractfile(member) if member.isreg() else None
            if source is not None:
                (folder / name).write_bytes(source.read())
