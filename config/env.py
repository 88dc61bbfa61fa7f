"""The only reader of the environment: every variable, typed, with its default."""

import math
import secrets
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

_env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def text(name: str, default: str = "") -> str:
    """A string variable."""
    return str(_env.str(name, default=default)).strip()


def integer(name: str, default: int, *, minimum: int = 0) -> int:
    """A whole number of at least ``minimum``; anything else stops start-up."""
    raw = text(name, str(default))
    try:
        value = int(raw)
    except ValueError as err:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number.") from err
    if value < minimum:
        raise ImproperlyConfigured(f"{name}={value} is too small; use {minimum} or more.")
    return value


def mebibytes(name: str, default: int) -> int:
    """A whole number of MiB, 1 or more, as bytes."""
    return integer(name, default, minimum=1) * 1024 * 1024


def number(name: str, default: float, *, minimum: float = 0) -> float:
    """A finite number of at least ``minimum``; anything else stops start-up."""
    raw = text(name, str(default))
    try:
        value = float(raw)
    except ValueError as err:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a number.") from err
    if not minimum <= value < math.inf:
        raise ImproperlyConfigured(f"{name}={raw}: use a finite number of at least {minimum:g}.")
    return value


def share(name: str, default: float) -> float:
    """A number from 0 to 1; anything else stops start-up."""
    value = number(name, default)
    if value > 1:
        raise ImproperlyConfigured(f"{name}={value:g}: use a number from 0 to 1.")
    return value


def boolean(name: str, *, default: bool) -> bool:
    """on/off, true/false, yes/no or 1/0; anything else stops start-up."""
    raw = text(name, "on" if default else "off").lower()
    words = {"on": True, "true": True, "yes": True, "1": True}
    words |= {"off": False, "false": False, "no": False, "0": False}
    if raw not in words:
        raise ImproperlyConfigured(f"{name}={raw!r}: use one of {', '.join(words)}.")
    return words[raw]


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed words; anything else stops start-up and lists them."""
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value!r}: use one of {', '.join(allowed)}.")
    return value


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def folder(name: str, default: Path) -> Path:
    """An absolute path; a relative value is taken from the repository's root."""
    return (BASE_DIR / text(name, str(default))).resolve()


def database(name: str) -> dict[str, object]:
    """Django's database settings from a URL."""
    settings: dict[str, object] = dict(_env.db_url(name))
    if settings.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured(f"{name} must be postgres://USER:PASSWORD@HOST:PORT/NAME.")
    return settings


def kept_secret(path: Path) -> str:
    """A random secret that is made once and kept in a file only the owner can read."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        part.touch(mode=0o600)
        part.write_text(secrets.token_urlsafe(50))
        try:
            path.hardlink_to(part)  # atomic: the first of two processes wins
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return path.read_text()
