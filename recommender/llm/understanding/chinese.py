"""Reading a question in Chinese by patterns, as ``english`` does.

There are no blanks: where a denied thing ends follows from 的, punctuation and what comes after
(不要塑料的椅子: chairs, not of plastic). Words are cut only to find what kind of thing is meant.
"""

import re

from recommender.llm.understanding import chinese_patterns as says
from recommender.llm.understanding import chinese_prices, lists, numbers
from recommender.llm.understanding.chinese_words import is_known, is_noun, is_quality
from recommender.llm.understanding.languages import quality
from recommender.llm.understanding.languages.chinese import BRANDS, SUFFIXES
from recommender.llm.understanding.masking import FIRST_SIGN, masked
from recommender.llm.understanding.types import (
    LAST,
    MARK,
    THIS,
    UNWANTED,
    WANTED,
    Like,
    Reading,
)
from recommender.llm.understanding.vocabulary import Vocabulary, folded
from retrieval.preprocess import segmentation


def read(text: str, vocabulary: Vocabulary, *, asked: bool = False) -> Reading:
    """What a Chinese question says. ``asked``: as in ``english``."""
    found = Reading(follows=bool(says.FOLLOWING.search(text.strip())))
    # blanks between Chinese words part them as commas do
    text = re.sub(r"(?<=[\u4e00-\u9fff])\s+|\s+(?=[\u4e00-\u9fff])", "，", text.strip())
    text = says.DENIED_BEHIND.sub(r"不要\g<what>", says.ONLY.sub("", text))
    text = says.EXCEPT_BEHIND.sub(r"除了\g<what>以外，", text)
    text, kept = _masked(says.RHETORICAL.sub("有没有", text))
    for step in (chinese_prices.dates, chinese_prices.amounts, chinese_prices.levels):
        text = step(text, found, vocabulary)
    for each in (_sorts, _likes, _stock):
        text = each(text, found)
    text = _negations(text, found, vocabulary, kept, asked=asked)
    text = _brands(text, found, vocabulary)
    text = _unkept(re.sub(says.AND_MARK, MARK, text), kept)
    clauses = re.split(r"[，。；！？,.;!?、\s]+", text.replace(MARK, ""))
    found.wanted = [words for clause in clauses if (words := _without_fillers(clause))]
    _categories(found, vocabulary)
    return found


def _masked(text: str) -> tuple[str, list[str]]:
    """The text with a sign for each word whose denying character denies nothing, and these words.

    Those of the list, and by the dictionary: 分别 and 特别 hold 别 behind another character, 别致 is no
    order, and what is longer than two characters (无花果) is a name.
    """
    kept: list[str] = []
    if lexical := [word for word in segmentation.words(text, "zh") if _names(word)]:
        names = re.compile("|".join(map(re.escape, dict.fromkeys(lexical))))
        text, kept = masked(text, names)
    return masked(text, says.KEPT, kept)


def _names(word: str) -> bool:
    """Whether a denying character in a word of the dictionary is a part of a name."""
    if word in says.NO_NAMES or word[0] == "既" or not says.DENYING & set(word):
        return False
    if not is_known(word):
        return False
    if word[0] not in says.DENYING:
        return not word.endswith(("不", "没")) and not (len(word) > 2 and word.endswith("别"))
    return len(word) > 1 and len(word) > 2 and not says.STARTS_DENIAL.match(word)


def _unkept(text: str, kept: list[str]) -> str:
    return re.sub(
        "[\ue000-\ue0ff]",
        lambda match: kept[at] if (at := ord(match[0]) - FIRST_SIGN) < len(kept) else "",
        text,
    )


def _sorts(text: str, found: Reading) -> str:
    for sort, words in says.SORTS:
        if match := re.search(words, text):
            found.sort = found.sort or sort
            text = _cut(text, match)
    return text


