"""What a turn changes of the query before it: "cheaper", "in blue", "more like the second". Pure rules.

In English and Chinese. A turn is a follow-up if each of its clauses is one of these; anything else is a
new question. No list of such phrases is complete: what is missed is answered as a question of its own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["cheaper", "dearer", "cheapest", "dearest", "more", "like", "unlike", "with", "without", "about", "same", "any_price"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a turn changes."""

    kind: Kind
    text: str = ""
    """Of with, without and about."""
    position: int = 0
    """Of like and unlike: of the items shown, from 1; -1 is the last."""


_ORDINALS: Final = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "last": -1,
    "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10, "最后": -1,
}  # fmt: skip
_COLOURS: Final = (
    "red|orange|yellow|green|blue|purple|violet|pink|brown|black|white|gr[ae]y|golden|gold|silver"
)
_CHINESE_COLOURS: Final = "红|橙|黄|绿|蓝|紫|粉|粉红|棕|褐|黑|白|灰|金|银|深蓝|浅蓝|天蓝"
_COMPARATIVES: Final = {
    "bigger": "big", "larger": "large", "smaller": "small", "quieter": "quiet", "louder": "loud",
    "darker": "dark", "brighter": "bright", "lighter": "light", "newer": "new", "older": "old",
    "warmer": "warm", "softer": "soft", "simpler": "simple", "cuter": "cute", "faster": "fast",
    "slower": "slow", "taller": "tall", "longer": "long", "shorter": "short",
}  # fmt: skip
_ORDINAL = r"(?:the\s+)?(?:number\s+|no\.?\s*|#|\[)?(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|[1-9]\d?)(?:st|nd|rd|th|\])?(?:\s+(?:one|item|thing))?"
_CHINESE_ORDINAL = (
    r"(?:第\s*)?(最后|[一二两三四五六七八九十]|[1-9]\d?)\s*(?:个|只|件|张|部|台|款|种|项)"
)
_POLITE = re.compile(
    r"^(?:(?:ok(?:ay)?|and|but|now|then|so|please|hm+|well|maybe|actually)\b[\s,]*|(?:那么|那(?![个些款件种里])|但是|但|可是|不过|还是|请|再|嗯|好的|好)(?=.{2}))+",
    re.IGNORECASE,
)
_CLAUSES = re.compile(r"\s*[,，;；、]\s*|\s+and\s+|\s+but\s+|(?:而且|并且|同时)")
_END = re.compile(r"[\s?？!！.。…]+$|\s+please$|(?<=.)[吗呢吧啊]$|(?<=的)(?:那[种些个只款]|话)$")


def changes(turn: str) -> list[Change] | None:
    """What the turn changes; None for a question of its own.

    What is offered ("what about …", …呢) is another thing only where it is no change like any other: the
    cheapest, red ones, the second.
    """
    found = []
    is_offered = _PARTICLE.fullmatch(turn.strip()) is not None
    for clause in filter(None, _CLAUSES.split(_clean(turn))):
        change = _changed(_clean(clause), is_offered=is_offered)
        if change is None:
            return None
        found.append(change)
    return found or None


def bare(turn: str) -> str:
    """What is offered, without the words that offer it; the turn itself where none do."""
    clause = _clean(turn)
    offered = _offered(clause)
    return clause if not offered and _PARTICLE.fullmatch(turn.strip()) else offered or turn


def _changed(clause: str, *, is_offered: bool) -> Change | None:
    offered = _offered(clause)
    if change := _change(_ONES_THAT.sub("", offered or clause)):
        return change
    thing = _ARTICLE.sub("", offered or clause)
    if not (offered or (is_offered and len(thing) <= MOST_OFFERED)) or _ASKS.search(thing):
        return None
    return Change("about", text=thing)


def _offered(clause: str) -> str:
    """The thing of "what about owls instead": owls; "" where nothing is offered."""
    found, before = "", clause
    while match := next(filter(None, (each.fullmatch(before) for each in _OFFERS)), None):
        before = found = _SHOWN.sub("", _clean(match["text"]))
    return found


def _clean(text: str) -> str:
    before = None
    while before != text:
        before, text = text, _END.sub("", _POLITE.sub("", text.strip()))
    return text


