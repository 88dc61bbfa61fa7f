"""Whether what a pattern found in a question is denied there. Pure.

"Not over 50", "no shoes over 100", "I don't want to spend more than 60" and 不要500元以上的手机 bound the
price from the other side than the words after the denial say. A denial holds for what follows it in its
clause when nothing but small words, or the kind of thing that is looked for, stands between the two.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from recommender.llm.understanding import bounds as ends
from recommender.llm.understanding import numbers
from recommender.llm.understanding.languages.english import QUALITIES
from recommender.llm.understanding.types import MARK, Reading
from recommender.llm.understanding.vocabulary import Vocabulary, folded

T = TypeVar("T")

OPPOSITE: Final[Mapping[str, str]] = {"lt": "gte", "gte": "lt", "gt": "lte", "lte": "gt"}
DENIED_LEVEL: Final[Mapping[str, str]] = {"low": "notlow", "high": "modest", "modest": "high"}
COMPLAINT: Final[Mapping[str, str]] = {"high": "low", "low": "notlow", "modest": "modest"}
"""Too dear, too cheap: what is asked for instead."""


@dataclass(frozen=True, slots=True)
class Denial:
    """Of what begins at some place in a text."""

    start: int
    """Where the denying words begin; the place itself where they deny something else as well."""
    things: str = ""
    """The kind of thing between the two, which is looked for: shoes, of "no shoes over 100"."""
    partly: bool = False
    """Whether something else that is denied stands between: no *sugar* tea under 10, no *red* shoes over
    100. Who names a price beside it mostly names the most, so only a least is turned round."""


Before = Callable[[str, int, Vocabulary], Denial | None]


def bounded(bounds: Mapping[str, T], denied: bool, into: dict[str, T], out: dict[str, T]) -> None:
    """Add bounds to what must be (``into``); denied ones turned round, or where they are two, to what
    must not be (``out``)."""
    if not denied:
        into |= bounds
    elif len(bounds) == 1:
        into |= {OPPOSITE[name]: value for name, value in bounds.items()}
    else:
        out |= bounds


def amounts(found: Reading, bounds: Mapping[str, float], denied: bool) -> None:
    """Note bounds of the price."""
    bounded(bounds, denied, found.amounts, found.not_amounts)


def settle(found: Reading) -> None:
    """Bounds that leave nothing between them are said of either side: under 10 or over 100, which is not
    what lies between. More than two of them no filter says."""
    said = found.amounts
    if not ends.is_empty(ends.within(said, said)):
        return
    if len(said) == len(OPPOSITE) // 2 and not found.not_amounts:
        found.not_amounts = {OPPOSITE[name]: value for name, value in said.items()}
    else:
        found.ignored.append("price")
    found.amounts = {}


def dates(found: Reading, bounds: Mapping[str, str], denied: bool) -> None:
    """Note bounds of the release."""
    bounded(bounds, denied, found.dates, found.not_dates)


def years(found: Reading, name: str, match: re.Match[str], denied: bool) -> None:
    """Note the bounds that a match's groups of years are: since one, or from one to another."""
    said = sorted(int(year) for year in match.groupdict().values() if year)
    bounds = numbers.year_bounds(name, said[0])
    if len(said) > 1:
        bounds["lte"] = numbers.year_bounds(name, said[1])["lte"]
    dates(found, bounds, denied)


def level(found: Reading, name: str, *, denied: bool = False, compared: bool = False) -> None:
    """Note a level of the price; neither cheap nor dear is between. ``compared``: "cheaper", not "cheap"."""
    said = DENIED_LEVEL[name] if denied else name
    if {found.level, said} == {"notlow", "modest"}:
        said = "middle"
    elif found.level:
        return
    found.level = said  # type: ignore[assignment]
    if compared:
        found.compared = "cheaper" if said in ("low", "modest") else "dearer"


# --- English ---

