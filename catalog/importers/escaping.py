"""Cells that a spreadsheet must not take for formulas: an apostrophe goes before them, and off again.

OWASP, "CSV Injection": what begins with one of STARTS may be run when the file is opened. Text that has
apostrophes there already gets one more, so that nothing changes on the way out and back.
"""

import re
from typing import Final

STARTS: Final = "=+\\-@\t\r"
_DANGEROUS: Final = re.compile(f"'*[{STARTS}]")
_ESCAPED: Final = re.compile(f"'+[{STARTS}]")


def escaped(cell: str) -> str:
    """As it goes into a file."""
    return f"'{cell}" if _DANGEROUS.match(cell) else cell


def unescaped(cell: str) -> str:
    """As it was before ``escaped``."""
    return cell[1:] if _ESCAPED.match(cell) else cell
