"""The patterns of ``english``: what a question may say, one kind of meaning after another."""

import re
from typing import Final

from recommender.llm.understanding import numbers
from recommender.llm.understanding.languages.english import MEASURES
from recommender.llm.understanding.types import LAST, MARK, Sort

SIGN: Final = r"(?:US\$|[$€£¥￥])"
MONEY_WORD: Final = r"(?:dollars?|bucks?|euros?|eur|usd|pounds?|gbp|quid|yuan|rmb|cny)\b"
NUMBER: Final = numbers.ENGLISH
MEASURE: Final = "|".join(sorted(map(re.escape, MEASURES), key=len, reverse=True))
NO_MEASURE: Final = rf"(?![\d.,]*\d)(?!\s?-?(?:{MEASURE})(?![a-z]))"
"""Not in the middle of a number, and not before a unit of something else than money."""
ORDINALS: Final = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4,
    "fifth": 5, "5th": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10,
    "last": LAST,
}  # fmt: skip
YEAR: Final = r"(?P<year>(?:19|20)\d\d)"


def _amount(name: str) -> str:
    return rf"(?:{SIGN}\s?)?(?P<{name}>{NUMBER})(?:\s?(?:{SIGN}|{MONEY_WORD}))?"


def _compiled(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


ORDINAL: Final = "|".join(ORDINALS)
NTH: Final = _compiled(
    rf"(?P<away>\b(?:un|not\s|nothing\s|less\s))?(?:\b(?:some|any)thing\s+)?(?:\bmore\s+)?"
    rf"(?:like|similar\s+to|same\s+as|as)\s+(?:the\s+)?"
    rf"(?:(?P<nth>{ORDINAL})|(?:number|no\.?|#)\s?(?P<number>\d{{1,2}}))\b"
    rf"(?:\s+(?:one|item|picture|result))?"
)
THIS: Final = _compiled(
    r"(?P<away>\b(?:un|not\s|nothing\s|less\s))?(?:\b(?:some|any)thing\s+)?(?:\b(?:more|just|exactly)\s+)?"
    r"(?:like|similar\s+to|same\s+as|the\s+same\s+as|in\s+the\s+style\s+of|resembling)\s+"
    r"(?:this|that|these|those|it)\b"
    r"(?:\s+(?:one|ones|item|thing|picture|photo|image|sound|product))?"
)
RANGE: Final = _compiled(
    rf"\b(?:priced?\s+)?(?:between|from)\s+{_amount('low')}\s*(?:and|to|-|–)\s*{_amount('high')}"
    rf"{NO_MEASURE}",
    rf"(?<![\w.])(?<!size )(?<!sizes )(?<!aged )(?<!ages ){SIGN}?\s?(?P<low2>{numbers.DIGITS})\s*"
    rf"(?:-|–|to)\s*{SIGN}?\s?(?P<high2>{numbers.DIGITS})\s?(?:{SIGN}|{MONEY_WORD})",
    rf"\b(?:(?:an?|my|our|the)\s+)?budget(?:\s+(?:is|of|from|between|about|around)\b)*:?\s+{_amount('low4')}"
    rf"\s*(?:and|to|-|–)\s*{_amount('high4')}{NO_MEASURE}",
    rf"{SIGN}\s?(?P<low3>{numbers.DIGITS})\s*(?:-|–|to)\s*{SIGN}?\s?(?P<high3>{numbers.DIGITS})",
)
OR_LESS: Final = _compiled(
    rf"\b(?:for\s+)?{_amount('amount')}\s+or\s+(?P<word>less|under|below|cheaper|more|over|up)\b"
    rf"(?!\s+(?:than\s+)?{SIGN}?\s?(?:{NUMBER}))"
)
COMPARED: Final = (
    ("lte", r"at\s+most|up\s+to|max(?:imum)?(?:\s+of)?|within|(?:(?:an?|my|our|the)\s+)?budget(?:\s+(?:of|is))?:?"),
    ("gte", r"at\s+least|min(?:imum)?(?:\s+of)?|starting\s+(?:at|from)|upwards\s+of"),
    ("lt", r"under|below|less\s+than|cheaper\s+than|costing\s+less\s+than|lower\s+than|beneath|<"),
    ("gt", r"over|above|beyond|(?:more\s+expensive|pricier|costlier)\s+than|more\s+than|costing\s+more\s+than|higher\s+than|dearer\s+than|exceed(?:s|ing)?|>"),
    ("about", r"around|about|roughly|approximately|approx\.?|circa|~|or\s+so"),
)  # fmt: skip
BOUND: Final = tuple(
    (
        name,
        _compiled(
            rf"(?<![a-z])(?:price[ds]?\s+|cost(?:s|ing)?\s+|for\s+|preferably\s+)*+(?:{words})\s*"
            rf"{_amount('amount')}{NO_MEASURE}(?:\s+each|\s+per\s+piece)?"
        ),
    )
    for name, words in COMPARED
)
_MONEY: Final = rf"(?:{SIGN}\s?(?:{NUMBER})|(?:{NUMBER})\s?(?:[$€£]|{MONEY_WORD}))"
_WE_HAVE: Final = r"\b(?:i|we)(?:\s+(?:only\s+)?(?:have|can\s+(?:spend|afford|pay))|(?:'ve|\s+have)\s+(?:only\s+)?got)(?:\s+only)?\s+"
_SPENDING: Final = r"(?:\s+(?:left|available|to\s+spend))"
TO_SPEND: Final = _compiled(
    rf"{_WE_HAVE}(?P<a>{_MONEY}){_SPENDING}*(?:\s+on\b)?",
    rf"{_WE_HAVE}(?P<b>{NUMBER}){_SPENDING}+(?:\s+on\b)?",
    rf"\bwhat\s+(?:can|could|do|would)\s+(?:i|we|you)\s+(?:buy|get|have|afford)\s+(?:for|with)\s+(?P<c>{_MONEY})",
    rf"\bwhat\s+(?:can|could|does|do|will|would)\s+(?P<d>{_MONEY})\s+(?:buy|get)(?:\s+(?:me|us)\b)?",
)
"""All the money there is: I have 40 dollars to spend."""
EXACT: Final = _compiled(
    rf"(?:\bfor\s+)?{SIGN}\s?(?P<a>{NUMBER})\b{NO_MEASURE}",
    rf"(?:\bfor\s+)?(?P<b>{NUMBER})[\s-]?(?:[$€£]|{MONEY_WORD})",
)
DEAR: Final = r"(?:expensive|pricey|costly|overpriced)"
_TOO: Final = r"(?:very|so|that|overly|terribly|really)\s+"
LEVELS: Final = (
    ("modest", (r"\breasonabl[ey]\s+pric(?:ed|es?)\b|\bfair(?:ly)?\s+priced?\b"
               r"|\b(?:doesn'?t|don'?t|won'?t|not|without)\s+(?:break(?:ing)?\s+the\s+bank|cost(?:ing)?\s+(?:too\s+)?much|cost\s+a\s+fortune)")),
    ("low", (rf"\b(?:too\s+|{_TOO})?(?:cheaper|cheap(?:est)?|inexpensive|affordable|low[\s-]cost|low[\s-]priced|economical|(?:low[\s-])?budget(?:[\s-]friendly)?|bargain|on\s+a\s+budget"
            r"|less\s+expensive|lower[\s-]priced)\b")),
    ("high", rf"\b(?:more\s+|most\s+|least\s+|too\s+|{_TOO})?{DEAR}\b|\b(?:pricier|dearer|costlier)\b"),
)  # fmt: skip
"""Each as it is meant where nothing denies it; a denied one is its opposite (``denials``)."""
EITHER: Final = re.compile(r"\beither\b|^\s*(?:nor|and)\b", re.IGNORECASE)
FIGURE: Final = re.compile(
    rf":?(?:\s+(?:is|of|from|between|about|around)\b)*:?\s*{SIGN}?\s?(?:{NUMBER})", re.IGNORECASE
)
"""Behind "budget" it says how much."""
SUPERLATIVE: Final = re.compile(r"(?:most|least)\s|cheapest", re.IGNORECASE)
"""Names an order, unless it is denied: what is not the cheapest is not cheap."""
TOO: Final = re.compile(r"too\s", re.IGNORECASE)
"""A complaint asks for the opposite."""
COMPARED_LEVEL: Final = re.compile(
    r"\b(?:cheaper|pricier|costlier|dearer|more|less|lower)\b", re.IGNORECASE
)
SORTED: Final = r"(?:sort(?:ed)?\s+by|order(?:ed)?\s+by|by)\s+"
FIRST: Final = r"(?:\s+(?:ones?\s+)?first)?"
SORTS: Final = (
    (Sort("price", "desc"), rf"\b(?:{SORTED})?(?:most\s+expensive|highest[\s-]pric(?:e|ed)|price[:,]?\s+(?:from\s+)?(?:high(?:est)?\s+to\s+low(?:est)?|descending)|priciest){FIRST}\b"),
    (Sort("price", "asc"), rf"\b(?:{SORTED})?(?:(?:the\s+)?cheapest|least\s+expensive|lowest[\s-]pric(?:e|ed)|price[:,]?\s+(?:from\s+)?(?:low(?:est)?\s+to\s+high(?:est)?|ascending)){FIRST}\b|\b{SORTED}price\b"),
    (Sort("released", "desc"), rf"\b(?:{SORTED})?(?:newest|latest|most\s+recent|new\s+arrivals?|just\s+(?:in|released|arrived)|newly\s+released|newest\s+releases?){FIRST}\b(?:\s+(?:in|of)\b)?|\b{SORTED}(?:release(?:\s+date)?|date|recency)\b"),
    (Sort("released", "asc"), rf"\b(?:{SORTED})?(?:oldest|earliest){FIRST}\b"),
    (Sort("popularity", "desc"), rf"\b(?:{SORTED})?(?:what'?s\s+)?(?:best[\s-]?sell(?:ing|ers?)|(?:most\s+)?popular(?:ity)?|trending|top[\s-]selling|hottest){FIRST}\b(?:\s+(?:in|of)\b)?(?P<now>.*\b(?:right\s+now|at\s+the\s+moment|these\s+days)\b)?"),
)  # fmt: skip
MADE: Final = r"(?:(?:released|published|made|launched|out|built|produced|issued)\s+)?"
DATES: Final = (
    ("in", rf"\b{MADE}(?:between|from)\s+{YEAR}\s*(?:and|to|until|till|-|–)\s*(?P<last>(?:19|20)\d\d)\b"),
    ("gt", rf"\b{MADE}(?:after|later\s+than|newer\s+than)\s+{YEAR}\b"),
    ("gte", rf"\b{MADE}since\s+{YEAR}\b|\b(?P<year2>(?:19|20)\d\d)\s+or\s+(?:newer|later)\b|\bfrom\s+(?P<year3>(?:19|20)\d\d)\s+on(?:wards?)?\b"),
    ("lt", rf"\b{MADE}(?:before|earlier\s+than|older\s+than|prior\s+to)\s+{YEAR}\b"),
    ("in", rf"\b{MADE}(?:in|from|of)\s+{YEAR}\b(?!\s*(?:-|to|and)\s*\d)"),
)  # fmt: skip
STOCK: Final = _compiled(
    r"\b(?:that\s+(?:is|are)\s+|currently\s+|must\s+be\s+)?(?:in[\s-]stock|available\s+(?:now|today|immediately|right\s+away)|on\s+hand)\b"
)
KEPT: Final = _compiled(
    r"\bnon[\s-](?:stick|slip|iron|fiction|toxic|alcoholic)\b", r"\bno[\s-](?:show|iron|name)\b",
    r"\b\w+-free\b", r"\bnot\s+only\b", r"\bno\s+(?:matter|problem|idea|rush|doubt|object|one|limit)\b",
    r"\bwhy\s+not\b", r"\bnot\s+(?:sure|bad|necessarily)\b", r"\bor\s+not\b", r"\bhave\s+not\b",
    r"\b(?:is|are|was|were)(?:n'?t\s+there|\s+there\s+not)\b(?:\s+any\b)?",
    r"\b(?:do|have|can|could|would|will|are)n'?t\s+you\b(?:\s+(?:have|got|sell|know)\b)?(?:\s+any\b)?",
    r"\b(?:i|we)\s+(?:do\s*n'?t|do\s+not|would\s*n'?t|would\s+not)\s+(?:mind|care)\b", r"\bcan(?:'?t|not)\s+wait\b",
    r"\b(?:do|does)(?:n'?t|\s+not)\s+matter\b",
)  # fmt: skip
"""Where a negating word denies nothing."""
ONLY: Final = re.compile(
    r"\b(?:nothing|none|no\s+\w+)\s+(?:else\s+)?(?:but|except|besides|(?:apart|aside)\s+from|other\s+than)\b",
    re.IGNORECASE,
)
EXCEPT_BEHIND: Final = re.compile(
    r"(?:(?<=[,;(])|^)\s*+(?P<what>[\w' -]{1,60}?)\s++(?:(?:are|is)\s++)?(?:excluded|excepted)(?=\s*+(?:[,.;!?)]|$))",
    re.IGNORECASE,
)
"""Animals, cats excluded."""
ALL_BUT: Final = re.compile(
    r"\b(?P<all>(?:all|every|any)\s+(?:(?:the|of|your)\s+)*[a-z]+(?:\s+(?!that\b|which\b)[a-z]+)?)\s+but\s+"
    r"(?!(?:not?|only|under|over|below|above|in|with|without|from|i|we|show|please|cheap(?:er)?|make|it)\b)",
    re.IGNORECASE,
)
"""All animals but dogs."""
POLITE: Final = re.compile(
    r"^\s*+please\b[\s,]*+|[\s,]++(?:please|thanks|thank\s+you)\s*+(?=[.!?]|$)", re.IGNORECASE
)
"""At the ends of a sentence."""
LACKING: Final = re.compile(r"with\s?out|w/o|lacking|minus|free\s", re.IGNORECASE)
"""Of a thing's parts: behind a comma stands rather what it is to have."""
CUES: Final = (
    r"(?:(?:i\s*'?m|i\s+am|(?:we|they)(?:'re|\s+are)|(?:s?he)(?:'s|\s+is))\s+not|(?:(?:we|they)\s+are|s?he\s+is)\s*n'?t|not)\s+(?:really\s+)?(?:(?:looking|searching|shopping|hunting)\s+for|interested\s+in|into|keen\s+on|fond\s+of|(?:a\s+)?(?:big\s+)?fans?\s+of)(?:\s+any(?:thing)?\b)?",
    r"(?:i\s+|we\s+)?(?:really\s+)?(?:do\s*n[o']?t|don'?t|wouldn'?t|do\s+not|would\s+not|never)\s+(?:ever\s+)?(?:want|like|need|have|include|(?:show|give|recommend|suggest|bring)(?:\s+(?:me|us)\b)?)(?:\s+(?:to|it\s+to)\s+(?:have|be|see))?(?:\s+(?:any(?:thing)?|it)\b)?(?:\s+(?:with|in|made\s+(?:of|from)|that(?:\s+is|'s)|of))?",
    r"(?:i\s+|who\s+|she\s+|he\s+|they\s+|and\s+)*(?:really\s+)?(?:hates?|dislikes?|detests?|can'?t\s+stand)(?:\s+any(?:thing)?\b)?(?:\s+(?:with|in|made\s+of))?",
    r"(?:(?:that|which|who)\s*)?(?:is|are|was|were)(?:\s+not|n'?t)(?:\s+made\s+(?:of|from|out\s+of|with))?",
    r"(?:(?:that|which|who)\s*)?(?:can\s*not|can'?t|do\s*n'?t|does\s*n'?t|do\s+not|does\s+not)(?:\s+(?:have|contain|include|use|like|want|need|eat))?",
    r"(?:please\s+)?(?:avoid(?:ing)?|exclud(?:e|es|ing)|leave\s+out|skip)",
    r"(?:(?<=^\s)|(?<=,\s)|(?<=and\s)|(?<=please\s)|(?<=you\s))hide",
    r"(?:(?:anything|everything|all|any)\s*)?(?:but\s+not|but\s+no|except(?:\s+for)?|(?:apart|aside)\s+from|besides|barring|with\s+the\s+exception\s+of|other\s+than|excluding|save\s+for)",
    r"(?:anything|everything|all)\s+but",
    r"(?:with(?:\s+)?out|w/o|lacking|minus|free\s+of)(?:\s+(?:any|having))?",
    r"rather\s+(?:not|than)|instead\s+of|nothing(?:\s+(?:with|in|made\s+(?:of|from)|that(?:\s+is|'s)))?|none\s+of|neither",
    r"(?:but\s+)?(?:definitely\s+|certainly\s+|please\s+)?(?:not|no|never)(?:\s+(?:any|more(?!\s+than)|including|counting|made\s+(?:of|from|by)|in|with|by|from|a|an|the))*",
    r"less(?=\s+[a-z]+\b(?!\s+than))",
)
# possessive: what can be read in two ways at each comma would double the time with each
_ONE: Final = (
    r"(?:(?:an?|the|any|no|not)\s++(?=[\w'-]))?+[\w'-]++(?:\s++(?!n?or\b|and\b)[\w'-]++){0,2}+"
)
TAIL: Final = (
    r",\s*+(?:(?:but|so|and|please)\s++)*+(?:(?:show|give|find|bring|get|tell|recommend|suggest)\s++(?:me|us)\b"
    r"|(?:i|we)(?:'d|\s++would)?+\s++(?:rather\s++)?+(?:want|like|need|prefer|love)\b|what\b|which\b)"
)
"""What is wanted, behind a list of what is not."""
_NEXT: Final = rf"(?!{TAIL}),\s*+(?!(?:n?or|and)\b|(?:{'|'.join(CUES)})(?![\w-]))(?:(?:an?|the|any)\s++(?=[\w'-]))?+[\w'-]++(?:\s++[\w'-]++)?+\s*+"
NEGATED: Final = re.compile(
    rf"(?<![\w-])(?:{'|'.join(CUES)})\s+(?P<what>[^{MARK},.;:!?()]+)"
    rf"(?:(?P<more>(?:,\s*(?!n?or\b|and\b){_ONE})*,?\s*\b(?:and|n?or)\s+{_ONE}(?=\s*(?:[{MARK}.;:!?)]|$|{TAIL})))"
    rf"|(?P<open>(?:{_NEXT})++(?:(?={TAIL})|,?+\s*+(?=[{MARK}.;:!?)]|$)))|)",
    re.IGNORECASE,
)
"""``more``: of a list with commas, as far as it ends what is said: "no dogs, cats or birds"; ``open``: of one
that no "and" or "or" closes."""
AFTER: Final = re.compile(rf"\s*{TAIL}", re.IGNORECASE)
NON: Final = re.compile(r"(?<![\w-])non-(?P<what>[a-z]+)", re.IGNORECASE)
MINUS: Final = re.compile(r"(?<=\s)-(?P<what>[a-z]\w+)", re.IGNORECASE)
SCOPE_END: Final = re.compile(
    r"\s+(?:but|please|for|with|that|which|who|show|give|find|i|i'd|just|only|except|preferably|ideally|because"
    r"|(?<!made )(?:in|from|by|at|to|on)|and\s+(?:show|i|give|find|with|in|under|also|maybe))\b",
    re.IGNORECASE,
)
JOINED: Final = re.compile(r"\s*(?:,|/|\bn?or\b|\band\b|(?<=\s)not?(?=\s))\s*", re.IGNORECASE)
LEADING: Final = re.compile(
    r"^(?:(?:any(?:thing)?|some(?:thing)?|an?|the|too|very|so|made\s+(?:of|from)|in|with|of|ones?|things?|stuff|it|be|have|from|by)\s+)+",
    re.IGNORECASE,
)
TRAILING: Final = re.compile(
    r"(?:\s+(?:ones?|things?|stuff|either|please|though|at\s+all|items?|kind|colou?red|is|are))+$",
    re.IGNORECASE,
)
FILLERS: Final = _compiled(
    r"^(?:hi|hello|hey|ok|okay|well|so|actually|hmm)\b[\s,]*",
    r"\b(?:i\s*(?:'m|\s+am)|we\s*(?:'re|\s+are)|im)\s+(?:looking|searching|shopping|hunting)\s+(?:for|to\s+buy)\b",
    r"\b(?:i|we)\s*(?:'d|\s+would)?\s*(?:really\s+)?(?:like|want|wanna|need|love|prefer)(?:\s+to\s+(?:buy|get|find|see|have|purchase|order))?\b",
    r"\b(?:can|could|would|will)\s+you\s+(?:please\s+)?(?:show|recommend|find|suggest|give|get|help)(?:\s+me)?(?:\s+(?:find|with))?\b",
    r"\b(?:show|find|give|get|recommend|suggest|bring)\s+(?:me|us)\b", r"^(?:show|find|search(?:\s+for)?|recommend|suggest|buy)\b",
    r"\b(?:do|have)\s+you\s+(?:have|got|sell)\b(?:\s+any\b)?", r"\b(?:are|is)\s+there\s+(?:any\b)?",
    r"\bany\s+(?:recommendations?|suggestions?|ideas?)\s+for\b", r"\bplease\b", r"\bthanks?(?:\s+you)?\b",
    r"^(?:what|which)(?:\s+(?:are|is|kind\s+of|about|kinds\s+of))?\b", r"^how\s+about\b", r"\bsmth\b|\bsomething\b|\banything\b",
    r"\b(?:just|maybe|perhaps|preferably|ideally|also|actually)\b", r"\b(?:is|would\s+be|are)\s+(?:fine|ok|okay|good|great|enough)\b",
    r"\bmoney\s+is\s+no\s+object\b", r"\bn\b(?=\s*$)", r"^(?:and|but|or|with|only|then|in)\b", r"\b(?:and|but|or|with|only|in|of|for|at)\s*$",
    r"\binstead\b", r"^(?:on|for|at)\s+(?=\S)", r"^(?:and|but|or)\s*$",
    r"\b(?:i|we)\s+(?:do\s*n'?t|do\s+not|would\s*n'?t|would\s+not)\s+(?:mind|care)\b(?:\s+about)?(?:\s+(?:paying|spending|going))?",
    r"\b(?:is|are)n'?t\s+there\b(?:\s+any\b)?", r"\b(?:do|have)n'?t\s+you\b(?:\s+(?:have|got|sell)\b)?(?:\s+any\b)?",
    r"\bi(?:'ll|\s+will|\s+would)\s+(?:take|have)\b", r"^(?:any|every|all)\s+(?:colou?rs?|kinds?|sorts?|sizes?)\b", r"^why\s+not\b", r"\s+(?:is|are)\s*$", r"\b(?:i|we|you)\s+(?:can|could|will|would|may|might|should|must|do|have)\b(?:\s+(?:pay|spend))?",
)  # fmt: skip
FOLLOWING: Final = _compiled(
    r"^\s*(?:and|but|also|only|what\s+about|how\s+about|actually|with|without|not|no|in|a\s+(?:bit|little)|more|less|make\s+it|the\s+same)\b",
    r"\b(?:ones?)\s*\??\s*$",
)
POSTMODIFIER: Final = re.compile(
    r"(?:^|\s+)(?:with|without|for|on|that|which|who|in|from|of|under|over|to|made|like|can|could|will|about|by|at|as|is|are|do|does|have|has|"
    r"sung|singing|looking|suitable|when|where|while|from|fit|whose|sets?)\b.*",
    re.IGNORECASE | re.DOTALL,
)
