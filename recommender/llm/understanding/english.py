"""Reading a question in English by patterns, one kind of meaning after another.

What a pattern understood leaves the text; the rest is what is wanted, in words. A mark (``¦``) stays
where something was taken, so that what stood on both sides is not read as one phrase.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from recommender.llm.understanding import lexicon, numbers
from recommender.llm.understanding.types import LAST, THIS, UNWANTED, WANTED, Like, Reading, Sort
from recommender.llm.understanding.vocabulary import Vocabulary, folded, singular

MARK: Final = "¦"
_SIGN: Final = r"(?:US\$|[$€£¥￥])"
_MONEY_WORD: Final = r"(?:dollars?|bucks?|euros?|eur|usd|pounds?|gbp|quid|yuan|rmb|cny)\b"
_NUMBER: Final = numbers.ENGLISH
_MEASURE: Final = "|".join(sorted(map(re.escape, lexicon.MEASURES), key=len, reverse=True))
_NO_MEASURE: Final = rf"(?![\d.,]*\d)(?!\s?-?(?:{_MEASURE})(?![a-z]))"
"""Not in the middle of a number, and not before a unit of something else than money."""
_ORDINALS: Final = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4,
    "fifth": 5, "5th": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10,
    "last": LAST,
}  # fmt: skip
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"


def _amount(name: str) -> str:
    return rf"(?:{_SIGN}\s?)?(?P<{name}>{_NUMBER})(?:\s?(?:{_SIGN}|{_MONEY_WORD}))?"


def _compiled(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_ORDINAL: Final = "|".join(_ORDINALS)
_NTH: Final = _compiled(
    rf"(?P<away>\b(?:un|not\s|nothing\s|less\s))?(?:\b(?:some|any)thing\s+)?(?:\bmore\s+)?"
    rf"(?:like|similar\s+to|same\s+as|as)\s+(?:the\s+)?"
    rf"(?:(?P<nth>{_ORDINAL})|(?:number|no\.?|#)\s?(?P<number>\d{{1,2}}))\b"
    rf"(?:\s+(?:one|item|picture|result))?"
)
_THIS: Final = _compiled(
    r"(?P<away>\b(?:un|not\s|nothing\s|less\s))?(?:\b(?:some|any)thing\s+)?(?:\b(?:more|just|exactly)\s+)?"
    r"(?:like|similar\s+to|same\s+as|the\s+same\s+as|in\s+the\s+style\s+of|resembling)\s+"
    r"(?:this|that|these|those|it)\b"
    r"(?:\s+(?:one|ones|item|thing|picture|photo|image|sound|product))?"
)
_RANGE: Final = _compiled(
    rf"\b(?:priced?\s+)?(?:between|from)\s+{_amount('low')}\s*(?:and|to|-|–)\s*{_amount('high')}"
    rf"{_NO_MEASURE}",
    rf"(?<![\w.])(?<!size )(?<!sizes )(?<!aged )(?<!ages ){_SIGN}?\s?(?P<low2>{numbers.DIGITS})\s*"
    rf"(?:-|–|to)\s*{_SIGN}?\s?(?P<high2>{numbers.DIGITS})\s?(?:{_SIGN}|{_MONEY_WORD})",
    rf"{_SIGN}\s?(?P<low3>{numbers.DIGITS})\s*(?:-|–|to)\s*{_SIGN}?\s?(?P<high3>{numbers.DIGITS})",
)
_OR_LESS: Final = _compiled(
    rf"\b(?:for\s+)?{_amount('amount')}\s+or\s+(?P<word>less|under|below|cheaper|more|over|up)\b"
)
_COMPARED: Final = (
    ("lte", (r"not\s+(?:over|above|more\s+than)|no\s+more\s+than|at\s+most|up\s+to|max(?:imum)?(?:\s+of)?|within"
            r"|not\s+exceeding|a\s+budget\s+of|my\s+budget\s+is|budget\s+of|not\s+cost(?:ing)?\s+more\s+than")),
    ("gte", (r"not\s+(?:under|below|less\s+than)|no\s+less\s+than|at\s+least|min(?:imum)?(?:\s+of)?"
            r"|starting\s+(?:at|from)|upwards\s+of")),
    ("lt", r"under|below|less\s+than|cheaper\s+than|costing\s+less\s+than|lower\s+than|beneath|<"),
    ("gt", r"over|above|more\s+than|costing\s+more\s+than|higher\s+than|exceeding|>"),
    ("about", r"around|about|roughly|approximately|approx\.?|circa|~|or\s+so"),
)  # fmt: skip
_BOUND: Final = tuple(
    (
        name,
        _compiled(
            rf"(?<![a-z])(?:priced?\s+|cost(?:s|ing)?\s+|for\s+|preferably\s+|prices?\s+)*(?:{words})\s*"
            rf"{_amount('amount')}{_NO_MEASURE}(?:\s+each|\s+per\s+piece)?"
        ),
    )
    for name, words in _COMPARED
)
_EXACT: Final = _compiled(
    rf"(?:\bfor\s+)?{_SIGN}\s?(?P<a>{_NUMBER})\b{_NO_MEASURE}",
    rf"(?:\bfor\s+)?(?P<b>{_NUMBER})[\s-]?(?:[$€£]|{_MONEY_WORD})",
)
_NEAR: Final = 0.2
"""Around 100: 80 to 120."""
_DEAR: Final = r"(?:expensive|pricey|costly|overpriced)"
_LEVELS: Final = (
    ("modest", (rf"(?:\b(?:not|nothing|isn'?t|aren'?t|never)\b\s+)(?:be\s+)?(?:too\s+|very\s+|so\s+|that\s+|overly\s+|terribly\s+)?{_DEAR}"
               r"|\breasonabl[ey]\s+pric(?:ed|es?)\b|\bfair(?:ly)?\s+priced?\b"
               r"|\b(?:doesn'?t|don'?t|won'?t|not|without)\s+(?:break(?:ing)?\s+the\s+bank|cost(?:ing)?\s+(?:too\s+)?much|cost\s+a\s+fortune)")),
    ("notlow", r"\b(?:not|isn'?t|aren'?t)\s+(?:too\s+|very\s+|so\s+|the\s+)?(?:cheap(?:est)?|low[\s-]budget)\b"),
    ("low", (r"\b(?:cheaper|cheap|inexpensive|affordable|low[\s-]cost|low[\s-]priced|economical|budget(?:[\s-]friendly)?|bargain|on\s+a\s+budget"
            r"|less\s+expensive|lower[\s-]priced)\b")),
    ("high", rf"\b(?:more\s+|very\s+)?{_DEAR}\b|\bpricier\b"),
)  # fmt: skip
_SORTED: Final = r"(?:sort(?:ed)?\s+by|order(?:ed)?\s+by|by)\s+"
_FIRST: Final = r"(?:\s+(?:ones?\s+)?first)?"
_SORTS: Final = (
    (Sort("price", "desc"), rf"\b(?:{_SORTED})?(?:most\s+expensive|highest[\s-]pric(?:e|ed)|price[:,]?\s+(?:from\s+)?(?:high(?:est)?\s+to\s+low(?:est)?|descending)|priciest){_FIRST}\b"),
    (Sort("price", "asc"), rf"\b(?:{_SORTED})?(?:(?:the\s+)?cheapest|least\s+expensive|lowest[\s-]pric(?:e|ed)|price[:,]?\s+(?:from\s+)?(?:low(?:est)?\s+to\s+high(?:est)?|ascending)){_FIRST}\b|\b{_SORTED}price\b"),
    (Sort("released", "desc"), rf"\b(?:{_SORTED})?(?:newest|latest|most\s+recent|new\s+arrivals?|just\s+(?:in|released|arrived)|newly\s+released|newest\s+releases?){_FIRST}\b(?:\s+(?:in|of)\b)?|\b{_SORTED}(?:release(?:\s+date)?|date|recency)\b"),
    (Sort("released", "asc"), rf"\b(?:{_SORTED})?(?:oldest|earliest){_FIRST}\b"),
    (Sort("popularity", "desc"), rf"\b(?:{_SORTED})?(?:what'?s\s+)?(?:best[\s-]?sell(?:ing|ers?)|(?:most\s+)?popular(?:ity)?|trending|top[\s-]selling|hottest){_FIRST}\b(?:\s+(?:in|of)\b)?(?P<now>.*\b(?:right\s+now|at\s+the\s+moment|these\s+days)\b)?"),
)  # fmt: skip
_MADE: Final = r"(?:(?:released|published|made|launched|out|built|produced|issued)\s+)?"
_DATES: Final = (
    ("gt", rf"\b{_MADE}(?:after|later\s+than|newer\s+than)\s+{_YEAR}\b"),
    ("gte", rf"\b{_MADE}since\s+{_YEAR}\b|\b(?P<year2>(?:19|20)\d\d)\s+or\s+(?:newer|later)\b|\bfrom\s+(?P<year3>(?:19|20)\d\d)\s+on(?:wards?)?\b"),
    ("lt", rf"\b{_MADE}(?:before|earlier\s+than|older\s+than|prior\s+to)\s+{_YEAR}\b"),
    ("in", rf"\b{_MADE}(?:in|from|of)\s+{_YEAR}\b(?!\s*(?:-|to|and)\s*\d)"),
)  # fmt: skip
_STOCK: Final = _compiled(
    r"\b(?:that\s+(?:is|are)\s+|currently\s+|must\s+be\s+)?(?:in[\s-]stock|available\s+(?:now|today|immediately|right\s+away)|on\s+hand)\b"
)
_KEPT: Final = _compiled(
    r"\bnon[\s-](?:stick|slip|iron|fiction|toxic|alcoholic)\b", r"\bno[\s-](?:show|iron|name)\b",
    r"\b\w+-free\b", r"\bnot\s+only\b", r"\bno\s+(?:matter|problem|idea|rush|doubt|object|one|limit)\b",
    r"\bwhy\s+not\b", r"\bnot\s+(?:sure|bad|necessarily)\b", r"\bor\s+not\b", r"\bhave\s+not\b",
)  # fmt: skip
"""Where a negating word denies nothing."""
_CUES: Final = (
    r"(?:i\s+|we\s+)?(?:really\s+)?(?:do\s*n[o']?t|don'?t|wouldn'?t|do\s+not|would\s+not)\s+(?:want|like|need|have|show\s+me|give\s+me|include)(?:\s+(?:to|it\s+to)\s+(?:have|be|see))?(?:\s+(?:any(?:thing)?|it)\b)?(?:\s+(?:with|in|made\s+(?:of|from)|that(?:\s+is|'s)|of))?",
    r"(?:i\s+|who\s+|she\s+|he\s+|they\s+|and\s+)*(?:really\s+)?(?:hates?|dislikes?|detests?|can'?t\s+stand)(?:\s+any(?:thing)?\b)?(?:\s+(?:with|in|made\s+of))?",
    r"(?:that|which|who)?\s*(?:is|are|was|were)(?:\s+not|n'?t)\s+(?:made\s+(?:of|from|out\s+of|with)\s+)?",
    r"(?:that|which|who)?\s*(?:can\s*not|can'?t|do\s*n'?t|does\s*n'?t|do\s+not|does\s+not)(?:\s+(?:have|contain|include|use))?",
    r"(?:please\s+)?(?:avoid(?:ing)?|exclud(?:e|es|ing)|leave\s+out|skip)",
    r"(?:anything|everything|all|any)?\s*(?:but\s+not|but\s+no|except(?:\s+for)?|apart\s+from|other\s+than|excluding|save\s+for)",
    r"(?:anything|everything|all)\s+but",
    r"(?:with(?:\s+)?out|w/o|lacking|minus|free\s+of)(?:\s+(?:any|having))?",
    r"rather\s+(?:not|than)|instead\s+of|nothing(?:\s+(?:with|in|made\s+(?:of|from)|that(?:\s+is|'s)))?|none\s+of|neither",
    r"(?:but\s+)?(?:definitely\s+|certainly\s+|please\s+)?(?:not|no|never)(?:\s+(?:any|made\s+(?:of|from|by)|in|with|by|from|a|an|the))*",
    r"less\s+(?=[a-z]+\b(?!\s+than))",
)
_NEGATED: Final = re.compile(
    rf"(?<![\w-])(?:{'|'.join(_CUES)})\s+(?P<what>[^{MARK},.;:!?()]+)", re.IGNORECASE
)
_NON: Final = re.compile(r"(?<![\w-])non-(?P<what>[a-z]+)", re.IGNORECASE)
_MINUS: Final = re.compile(r"(?<=\s)-(?P<what>[a-z]\w+)", re.IGNORECASE)
_SCOPE_END: Final = re.compile(
    r"\s+(?:but|please|for|with|that|which|who|show|give|find|i|i'd|just|only|except|preferably|ideally|because"
    r"|(?<!made )(?:in|from|by|at|to|on)|and\s+(?:show|i|give|find|with|in|under|also|maybe))\b",
    re.IGNORECASE,
)
_JOINED: Final = re.compile(r"\s*(?:,|/|\bn?or\b|\band\b)\s*", re.IGNORECASE)
_LEADING: Final = re.compile(
    r"^(?:(?:any(?:thing)?|some(?:thing)?|an?|the|too|very|so|made\s+(?:of|from)|in|with|of|ones?|things?|stuff|it|be|have|from|by)\s+)+",
    re.IGNORECASE,
)
_TRAILING: Final = re.compile(
    r"(?:\s+(?:ones?|things?|stuff|either|please|though|at\s+all|items?|kind|colou?red))+$",
    re.IGNORECASE,
)
_FILLERS: Final = _compiled(
    r"^(?:hi|hello|hey|ok|okay|well|so|actually|hmm)\b[\s,]*",
    r"\b(?:i\s*(?:'m|\s+am)|we\s*(?:'re|\s+are)|im)\s+(?:looking|searching|shopping|hunting)\s+(?:for|to\s+buy)\b",
    r"\b(?:i|we)\s*(?:'d|\s+would)?\s*(?:really\s+)?(?:like|want|wanna|need|love|prefer)(?:\s+to\s+(?:buy|get|find|see|have|purchase|order))?\b",
    r"\b(?:can|could|would|will)\s+you\s+(?:please\s+)?(?:show|recommend|find|suggest|give|get|help)(?:\s+me)?(?:\s+(?:find|with))?\b",
    r"\b(?:show|find|give|get|recommend|suggest|bring)\s+(?:me|us)\b", r"^(?:show|find|search(?:\s+for)?|recommend|suggest|buy)\b",
    r"\b(?:do|have)\s+you\s+(?:have|got|sell)\b(?:\s+any\b)?", r"\b(?:are|is)\s+there\s+(?:any\b)?",
    r"\bany\s+(?:recommendations?|suggestions?|ideas?)\s+for\b", r"\bplease\b", r"\bthanks?(?:\s+you)?\b",
    r"^(?:what|which)(?:\s+(?:are|is|kind\s+of|about|kinds\s+of))?\b", r"^how\s+about\b", r"\bsmth\b|\bsomething\b|\banything\b",
    r"\b(?:just|maybe|perhaps|preferably|ideally|also|actually)\b", r"\b(?:is|would\s+be|are)\s+(?:fine|ok|okay|good|great|enough)\b",
    r"\bmoney\s+is\s+no\s+object\b", r"\bn\b(?=\s*$)", r"^(?:and|but|or|with|only|then|in)\b", r"\b(?:and|but|or|with|only|in|of|for)\s*$",
    r"\binstead\b",
)  # fmt: skip
_FOLLOWING: Final = _compiled(
    r"^\s*(?:and|but|also|only|what\s+about|how\s+about|actually|with|without|not|no|in|a\s+(?:bit|little)|more|less|make\s+it|the\s+same)\b",
    r"\b(?:ones?)\s*\??\s*$",
)
_POSTMODIFIER: Final = re.compile(
    r"(?:^|\s+)(?:with|without|for|on|that|which|who|in|from|of|under|over|to|made|like|can|could|will|about|by|at|as|is|are|do|does|have|has|"
    r"sung|singing|looking|suitable|when|where|while|from|fit|whose|sets?)\b.*",
    re.IGNORECASE | re.DOTALL,
)


def read(text: str, vocabulary: Vocabulary) -> Reading:
    """What an English question says."""
    found = Reading(follows=bool(_FOLLOWING.search(text)))
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
        which = _ORDINALS[match["nth"].lower()] if match["nth"] else int(match["number"])
        found.like.append(Like(which, UNWANTED if match["away"] else WANTED))

    def this(match: re.Match[str]) -> None:
        found.like.append(Like(THIS, UNWANTED if match["away"] else WANTED))

    return _taken(_THIS, _taken(_NTH, text, nth), this)


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

    for name, words in _LEVELS:
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
            f"{_SIGN}|{_MONEY_WORD}", match[0]
        ):
            return False  # years
        found.amounts |= {"gte": min(ends), "lte": max(ends)}
        return None

    def or_less(match: re.Match[str]) -> None:
        upper = match["word"].lower() in ("less", "under", "below", "cheaper")
        found.amounts["lte" if upper else "gte"] = numbers.value_of(match["amount"])

    text = _taken(_RANGE, text, between)
    text = _taken(_OR_LESS, text, or_less)
    for name, pattern in _BOUND:
        text = _taken(pattern, text, _noting(found, name))
    if not found.amounts:
        text = _taken(_EXACT, text, _noting(found, "about"))
    return text


def _noting(found: Reading, name: str) -> Callable[[re.Match[str]], None]:
    def note(match: re.Match[str]) -> None:
        value = numbers.value_of(next(filter(None, match.groupdict().values())))
        found.amounts |= near(value) if name == "about" else {name: value}

    return note


def near(value: float) -> dict[str, float]:
    """Bounds of what is about as much."""
    return {
        "gte": numbers.value_of(f"{value * (1 - _NEAR):.2f}"),
        "lte": numbers.value_of(f"{value * (1 + _NEAR):.2f}"),
    }


def _dates(text: str, found: Reading) -> str:
    def noting(name: str) -> Callable[[re.Match[str]], None]:
        def note(match: re.Match[str]) -> None:
            found.dates |= year_bounds(name, int(next(filter(None, match.groupdict().values()))))

        return note

    for name, words in _DATES:
        text = _taken(re.compile(words, re.IGNORECASE), text, noting(name))
    return text


def year_bounds(name: str, year: int) -> dict[str, str]:
    """Of a year: ``gt`` after it, ``gte`` from its start, ``lt`` before it, ``in`` within."""
    start, end = f"{year}-01-01", f"{year}-12-31"
    return {
        "gt": {"gt": end},
        "gte": {"gte": start},
        "lt": {"lt": start},
        "in": {"gte": start, "lte": end},
    }[name]


def _sorts(text: str, found: Reading) -> str:
    for sort, words in _SORTS:
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

    return _taken(_STOCK, text, note)


def _negations(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\x00{len(kept) - 1}\x00"

    def deny(match: re.Match[str]) -> str:
        what, rest = match["what"], ""
        if end := _SCOPE_END.search(what):
            what, rest = what[: end.start()], what[end.start() :]
        of = ""
        for each in _JOINED.split(what):
            of = _deny(each, found, vocabulary)
        return f" {MARK} {of} {rest}"

    text = _KEPT.sub(keep, text)
    for pattern in (_NON, _MINUS, _NEGATED):
        text = pattern.sub(deny, text)
    return re.sub("\x00(\\d+)\x00", lambda match: kept[int(match[1])], text)


def _deny(what: str, found: Reading, vocabulary: Vocabulary) -> str:
    """Note what is denied; the kind of thing that it is said of (``tea`` of ``no sugar tea``)."""
    what = _TRAILING.sub("", _LEADING.sub("", what.strip() + " ").strip())
    # "not X" of a list that the first cue opened: "neither red nor not blue"
    what = re.sub(r"^(?:not|no)\s+", "", what, flags=re.IGNORECASE).strip()
    if not what:
        return ""
    said, _, last = what.rpartition(" ")
    if brand := vocabulary.brand(what):
        found.not_brands.append(brand)
    elif paths := vocabulary.category(what):
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
        clause = " ".join(_FILLERS.sub(" ", clause).split())
        clause = re.sub(r"^(?:an?|the|some|any|me|us)\s+", "", clause, flags=re.IGNORECASE)
        clause = re.sub(r"^(?:an?|the|some|any|it|ones?)$", "", clause, flags=re.IGNORECASE)
    return clause


def _categories(found: Reading, vocabulary: Vocabulary) -> None:
    """The head of the first phrase that names one: the last word before what describes it."""
    for clause in found.wanted:
        explicit = re.search(r"\b(?:category|section|department)\s+(?:of\s+)?(.+)$", clause)
        phrase = _POSTMODIFIER.sub("", explicit[1] if explicit else clause).strip()
        words = re.findall(r"[\w&'-]+", phrase)
        for count in (3, 2, 1):
            if len(words) < count or singular(folded(words[-1])) in lexicon.MEDIA_WORDS:
                continue
            if paths := vocabulary.category(" ".join(words[-count:])):
                found.categories = list(paths)
                return