def _change(clause: str) -> Change | None:
    for pattern, make in _RULES:
        if match := pattern.fullmatch(clause):
            return make(match)
    return None


def _position(match: re.Match[str]) -> int:
    said = next(group for group in match.groups() if group).lower()
    return int(said) if said.isdecimal() else _ORDINALS[said]


def _of(kind: Kind) -> Callable[[re.Match[str]], Change]:
    return lambda match: Change(kind)


def _at(kind: Kind) -> Callable[[re.Match[str]], Change]:
    return lambda match: Change(kind, position=_position(match))


def _text(kind: Kind) -> Callable[[re.Match[str]], Change]:
    return lambda match: Change(kind, text=match["text"].strip())


def _compared(match: re.Match[str]) -> Change:
    return Change("with", text=_COMPARATIVES[match["text"].lower()])


def _rule(
    pattern: str, make: Callable[[re.Match[str]], Change]
) -> tuple[re.Pattern[str], Callable[[re.Match[str]], Change]]:
    return re.compile(pattern, re.IGNORECASE), make


_ONES = r"(?:\s+(?:one|ones|please|things?|items?))?"
_HAVE = (
    r"(?:(?:do you have|is there|are there|have you got|show me|i want|i'd like|give me)\s+)?"
    r"(?:(?:any(?:thing)?|some(?:thing)?|an?|the)\s+)?"
)
_OF_THEM = r"(?:\s+of (?:them|these|those|all))?"
_ZH_HAVE = r"(?:还?有没有|还?有|我要|我想要|要|想要|换成|换|来|给我|看看)?"
_RULES: Final = (
    _rule(r"(?:at |for )?any (?:price|budget)(?: is (?:fine|ok(?:ay)?))?|(?:forget|never ?mind|ignore|drop|remove|regardless of|no matter|whatever) (?:about )?(?:the |my )?(?:price|prices|budget|price limit|cost)(?: is)?|(?:the )?(?:price|cost|money|budget) (?:does ?n[o']?t|does not) matter|(?:the )?(?:price|cost) is (?:not important|unimportant|irrelevant|no (?:object|issue))|money is no object|(?:with )?no (?:price limit|budget|limit on (?:the )?price)|(?:i )?(?:do ?n[o']?t|do not) care (?:about (?:the )?(?:price|cost)|what it costs)|whatever it costs", _of("any_price")),
    _rule(r"(?:价格|价钱|价位|预算|多少钱)(?:都|是)?(?:不限|不重要|无所谓|随意|随便|没关系|不是问题|行|可以|好)|不限(?:价格|价钱|预算|价)|(?:别|不用?|不必|无需)(?:管|考虑|看|论|在乎)(?:价格|价钱|预算)|(?:任何|什么|任意)(?:价格|价位)(?:都(?:行|可以))?|(?:忘了|忽略|去掉|取消|没有?|无)(?:价格|预算)(?:限制|上限)?", _of("any_price")),
    _rule(rf"{_HAVE}(?:a bit |a little |much |even )?(?:cheaper|less expensive|more affordable|less pricey){_ONES}", _of("cheaper")),
    _rule(r"(?:(?:that|this|it|they|these|those|all|prices?)(?:'?s|'?re| is| are)? )*(?:(?:all|still|just|way|far|much|a bit|a little) )*(?:too|very|so) (?:expensive|pricey|dear|costly)", _of("cheaper")),
    _rule(rf"{_ZH_HAVE}(?:更|再|稍微|稍)?便宜(?:一?点儿?|一些|些)?(?:的)?|(?:这些|它们|价格|价钱)?(?:还|仍然?|依然|都|也)*(?:是)?(?:太|有点儿?|有些|好)贵了?(?:一?点儿?|些)?|(?:不要|别)(?:那么|这么|太)贵(?:的)?", _of("cheaper")),
    _rule(rf"{_HAVE}(?:a bit |a little |much |even )?(?:more (?:expensive|pricey|luxurious)|dearer|pricier|costlier){_ONES}", _of("dearer")),
    _rule(rf"{_ZH_HAVE}(?:更|再)?(?:贵|高档)(?:一?点儿?|一些|些)(?:的)?|更贵的?|更高档的?", _of("dearer")),
    _rule(rf"(?:(?:which|what)(?: ones?)?(?: of (?:them|these|those))?(?: is| are|'?s) )?(?:the )?(?:cheapest|least expensive){_ONES}{_OF_THEM}", _of("cheapest")),
    _rule(r"(?:其中|里面)?(?:哪一?[个只件款种])?最便宜(?:的)?(?:一?[个只件款种])?(?:是哪一?[个只件款种]|是什么)?|价格最低(?:的)?", _of("cheapest")),
    _rule(rf"(?:(?:which|what)(?: ones?)?(?: of (?:them|these|those))?(?: is| are|'?s) )?(?:the )?(?:most expensive|dearest|priciest){_ONES}{_OF_THEM}", _of("dearest")),
    _rule(r"(?:其中|里面)?(?:哪一?[个只件款种])?最贵(?:的)?(?:一?[个只件款种])?(?:是哪一?[个只件款种]|是什么)?", _of("dearest")),
    _rule(r"(?:show |give )?(?:me )?(?:some |any )?(?:more|others?|else|another(?: one)?|next)(?: of (?:them|these|those))?|(?:what|anything|something) else(?: (?:do you have|have you got|is there|can you show me))?", _of("more")),
    _rule(r"还有(?:别的|其他的?|更多|什么|哪些)?|更多(?:的)?|换一批|(?:有没有)?(?:别的|其他的?)", _of("more")),
    _rule(rf"(?:more |something |some )?(?:un|not )like\s+{_ORDINAL}|(?:not|no|without)\s+{_ORDINAL}", _at("unlike")),
    _rule(rf"(?:不像|不要|别要)(?:{_CHINESE_ORDINAL})(?:那样|这样)?(?:的)?", _at("unlike")),
    _rule(rf"{_HAVE}(?:more |something |others? |some )?(?:like|similar to|just like)\s+{_ORDINAL}", _at("like")),
    _rule(rf"{_ZH_HAVE}(?:更?像|类似|接近|跟|和|与)(?:{_CHINESE_ORDINAL})(?:一样|类似|差不多|相似|那样|这样)?(?:的)?(?:东西)?", _at("like")),
    _rule(rf"(?:{_CHINESE_ORDINAL})(?:那样|这样|类似|差不多)(?:的)?", _at("like")),
    _rule(r"(?:the\s+|number\s+|no\.?\s*|#)(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|[1-9]\d?)(?:st|nd|rd|th)?(?:\s+(?:one|item|thing))?", _at("like")),
    _rule(r"第\s*([一二三四五六七八九十]|[1-9]\d?)\s*(?:个|只|件|张|部|台|款|种|项)", _at("like")),
    _rule(rf"(?:in|only|just|make it|a)?\s*(?P<text>(?:light |dark )?(?:{_COLOURS})){_ONES}", _text("with")),
    _rule(rf"(?:{_HAVE}(?:it |them |one |that )?|(?:does it|do they|does that) come |(?:is it|are they|is that) available |can i (?:get|have) (?:it|them|one|that) )in (?:a )?(?P<text>(?:light |dark )?(?:{_COLOURS}))", _text("with")),
    _rule(rf"{_ZH_HAVE}(?P<text>(?:{_CHINESE_COLOURS})色?)(?:的)?", _text("with")),
    _rule(rf"{_HAVE}(?:a bit |a little |much |even )?(?P<text>{'|'.join(_COMPARATIVES)}){_ONES}", _compared),
    _rule(rf"{_ZH_HAVE}(?:更|再|稍微)?(?P<text>大|小|安静|响|暗|亮|新|旧|暖和?|软|简单|可爱|快|慢|长|短|高)(?:一?点儿?|一些|些)(?:的)?", _text("with")),
    _rule(r"(?:without|except(?: for)?|no|not|nothing with|leave out|hide)\s+(?:more |including )?(?:any |the |a |an )?(?P<text>.{1,80})", _text("without")),
    _rule(r"(?:不要|别要|不含|除了|去掉|没有)(?P<text>.{1,40}?)(?:的|以外)?", _text("without")),
    _rule(r"(?:with|also|only|plus|made of)\s+(?:a |an |the |some )?(?P<text>.{1,80})", _text("with")),
    _rule(r"(?:(?:the|some|any)\s+)?ones?\s+(?:that|which|who)\s+(?:can|are|is|have|has)\s+(?!(?:not|no|it|this|that)\b)(?P<text>.{1,60})", _text("with")),
    _rule(r"(?:which|what)(?:\s+ones?)?(?:\s+of\s+(?:them|these|those))?(?<!which)(?<!what)\s+(?:can|could|are|is|have|has)\s+(?!(?:not|no|it|this|that|they|you|we|there|the)\b)(?P<text>.{1,60})", _text("with")),
    _rule(r"(?:其中|里面|它们[中里])的?(?:哪一?[个些种只件款])?(?:是|会|能|有)(?P<text>.{1,30}?)(?:的)?", _text("with")),
    _rule(r"(?:还要|加上|带有?|要有|只要)(?P<text>.{1,40}?)(?:的)?", _text("with")),
    _rule(r"(?:what|which|how|where|when|why|who)\b.{0,40}?\b(?:is|are|was|were|does|do|did|can|could|will|would)\s+(?:it|they|he|she|these|those|(?:this|that)(?: one)?)(?:\s.{1,60})?", _of("same")),
    _rule(r"(?:is|are|does|do|can|has|have)\s+(?:it|they|he|she|these|those|(?:this|that)(?: one)?)\s+(?!possible\b|ok(?:ay)?\b|true\b|allowed\b|legal\b|too late\b|be \w+ed\b).{1,60}", _of("same")),
    _rule(r"(?:(?:show|tell|give|describe|play|let me (?:see|hear))\s+)?(?:me\s+)?(?:what\s+(?:is|are)\s+)?(?:something |more )?(?:about\s+)?(?:its|their)\s.{1,40}", _of("same")),
    _rule(r"tell me (?:something |a bit )?more", _of("same")),
    _rule(r"(?:(?:tell|show) me|let me (?:know|see|hear)|describe|play)\s+(?:something |more |a bit )?(?:about\s+)?(?:it|them|this|that|these|those)", _of("same")),
    _rule(r"(?:它们?|(?:这|那)(?:一?[个件只款种]|些))的?(?:有|是|多|怎|会|能|可以|在|住|吃|喝|为|来自|长|叫|什么|哪|声音|样子|图片|照片|颜色|名字|价格|大小|故事).{0,30}", _of("same")),
)  # fmt: skip
_OFFERS: Final = tuple(
    re.compile(each, re.IGNORECASE)
    for each in (
        r"(?:what|how)\s+about\s+(?P<text>.{1,80})",
        r"(?P<text>.{1,60}?),?\s+instead",
        r"instead,?\s+(?!of\b)(?P<text>.{1,60})",
        r"(?:the )?(?!(?:that|this|it|they|these|those|which|what|who|any|all)\b)(?P<text>.{1,40}?)\s+(?:is|are)\s+(?:fine|ok(?:ay)?|allowed|welcome)(?:\s+(?:again|too|now|after all))?",
        r"(?:换成|改成|改为|改看)(?P<text>.{1,40})",
    )
)
_SHOWN: Final = re.compile(
    r"^(?:show me|give me|find me|let'?s see|let me see|try|do you have|i(?:'d like| would like| want))\s+(?=.)",
    re.IGNORECASE,
)
_ONES_THAT: Final = re.compile(
    r"^(?:the\s+|some\s+|any\s+)?ones?\s+(?=(?:with|without|in|like|not|made)\s)",
    re.IGNORECASE,
)
_ARTICLE: Final = re.compile(r"^(?:a|an|the|some)\s+(?=.)", re.IGNORECASE)
_PARTICLE: Final = re.compile(r"[^呢]+呢[\s?？!！。]*")
_ASKS: Final = re.compile(
    r"^(?:what|which|who|whose|where|when|why|how|do|does|did|is|are|can|could|would|should)\b"
    r"|^(?:that|this|it|they|these|those|them|you|me)$|^(?:你觉得|然后|所以|[这那][个些款件种])$"
    r"|什么|哪|谁|怎|多少|几[个只种]|为何|是否|有没有|能不能|会不会|可不可以",
    re.IGNORECASE,
)
"""A question of its own, whatever it ends with (什么动物会飞呢), and what names no thing."""
MOST_OFFERED: Final = 12
"""Characters before 呢: more are a sentence."""
