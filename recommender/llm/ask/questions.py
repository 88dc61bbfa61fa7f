"""What a question is about: its words without those that only make it a question. Pure.

"What animals can fly?" and "有没有会飞的动物？" are looked for as "animals fly" and "飞的动物": an item's
words never ask, so what asks only blurs the comparison. In English, Chinese, German, French, Spanish and
Japanese; other languages stay whole.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from recommender.llm.understanding.languages import (
    TABLED,
    chinese,
    doers,
    english,
    is_english_name,
    named,
    quality,
)
from recommender.llm.understanding.languages.abilities import KINDS
from recommender.llm.understanding.vocabulary import folded, singular
from retrieval.lexical import picture_names
from retrieval.preprocess import words

MOST_OF_COMPOUND: Final = 3
MAX_WORDS: Final = 6
"""What a question is about rarely has more; each costs a search of its own."""
_FRAMES: Final = {
    language: re.compile("|".join(rf"\b(?:{each})(?!\w)" for each in listed), re.IGNORECASE)
    for language, listed in (
        ("en", english.ASKING),
        *((code, each.asking) for code, each in TABLED.items() if each.is_spaced),
    )
}
_JAPANESE: Final = re.compile("|".join(TABLED["ja"].asking))
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
_SUM = re.compile(
    r"\d\s*(?:[+*×÷^]|plus|minus|times|divided\s+by|乘以?|加上?|减去?|除以|mal|fois|por)\s*\d"
    r"|[零一二三四五六七八九十百千]+(?:乘以?|加|减|除以)[零一二三四五六七八九十百千]+",
    re.IGNORECASE,
)
_ONLY_SUM = re.compile(
    r"[\d\s.,+*/x×÷^=()?？-]*\d[\d\s.,+*/x×÷^=()?？-]*[-+*/x×÷^=][\d\s.,+*/x×÷^=()?？-]*"
)
_SPACES = re.compile(r"\s+")
_ELIDED = re.compile(r"\b(?:qu|[cdjlmnst])'", re.IGNORECASE)
_OR = re.compile(
    r"\s+(?:or|oder|ou|o|u)\s+|或者?|还是|または|もしくは|(?<=\W)か(?=\W)", re.IGNORECASE
)
_OF = re.compile(
    r"(?<=\w)\s+(?:for|of|with|without|from|in|on|at|to|by|that|which|who|für|von|mit|ohne|aus|zum|zur|die|der|das"
    r"|pour|avec|sans|en|à|au|aux|qui|para|con|sin|que)\s+",
    re.IGNORECASE,
)
"""Begins what is only said of the thing."""
_WHICH: Final = {
    "en": re.compile(
        r"\b(?:which|what)\s+(?:(?:kinds|sorts|types)\s+of\s+)?(?P<rest>\w.*)", re.IGNORECASE
    ),
    "zh": re.compile(r"(?:什么|哪些|哪几?[种类])样?的?(?P<rest>\w.*)"),
}
_LETTER = re.compile(r"[^\W\d_]")


def content(question: str, language: str = "en") -> str:
    """The question without its frame; whole where nothing but the frame would be left."""
    bare = _SPACES.sub(" ", _MARKS.sub(" ", question.replace("’", "'"))).strip()
    if _KANA.search(bare) or (language == "ja" and _HAN.search(bare)):
        rest = _SPACES.sub(" ", _JAPANESE.sub(" ", _JAPANESE.sub(" ", bare).strip())).strip()
    elif _HAN.search(bare):
        rest = " ".join(
            _ABLE.sub("", word) for word in words(bare, "zh") if word not in chinese.ASKING
        )
    else:
        frame = _FRAMES.get(language, _FRAMES["en"])
        rest = frame.sub(" ", bare)
        if language == "fr":
            rest = frame.sub(" ", _ELIDED.sub(" ", rest))
        rest = _SPACES.sub(" ", rest).strip()
    return rest or bare or question


def is_sum(question: str) -> bool:
    """Whether it is arithmetic, which no catalog answers: "2+2", "17 times 23", 3乘以7等于多少."""
    return _SUM.search(question) is not None or _ONLY_SUM.fullmatch(question.strip()) is not None


def only_points(question: str) -> bool:
    """Whether it says no more than "what is this?" of what came with it."""
    found = re.findall(r"[a-z]+|[\u3400-\u9fff]", content(question).casefold())
    return all(word in _POINTING for word in found)


def telling(question: str, language: str) -> list[str]:
    """The words of the question's content, each once, in order; at most MAX_WORDS. A number is none, an
    emoji is one."""
    found = [_ABLE.sub("", word) for word in words(content(question, language), language)]
    kept = (word for word in found if _LETTER.search(word) or picture_names(word))
    return list(dict.fromkeys(kept))[:MAX_WORDS]


def senses(question: str, language: str, denied: Sequence[str] = ()) -> list[tuple[str, ...]]:
    """``telling``, each word with what may be meant by it: itself, or who does what it says.

    Which birds can fly is no question of who flies: then the verb is a word like others. And who is
    ``denied`` is not meant: of what flies and is no bird bats are looked for.
    """
    told = telling(question, language)
    said = _meanings(told, language)
    others = _meanings(denied, language)
    found = [(word, doers(word, question, language)) for word in told]
    return [
        (word, *(each for each in does if not others & {each, KINDS.get(each)}))
        if not said.intersection(does)
        else (word,)
        for word, does in found
    ]


def _meanings(said: Sequence[str], language: str) -> set[str | None]:
    return {
        name for word in said for name in (singular(folded(word)), *named(folded(word), language))
    }


def meant(question: str, language: str, denied: Sequence[str] = ()) -> str:
    """The content as an encoder takes it: emoji by their names, verbs by who does it most."""
    text = content(question, language)
    for word, *others in senses(question, language, denied):
        if names := others[:1] or picture_names(word):
            text = text.replace(word, " ".join(names))
    return text


def alternatives(question: str, language: str) -> list[str]:
    """The things of which any will do, each as a question of its own: of several emoji each, else what stands
    between *or*, where each side names a thing that the tables have. The question alone where it is one."""
    told = telling(question, language)
    if len(told) > 1 and all(map(picture_names, told)):
        return told
    parts = [part.strip() for part in _OR.split(_MARKS.sub(" ", question)) if part.strip()]
    if len(parts) > 1 and all(_names_a_thing(part, language) for part in parts):
        return parts[:MAX_WORDS]
    return [question]


def _names_a_thing(part: str, language: str) -> bool:
    told = telling(part, language)
    return bool(told) and all(is_thing(word, language) for word in told)


def is_thing(word: str, language: str) -> bool:
    """Whether a word is known to mean a kind of thing; an emoji always does."""
    one = singular(word)
    return bool(named(one, language) or is_english_name(one) or picture_names(word))


def compound_head(question: str, language: str, is_known: Callable[[str], bool]) -> str:
    """What is asked for by a word that nobody knows behind the name of a thing: insurance, of "dog insurance".

    "" for a question that is none. There is no such word of languages that name the thing first.
    """
    told = telling(question, language)
    together = ("" if language in ("zh", "ja") else " ").join(told)
    if not 2 <= len(told) <= MOST_OF_COMPOUND or together not in question.casefold():
        return ""
    *others, head = told
    says_how = singular(head) in english.MEDIA_WORDS or head in chinese.MEDIA_WORDS
    if says_how or is_known(head) or quality(head, language) is not None:
        return ""
    if any(len(each) > 1 for each in senses(question, language)):
        return ""
    named_before = any(is_known(word) and singular(word) == word for word in others)
    return head if named_before else ""


def asked_for(question: str, language: str) -> str:
    """The word for what is asked for: toys, of "wooden toys for kids" and of 给孩子的玩具; "" for none.

    Several that are asked which they are: animals, of "which animals live in water" and of 哪些动物住在海里. Else
    the last that is no quality; of languages with spaces, before what is said of it with a preposition.
    """
    if which := asked_which(question, language):
        return which
    said = question if language in ("zh", "ja") else _OF.split(question.strip(), maxsplit=1)[0]
    told = telling(said, language)
    return next((word for word in reversed(told) if quality(word, language) is None), "")


def asked_which(question: str, language: str) -> str:
    """The word for what is asked which it is, if there are several of it."""
    asked = _WHICH[language].search(question) if language in _WHICH else None
    told = telling(asked["rest"], language) if asked else []
    if not asked or not told or not asked["rest"].casefold().startswith(told[0]):
        return ""
    return told[0] if language == "zh" or singular(told[0]) != told[0] else ""


def heads(told: Sequence[str], language: str = "") -> list[str]:
    """Those that name a thing: what is red is no car. All of them where each is a quality."""
    return [word for word in told if quality(word, language) is None] or [*told]
