"""Reading a question by its language's tables (``languages``), as ``english`` does by patterns of its own.

What was understood leaves the text, a mark (``¦``) stays; the rest is what is wanted, in words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from recommender.llm.understanding import denials, numbers
from recommender.llm.understanding.languages import TABLED, Language
from recommender.llm.understanding.languages.types import UNITS
from recommender.llm.understanding.types import MARK, Reading
from recommender.llm.understanding.vocabulary import Vocabulary, folded

FIRST_SIGN: Final = 0xE000
YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
MOST_WORDS: Final = 3
"""Of the name of a kind of thing: *instruments de musique*."""
_OWN_MARKS: Final = re.compile(f"[\ue000-\uf8ff{MARK}]")
_STOPS: Final = f"{MARK}.;:!?¿¡()。！？；（）「」"
_CLAUSES: Final = re.compile(rf"[,，、{re.escape(_STOPS)}]+(?!\d)")


@dataclass(frozen=True, slots=True)
class _Patterns:
    """Of a language, compiled."""

    kept: re.Pattern[str]
    rhetorical: re.Pattern[str]
    bounds: Sequence[tuple[str, re.Pattern[str]]]
    levels: Sequence[tuple[str, re.Pattern[str]]]
    denied: Sequence[re.Pattern[str]]
    """Each with a group ``what``."""
    cue: re.Pattern[str]
    asking: re.Pattern[str]
    edges: re.Pattern[str]
    """What only asks, at the ends of a clause."""
    joined: re.Pattern[str]
    leading: re.Pattern[str]
    trailing: re.Pattern[str]


def read(text: str, vocabulary: Vocabulary, language: Language) -> Reading:
    """What a question in the language says."""
    found, says = Reading(), _patterns(language)
    text = f" {_OWN_MARKS.sub(' ', text)} ".replace("’", "'")
    text, kept = _masked(says.rhetorical.sub(" ", text), says)
    text = _amounts(text, found, vocabulary, language)
    text = _dates(text, found, language)
    text = _sorts(text, found, language)
    text = _levels(text, found, says)
    text = _unmasked(_negations(text, found, vocabulary, language), kept)
    text = _brands(text, found, vocabulary)
    clauses = (" ".join(each.replace(MARK, " ").split()) for each in _CLAUSES.split(text))
    found.wanted = [words for each in clauses if (words := _bare(each, language))]
    _categories(found, vocabulary, language)
    return found


def _patterns(language: Language) -> _Patterns:
    return _by_code(language.code)


@lru_cache(maxsize=16)
def _by_code(code: str) -> _Patterns:
    return _made(TABLED[code])


def _made(language: Language) -> _Patterns:
    asking = language.words(*language.asking)
    ahead = rf"(?<![\w-])(?:{'|'.join(language.denied_ahead)})(?:\s+|(?<='))"
    return _Patterns(
        kept=language.words(*language.kept),
        rhetorical=language.words(*language.rhetorical),
        bounds=_bounds(language),
        levels=[(name, language.words(words)) for name, words in language.levels],
        denied=_denied(language, ahead),
        cue=_compile(ahead if language.denied_ahead else r"$^"),
        asking=asking,
        edges=_compile(rf"^(?:{asking.pattern})\s*|\s*(?:{asking.pattern})$"),
        joined=_compile(language.joined),
        leading=_compile(rf"^(?:{language.leading})+"),
        trailing=_compile(rf"(?:{language.trailing})+$"),
    )


def _bounds(language: Language) -> list[tuple[str, re.Pattern[str]]]:
    """Words behind an amount say more than those before it: *bis 50 Euro oder weniger*."""
    amount = _amount(language, "amount")
    units = "|".join(filter(None, (UNITS, language.measures)))
    ends = rf"(?!\w|[.,]\d|\s?(?:{units})(?!\w))" if language.is_spaced else r"(?!\d)"
    start = r"(?<!\w)" if language.is_spaced else ""
    money = rf"{start}(?P<amount>{_number(language)})\s?(?:{language.money})"
    return [
        *((name, _compile(rf"{amount}\s*(?:{words})")) for name, words in language.behind),
        *(
            (name, _compile(rf"{start}(?:{words})\s*{amount}{ends}"))
            for name, words in language.ahead
        ),
        ("about", _compile(rf"{money}(?!\w)" if language.is_spaced else money)),
    ]


def _denied(language: Language, ahead: str) -> list[re.Pattern[str]]:
    """Each with what it denies: what stands behind *pas de* in its clause, what stands before 以外."""
    found = [_compile(rf"(?<![\w-])(?:{each})") for each in language.denied_within]
    behind, stops = "|".join(language.denied_behind), re.escape(_STOPS)
    if behind and language.is_spaced:  # at the end of its clause
        within = rf"(?:^|(?<=[,{stops}]))(?P<what>[^,{stops}]+?)"
        found.append(_compile(rf"{within}\s+(?:{behind})\s*(?=[,{stops}]|$)"))
    elif behind:
        found.append(_compile(rf"(?P<what>[^{stops}]+?)(?:{behind})"))
    if language.denied_ahead:
        found.append(_compile(rf"{ahead}(?P<what>[^{stops}]+)"))
    return found


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _number(language: Language) -> str:
    if not language.is_spaced:
        return numbers.CHINESE
    words = "|".join(sorted(language.numbers, key=len, reverse=True))
    return rf"(?:{numbers.EUROPEAN}|\b(?:{words})\b)"


def _amount(language: Language, name: str) -> str:
    return rf"(?:[$€£¥]\s?)?(?P<{name}>{_number(language)})(?:\s?(?:{language.money}))?"


def _value(text: str, language: Language) -> float:
    if not language.is_spaced:
        return numbers.value_of(text)
    said = language.numbers.get(text.lower())
    return numbers.european_value(text) if said is None else said


def _masked(text: str, says: _Patterns) -> tuple[str, list[str]]:
    """The text with a sign for each phrase whose denying word denies nothing, and these phrases."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return chr(FIRST_SIGN + len(kept) - 1)

    return says.kept.sub(keep, text), kept