def _likes(text: str, found: Reading) -> str:
    def nth(match: re.Match[str]) -> str:
        said = match["nth"] or match["nth2"]
        which = int(numbers.value_of(said)) if said else LAST
        away = match["away"] or match["away2"]
        found.like.append(Like(which, UNWANTED if away else WANTED))
        return MARK

    def this(match: re.Match[str]) -> str:
        found.like.append(Like(THIS, UNWANTED if match["away"] else WANTED))
        return MARK

    return says.THIS.sub(this, says.NTH.sub(nth, text))


def _stock(text: str, found: Reading) -> str:
    found.in_stock = bool(says.STOCK.search(text))
    return says.STOCK.sub(MARK, text)


def _cut(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]}{MARK}{text[match.end() :]}"


def _negations(
    text: str, found: Reading, vocabulary: Vocabulary, kept: list[str], *, asked: bool
) -> str:
    def deny(what: str) -> None:
        _deny(_unkept(what, kept), found, vocabulary)

    def excepted(match: re.Match[str]) -> str:
        rest = ""
        if listed := match["listed"]:
            first, *more = re.split("[，,]", listed)
            parts, rest = list_of([first], more, match)
        else:
            parts = says.AGAIN.split(match["what"] or match["bare"])
        for each in parts:
            deny(each)
        return f"{MARK}，{rest}"

    def list_of(parts: list[str], more: list[str], match: re.Match[str]) -> tuple[list[str], str]:
        """What is denied, and what is not of the list."""
        more = [each for part in more for each in says.AGAIN.split(part) if _without_fillers(each)]
        if more and more[-1].startswith(last := _without_fillers(more[-1])):
            more[-1] = last  # 鸟 of 鸟都可以
        if more and _is_list([*parts, *more], vocabulary, is_said=asked or _is_said(match)):
            return [*parts, *more], ""
        return parts, "，".join(["", *more])

    def unable(match: re.Match[str]) -> str:
        deny(match["what"])
        return MARK

    def not_so(match: re.Match[str]) -> str:
        if quality(match["what"]) is None and not is_quality(match["what"]):
            return match[0]
        deny(match["what"])
        return MARK

    def denied(match: re.Match[str]) -> str:
        what, rest = match["what"], ""
        if again := says.POSITIVE_AGAIN.search(what, 1):
            what, rest = what[: again.start()], f"，{what[again.start() :]}"
        parts = says.AGAIN.split(what)
        if (listed := match["open"]) and not rest:
            parts, rest = list_of(parts, re.split("[，,]", listed), match)
        else:
            rest += listed or ""
        last, positive = _object_of(parts[-1], vocabulary)
        if not positive and match["cue"] in says.LACKING and not _is_whole(match):
            last, positive = _lacking(last, vocabulary)
        for each in (*parts[:-1], last):
            deny(each)
        return f"{MARK}{positive}{rest}"

    text = says.EXCEPT.sub(excepted, text)
    text = says.NOT_SO.sub(not_so, says.CANNOT.sub(unable, text))
    return says.DENIED.sub(denied, text)


def _is_said(match: re.Match[str]) -> bool:
    """Whether what is looked for was said before it."""
    clauses = re.split(r"[，。；！？,.;!?、\s]+", match.string[: match.start()].replace(MARK, ""))
    return any(map(_without_fillers, clauses))


def _is_list(said: list[str], vocabulary: Vocabulary, *, is_said: bool) -> bool:
    """Of a list that nothing closes: things alone, or many qualities of a kind."""

    def bare(each: str) -> str:
        return each if _without_fillers(each) == each else ""

    def is_thing(each: str) -> bool:
        return bool(vocabulary.kind(each)) or is_noun(each)

    return lists.is_list(said, bare, lambda each: quality(folded(each)), is_thing, is_said=is_said)


