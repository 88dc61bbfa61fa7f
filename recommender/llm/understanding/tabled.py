"""Reading a question by its language's tables (``languages``), as ``english`` does by patterns of its own.

What was understood leaves the text, a mark (``¦``) stays; the rest is what is wanted, in words.
"""

import re
from collections.abc import Sequence
from typing import Final

from recommender.llm.understanding import denials, lists, numbers
from recommender.llm.understanding.languages import Language, named
from recommender.llm.understanding.tabled_patterns import (
    STOPS,
    Patterns,
    amount_pattern,
    patterns,
    value_of,
)
from recommender.llm.understanding.types import MARK, Reading
from recommender.llm.understanding.vocabulary import Vocabulary, folded

FIRST_SIGN: Final = 0xE000
YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
MOST_WORDS: Final = 3
"""Of the name of a kind of thing: *instruments de musique*."""
_OWN_MARKS: Final = re.compile(f"[\ue000-\uf8ff{MARK}]")
_CLAUSES: Final = re.compile(rf"[,，、{re.escape(STOPS)}]+(?!\d)")


def read(text: str, vocabulary: Vocabulary, language: Language) -> Reading:
    """What a question in the language says."""
    found, says = Reading(), patterns(language)
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


def _masked(text: str, says: Patterns) -> tuple[str, list[str]]:
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
    low, high = amount_pattern(language, "low"), amount_pattern(language, "high")
    for at, each in enumerate(language.ranges):
        match = re.search(each.format(low=low, high=high), text, re.IGNORECASE)
        if match is None:
            continue
        ends = sorted(value_of(match[name], language) for name in ("low", "high"))
        is_money = re.search(language.money, match[0], re.IGNORECASE)
        if is_money or (at == 0 and not _are_years(ends)):
            text = _cut(text, match, found, {"gte": ends[0], "lte": ends[1]}, names, language)
    for name, pattern in patterns(language).bounds:
        if found.not_amounts or (found.amounts and (name == "about" or len(found.amounts) > 1)):
            continue
        if match := pattern.search(text):
            value = value_of(match["amount"], language)
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
    says = patterns(language)
    begun = max((each.end() for each in _CLAUSES.finditer(text, 0, match.start())), default=0)
    start, things = match.start(), ""
    for cue in says.cue.finditer(text, begun, match.start()):
        between = _thing(text[cue.end() : match.start()], says)
        if not between or names.category(between, language.code):
            start, things = cue.start(), between
    denials.amounts(found, bounds, denied=start != match.start())
    return f"{text[:start]} {things} {MARK} {text[match.end() :]}"


def _thing(text: str, says: Patterns) -> str:
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


def _levels(text: str, found: Reading, says: Patterns) -> str:
    for name, pattern in says.levels:
        while match := pattern.search(text):
            denials.level(found, name)
            text = _without(text, match)
    return text


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {MARK} {text[match.end() :]}"


def _negations(text: str, found: Reading, names: Vocabulary, language: Language) -> str:
    """The text without what is denied. What does not go on with a denial is read again after it."""
    says, said = patterns(language), False

    def deny(match: re.Match[str]) -> tuple[str, str]:
        nonlocal said
        groups = match.groupdict()
        if "what" not in groups:
            verb = next(filter(None, groups.values()), "")
            _deny(verb, found, names, language, whole=True)
            return f" {MARK} ", ""
        what, kept = match["what"], ""
        if starts := [*re.finditer(language.scope_start, what)]:
            kept, what = what[: starts[-1].start()], what[starts[-1].end() :]
        said = said or any(
            _bare(each, language) for each in (kept, *_CLAUSES.split(match.string[: match.start()]))
        )
        what, rest = _scope(what, names, language, is_said=said)
        things = [
            _deny(each, found, names, language, whole=said) for each in says.joined.split(what)
        ]
        of = next(filter(None, reversed(things)), "")
        return f"{kept} {MARK} {of} ", rest

    for pattern in says.denied:
        at, said = 0, False
        while match := pattern.search(text, at):
            done, rest = deny(match)
            at = match.start() + len(done)
            text = f"{text[: match.start()]}{done}{rest}{text[match.end() :]}"
    return text