def _unmasked(text: str, kept: Sequence[str]) -> str:
    for at, phrase in enumerate(kept):
        text = text.replace(chr(FIRST_SIGN + at), phrase)
    return text


def _amounts(text: str, found: Reading, names: Vocabulary, language: Language) -> str:
    """Bounds of the price; those of a denied kind (*keine Schuhe über 100*) turned round."""
    low, high = _amount(language, "low"), _amount(language, "high")
    for at, each in enumerate(language.ranges):
        match = re.search(each.format(low=low, high=high), text, re.IGNORECASE)
        if match is None:
            continue
        ends = sorted(_value(match[name], language) for name in ("low", "high"))
        is_money = re.search(language.money, match[0], re.IGNORECASE)
        if is_money or (at == 0 and not _are_years(ends)):
            text = _cut(text, match, found, {"gte": ends[0], "lte": ends[1]}, names, language)
    for name, pattern in _patterns(language).bounds:
        if found.not_amounts or (found.amounts and (name == "about" or len(found.amounts) > 1)):
            continue
        if match := pattern.search(text):
            value = _value(match["amount"], language)
            bounds = numbers.near(value) if name == "about" else {name: value}
            text = _cut(text, match, found, bounds, names, language)
    return text


def _are_years(ends: Sequence[float]) -> bool:
    return all(1900 <= end <= 2100 for end in ends)


def _cut(
    text: str,
    match: re.Match[str],
    found: Reading,
    bounds: dict[str, float],
    names: Vocabulary,
    language: Language,
) -> str:
    """The text without the amount, which is noted; and without the words that deny it."""
    says = _patterns(language)
    begun = max((each.end() for each in _CLAUSES.finditer(text, 0, match.start())), default=0)
    start, things = match.start(), ""
    for cue in says.cue.finditer(text, begun, match.start()):
        between = _thing(text[cue.end() : match.start()], says)
        if not between or names.category(between, language.code):
            start, things = cue.start(), between
    denials.amounts(found, bounds, denied=start != match.start())
    return f"{text[:start]} {things} {MARK} {text[match.end() :]}"


def _thing(text: str, says: _Patterns) -> str:
    """Without the small words around it."""
    before = None
    while before != text:
        before, text = text, says.trailing.sub("", says.leading.sub("", text.strip() + " ").strip())
    return text.strip()


def _dates(text: str, found: Reading, language: Language) -> str:
    for name, words in language.dates:
        if match := language.words(words.format(year=YEAR)).search(text):
            denials.dates(found, numbers.year_bounds(name, int(match["year"])), denied=False)
            text = _without(text, match)
    return text


def _sorts(text: str, found: Reading, language: Language) -> str:
    for sort, words in language.sorts:
        if match := language.words(words).search(text):
            found.sort = found.sort or sort
            text = _without(text, match)
    if match := language.words(language.in_stock).search(text):
        found.in_stock = True
        text = _without(text, match)
    return text


def _levels(text: str, found: Reading, says: _Patterns) -> str:
    for name, pattern in says.levels:
        while match := pattern.search(text):
            denials.level(found, name)
            text = _without(text, match)
    return text


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {MARK} {text[match.end() :]}"


