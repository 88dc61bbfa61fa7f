"""Search against bare SQL and other engines; ``python -m benchmarks.search --help``."""