AFTER_ENGLISH: Final = re.compile(
    r"\s+(?:is|are|was|would\s+be|'s|will\s+be)\s*(?:(?:just|way|far|a\s+bit|really|simply)\s+)?"
    r"(?:too\s+(?:much|expensive|dear|pricey|costly|high|low|little|cheap)|not\b|n'?t\b|no\b|out\b)[^,.;!?]*",
    re.IGNORECASE,
)
"""Denies what stands before it: "anything over 100 is too much"."""
_CUE: Final = re.compile(
    r"(?<![\w-])(?:"
    r"(?:do|does|did|is|are|was|were|will|would|can|could|should|must|may|might|has|have|need|ought)"
    r"(?:\s?n['o]?t|\s+not|\s+never)|(?:won|can|shan|ain)'?t|cannot"
    r"|not|no|never|nothing|none|neither|nor|without|w/o|avoid(?:ing)?|exclud(?:e|es|ing)"
    r"|except(?:ing)?(?:\s+for)?|(?:apart|aside)\s+from|besides|barring|other\s+than|leave\s+out|skip(?:ping)?"
    r"|(?:all|everything|anything)\s+but|hates?|dislikes?|detests?|refuses?"
    r")(?![\w'-])",
    re.IGNORECASE,
)
_SUBJECT: Final = re.compile(
    r"(?:(?:and|but|please|i|i'm|i'd|i'll|we|we'd|you|they|it|he|she|that|which|who|there|should|must|may|can|could|will|would"
    r"|definitely|certainly|absolutely|really|also|rather|costs?|costing|priced)\s+)*$",
    re.IGNORECASE,
)
_SMALL: Final = (
    r"(?:a|an|the|to|of|for|at|in|on|by|with|from|it|its|them|those|these|this|that|which|who|any|anything|something"
    r"|everything|all|things?|stuff|items?|ones?|is|are|was|were|be|been|being|have|has|having|got|me|us|my|our|i|we|you"
    r"|want|like|need|see|show|give|recommend|suggest|bring|find|look(?:ing)?|search(?:ing)?|interested|into|include|accept|afford|consider|buy(?:ing)?|pay(?:ing)?|spend(?:ing)?|go(?:ing|es)?"
    r"|costs?|costing|too|very|so|pric(?:ed?|es|ing)|made|released|published|launched|built|produced|even|ever|much|really|far|way|just|or)"
)
_SMALLS: Final = re.compile(rf"\s*(?:{_SMALL}\s+)*", re.IGNORECASE)
_AT_END: Final = re.compile(rf"(?:(?<=\s){_SMALL}\s+)*$", re.IGNORECASE)
_CLAUSE: Final = re.compile(rf"[,;:!?()\n{MARK}]|\.(?!\d)")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_MOST_WORDS: Final = 4
"""Of a kind of thing: "no big red leather boots"."""


_REFUSING: Final = re.compile(
    r"(?:no|not|never|(?:do|would|will)(?:\s?n['o]?t|\s+not)|won't)$", re.IGNORECASE
)


def wants(before: str, names: Vocabulary, language: str = "") -> bool:
    """Whether a kind of thing is named before the denial of another: then that alone is denied, and what
    follows is said of the first. "Shoes, no sneakers under 80" are shoes under 80."""
    words = _WORD.findall(before)
    spans = (words[at : at + size] for size in (1, 2, 3) for at in range(len(words) - size + 1))
    return any(names.category(" ".join(span), language) for span in spans)


