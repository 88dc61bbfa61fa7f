"""How many generated examples a test tries."""

import os


def examples(most: int) -> int:
    """A fifth of ``most``; all of them with ``THOROUGH=1`` (``make test-thorough``)."""
    return most if os.environ.get("THOROUGH") else most // 5
