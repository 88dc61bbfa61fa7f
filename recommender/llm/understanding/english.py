"""Reading a question in English by patterns, one kind of meaning after another.

What a pattern understood leaves the text; the rest is what is wanted, in words. A mark (``¦``) stays
where something was taken, so that what stood on both sides is not read as one phrase.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from recommender.llm.understanding import denials, english_prices, lists
from recommender.llm.understanding import english_patterns as says
from recommender.llm.understanding.languages import quality
from recommender.llm.understanding.languages.english import MEDIA_WORDS
from recommender.llm.understanding.languages.english_things import may_be_thing
from recommender.llm.understanding.masking import masked, unmasked, without_signs
from recommender.llm.understanding.types import MARK, THIS, UNWANTED, WANTED, Like, Reading
from recommender.llm.understanding.vocabulary import Vocabulary, folded, singular


def read(text: str, vocabulary: Vocabulary, *, asked: bool = False) -> Reading:
    """What an English question says. ``asked``: what is looked for was said in a question before it."""
    found = Reading(follows=bool(says.FOLLOWING.search(text)))
    found.anew = bool(re.search(r"\binstead\b(?!\s+of)", text, re.IGNORECASE))
    text = says.POLITE.sub(" ", f" {without_signs(text)} ".replace("’", "'"))
    text, kept = masked(text, says.KEPT)
    text = says.ALL_BUT.sub(r"\g<all> except ", says.ONLY.sub(" ", text))
    text = says.EXCEPT_BEHIND.sub(r" except \g<what>", text)
    text = _likes(text, found)
    for step in (english_prices.levels, english_prices.amounts, english_prices.dates):
        text = step(text, found, vocabulary)
    text = _stock(_sorts(text, found, vocabulary), found)
    text = unmasked(_negations(text, found, vocabulary, asked=asked), kept)
    text = _brands(text, found, vocabulary)
    found.wanted = [words for clause in _clauses(text) if (words := _without_fillers(clause))]
    _categories(found, vocabulary)
    return found


def _taken(pattern: re.Pattern[str], text: str, note: Callable[[re.Match[str]], object]) -> str:
    """The text without what the pattern matches; ``note`` may refuse a match by returning False."""

    def replaced(match: re.Match[str]) -> str:
        return match[0] if note(match) is False else f" {MARK} "

    return pattern.sub(replaced, text)


def _likes(text: str, found: Reading) -> str:
    def nth(match: re.Match[str]) -> None:
        which = says.ORDINALS[match["nth"].lower()] if match["nth"] else int(match["number"])
        found.like.append(Like(which, UNWANTED if match["away"] else WANTED))

    def this(match: re.Match[str]) -> None:
        found.like.append(Like(THIS, UNWANTED if match["away"] else WANTED))

    return _taken(says.THIS, _taken(says.NTH, text, nth), this)


def _sorts(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    for sort, words in says.SORTS:
        match = re.search(words, text, re.IGNORECASE)
        if match:
            denial = denials.before_english(text, match.start(), vocabulary)
            if denial is None:
                found.sort = found.sort or sort
            start = match.start() if denial is None else denial.start
            kept = (match.groupdict().get("now") or "").strip()
            kept = re.sub(r"\b(?:right\s+now|at\s+the\s+moment|these\s+days)\b", "", kept)
            text = f"{text[:start]} {MARK} {kept} {text[match.end() :]}"
            text = re.sub(r"\s+first(?=\s*(?:[,.;!?]|$))", "", text, flags=re.IGNORECASE)
    return text


def _stock(text: str, found: Reading) -> str:
    def note(_: re.Match[str]) -> None:
        found.in_stock = True

    return _taken(says.STOCK, text, note)


def _negations(text: str, found: Reading, vocabulary: Vocabulary, *, asked: bool) -> str:
    def deny(match: re.Match[str]) -> str:
        what, rest = match["what"], ""
        if end := says.SCOPE_END.search(what):
            what, rest = what[: end.start()], what[end.start() :]
        said_before = any(map(_without_fillers, _clauses(match.string[: match.start()])))
        of = ""
        more = match.groupdict().get("more") or ""
        if more and (
            rest or not _alike([what, *filter(None, says.JOINED.split(more))], vocabulary)
        ):
            more, rest = "", rest + more
        if listed := match.groupdict().get("open") or "":
            is_part = says.LACKING.match(match[0]) is not None
            is_said = asked or said_before or bool(says.AFTER.match(match.string, match.end()))
            if not rest and _is_list(what + listed, vocabulary, is_part=is_part, is_said=is_said):
                more = listed.rstrip(" ,")
            else:
                rest += listed
        # each has a thing of its own: "no black cats, white dogs or brown bears"
        own = bool(more) and bool(vocabulary.category(what.rpartition(" ")[2]))
        for each in says.JOINED.split(what + more):
            of = _deny(each, found, vocabulary, whole=said_before or own)
        return f" {MARK} {of} {rest}"

    for pattern in (says.NON, says.MINUS, says.NEGATED):
        text = pattern.sub(deny, text)
    return text


def _deny(what: str, found: Reading, vocabulary: Vocabulary, *, whole: bool = False) -> str:
    """Note what is denied; the kind of thing that it is said of (``tea`` of ``no sugar tea``).

    ``whole``: what is looked for was said before, so that ``no pet dogs`` denies these dogs only.
    """
    what = says.TRAILING.sub("", says.LEADING.sub("", what.strip() + " ").strip())
    # "not X" of a list that the first cue opened: "neither red nor not blue"
    what = re.sub(r"^(?:not|no)\s+", "", what, flags=re.IGNORECASE).strip()
    if what.lower() in ("", "more", "less", "much", "that much"):
        return ""
    said, _, last = what.rpartition(" ")
    if brand := vocabulary.brand(what):
        found.not_brands.append(brand)
    elif paths := vocabulary.kind(what):
        found.not_categories += paths
        found.denied.append(what)
    elif said and vocabulary.category(last) and (not whole or _is_quality(said, vocabulary)):
        _deny(said, found, vocabulary)
        return "" if whole else last
    else:
        found.unwanted.append(what)
    return ""


def _alike(things: Sequence[str], vocabulary: Vocabulary) -> bool:
    """Whether these may be one list: all things, or all qualities of a kind, the last of them of a thing.

    "No plastic, wood or metal chairs" denies three; "not leather, red or blue shoes" wants shoes; "no dogs,
    show me cats or birds" wants these.
    """
    bare = [says.LEADING.sub("", f"{each.strip()} ").strip() for each in things]
    if any(says.SCOPE_END.match(f" {each}") or not _without_fillers(each) for each in bare):
        return False
    said, _, last = bare[-1].rpartition(" ")
    if said and vocabulary.category(last):
        bare[-1] = said
    return len({frozenset(map(quality, folded(each).split())) for each in bare}) == 1


def _is_list(said: str, vocabulary: Vocabulary, *, is_part: bool, is_said: bool) -> bool:
    """Of a list that nothing closes: many of a kind, or kinds of thing. ``is_part``: of what a thing lacks."""
    parts = said.strip(" ,").split(",")

    def bare(each: str) -> str:
        if not _without_fillers(each) or says.FILLERS.search(each.strip()):
            return ""
        return says.TRAILING.sub("", says.LEADING.sub("", f"{each.strip()} ").strip())

    def is_thing(each: str) -> bool:
        last = folded(each).rpartition(" ")[2]
        if singular(last) != last or vocabulary.kind(last):
            return True
        # "shoes without laces, canvas" may want canvas
        return not (is_part and len(parts) < lists.LEAST) and may_be_thing(folded(each))

    return lists.is_list(
        parts,
        bare,
        lambda each: quality(folded(each)),
        is_thing,
        is_said=is_said,
        most_words=1 if is_part else 2,
    )


def _is_quality(words: str, vocabulary: Vocabulary) -> bool:
    return _qualities(words) or vocabulary.brand(words) is not None


def _brands(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    names = sorted(vocabulary.brands, key=len, reverse=True)
    if not names:
        return text
    listed = "|".join(re.escape(name) for name in names)
    pattern = re.compile(
        rf"(?:\b(?:made\s+)?(?:by|from|brand|only\s+from)\s+|\bor\s+)?(?<![\w-])(?P<brand>{listed})(?:'s)?(?![\w-])",
        re.IGNORECASE,
    )

    def note(match: re.Match[str]) -> None:
        brand = vocabulary.brands[folded(match["brand"])]
        if brand not in found.brands:
            found.brands.append(brand)

    return _taken(pattern, text, note)


def _clauses(text: str) -> Iterator[str]:
    """What stands between commas; marks join, for what was taken out stood inside a phrase."""
    for clause in re.split(r"[,.;:!?()]+(?!\d)", text):
        yield " ".join(clause.replace(MARK, " ").split())


def _without_fillers(clause: str) -> str:
    before = None
    while clause != before:
        before = clause
        clause = " ".join(says.FILLERS.sub(" ", clause).split())
        clause = re.sub(
            r"^(?:an?|the|some|any|all|every|other|me|us)\s+", "", clause, flags=re.IGNORECASE
        )
        clause = re.sub(r"^(?:an?|the|some|any|it|ones?)$", "", clause, flags=re.IGNORECASE)
    return clause


def _categories(found: Reading, vocabulary: Vocabulary) -> None:
    """The head of the first phrase that names one: the last word before what describes it."""
    for clause in found.wanted:
        explicit = re.search(r"\b(?:category|section|department)\s+(?:of\s+)?(.+)$", clause)
        phrase = says.POSTMODIFIER.sub("", explicit[1] if explicit else clause).strip()
        # "dogs or cats": each must be named, else one of them would be left out
        named = [_headed(each, vocabulary) for each in re.split(r"\s+(?:or|and)\s+|/", phrase)]
        if all(named):
            found.categories = list(dict.fromkeys(path for paths in named for path in paths))
            return
        # "yellow or orange lamp": qualities of one thing
        if named[-1] and all(map(_qualities, re.split(r"\s+(?:or|and)\s+|/", phrase)[:-1])):
            found.categories = list(named[-1])
            return


def _qualities(words: str) -> bool:
    return quality(folded(words).rpartition(" ")[2]) is not None


def _headed(phrase: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    words = re.findall(r"[\w&'-]+", phrase)
    if not words or singular(folded(words[-1])) in MEDIA_WORDS:
        return ()
    for count in (3, 2, 1):
        if len(words) >= count and (paths := vocabulary.category(" ".join(words[-count:]))):
            return paths
    return ()