def before_english(
    text: str, at: int, names: Vocabulary, *, is_least: bool = False, is_level: bool = False
) -> Denial | None:
    """What denies the words that begin at ``at``; None if nothing does.

    ``is_least``: they say the least that a thing may cost. With nothing else said, the thing is looked for
    then though no category has its name: "no frogs over 100". ``is_level``: a quality between denies them no
    less: "no red expensive shoes".
    """
    begun = max((match.end() for match in _CLAUSE.finditer(text, 0, at)), default=0)
    clause = text[begun:at]
    cues = list(_CUE.finditer(clause))
    if not cues:
        return None
    between = clause[cues[-1].end() :]
    head = _SUBJECT.search(clause[: cues[-1].start()])
    start = begun + (head.start() if head else cues[-1].start())
    small = _SMALLS.match(between)
    rest = between[small.end() if small else 0 :]
    if not rest.strip():
        return Denial(start)
    things = rest[: (_AT_END.search(rest) or re.match("", rest)).start()].strip()  # type: ignore[union-attr]
    if re.search(r"\b(?:or|nor)\s+$", between, re.IGNORECASE) and " " not in things:
        return Denial(at)  # "not red or over 80"
    words = things.split()
    if names.category(things):
        return None if wants(clause[: cues[-1].start()], names) else Denial(start, things)
    if 1 < len(words) <= _MOST_WORDS and names.category(words[-1]):
        return Denial(at, partly=True)
    if is_level and all(folded(word) in QUALITIES for word in words):
        return Denial(at, partly=True)
    alone = not text[:start].strip(f" {MARK}") and not re.search(r"[,;]\s*\w", text[at:])
    if is_least and alone and _REFUSING.match(cues[-1][0]) and 1 <= len(words) <= 2:
        return None if folded(words[-1]) in QUALITIES else Denial(start, things)
    return None


# --- Chinese ---

_HAN: Final = re.compile("[\u3400-\u9fff]")

AFTER_CHINESE: Final = re.compile(
    "(?:就|都|也|的话|我?觉得|实在|真的?)*(?:太[贵多高低便]宜?了?|(?:有点|有些)[贵多高]了?)"
)
"""Denies what stands before it: 超过500就太贵了."""
_ZH_CUE: Final = re.compile(
    r"(?:不想要|不喜欢|不希望|不需要|不接受|不考虑|不可以|不允许|不愿意?|不打算|不会|不能|不得|不要|不想|不该|不应该?|不必|不用"
    r"|不买|不看|不爱|不是|不|没有|没|别|勿|莫|拒绝|避免|排除|去掉|剔除|除了|除去|除|讨厌)"
)
_ZH_SUBJECT: Final = re.compile(
    r"(?:我们?|您|你|他|她|也|都|就|但是?|不过|可是|而且|请|千万|最好|绝对|一定|预算|总价|价格|价钱|价位|价|售价|单价|花费|的)*$"
)
_ZH_SMALL: Final = re.compile(
    r"(?:想|要|能|可以|会|再|太|很|那么|这么|特别|过于|最|花|用|付|买|看到?|给|我|那种|这种|那些|这些|任何|是|有|卖|选|推荐|价格|价钱|价位"
    r"|价|售价|单价|预算|总价|的|在|到|超|一个|带|出版|发布|上市|生产|推出)*"
)
_ZH_CLAUSE: Final = re.compile(rf"[，。；！？,;!?、\n{MARK}]|\.(?!\d)")


def before_chinese(text: str, at: int, names: Vocabulary) -> Denial | None:
    """As ``before_english``."""
    begun = max((match.end() for match in _ZH_CLAUSE.finditer(text, 0, at)), default=0)
    clause = text[begun:at]
    cues = list(_ZH_CUE.finditer(clause))
    if not cues:
        return None
    cue = cues[-1]
    between = clause[cue.end() :]
    small = _ZH_SMALL.match(between)
    things = re.sub(rf"{_ZH_SMALL.pattern}$", "", between[small.end() if small else 0 :])
    if things and not (len(things) <= 6 and names.category(things)):
        return None
    if things and _HAN.search(text[:begun].replace(MARK, "")):
        return None
    head = _ZH_SUBJECT.search(clause[: cue.start()])
    return Denial(begun + (head.start() if head else cue.start()), things)