def _negations(text: str, found: Reading, names: Vocabulary, language: Language) -> str:
    says = _patterns(language)

    def deny(match: re.Match[str]) -> str:
        groups = match.groupdict()
        if "what" not in groups:
            verb = next(filter(None, groups.values()), "")
            _deny(verb, found, names, language, whole=True)
            return f" {MARK} "
        what, kept = match["what"], ""
        if starts := [*re.finditer(language.scope_start, what)]:
            kept, what = what[: starts[-1].start()], what[starts[-1].end() :]
        what, rest = _scope(what, names, language)
        said = bool(_bare(kept, language)) or any(
            _bare(each, language) for each in _CLAUSES.split(match.string[: match.start()])
        )
        things = [
            _deny(each, found, names, language, whole=said) for each in says.joined.split(what)
        ]
        of = next(filter(None, reversed(things)), "")
        return f"{kept} {MARK} {of} {rest}"

    for pattern in says.denied:
        text = pattern.sub(deny, text)
    return text


def _scope(what: str, names: Vocabulary, language: Language) -> tuple[str, str]:
    """What is denied, and the rest of the sentence: behind a comma only what goes on as a list."""
    rest = ""
    if language.is_spaced and (end := re.search(language.scope_end, what, re.IGNORECASE)):
        what, rest = what[: end.start()], what[end.start() :]
    if not language.is_spaced:
        return what, rest
    parts = re.split(r"\s*,\s*", what)
    says = _patterns(language)
    last = says.joined.split(parts[-1])
    if len(parts) > 1 and not (len(last) > 1 and _are_alike([*parts[:-1], *last], names, language)):
        return parts[0], ", ".join(["", *parts[1:]]) + rest
    return what, rest


def _are_alike(things: Sequence[str], names: Vocabulary, language: Language) -> bool:
    """Whether these may be one list: all things, or all qualities of a kind."""
    bare = [_split(_thing(each, _patterns(language)), names, language)[0] for each in things]
    return len({_quality(each, language) for each in bare}) == 1


def _quality(words: str, language: Language) -> int | None:
    kinds = {language.quality(word) for word in folded(words).split()}
    return kinds.pop() if len(kinds) == 1 else None


def _split(what: str, names: Vocabulary, language: Language) -> tuple[str, str]:
    """What is denied and the kind of thing that it is said of: (*plastique*, *chaises*).

    ``""`` for none: then all of it is what is denied.
    """
    if names.kind(what, language.code) or names.brand(what):
        return what, ""
    if of := re.search(language.of, what, re.IGNORECASE):
        thing, denied = what[: of.start()].strip(), what[of.end() :].strip()
        if denied and names.category(thing, language.code):
            return denied, thing
    words = what.split()
    for count in range(min(MOST_WORDS, len(words) - 1), 0, -1):
        head, rest = (words[-count:], words[:-count])
        if not language.is_head_last:
            head, rest = words[:count], words[count:]
        if names.category(" ".join(head), language.code):
            return " ".join(rest), " ".join(head)
    return what, ""


def _deny(what: str, found: Reading, names: Vocabulary, language: Language, *, whole: bool) -> str:
    """Note what is denied; the kind of thing that it is said of, where that is wanted.

    ``whole``: what is looked for was said before; only a quality is then less than all that is said.
    """
    what = _thing(what, _patterns(language))
    if not what:
        return ""
    denied, thing = _split(what, names, language)
    if thing and (not whole or _quality(denied, language) is not None):
        _deny(denied, found, names, language, whole=True)
        return "" if whole else thing
    if brand := names.brand(what):
        found.not_brands.append(brand)
    elif paths := names.kind(what, language.code):
        found.not_categories += paths
        found.denied.append(what)
    else:
        found.unwanted.append(what)
    return ""


def _brands(text: str, found: Reading, names: Vocabulary) -> str:
    for name in sorted(names.brands, key=len, reverse=True):
        if name not in folded(text):
            continue
        match = re.search(rf"(?<![^\W_]){re.escape(name)}(?![a-z])", text, re.IGNORECASE)
        if match:
            found.brands.append(names.brands[name])
            text = _without(text, match)
    return text


def _bare(clause: str, language: Language) -> str:
    """A clause without what only asks, and without small words, at its ends; "" where that is all."""
    says = _patterns(language)
    if not _content(clause, says):
        return ""
    before = None
    while before != clause:
        before, clause = clause, says.edges.sub("", _thing(clause, says)).strip()
    return clause


def _content(clause: str, says: _Patterns) -> str:
    return re.sub(r"[\W_]+", "", says.asking.sub(" ", clause))


def _categories(found: Reading, names: Vocabulary, language: Language) -> None:
    """What the first phrase is called, where nothing but qualities stands beside it."""
    for clause in found.wanted:
        phrase = re.sub(language.describing, "", clause, flags=re.IGNORECASE).strip()
        if paths := names.category(phrase, language.code):
            found.categories = list(paths)
            return
        quality, thing = _split(phrase, names, language)
        if thing and _quality(quality, language) is not None:
            found.categories = list(names.category(thing, language.code))
            return
