"""Settings of the test run: its own data folder, so that tests never touch a demo's data."""

import os
from pathlib import Path

os.environ.setdefault("VAR", str(Path(__file__).resolve().parent.parent / "var" / "test"))

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
