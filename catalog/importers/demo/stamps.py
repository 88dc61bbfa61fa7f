"""The stamps of Tux Paint: drawings and photos with a label in many languages, some with a sound.

Layout: ``<category>/<subcategory>/NAME.png`` with ``NAME.txt`` (the English label, then lines
``xx.utf8=…``) and sometimes a sound effect ``NAME.ogg`` or ``NAME.wav``.
"""

import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, Final

from rich.console import Console

from catalog.importers.demo.fetch import FetchError, Package, apt_package

PACKAGE: Final = Package(
    name="tuxpaint-stamps-default",
    version="2022.06.04-1",
    filename="tuxpaint-stamps-default_2022.06.04-1_all.deb",
    sha256="6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
    bytes=160_880_444,
    about="Tux Paint's stamps",
)
FOLDER: Final = "stamps-r1"
ROOT: Final = PurePosixPath("usr/share/tuxpaint/stamps")
LEFT_OUT: Final = ("symbols", "military")
SOUNDS: Final = (".ogg", ".wav")
MAX_FILE_BYTES: Final = 20 * 2**20
LANGUAGES: Final = {
    "zh_CN": "zh",
    "zh_TW": "zh-Hant",
    **{each: each for each in ("de", "es", "fr", "ja")},
}
WRONG_LABELS: Final = {
    ("zh", "A bear.", "梨"),
    ("zh", "A lion.", "一个洋葱"),
    ("zh", "A yak.", "废话"),
    ("zh", "A xanthia.", "胶水"),
    ("zh", "A prune.", "一把剪刀"),
    ("zh", "A sliced lime.", "一片石灰"),
    ("zh", "A mine.", "一个地雷"),
    ("zh", "A wishing well.", "良好祝愿"),
    ("zh", "Balsam.", "香油"),
    ("zh", "Anthurium", "康乃馨"),
    ("zh", "A Red Gazania.", "红十字勋章"),
    ("zh", "A red and white anemone flower.", "一朵红白相间的牡丹花"),
    ("zh", "A colorful bow.", "五颜六色的弓"),
    ("zh", "A pink cake.", "一块松果蛋糕"),
    ("zh", "A headstone.", "基石"),
    ("zh", "A dreidel.", "骰子"),
    ("zh", "A chile pepper.", "智利辣椒"),
    ("zh", "A highlighting pen.", "辅助照明的钢笔"),
    ("zh", "A dry erase marker.", "干擦除标记"),
    ("zh", "Tankers carry bulk liquids.", "油轮运载着散装液体"),
    ("zh-Hant", "A seahorse.", "洋梨"),
    ("zh-Hant", "A shrimp.", "星星"),
    ("zh-Hant", "An apple core.", "松果"),
}
"""Of the 458 stamps with both a zh_CN and a zh_TW label, those where the two disagree and one
names another thing than the English does. The others were read and kept."""

_HAN: Final = re.compile(r"[\u4e00-\u9fff]")


def build(cache: Path, folder: Path, console: Console) -> Iterator[dict[str, Any]]:
    """Fetch, unpack into ``folder`` and yield the rows. Raises ``FetchError``."""
    deb = apt_package(PACKAGE, cache, console)
    console.print("Unpacking Tux Paint's stamps", highlight=False)
    _unpack(deb, folder)
    found = 0
    for found, row in enumerate(rows(folder), start=1):  # noqa: B007 - the count is used below
        yield row
    if not found:
        raise FetchError(f"{deb.name} holds no stamps where they used to be")


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Every PNG with an English label below ``folder``, as rows of an import file."""
    for image in sorted(folder.rglob("*.png")):
        label = image.with_suffix(".txt")
        if label.exists() and (titles := _titles(label.read_text("utf-8", errors="replace"))):
            yield _row(image.relative_to(folder), titles, _sound(image))


def _row(image: Path, titles: dict[str, str], sound: Path | None) -> dict[str, Any]:
    media = [{"modality": "image", "path": image.as_posix(), "alt": titles["en"]}]
    if sound is not None:
        path = image.with_name(sound.name).as_posix()
        media.append({"modality": "audio", "path": path, "alt": titles["en"]})
    return {
        "external_id": external_id(image),
        "kind": "stamp",
        "title": titles,
        "language": "en",
        "categories": [image.parent.as_posix()],
        "attributes": {"source": PACKAGE.name},
        "media": media,
    }


def external_id(path: PurePath) -> str:
    """Of the stamp whose picture or label is this file, relative to the stamps' folder."""
    names = [re.sub(r"[^A-Za-z0-9_-]", "-", name) for name in path.with_suffix("").parts]
    return f"stamp:{'.'.join(names)}"


def _sound(image: Path) -> Path | None:
    """The sound effect, which is the item's own sound; spoken descriptions are something else."""
    sounds = (image.with_suffix(suffix) for suffix in SOUNDS)
    return next((sound for sound in sounds if sound.exists()), None)


def _titles(text: str) -> dict[str, str]:
    """Titles by language, English first; nothing without English."""
    english, *others = text.splitlines() or [""]
    english = english.strip()
    if not english:
        return {}
    titles = {"en": plain_title(english, english)}
    labels = dict(line.split(".utf8=", 1) for line in others if ".utf8=" in line)
    for code, language in LANGUAGES.items():
        title = plain_title(labels.get(code, ""), english)
        untranslated = language in ("zh", "zh-Hant") and not _HAN.search(title)
        if title and not untranslated and (language, english, title) not in WRONG_LABELS:
            titles[language] = title
    return titles


def plain_title(label: str, english: str) -> str:
    """Without the full stop. An exclamation mark stays where the English has one too."""
    marks = ".。．" if english.endswith("!") else ".。．!！"
    label = label.strip()
    return label if label.endswith("...") else label.rstrip(marks).strip()


def _unpack(deb: Path, folder: Path) -> None:
    """Pictures, labels and sound effects only, read from the package as a stream."""
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE) as dpkg:  # noqa: S603
            if dpkg.stdout is None:
                raise FetchError("dpkg-deb gave no output")
            unpack_stamps(dpkg.stdout, folder)
            dpkg.stdout.read()
    except (OSError, tarfile.TarError) as err:
        raise FetchError(f"{deb.name} cannot be unpacked: {err}") from err
    if dpkg.returncode:
        raise FetchError(f"{deb.name} cannot be unpacked: dpkg-deb ended with {dpkg.returncode}")


def unpack_stamps(stream: IO[bytes], folder: Path) -> None:
    """Write the members of a tar stream that the demo uses. Paths never leave ``folder``."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if not member.isreg() or member.size > MAX_FILE_BYTES or not path.is_relative_to(ROOT):
                continue
            path = path.relative_to(ROOT)
            if not _wanted(path):
                continue
            target = folder.joinpath(*path.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            source = archive.extractfile(member)
            if source is not None:
                target.write_bytes(source.read())


def _wanted(path: PurePosixPath) -> bool:
    if path.parts[0] in LEFT_OUT or ".." in path.parts:
        return False
    if path.suffix in SOUNDS:
        return "_desc" not in path.stem
    return path.suffix in (".png", ".txt")