def _scope(what: str, names: Vocabulary, language: Language, *, is_said: bool) -> tuple[str, str]:
    """What is denied, and the rest of the sentence: behind a comma only what goes on as a list.

    ``is_said``: what is looked for was said before; else "no dogs, cats" may look for cats.
    """
    rest = ""
    if language.is_spaced and (end := re.search(language.scope_end, what, re.IGNORECASE)):
        what, rest = what[: end.start()], what[end.start() :]
    if not language.is_spaced:
        return what, rest
    says = patterns(language)
    parts = re.split(r"\s*,\s*", what)
    if again := next((at for at, each in enumerate(parts) if at and says.cue.match(each)), 0):
        parts, rest = parts[:again], ", ".join(["", *parts[again:]]) + rest
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    last = says.joined.split(parts[-1])
    if len(last) > 1:
        is_list = _are_alike([*parts[:-1], *last], names, language)
    else:
        ends = bool(again) or not _bare(rest, language)
        is_list = is_said and ends and _is_list(parts, names, language)
    if len(parts) > 1 and not is_list:
        return parts[0], ", ".join(["", *parts[1:]]) + rest
    return ", ".join(parts), rest


def _is_list(said: Sequence[str], names: Vocabulary, language: Language) -> bool:
    """Of a list that nothing closes: many of a kind, or kinds of thing."""

    def is_thing(word: str) -> bool:
        known = bool(names.kind(word, language.code) or named(folded(word), language.code))
        return known or re.match(language.noun, word) is not None

    def bare(each: str) -> str:
        return _thing(each, patterns(language))

    return lists.is_list(said, bare, lambda each: _quality(each, language), is_thing)


def _are_alike(things: Sequence[str], names: Vocabulary, language: Language) -> bool:
    """Whether these may be one list: all things, or all qualities of a kind."""
    bare = [_split(_thing(each, patterns(language)), names, language)[0] for each in things]
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
    if not language.is_spaced:
        return _split_unspaced(what, names, language)
    words = what.split()
    for count in range(min(MOST_WORDS, len(words) - 1), 0, -1):
        head, rest = (words[-count:], words[:-count])
        if not language.is_head_last:
            head, rest = words[:count], words[count:]
        if names.category(" ".join(head), language.code):
            return " ".join(rest), " ".join(head)
    return what, ""


def _split_unspaced(what: str, names: Vocabulary, language: Language) -> tuple[str, str]:
    """A quality and the kind of thing behind it."""
    for at in range(1, len(what)):
        if names.category(what[at:], language.code):
            quality = what[:at].removesuffix("の")
            return (quality, what[at:]) if _quality(quality, language) is not None else (what, "")
    return what, ""


def _deny(what: str, found: Reading, names: Vocabulary, language: Language, *, whole: bool) -> str:
    """Note what is denied; the kind of thing that it is said of, where that is wanted.

    ``whole``: what is looked for was said before; only a quality is then less than all that is said.
    """
    what = _thing(what, patterns(language))
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
    said = folded(text)
    for name in sorted((name for name in names.brands if name in said), key=len, reverse=True):
        match = re.search(rf"(?<![^\W_]){re.escape(name)}(?![a-z])", text, re.IGNORECASE)
        if match:
            found.brands.append(names.brands[name])
            text = _without(text, match)
    return text


def _bare(clause: str, language: Language) -> str:
    """A clause without what only asks, and without small words, at its ends; "" where that is all."""
    says = patterns(language)
    if not _content(clause, says):
        return ""
    before = None
    while before != clause:
        before, clause = clause, says.edges.sub("", _thing(clause, says)).strip()
    return clause


def _content(clause: str, says: Patterns) -> str:
    return re.sub(r"[\W_]+", "", says.asking.sub(" ", clause))


def _categories(found: Reading, names: Vocabulary, language: Language) -> None:
    """What the first phrase is called, where nothing but qualities stands beside it.

    Of *Vögel und Fische* each must be named, else one of them would be left out.
    """
    for clause in found.wanted:
        phrase = re.sub(language.describing, "", clause, flags=re.IGNORECASE).strip()
        parts = patterns(language).joined.split(phrase) if language.is_spaced else [phrase]
        named = [_named(part, names, language) for part in parts if part]
        if named and all(named):
            found.categories = list(dict.fromkeys(path for paths in named for path in paths))
            return


def _named(phrase: str, names: Vocabulary, language: Language) -> tuple[str, ...]:
    if paths := names.category(phrase, language.code):
        return paths
    quality, thing = _split(phrase, names, language)
    is_said_of = thing and _quality(quality, language) is not None
    return names.category(thing, language.code) if is_said_of else ()
