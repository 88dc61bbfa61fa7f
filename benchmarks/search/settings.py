"""Settings of the benchmark: a data folder of its own, a database for each size of catalog."""

import os
from pathlib import Path

_home = Path(os.environ.get("VAR", Path(__file__).resolve().parent.parent.parent / "var"))
if _home.name != "bench-search":  # the servers that the benchmark starts inherit what it set
    os.environ["VAR"] = str(_home / "bench-search")

from config.settings import *  # noqa: E402, F403

DATABASES["default"]["NAME"] = os.environ.get("BENCH_DATABASE", "triad")  # noqa: F405
# the limit of requests is not what is measured; it is counted all the same
API |= {"RATE_LIMIT_ANONYMOUS": 1_000_000_000, "RATE_LIMIT_KEY": 1_000_000_000}  # noqa: F405
