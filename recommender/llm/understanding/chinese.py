"""Reading a question in Chinese by patterns, as ``english`` does.

There are no blanks: where a denied thing ends follows from 的, punctuation and what comes after
(不要塑料的椅子: chairs, not of plastic). Words are cut only to find what kind of thing is meant.
"""

import re
from collections.abc import Callable

from recommender.llm.understanding import chinese_patterns as says
from recommender.llm.understanding import denials, numbers
from recommender.llm.understanding.languages.chinese import BRANDS, SUFFIXES
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


def read(text: str, vocabulary: Vocabulary) -> Reading:
    """What a Chinese question says."""
    found = Reading(follows=bool(says.FOLLOWING.search(text.strip())))
    # blanks between Chinese words part them as commas do
    text = re.sub(r"(?<=[\u4e00-\u9fff])\s+|\s+(?=[\u4e00-\u9fff])", "，", text.strip())
    text = says.DENIED_BEHIND.sub(r"不要\g<what>", says.ONLY.sub("", text))
    text = says.EXCEPT_BEHIND.sub(r"除了\g<what>以外，", text)
    text, kept = _masked(says.RHETORICAL.sub("有没有", text))
    for step in (_dates, _amounts, _levels):
        text = step(text, found, vocabulary)
    for each in (_sorts, _likes, _stock):
        text = each(text, found)
    text = _negations(text, found, vocabulary, kept)
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

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return chr(0xE000 + len(kept) - 1)

    if lexical := [word for word in segmentation.words(text, "zh") if _names(word)]:
        text = re.sub("|".join(map(re.escape, dict.fromkeys(lexical))), keep, text)
    return says.KEPT.sub(keep, text), kept


def _names(word: str) -> bool:
    """Whether a denying character in a word of the dictionary is a part of a name."""
    if word in says.NO_NAMES or not says.DENYING & set(word):
        return False
    if word[0] not in says.DENYING:
        return not word.endswith(("不", "没")) and not (len(word) > 2 and word.endswith("别"))
    return len(word) > 1 and len(word) > 2 and not says.STARTS_DENIAL.match(word)


def _unkept(text: str, kept: list[str]) -> str:
    return re.sub(
        "[\ue000-\ue0ff]",
        lambda match: kept[ord(match[0]) - 0xE000] if ord(match[0]) - 0xE000 < len(kept) else "",
        text,
    )


def _claimed(
    pattern: str | re.Pattern[str],
    text: str,
    vocabulary: Vocabulary,
    note: Callable[[re.Match[str], bool], object],
) -> str:
    """The text without the first match and what denies it; ``note`` may refuse it by False."""
    for match in re.finditer(pattern, text):
        denial = denials.before_chinese(text, match.start(), vocabulary)
        after = denials.AFTER_CHINESE.match(text, match.end())
        if note(match, denial is not None or after is not None) is False:
            continue
        start = match.start() if denial is None else denial.start
        things = "" if denial is None else denial.things
        return f"{text[:start]}{things}{MARK}{text[after.end() if after else match.end() :]}"
    return text


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
        text = _claimed(words, text, vocabulary, noting(name))
    return text


def _levels(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    def level(name: str) -> Callable[[re.Match[str], bool], bool | None]:
        def note(match: re.Match[str], denied: bool) -> bool | None:
            if not denied and match.string[: match.start()].endswith(("最", "越")):
                return False
            complaint = name == "high" and not denied and says.DEAR_ALONE.search(match[0])
            denials.level(found, "low" if complaint else name, denied=denied)
            return None

        return note

    for name, words in says.LEVELS:
        before = None
        while before != text:
            before, text = text, _claimed(words, text, vocabulary, level(name))
    return text


def _sorts(text: str, found: Reading) -> str:
    for sort, words in says.SORTS:
        if match := re.search(words, text):
            found.sort = found.sort or sort
            text = _cut(text, match)
    return text


def _amounts(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    def between(match: re.Match[str], denied: bool) -> bool | None:
        before = match.string[: match.start()][-2:]
        if not match["money"] and re.search("尺码|码|号|岁|第", before):
            return False
        ends = [numbers.value_of(match["low"]), numbers.value_of(match["high"])]
        denials.amounts(found, {"gte": min(ends), "lte": max(ends)}, denied)
        return None

    def bound(name: str) -> Callable[[re.Match[str], bool], bool | None]:
        def note(match: re.Match[str], denied: bool) -> bool | None:
            value = numbers.value_of(next(filter(None, match.groupdict().values())))
            bounds = numbers.near(value) if name == "about" else {name: value}
            denials.amounts(found, bounds, denied)
            return None

        return note

    text = _claimed(says.RANGE, text, vocabulary, between)
    for name, words in says.BOUNDS:
        if found.not_amounts or (found.amounts and (name == "about" or len(found.amounts) > 1)):
            continue
        text = _claimed(words, text, vocabulary, bound(name))
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


def _negations(text: str, found: Reading, vocabulary: Vocabulary, kept: list[str]) -> str:
    def deny(what: str) -> None:
        _deny(_unkept(what, kept), found, vocabulary)

    def excepted(match: re.Match[str]) -> str:
        for each in says.AGAIN.split(match["what"] or match["bare"]):
            deny(each)
        return f"{MARK}，"

    def unable(match: re.Match[str]) -> str:
        deny(match["what"])
        return MARK

    def denied(match: re.Match[str]) -> str:
        what, rest = match["what"], ""
        if again := says.POSITIVE_AGAIN.search(what, 1):
            what, rest = what[: again.start()], f"，{what[again.start() :]}"
        parts = says.AGAIN.split(what)
        last, positive = _object_of(parts[-1], vocabulary)
        for each in (*parts[:-1], last):
            deny(each)
        return f"{MARK}{positive}{rest}"

    text = says.EXCEPT.sub(excepted, text)
    text = says.CANNOT.sub(unable, text)
    return says.DENIED.sub(denied, text)


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
