"""Reading a question in English by patterns, one kind of meaning after another.

What a pattern understood leaves the text; the rest is what is wanted, in words. A mark (``¦``) stays
where something was taken, so that what stood on both sides is not read as one phrase.
"""

import re
from collections.abc import Callable, Iterator

from recommender.llm.understanding import english_patterns as says
from recommender.llm.understanding import lexicon, numbers
from recommender.llm.understanding.types import MARK, THIS, UNWANTED, WANTED, Like, Reading
from recommender.llm.understanding.vocabulary import Vocabulary, folded, singular


def read(text: str, vocabulary: Vocabulary) -> Reading:
    """What an English question says."""
    found = Reading(follows=bool(says.FOLLOWING.search(text)))
    found.anew = bool(re.search(r"\binstead\b(?!\s+of)", text, re.IGNORECASE))
    text = f" {text} ".replace("’", "'")
    for step in (_likes, _levels, _amounts, _dates, _sorts, _stock):
        text = step(text, found)
    text = _negations(text, found, vocabulary)
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


def _levels(text: str, found: Reading) -> str:
    def level(name: str) -> Callable[[re.Match[str]], bool | None]:
        def note(match: re.Match[str]) -> bool | None:
            # "cheaper than 50" and "a budget of 50" name a bound, "most expensive" an order
            before, after = text[: match.start()], text[match.end() :]
            if re.match(r"\s+(?:than|of|is)\s+\W*\w*\d", after) or re.search(
                r"\b(?:most|least)\s+$", before
            ):
                return False
            found.level = found.level or name  # type: ignore[assignment]
            return None

        return note

    for name, words in says.LEVELS:
        text = _taken(re.compile(words, re.IGNORECASE), text, level(name))
    return text


def _amounts(text: str, found: Reading) -> str:
    def between(match: re.Match[str]) -> bool | None:
        ends = [
            numbers.value_of(value)
            for name, value in match.groupdict().items()
            if value and name.startswith(("low", "high"))
        ]
        if all(1900 <= end <= 2100 for end in ends) and not re.search(
            f"{says.SIGN}|{says.MONEY_WORD}", match[0]
        ):
            return False  # years
        found.amounts |= {"gte": min(ends), "lte": max(ends)}
        return None

    def or_less(match: re.Match[str]) -> None:
        upper = match["word"].lower() in ("less", "under", "below", "cheaper")
        found.amounts["lte" if upper else "gte"] = numbers.value_of(match["amount"])

    text = _taken(says.RANGE, text, between)
    text = _taken(says.OR_LESS, text, or_less)
    for name, pattern in says.BOUND:
        text = _taken(pattern, text, _noting(found, name))
    if not found.amounts:
        text = _taken(says.EXACT, text, _noting(found, "about"))
    return text


def _noting(found: Reading, name: str) -> Callable[[re.Match[str]], None]:
    def note(match: re.Match[str]) -> None:
        value = numbers.value_of(next(filter(None, match.groupdict().values())))
        found.amounts |= numbers.near(value) if name == "about" else {name: value}

    return note


def _dates(text: str, found: Reading) -> str:
    def noting(name: str) -> Callable[[re.Match[str]], None]:
        def note(match: re.Match[str]) -> None:
            found.dates |= numbers.year_bounds(
                name, int(next(filter(None, match.groupdict().values())))
            )

        return note

    for name, words in says.DATES:
        text = _taken(re.compile(words, re.IGNORECASE), text, noting(name))
    return text


def _sorts(text: str, found: Reading) -> str:
    for sort, words in says.SORTS:
        match = re.search(words, text, re.IGNORECASE)
        if match:
            found.sort = found.sort or sort
            kept = (match.groupdict().get("now") or "").strip()
            kept = re.sub(r"\b(?:right\s+now|at\s+the\s+moment|these\s+days)\b", "", kept)
            text = f"{text[: match.start()]} {MARK} {kept} {text[match.end() :]}"
            text = re.sub(r"\s+first(?=\s*(?:[,.;!?]|$))", "", text, flags=re.IGNORECASE)
    return text


def _stock(text: str, found: Reading) -> str:
    def note(_: re.Match[str]) -> None:
        found.in_stock = True

    return _taken(says.STOCK, text, note)


def _negations(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\x00{len(kept) - 1}\x00"

    def deny(match: re.Match[str]) -> str:
        what, rest = match["what"], ""
        if end := says.SCOPE_END.search(what):
            what, rest = what[: end.start()], what[end.start() :]
        of = ""
        for each in says.JOINED.split(what):
            of = _deny(each, found, vocabulary)
        return f" {MARK} {of} {rest}"

    text = says.KEPT.sub(keep, text)
    for pattern in (says.NON, says.MINUS, says.NEGATED):
        text = pattern.sub(deny, text)
    return re.sub("\x00(\\d+)\x00", lambda match: kept[int(match[1])], text)


def _deny(what: str, found: Reading, vocabulary: Vocabulary) -> str:
    """Note what is denied; the kind of thing that it is said of (``tea`` of ``no sugar tea``)."""
    what = says.TRAILING.sub("", says.LEADING.sub("", what.strip() + " ").strip())
    # "not X" of a list that the first cue opened: "neither red nor not blue"
    what = re.sub(r"^(?:not|no)\s+", "", what, flags=re.IGNORECASE).strip()
    if not what:
        return ""
    said, _, last = what.rpartition(" ")
    if brand := vocabulary.brand(what):
        found.not_brands.append(brand)
    elif paths := vocabulary.kind(what):
        found.not_categories += paths
    elif said and vocabulary.category(last):
        _deny(said, found, vocabulary)
        return last
    else:
        found.unwanted.append(what)
    return ""


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
        clause = re.sub(r"^(?:an?|the|some|any|me|us)\s+", "", clause, flags=re.IGNORECASE)
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
    return folded(words).rpartition(" ")[2] in lexicon.QUALITIES


def _headed(phrase: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    words = re.findall(r"[\w&'-]+", phrase)
    if not words or singular(folded(words[-1])) in lexicon.MEDIA_WORDS:
        return ()
    for count in (3, 2, 1):
        if len(words) >= count and (paths := vocabulary.category(" ".join(words[-count:]))):
            return paths
    return ()
