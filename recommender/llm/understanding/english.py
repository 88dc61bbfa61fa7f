"""Reading a question in English by patterns, one kind of meaning after another.

What a pattern understood leaves the text; the rest is what is wanted, in words. A mark (``¦``) stays
where something was taken, so that what stood on both sides is not read as one phrase.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from recommender.llm.understanding import denials, lists, numbers
from recommender.llm.understanding import english_patterns as says
from recommender.llm.understanding.languages import quality
from recommender.llm.understanding.languages.english import MEDIA_WORDS
from recommender.llm.understanding.types import MARK, THIS, UNWANTED, WANTED, Like, Reading
from recommender.llm.understanding.vocabulary import Vocabulary, folded, singular


def read(text: str, vocabulary: Vocabulary) -> Reading:
    """What an English question says."""
    found = Reading(follows=bool(says.FOLLOWING.search(text)))
    found.anew = bool(re.search(r"\binstead\b(?!\s+of)", text, re.IGNORECASE))
    text, kept = _masked(f" {says.OWN_MARKS.sub(' ', text)} ".replace("’", "'"))
    text = says.ALL_BUT.sub(r"\g<all> except ", says.ONLY.sub(" ", text))
    text = _likes(text, found)
    for step in (_levels, _amounts, _dates):
        text = step(text, found, vocabulary)
    text = _stock(_sorts(text, found, vocabulary), found)
    text = _unmasked(_negations(text, found, vocabulary), kept)
    text = _brands(text, found, vocabulary)
    found.wanted = [words for clause in _clauses(text) if (words := _without_fillers(clause))]
    _categories(found, vocabulary)
    return found


def _masked(text: str) -> tuple[str, list[str]]:
    """The text with a sign for each phrase whose negating word denies nothing, and these phrases."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return chr(says.FIRST_SIGN + len(kept) - 1)

    return says.KEPT.sub(keep, text), kept


def _unmasked(text: str, kept: Sequence[str]) -> str:
    for at, phrase in enumerate(kept):
        text = text.replace(chr(says.FIRST_SIGN + at), phrase)
    return text


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


def _claimed(
    pattern: re.Pattern[str],
    text: str,
    vocabulary: Vocabulary,
    note: Callable[[re.Match[str], bool], object],
    *,
    is_least: bool = False,
    is_bound: bool = True,
) -> str:
    """As ``_taken``, with the words that deny a match; ``note`` is told whether there are any."""
    at = 0
    while match := pattern.search(text, at):
        denial = denials.before_english(text, match.start(), vocabulary, is_least=is_least)
        if denial is not None and denial.partly and not is_least:
            denial = None
        after = denials.AFTER_ENGLISH.match(text, match.end()) if is_bound else None
        if note(match, denial is not None or after is not None) is False:
            at = match.end()
            continue
        start = match.start() if denial is None else denial.start
        things = "" if denial is None else denial.things
        rest = text[after.end() if after else match.end() :]
        if denial is not None:  # "not cheap or heavy" denies both
            rest = re.sub(r"^\s+n?or\s+(?=[a-z])", " not ", rest, flags=re.IGNORECASE)
        text = f"{text[:start]} {things} {MARK} {rest}"
        at = start
    return text


def _levels(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    def level(name: str) -> Callable[[re.Match[str], bool], bool | None]:
        def note(match: re.Match[str], denied: bool) -> bool | None:
            # "cheaper than 50" and "a budget of 50" name a bound, "most expensive" an order
            after = match.string[match.end() :]
            if re.match(r"\s+(?:than|of|is)\s+\W*\w*\d", after):
                return False
            if says.SUPERLATIVE.match(match[0]) and not denied:
                return False
            complaint = not denied and says.TOO_DEAR.match(match[0])
            denials.level(found, "low" if complaint else name, denied=denied)
            return None

        return note

    for name, words in says.LEVELS:
        pattern = re.compile(words, re.IGNORECASE)
        text = _claimed(pattern, text, vocabulary, level(name), is_bound=False)
    return text


def _amounts(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    def between(match: re.Match[str], denied: bool) -> bool | None:
        ends = [
            numbers.value_of(value)
            for name, value in match.groupdict().items()
            if value and name.startswith(("low", "high"))
        ]
        if all(1900 <= end <= 2100 for end in ends) and not re.search(
            f"{says.SIGN}|{says.MONEY_WORD}", match[0]
        ):
            return False  # years
        denials.amounts(found, {"gte": min(ends), "lte": max(ends)}, denied)
        return None

    def or_less(match: re.Match[str], denied: bool) -> None:
        upper = match["word"].lower() in ("less", "under", "below", "cheaper")
        value = numbers.value_of(match["amount"])
        denials.amounts(found, {"lte" if upper else "gte": value}, denied)

    text = _claimed(says.RANGE, text, vocabulary, between)
    text = _claimed(says.OR_LESS, text, vocabulary, or_less)
    for name, pattern in says.BOUND:
        is_least = name in ("gt", "gte")
        text = _claimed(pattern, text, vocabulary, _noting(found, name), is_least=is_least)
    if not found.amounts:
        text = _claimed(says.EXACT, text, vocabulary, _noting(found, "about"))
    return text


def _noting(found: Reading, name: str) -> Callable[[re.Match[str], bool], None]:
    def note(match: re.Match[str], denied: bool) -> None:
        value = numbers.value_of(next(filter(None, match.groupdict().values())))
        bounds = numbers.near(value) if name == "about" else {name: value}
        denials.amounts(found, bounds, denied)

    return note


def _dates(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    def noting(name: str) -> Callable[[re.Match[str], bool], None]:
        def note(match: re.Match[str], denied: bool) -> None:
            years = sorted(int(year) for year in match.groupdict().values() if year)
            bounds = numbers.year_bounds(name, years[0])
            if len(years) > 1:
                bounds["lte"] = numbers.year_bounds(name, years[1])["lte"]
            denials.dates(found, bounds, denied)

        return note

    for name, words in says.DATES:
        text = _claimed(re.compile(words, re.IGNORECASE), text, vocabulary, noting(name))
    return text


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


def _negations(text: str, found: Reading, vocabulary: Vocabulary) -> str:
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
            if not rest and said_before and _is_list(what + listed, vocabulary):
                more = listed.rstrip(" ,")
            else:
                rest += listed
        for each in says.JOINED.split(what + more):
            of = _deny(each, found, vocabulary, whole=said_before)
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
    kinds = {quality(word) for each in bare for word in folded(each).split()}
    return len(kinds) == 1


def _is_list(said: str, vocabulary: Vocabulary) -> bool:
    """Of a list that nothing closes: many of a kind, or kinds of thing."""

    def bare(each: str) -> str:
        if not _without_fillers(each):
            return ""
        return says.TRAILING.sub("", says.LEADING.sub("", f"{each.strip()} ").strip())

    def is_thing(word: str) -> bool:
        return singular(folded(word)) != folded(word) or bool(vocabulary.kind(word))

    return lists.is_list(
        said.strip(" ,").split(","), bare, lambda each: quality(folded(each)), is_thing
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