def _object_of(what: str, vocabulary: Vocabulary) -> tuple[str, str]:
    """What is denied and what it is said of: 塑料的椅子 and 塑料椅子 are chairs; else all of it is denied."""
    denied, of, positive = what.partition("的")
    if of:
        return (denied, positive) if positive else (denied, "")
    what = says.PARTICLE.sub("", what)
    if not vocabulary.kind(what) and vocabulary.brand(what) is None:
        for size in (4, 3, 2):
            modifier, thing = what[:-size], what[-size:]
            if len(modifier) > 1 and vocabulary.category(thing):
                return modifier, thing
    return what, ""


def _is_whole(match: re.Match[str]) -> bool:
    """Whether what is lacking is said of a thing before it, and so names no thing: 蛋糕，无草莓果酱."""
    return _is_said(match) and not match.string[: match.start()].endswith("的")


def _lacking(what: str, vocabulary: Vocabulary) -> tuple[str, str]:
    """What is lacking, and the thing behind it: 糖 and 饮料 of 无糖饮料."""
    if vocabulary.kind(what) or vocabulary.brand(what) is not None:
        return what, ""
    for size in (4, 3, 2):
        if len(what) > size and vocabulary.category(what[-size:]):
            return what[:-size], what[-size:]
    *modifier, thing = segmentation.words(what, "zh") or [what]
    return (
        ("".join(modifier), thing) if modifier and len(thing) > 1 and is_noun(thing) else (what, "")
    )


def _deny(what: str, found: Reading, vocabulary: Vocabulary) -> None:
    what = says.PARTICLE.sub("", what.strip()).removesuffix("的").strip()
    what = re.sub(rf"^(?:任何|{says.SOME}(?=..))", "", what)
    if not what or what in ("东西", "任何"):
        return
    if brand := vocabulary.brand(what):
        found.not_brands.append(brand)
    elif paths := vocabulary.kind(what):
        found.not_categories += paths
        found.denied.append(what)
    else:
        found.unwanted.append(what)


def _brands(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    names = {name: brand for name, brand in vocabulary.brands.items() if len(name) > 1}
    names |= {
        said: vocabulary.brands[name] for said, name in BRANDS.items() if name in vocabulary.brands
    }
    for name in sorted(names, key=len, reverse=True):
        edge = r"(?<![a-zA-Z])", r"(?![a-zA-Z])"
        pattern = re.compile(
            rf"(?:只看|只要|来自)?{edge[0]}{re.escape(name)}{edge[1]}(?:牌|品牌|家)?的?",
            re.IGNORECASE,
        )
        if match := pattern.search(text):
            if names[name] not in found.brands:
                found.brands.append(names[name])
            text = _cut(text, match)
    return text


def _without_fillers(clause: str) -> str:
    before = None
    while clause != before:
        before = clause
        clause = says.FILLERS.sub("", clause.strip())
    return clause


def _categories(found: Reading, vocabulary: Vocabulary) -> None:
    """What a phrase ends with, or what is asked about (什么动物会飞)."""
    for clause in found.wanted:
        asked = re.match(r"(.{1,6}?)(?:会|能|可以|有|适合|用来)", clause)
        for phrase in filter(None, (_head(clause), asked[1] if asked else "")):
            # 猫或狗: each must be named, else one of them would be left out
            named = [_named(each, vocabulary) for each in re.split("或者?|还是", phrase) if each]
            if named and all(named):
                found.categories = list(dict.fromkeys(path for paths in named for path in paths))
                return


def _head(clause: str) -> str:
    return re.sub(r"(?:推荐|图片|照片)$", "", clause)


def _named(phrase: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    for size in (5, 4, 3, 2):
        if len(phrase) >= size and (paths := vocabulary.category(phrase[-size:])):
            return paths
    if phrase[-1] in SUFFIXES or phrase == folded(phrase[-1]):
        return vocabulary.category(phrase[-1])
    words = segmentation.words(phrase, "zh")
    if words and words[-1] == phrase[-1] and "的" in phrase[-3:]:
        return vocabulary.category(phrase[-1])
    return ()
