"""Reads JSON Lines: one object a line."""

import json
from collections.abc import Iterator
from typing import BinaryIO

from catalog.importers.lines import MAX_LINE_BYTES, bounded_lines
from catalog.importers.rows import RawRow
from catalog.strict_json import RefusedValue, RepeatedKey, strict_json


def read_jsonl(file: BinaryIO) -> Iterator[RawRow]:
    """One row for every line that is not blank; a line that is no JSON object has a problem."""
    for number, line in enumerate(bounded_lines(file), start=1):
        if line is None:
            yield RawRow(number, problem=f"the line is over {MAX_LINE_BYTES} bytes")
        elif line.strip():
            yield _row(number, line)


def _row(number: int, line: bytes) -> RawRow:
    try:
        data = strict_json(line.decode())
    except UnicodeDecodeError as err:
        return RawRow(number, problem=f"is not UTF-8 (byte {err.start + 1})")
    except json.JSONDecodeError as err:
        return RawRow(number, problem=f"is not JSON: {err.msg} at character {err.pos + 1}")
    except (RepeatedKey, RefusedValue) as err:
        return RawRow(number, problem=str(err))
    except ValueError as err:  # Python refuses integers of more than 4,300 digits
        return RawRow(number, problem=f"is not JSON: {err}")
    except RecursionError:
        return RawRow(number, problem="is nested too deeply")
    if not isinstance(data, dict):
        return RawRow(number, problem="must be one JSON object")
    return RawRow(number, data)
