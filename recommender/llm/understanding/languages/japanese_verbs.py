"""Japanese verbs and adjectives in the forms that questions have them in, and what dictionaries call them."""

import re
from typing import Final

_ROWS: Final = ("わいうえお", "かきくけこ", "がぎぐげご", "さしすせそ", "たちつてと", "なにぬねの",
                "ばびぶべぼ", "まみむめも", "らりるれろ")  # fmt: skip
"""Of the syllables that a stem can end with, by vowel: a, i, u, e, o."""
_ENDING: Final = re.compile("(?:られ)?(?:ませんか|ません|ますか|ます|ない|なかった|ず|る|て|た)$")
_STEM: Final = "[㐀-鿿々]{1,2}[ぁ-ん]{0,2}?"
_SO: Final = "(?!欲)(?:冷た|[㐀-鿿]{1,2}[ぁ-そち-ん]?)"
_A: Final = "わかがさたなばまら"
_E: Final = "えけげせてねべめれ"
_REFUSING: Final = "要ら|欲し|知ら|分か|限ら|構わ|変わ|足り|使わ|含ま|入[られ]|避け|除[かけ]"
"""Verbs that refuse a thing, or say nothing of what it does."""
NOT_DOING: Final = (
    rf"(?P<verb>(?!{_REFUSING}){_STEM}[{_A}{_E}])(?:ない|ません)(?=[㐀-鿿ァ-ン]|もの|の|やつ|$)"
)
"""飛べない of 飛べない動物; the verb's stem."""
NOT_ABLE: Final = r"(?P<able>[㐀-鿿]{1,2}[ぁ-ん]{1,2})ことが(?:できない|できません|出来ない)"
"""飛ぶことができない."""
NOT_SO: Final = (
    rf"(?:(?P<other>{_SO})くも)?(?P<adjective>{_SO})く(?:は|も)?(?:ない|なくて|ありません)"
)
"""赤くない, 赤くも青くもない; the adjectives' stems."""


def verbs(form: str) -> tuple[str, ...]:
    """What a form may be one of, in dictionary form: 泳げます -> 泳げる, 泳ぐ; itself first."""
    stem = _ENDING.sub("", form) or form
    found = [form, *([f"{stem}る"] if stem != form or form[-1] in _A + _E else [])]
    found += [stem[:-1] + row[2] for row in _ROWS if stem[-1] in row]
    return tuple(dict.fromkeys(found))


def plain(match: re.Match[str]) -> tuple[str, ...]:
    """Of a match of the three, in dictionary form: 飛べる, 泳ぐ, 赤い."""
    groups = match.groupdict()
    if able := groups.get("able"):
        return (able,)
    if adjective := groups.get("adjective"):
        return tuple(f"{each}い" for each in (groups["other"], adjective) if each)
    verb = groups["verb"]
    row = next((row for row in _ROWS if verb[-1] == row[0]), "")
    return (verb[:-1] + row[2] if row else f"{verb}る",)
