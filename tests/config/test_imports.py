"""Heavy libraries stay out of processes that do not use them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PROBE = """
import sys, django
django.setup()
import {module}
HEAVY = ("torch", "transformers", "torchvision", "torchaudio", "matplotlib")
print([name for name in HEAVY if name in sys.modules])
"""


@pytest.mark.parametrize("module", ["config.urls", "workers.tasks", "config.asgi"])
def test_torch_is_not_imported_at_start_up(module: str):
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "/usr/bin:/bin", "VAR": var()},
    )
    assert done.stdout.strip() == "[]", done.stderr


def var() -> str:
    from django.conf import settings

    return str(settings.VAR)
