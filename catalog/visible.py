"""Which characters show something; an item or a query of others only can neither be read nor encoded."""

import unicodedata

_KEPT_FORMAT = {"\u200d"}
"""Category Cf goes (bidi marks, BOM), except the zero-width joiner, which holds emoji together."""
INVISIBLE = " \u200d\u2800\u034f\u115f\u1160\u3164\uffa0" + "".join(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
"""Of other categories than Cf, or kept: joiners, fillers, the blank Braille pattern, variation
selectors. They belong to what they stand beside, and alone show nothing."""


def is_kept(char: str) -> bool:
    """Not a control character, a lone surrogate or a mark of format."""
    category = unicodedata.category(char)
    return category not in {"Cc", "Cs", "Cf"} or char in _KEPT_FORMAT


def has_visible(text: str) -> bool:
    """Whether any character shows."""
    return any(is_kept(c) and not c.isspace() and c not in INVISIBLE for c in text)
