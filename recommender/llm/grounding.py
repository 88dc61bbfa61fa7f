"""Whether a sentence that a model wrote says only what items' own words say. Pure.

Words are compared, not meanings: a sentence that joins the facts wrongly ("the eagle eats the drum") can
pass, one with a word of its own (an adjective, a name, a number) or that denies a fact cannot.
"""

import re
from collections.abc import Sequence
from typing import Final

from recommender.llm import prompts
from retrieval.preprocess import words
from retrieval.preprocess.stop_words import STOP_WORDS

STEM: Final = 3
"""Letters that are left of a word at least when its ending is taken off."""
MAX_SENTENCE: Final = 300
LINKING: Final[dict[str, frozenset[str]]] = {
    language: frozenset(listed.split())
    for language, listed in {
        "en": """
            something anything everything catalog catalogue item items thing things fit fits fitting match matches matching related answer question
            include includes including called named type types kind kinds example examples find found show shows shown
            see look looks like also another other others both all each one ones two three some many such same similar
            share shares shared common because since therefore while you liked likes enjoyed based suggest suggested
            recommend recommended recommendation may might suit suits choice option options say says described belong
            isn aren wasn weren don doesn didn won wouldn couldn t s re ve ll d m
            belongs used how when where who whose just only
            """,
        "zh": """
            这是 这只 那是 它是 也有 目录 商品 项目 条目 内容 包括 包含 属于 例如 比如 可以 能够 相关 符合 这些 这个 那些 种类 一种 两者 都是 推荐 因为
            喜欢 您 类似 相似 同样 共同 也是 以及 还有 因此 所以 名为 标签 介绍 一个 一只 一张
            """,
        "de": """
            katalog artikel eintrag einträge sache sachen passt passen passend gehört gehören heißt heißen beispiel
            beispiele auch andere anderer beide alle jeder eins zwei drei einige viele gleich ähnlich ähnliche gemeinsam weil
            mochten gefällt gefiel mag empfehlen empfohlen empfehlung art arten zeigt zeigen
            """,
        "fr": """
            catalogue article articles objet objets chose choses convient conviennent correspond appartient appelé
            exemple exemples comme aussi autre autres deux trois tous toutes chaque plusieurs même semblable similaire
            similaires commun parce aimé aimez recommandé recommande recommandation type types genre montre
            """,
        "es": """
            catálogo artículo artículos objeto objetos cosa cosas encaja encajan corresponde pertenece llamado ejemplo
            ejemplos también otro otra otros otras ambos dos tres todos todas cada varios mismo parecido similar similares
            común porque gustó gusta recomendado recomienda recomendación tipo tipos muestra
            """,
        "ja": """
            カタログ 商品 項目 もの こと 含む 含まれる 例えば たとえば 似て 似た 同じ 共通 好き おすすめ 種類 両方 ため
            """,
    }.items()
}
"""Words that tie facts together and add none: nothing that praises (good, popular) or offers (available)."""
_DENIES: Final = re.compile(
    r"\b(?:no|not|never|none|neither|nor|cannot|without|nicht|kein\w*|nie|ohne|ne|pas|jamais|sans|sin|nunca)\b|n't\b"
    r"|[不没無无别]|ない|ません",
    re.IGNORECASE,
)
"""What turns a fact round; only an item that denies something itself bears it out."""
_ENDINGS: Final[dict[str, tuple[str, ...]]] = {
    "de": ("ern", "em", "en", "er", "es", "e", "n", "s"),
    "fr": (
        "ements",
        "ement",
        "ées",
        "ée",
        "és",
        "er",
        "ent",
        "es",
        "aux",
        "al",
        "é",
        "e",
        "s",
        "x",
    ),
    "es": (
        "ando",
        "iendo",
        "adas",
        "ados",
        "ada",
        "ado",
        "ar",
        "er",
        "ir",
        "an",
        "en",
        "as",
        "os",
        "es",
        "a",
        "o",
        "s",
    ),
}
"""That forms of one word differ by, the longest first."""
_ENGLISH: Final = (
    ("ies", "y"), ("ied", "y"), ("ves", "f"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"),
    ("ss", "ss"), ("us", "us"), ("is", "is"), ("s", ""),
)  # fmt: skip
_MARKS = re.compile(r"\[[\d\s,，、;]+\]")
_NUMBERS = re.compile(r"\d+(?:[.,]\d+)?")
_FORBIDDEN = re.compile(
    r"https?:|www\.|\w@\w|[<>`{}|\\]|\b(?:system prompt|instructions?|assistant|language model|ignore)\b"
    r"|系统提示|提示词|指令|语言模型|忽略",
    re.IGNORECASE,
)
_HAN = re.compile("[\u3400-\u9fff]")


def grounded(sentence: str, facts: Sequence[str], question: str, language: str) -> bool:
    """Whether the ``facts``, all words of the items that a sentence is about, bear it out.

    Each of its words must be a fact's, or one that only links; a number may also be the question's. Not
    so: another script than the language's, an address, markup, talk of instructions, a denial that no fact
    has.
    """
    bare = _MARKS.sub(" ", sentence.replace("’", "'")).strip()
    if not bare or len(bare) > MAX_SENTENCE or _FORBIDDEN.search(bare) or prompts.leaked(bare):
        return False
    if (language == "zh") != bool(_HAN.search(bare)) and language in ("zh", "en"):
        return False
    known = f"{question}\n" + "\n".join(facts)
    numbers = set(_NUMBERS.findall(known))
    if any(number not in numbers for number in _NUMBERS.findall(bare)):
        return False
    if _DENIES.search(bare) and not _DENIES.search("\n".join(facts)):
        return False
    return not unfounded(bare, "\n".join(facts), language)


def unfounded(sentence: str, facts: str, language: str) -> list[str]:
    """The words of a sentence that neither the facts hold nor only link."""
    linking = LINKING.get(language, frozenset()) | STOP_WORDS.get(language, frozenset())
    told = [word for word in words(sentence, language) if word not in linking]
    folded, known, edges = facts.casefold(), stems(facts, language), _edges(facts, language)
    return [word for word in told if not _held(word, folded, known, edges, language)]


def _held(
    word: str, folded: str, known: frozenset[str], edges: frozenset[str], language: str
) -> bool:
    if _HAN.search(word):
        # 黑猫 of 黑色 and 猫: each character begins or ends a word of the facts
        return word in folded or (1 < len(word) <= 3 and all(char in edges for char in word))
    if not word.isalpha():
        return word in folded
    return word in known or stem(word, language) in known


def _edges(facts: str, language: str) -> frozenset[str]:
    """The first and the last characters of the Chinese words."""
    found = [word for word in words(facts, language) if _HAN.search(word)]
    return frozenset(char for word in found for char in (word[0], word[-1]))


def stem(word: str, language: str) -> str:
    """What the forms of a word share: flying and flies have fly, knives and knife have knif."""
    if language == "en":
        return _english(word)
    for ending in _ENDINGS.get(language, ()):
        if word.endswith(ending) and len(word) - len(ending) >= STEM:
            return word.removesuffix(ending)
    return word


def _english(word: str) -> str:
    for ending, instead in _ENGLISH:
        if word.endswith(ending) and len(word) - len(ending) + len(instead) >= STEM:
            word = word.removesuffix(ending) + instead
            break
    for ending in ("ing", "ed", "ers", "er"):
        if word.endswith(ending) and len(word) - len(ending) >= STEM:
            word = word.removesuffix(ending)
            if word[-1] == word[-2] and word[-1] not in "ls" and len(word) > STEM:
                word = word[:-1]  # running
            break
    return word[:-1] if word.endswith("e") and len(word) > STEM + 1 else word


def stems(known: str, language: str) -> frozenset[str]:
    """The words of a text, and each without its ending."""
    found = words(known, language)
    return frozenset([*found, *(stem(word, language) for word in found)])
