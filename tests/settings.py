"""Settings of the test run: its own data folder, so that tests never touch a demo's data."""

import os
from pathlib import Path

_var = os.environ.get("VAR", str(Path(__file__).resolve().parent.parent / "var"))
if Path(_var).name != "test":  # xdist's workers inherit what the first process set
    os.environ["VAR"] = f"{_var}/test"

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
