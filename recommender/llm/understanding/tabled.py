"""Reading a question by its language's tables (``languages``), as ``english`` does by patterns of its own.

What was understood leaves the text, a mark (``¦``) stays; the rest is what is wanted, in words.
"""

import re
from collections.abc import Sequence
from typing import Final

from recommender.llm.understanding import denials, lists, numbers, tabled_prices
from recommender.llm.understanding.languages import Language, named
from recommender.llm.understanding.masking import masked, unmasked, without_signs
from recommender.llm.understanding.tabled_patterns import (
    CLAUSES,
    Patterns,
    patterns,
    quality_of,
    thing_of,
)
from recommender.llm.understanding.types import MARK, Reading
from recommender.llm.understanding.vocabulary import Vocabulary, folded

YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
_HIRAGANA: Final = re.compile("[ぁ-ん]")
MOST_WORDS: Final = 3
"""Of the name of a kind of thing: *instruments de musique*."""


def read(text: str, vocabulary: Vocabulary, language: Language, *, asked: bool = False) -> Reading:
    """What a question in the language says. ``asked``: as in ``english``."""
    found, says = Reading(), patterns(language)
    text = f" {without_signs(text)} ".replace("’", "'")
    text, kept = masked(says.rhetorical.sub(" ", text), says.kept)
    text = tabled_prices.amounts(text, found, vocabulary, language)
    text = _dates(text, found, language)
    text = _sorts(text, found, language)
    text = tabled_prices.levels(text, found, vocabulary, language)
    found.follows = bool(found.compared)
    text = unmasked(_negations(text, found, vocabulary, language, asked), kept)
    text = _brands(text, found, vocabulary)
    if found.amounts or found.not_amounts or found.level:
        text = says.paying.sub(" ", text)
    clauses = (" ".join(each.replace(MARK, " ").split()) for each in CLAUSES.split(text))
    found.wanted = [words for each in clauses if (words := _bare(each, language))]
    _categories(found, vocabulary, language)
    return found


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


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {MARK} {text[match.end() :]}"


def _negations(
    text: str, found: Reading, names: Vocabulary, language: Language, asked: bool
) -> str:
    """The text without what is denied. What does not go on with a denial is read again after it."""
    says, said = patterns(language), False

    def deny(match: re.Match[str]) -> tuple[str, str]:
        nonlocal said
        groups = match.groupdict()
        if "what" not in groups:
            for each in language.plain(match):
                _deny(each, found, names, language, whole=True)
            return f" {MARK} ", ""
        what, kept = match["what"], ""
        if starts := [*re.finditer(language.scope_start, what)]:
            kept, what = what[: starts[-1].start()], what[starts[-1].end() :]
        if not language.is_spaced:
            more, what = _listed(what, names, language)
            kept += more
        said = said or any(
            _bare(each, language) for each in (kept, *CLAUSES.split(match.string[: match.start()]))
        )
        what, rest = _scope(what, names, language, is_said=asked or said)
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


def _listed(what: str, names: Vocabulary, language: Language) -> tuple[str, str]:
    """What is said before the list that ends with what is denied, and that list.

    Of 動物、犬、猫はいらない animals are looked for, of 犬、猫はいらない nothing is.
    """
    parts = re.split("[、,，]", what)
    at = len(parts) - 1
    while at and (not _HIRAGANA.search(parts[at - 1]) or language.named(folded(parts[at - 1]))):
        at -= 1
    if at < len(parts) - 1 and _is_above(parts[at], parts[at + 1 :], names, language):
        at += 1
    return "、".join([*parts[:at], ""]) if at else "", "、".join(parts[at:])


def _is_above(kind: str, others: Sequence[str], names: Vocabulary, language: Language) -> bool:
    """Whether all others may be of this kind: of categories below it, or of none below one without another
    above it."""
    above = names.category(kind, language.code)
    for other in others:
        paths = names.category(other, language.code)
        if paths and not all(any(path.startswith(f"{top}/") for top in above) for path in paths):
            return False
        if not paths and not any("/" not in top for top in above):
            return False
    return bool(above)


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
        is_list = ends and _is_list(parts, names, language, is_said=is_said)
    if len(parts) > 1 and not is_list:
        return parts[0], ", ".join(["", *parts[1:]]) + rest
    return ", ".join(parts), rest


def _is_list(said: Sequence[str], names: Vocabulary, language: Language, *, is_said: bool) -> bool:
    """Of a list that nothing closes: many of a kind, or kinds of thing."""

    def is_thing(word: str) -> bool:
        known = bool(names.kind(word, language.code) or named(folded(word), language.code))
        return known or re.match(language.noun, word) is not None

    def bare(each: str) -> str:
        return thing_of(each, patterns(language))

    return lists.is_list(
        said, bare, lambda each: quality_of(each, language), is_thing, is_said=is_said
    )


def _are_alike(things: Sequence[str], names: Vocabulary, language: Language) -> bool:
    """Whether these may be one list: all things, or all qualities of a kind."""
    bare = [_split(thing_of(each, patterns(language)), names, language)[0] for each in things]
    return len({quality_of(each, language) for each in bare}) == 1


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
            return (quality, what[at:]) if quality_of(quality, language) is not None else (what, "")
    return what, ""


def _deny(what: str, found: Reading, names: Vocabulary, language: Language, *, whole: bool) -> str:
    """Note what is denied; the kind of thing that it is said of, where that is wanted.

    ``whole``: what is looked for was said before; only a quality is then less than all that is said.
    """
    what = thing_of(what, patterns(language))
    if not what:
        return ""
    denied, thing = _split(what, names, language)
    if thing and (not whole or quality_of(denied, language) is not None):
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
        before, clause = clause, says.edges.sub("", thing_of(clause, says)).strip()
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
    is_said_of = thing and quality_of(quality, language) is not None
    return names.category(thing, language.code) if is_said_of else ()
