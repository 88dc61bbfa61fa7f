"""Settings of the test run: its own data folder, so that tests never touch a demo's data."""

import os
from pathlib import Path

_var = os.environ.get("VAR", str(Path(__file__).resolve().parent.parent / "var"))
if Path(_var).name != "test":  # xdist's workers inherit what the first process set
    os.environ["VAR"] = f"{_var}/test"

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# logic is tested on encoders that are quick and still depend on their input; tests of the real
# ones are marked `encoders` and choose the profile `starter`
RETRIEVAL["PROFILES"]["fake"] = {  # noqa: F405
    name: {"BACKEND": f"tests.fakes.Fake{name.capitalize()}Encoder"}
    for name in ("text", "image", "audio")
}
RETRIEVAL |= {"PROFILE": "fake", "DIM": 64}  # noqa: F405
# all requests of a run come from one address; tests of the limit set their own
API |= {"RATE_LIMIT_ANONYMOUS": 1_000_000, "RATE_LIMIT_KEY": 1_000_000}  # noqa: F405
# processes that a test starts find its database and a queue of their own
if "TRIAD_TEST_DATABASE" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["TRIAD_TEST_DATABASE"]  # noqa: F405
# real words only: quick to load, and slow enough to be killed in the middle
RETRIEVAL["PROFILES"]["words"] = {"text": RETRIEVAL["PROFILES"]["starter"]["text"]}
RETRIEVAL["PROFILE"] = os.environ.get("TRIAD_TEST_PROFILE", RETRIEVAL["PROFILE"])
# tests empty Redis: each of xdist's workers has a database of its own there
if _worker := os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"):
    REDIS_URL = REDIS_URL.replace("?db=0", f"?db={_worker}")  # noqa: F405
    CACHES["default"]["LOCATION"] = REDIS_URL  # noqa: F405
    CELERY_BROKER_URL = CELERY_BROKER_URL.replace(  # noqa: F405
        "virtual_host=0", f"virtual_host={_worker}"
    )
