"""Settings: production starts only when it is complete, and every variable is documented."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "TRIAD_ENV": "production",
    "SECRET_KEY": "k" * 20 + "".join(chr(65 + n % 50) for n in range(60)),
    "ALLOWED_HOSTS": "shop.example",
    "DATABASE_URL": "postgres://triad:secret@127.0.0.1:1/triad",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


def manage(tmp_path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**kept, "VAR": str(tmp_path / "var"), **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"])
def test_production_refuses_to_start_without(tmp_path, missing):
    given = {name: value for name, value in PRODUCTION.items() if name != missing}

    done = manage(tmp_path, "check", **given)

    assert done.returncode != 0
    assert f"TRIAD_ENV=production needs {missing}:" in done.stderr


def test_production_refuses_debug(tmp_path):
    done = manage(tmp_path, "check", **PRODUCTION, DEBUG="on")

    assert done.returncode != 0
    assert "DEBUG must be off" in done.stderr


def test_the_deployment_check_is_clean(tmp_path):
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert (done.returncode, done.stdout) == (
        0,
        "System check identified no issues (0 silenced).\n",
    ), done.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TRIAD_ENV": "prod"}, "TRIAD_ENV='prod': use one of development, production."),
        ({"RATE_LIMIT_KEY": "many"}, "RATE_LIMIT_KEY='many' is not a whole number."),
        ({"RATE_LIMIT_KEY": "0"}, "RATE_LIMIT_KEY=0 is too small; use 1 or more."),
        (
            {"BEHIND_PROXY": "maybe"},
            "BEHIND_PROXY='maybe': use one of on, true, yes, 1, off, false, no, 0.",
        ),
    ],
)
def test_wrong_values_stop_start_up_and_say_what_to_use(tmp_path, variables, message):
    done = manage(tmp_path, "check", **variables)

    assert done.returncode != 0
    assert message in done.stderr


def test_the_example_lists_every_variable_and_no_other():
    read: set[str] = set()
    for source in (ROOT / "config").glob("*.py"):
        read |= set(re.findall(r'\benv\.[a-z_]+\(\s*"([A-Z_0-9]+)"', source.read_text()))
    lines = (ROOT / ".env.example").read_text().splitlines()
    listed = [line.partition("=")[0] for line in lines if re.match(r"[A-Z]", line)]

    assert sorted(listed) == sorted(read)


def test_every_variable_in_the_example_has_a_comment():
    lines = (ROOT / ".env.example").read_text().splitlines()

    for above, line in itertools.pairwise(lines):
        if re.match(r"[A-Z]", line):
            assert above.startswith("# "), line
