"""Lines of a file that nobody vouches for: never more than the limit in memory."""

from collections.abc import Iterator
from typing import BinaryIO, Final

MAX_LINE_BYTES: Final = 1024 * 1024
BOM: Final = b"\xef\xbb\xbf"


def bounded_lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Each line with its line end and without a leading byte order mark; None if it is too long."""
    first = True
    while line := file.readline(MAX_LINE_BYTES + 1):
        if first:
            line, first = line.removeprefix(BOM), False
        if len(line) <= MAX_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES)
        yield None
