"""What a question is about: its words without those that only make it a question. Pure.

"What animals can fly?" and "有没有会飞的动物？" are looked for as "animals fly" and "飞的动物": an item's
words never ask, so what asks only blurs the comparison. In English and Chinese; other languages stay
whole.
"""

import re
from typing import Final

from retrieval.preprocess import words

MAX_WORDS: Final = 6
"""What a question is about rarely has more; each costs a search of its own."""
_ENGLISH: Final = (
    r"(?:hi|hello|hey|please|thanks|thank you|could you|can you|would you|will you)",
    r"(?:is|are|was|were)\s+there(?:\s+(?:any|an?|some))?",
    r"(?:do|does|did)\s+(?:you|it|they|the shop)\s+(?:have|sell|stock|offer|carry|know)",
    r"(?:have you|you)\s+(?:got|have|know|sell|recommend)",
    r"(?:show|give|find|get|bring|recommend|suggest|tell|sell)\s+(?:me|us)(?:\s+about)?",
    (
        r"(?:i|we)(?:\s+am|'m|’m| would|'d|’d)?\s+(?:really\s+)?(?:want|need|wish|look(?:ing)?|search(?:ing)?|like|love)"
        r"(?:\s+(?:for|to\s+(?:buy|have|get|see|find|use|hear|listen to)))?"
    ),
    r"how\s+(?:much|many|old|big|new)(?:\s+(?:is|are|does|do|for))?|(?:price|cost)s?(?:\s+of)?",
    r"(?:what|which|who|whose|whom|where|when|why|how)(?:'s|’s)?(?:\s+(?:kinds?|sorts?|types?)\s+of)?",
    r"(?:any|some)(?:thing|one|body)?",
    r"(?:can|could|may|might|shall|should|would|will|do|does|did|is|are|am|was|were|be)",
    r"(?:i|me|my|you|your|we|us|our|there|it|its|an?|the|that|this|these|those)",
)
_FRAME: Final = re.compile("|".join(rf"\b(?:{each})\b" for each in _ENGLISH), re.IGNORECASE)
_CHINESE: Final = frozenset(
    [
        "你好",
        "您好",
        "请问",
        "麻烦",
        "谢谢",
        "请",
        "给",
        "给我",
        "帮",
        "帮我",
        "为",
        "替我",
        "看看",
        "看一看",
        "看一下",
        "找",
        "找找",
        "找一下",
        "推荐",
        "推荐一下",
        "介绍",
        "介绍一下",
        "告诉",
        "告诉我",
        "想",
        "想要",
        "想买",
        "想找",
        "想看",
        "想听",
        "要",
        "要买",
        "买",
        "需要",
        "正在",
        "在",
        "有没有",
        "是不是",
        "能不能",
        "可不可以",
        "会不会",
        "是否",
        "有",
        "有些",
        "还有",
        "都有",
        "什么",
        "什么样",
        "什么样的",
        "哪些",
        "哪种",
        "哪个",
        "哪一个",
        "哪里",
        "哪儿",
        "哪",
        "谁",
        "怎么",
        "怎么样",
        "多少钱",
        "价格",
        "价钱",
        "钱",
        "怎样",
        "如何",
        "为什么",
        "多少",
        "几种",
        "几个",
        "几",
        "一部",
        "一台",
        "一把",
        "一顶",
        "一个",
        "一只",
        "一封",
        "一张",
        "一本",
        "一件",
        "一条",
        "一辆",
        "一款",
        "一架",
        "一双",
        "一朵",
        "一些",
        "一种",
        "一幅",
        "一首",
        "一束",
        "一点",
        "一下",
        "可以",
        "能够",
        "能",
        "会",
        "用来",
        "可",
        "吗",
        "呢",
        "吧",
        "啊",
        "呀",
        "么",
        "啦",
        "嘛",
        "的",
        "了",
        "是",
        "我",
        "我们",
        "你",
        "你们",
        "您",
        "这里",
        "店里",
        "目录",
        "里",
        "中",
        "东西",
        "用",
        "好",
        "种",
        "或者",
        "还是",
        "和",
        "与",
        "就",
        "也",
        "都",
        "很",
        "那",
        "那么",
    ]
)
_ABLE: Final = re.compile(
    "[会能](?![议员场计面合话所费力源量见干][\u3400-\u9fff]?$)(?=[\u3400-\u9fff]$)"
)
"""Before a verb of one character: jieba has 会飞 for a word, items have 飞. 会议 and 能源 are whole."""
_POINTING: Final = frozenset(["what", "is", "are", "this", "that", "these", "those", "it", "one", "picture", "photo", "image", "sound"]) | {
    *"这那是什么个张幅段的它图片声音"
}  # fmt: skip
_MARKS = re.compile(r"[?？!！。…¿¡,，、;；:：\"“”()（）]+|\.(?=\s|$)")
_HAN = re.compile("[\u3400-\u9fff]")
_KANA = re.compile("[\u3041-\u30ff]")
_SPACES = re.compile(r"\s+")


def content(question: str) -> str:
    """The question without its frame; whole where nothing but the frame would be left."""
    bare = _SPACES.sub(" ", _MARKS.sub(" ", question)).strip()
    if _KANA.search(bare):
        return bare or question
    if _HAN.search(bare):
        rest = " ".join(_ABLE.sub("", word) for word in words(bare, "zh") if word not in _CHINESE)
    else:
        rest = _SPACES.sub(" ", _FRAME.sub(" ", bare)).strip()
    return rest or bare or question


def only_points(question: str) -> bool:
    """Whether it says no more than "what is this?" of what came with it."""
    found = re.findall(r"[a-z]+|[\u3400-\u9fff]", content(question).casefold())
    return all(word in _POINTING for word in found)


def telling(question: str, language: str) -> list[str]:
    """The words of the question's content, each once, in order; at most MAX_WORDS."""
    found = [_ABLE.sub("", word) for word in words(content(question), language)]
    return list(dict.fromkeys(found))[:MAX_WORDS]
