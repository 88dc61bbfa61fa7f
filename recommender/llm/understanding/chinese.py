"""Reading a question in Chinese by patterns, as ``english`` does.

There are no blanks: where a denied thing ends follows from 的, punctuation and what comes after
(不要塑料的椅子: chairs, not of plastic). Words are cut only to find what kind of thing is meant.
"""

import re
from typing import Final

from recommender.llm.understanding import lexicon, numbers
from recommender.llm.understanding.types import (
    LAST,
    MARK,
    THIS,
    UNWANTED,
    WANTED,
    Like,
    Reading,
    Sort,
)
from recommender.llm.understanding.vocabulary import Vocabulary, folded
from retrieval.preprocess import segmentation

_SIGN: Final = r"(?:[¥￥$€£]|人民币|RMB)"
_MONEY: Final = r"(?:元|块钱|块|圆|人民币|美元|美金|欧元|英镑|刀(?!具|片|叉)|RMB|rmb)"
_NUMBER: Final = numbers.CHINESE
_AMOUNT: Final = rf"{_SIGN}?\s?(?P<amount>{_NUMBER})\s?{_MONEY}?(?:钱)?"
_NO_MEASURE: Final = rf"(?!\d)(?!\s?(?:{lexicon.MEASURES_ZH}))"
_PRICE: Final = r"(?:(?:价格|价钱|预算|售价|单价|花费|总价)(?:在|为|是|要|控制在)?\s*)?"
_TO: Final = r"\s*(?:到|至|-|—|~|～)\s*"
_OF: Final = r"(?:之间|之内|左右)?的?"
_RANGE: Final = re.compile(
    rf"{_PRICE}{_SIGN}?\s?(?P<low>{_NUMBER})\s?{_MONEY}?{_TO}{_SIGN}?\s?(?P<high>{_NUMBER})(?P<money>\s?{_MONEY})?"
    rf"{_NO_MEASURE}(?!年){_OF}"
)
_BOUNDS: Final = (
    ("gte", rf"{_PRICE}(?:不低于|不少于|至少|最少|起码|最低){_AMOUNT}{_NO_MEASURE}的?"),
    ("lte", rf"{_PRICE}(?:不超过|不高于|不多于|至多|最多|最高|不要超过|别超过|不能超过|≤){_AMOUNT}{_NO_MEASURE}的?"),
    ("lt", rf"{_PRICE}(?:低于|少于|小于|不到|不足|<){_AMOUNT}{_NO_MEASURE}的?"),
    ("gt", rf"{_PRICE}(?:高于|超过|大于|多于|>){_AMOUNT}{_NO_MEASURE}的?"),
    ("lte", rf"{_PRICE}{_AMOUNT}\s*(?:以下|以内|之内|之下|内|封顶|及以下)的?"),
    ("gte", rf"{_PRICE}{_AMOUNT}\s*(?:以上|起步|起|往上|及以上)的?"),
    ("about", rf"{_PRICE}(?:大约|大概|差不多|约|接近)?{_AMOUNT}\s*(?:左右|上下|出头)的?"),
    ("about", rf"{_PRICE}(?:大约|大概|差不多|约){_AMOUNT}{_NO_MEASURE}的?"),
    ("lte", rf"预算(?:是|为|只有|有|在)?\s*{_AMOUNT}{_NO_MEASURE}"),
    ("about", rf"{_SIGN}\s?(?P<a>{_NUMBER})(?:的|{_MONEY})?"),
    ("about", rf"(?P<b>{_NUMBER})\s?(?:元|块钱|块(?!状|装|头)|美元|欧元|人民币)的?"),
)  # fmt: skip
_A_BIT: Final = r"(?:一点儿?|一些|点儿?|些)"
_LEVELS: Final = (
    ("notlow", r"(?:不要|别|不能|不)(?:太|很|最)?便宜(?:的|货)?"),
    ("modest", (r"(?:价格|价钱|价位)?(?:也)?(?:不要|别|不用|不能|不|没那么)(?:太|很|那么|特别|过于)?(?:贵|昂贵|高价)的?"
               r"|价(?:格|钱|位)?(?:不要|别|不|不能)(?:太|很|那么)?高的?|价(?:格|钱|位)(?:适中|合理|公道|合适)的?")),
    ("low", (rf"(?:再|更|要|稍微|能不能|可以)*(?:便宜|实惠|经济|划算){_A_BIT}?的?|(?:经济|物美)?(?:实惠|价廉|平价|廉价|低价|省钱|白菜价)的?"
            r"|(?:高性价比|性价比(?:高|好)?)的?")),
    ("high", rf"(?:更|再)?贵{_A_BIT}的?|昂贵的?|高价的?|(?<![太么很])贵的"),
)  # fmt: skip
_ORDERED: Final = r"(?:按照?|依照?)"
_SORTING: Final = r"(?:来)?(?:排序|排列|排|排一下)?(?:的)?"
_SORTS: Final = (
    (Sort("price", "desc"), rf"(?:{_ORDERED})?价格?(?:从|由)高到低{_SORTING}|最贵的?|价格最高的?|越贵越好"),
    (Sort("price", "asc"), rf"(?:{_ORDERED})?价格?(?:从|由)低到高{_SORTING}|{_ORDERED}价格?{_SORTING}|最便宜的?|价格最低的?|越便宜越好"),
    (Sort("released", "desc"), rf"{_ORDERED}(?:上架|发布|上市)?(?:时间|日期|新旧){_SORTING}|最新(?:款|上架|上市|发布|到货|出)?的?|新上架的?|新上市的?|新到的?|新品|刚(?:上架|上市|出|发布)的?|最近(?:上架|上市|发布|出)的?"),
    (Sort("released", "asc"), r"最早的?|最旧的?|最老的?"),
    (Sort("popularity", "desc"), r"(?:现在|最近|目前)?(?:什么)?(?:最?热门|最受欢迎|最?畅销|销量(?:最高|最好|高)|最火|最?流行|卖得最好|热销)的?"),
)  # fmt: skip
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)年"
_OUT: Final = r"(?:出版|发布|上市|生产|推出|出)?"
_DATES: Final = (
    ("gt", rf"{_YEAR}(?:以后|之后|后){_OUT}的?"),
    ("gte", rf"(?:从|自)?{_YEAR}(?:以来|起|开始|至今){_OUT}的?"),
    ("lt", rf"{_YEAR}(?:以前|之前|前){_OUT}的?"),
    ("in", rf"{_YEAR}{_OUT}的?"),
)  # fmt: skip
_STOCK: Final = re.compile(
    r"(?:要|必须|得)?(?:有货|有现货|现货|有库存)的?|能?马上(?:能)?(?:买到|发货)的?"
)
_ORDINAL: Final = "第(?P<nth>[一二三四五六七八九十]|\\d{1,2})(?:个|款|件|张|双|本|条|把|台|部|只|种|项)?|(?P<last>最后(?:那|一)?个)"
_ALIKE: Final = "(?:差不多|一样|类似|相似|相近|那样|这样)"
_MORE: Final = r"(?P<away>不要?|别)?(?:更|再|想要|要|来点)*"
_NTH: Final = re.compile(
    rf"{_MORE}(?:像|类似于?|和|跟|与|同|接近)(?:{_ORDINAL})(?:{_ALIKE}|一点|一些)?的?|(?:{_ORDINAL.replace('nth', 'nth2').replace('last', 'last2')})"
)
_THING: Final = (
    r"(?:个|种|款|件|双|本|条|把|台|部|张图片?|幅图|张照片|只|样|些)?(?:东西|商品|图片|照片|声音)?"
)
_THIS: Final = re.compile(
    rf"{_MORE}(?:像|类似于?|和|跟|与|同)(?:这|那|它){_THING}(?:{_ALIKE})?的?(?:但是?|不过|可是)?"
)
_KEPT: Final = re.compile(
    "不锈钢|不粘|不错|不倒翁|不干胶|不限|不管|不同|不一样|不少|不知道|不好意思|不用谢|不过|不仅|不但|不只"
    "|无线|无人机|无印|无缝|无敌|无限|无论|非常|非洲|非遗|没关系|没问题|有没有|是不是|好不好|能不能|会不会|可不可以|要不要"
    "|除夕|除湿|除尘|除草|除臭|除螨|别墅|别针|别的|特别|别人|级别|性别|区别|免费|免打孔|免洗"
)
"""Where a denying character denies nothing."""
_TOO: Final = r"(?:也|都|再|请|千万|最好|绝对|但是?|不过|可是|就是)*"
_EXCEPT: Final = re.compile(
    rf"除(?:了|去|掉)?(?P<what>[^{MARK}，。；！？,.;!?、]+?)(?:以外|之外|外|(?=[，,。])|(?=其他|别的|什么|都))的?"
    r"[，,]?(?:其他|别的|其它|所有)?(?:颜色|材质|种类|东西|款式)?的?"
)
_CANNOT: Final = re.compile(rf"不(?P<what>(?:会|能|可以)[^{MARK}，。；！？,.;!?、的]+)")
_WITHOUT: Final = r"(?:不要|不想要|不想|不需要|不喜欢|不爱|不含|不带|不是|不包含|不包括|不用|不可以有|不能有|别给我看|别给我|别要|别|没有|没|无|非|免|讨厌|拒绝|避免|排除|去掉|去除|剔除|勿)"
_DENIED: Final = re.compile(
    rf"(?:我|他|她|我们|并且|而且)?{_TOO}{_WITHOUT}(?:任何|有|带|含|那种|那些|看到|看|买|要|是|用|了|太)*"
    rf"(?P<what>[^{MARK}，。；！？,.;!?]+)"
)
_AGAIN: Final = re.compile(
    rf"(?:也|和|又|而且|并且|、|或者?|还是)?{_TOO}{_WITHOUT}|、|或者?|以及|和|跟|与|及"
)
_POSITIVE_AGAIN: Final = re.compile(
    "(?:但是?|不过|可是|只要|我要|我想要|就要|想要|还要|要(?=.{2}))"
)
_MEASURE_WORD: Final = "(?:部|个|双|本|件|条|把|只|台|款|张|副|盒|套|块|辆|顶|支|瓶|些|点儿?|种|样|枚|幅|首|对|份|束|棵)"
_SOME: Final = rf"(?:(?:一|几|两|这|那){_MEASURE_WORD}|[个点些件双本部款套])"
"""Alone only those that begin no word for a thing (台灯, 包包)."""
_SO_MANY: Final = rf"(?:(?:一|几|两|这|那){_MEASURE_WORD})"
_FILLERS: Final = re.compile(
    rf"^(?:你好|您好|请问|请|麻烦|谢谢|嗯|那么?|那就|然后|另外|就|我们?|他|她|咱们?|真的|很|非常|特别)"
    rf"|^(?:想要|需要|打算|准备|希望|想|要|得)(?:买|找|看看?|送|选|挑|订|来|要|给)?{_SOME}?"
    rf"|^(?:帮|给|替)(?:我|咱们?)(?:推荐|找|看看?|挑|选|来|搜|介绍)?(?:一下)?{_SOME}?"
    rf"|^(?:有没有|有什么|有哪些|有啥|有无|哪里有|哪些|哪种|什么|啥|推荐|搜索?|找|来|买|求|看看?|换成|换|改成|只看|只要|只|关于|再|更|还有)(?:一下)?{_SOME}?"
    rf"|^{_SO_MANY}(?=.)"
    r"|(?:都可以|都行|就行|也行|就好|可以吗|行吗|好吗|怎么样|吗|呢|吧|啊|呀|了|谢谢|的话)$"
    r"|^的|的$|^(?:但是?|不过|可是|而且|并且|也|和|或者?|还|稍微)|(?:但是?|不过|而且|和|或者?)$"
)
_AND_MARK: Final = f"(?:但是?|不过|而且|并且|和|也|又){MARK}"
_PARTICLE: Final = re.compile("[吗呢吧啊呀？?]+$")
_FOLLOWING: Final = re.compile(
    r"^(?:再|更|换|改|只看|只要|那|也|还|不要|别|要(?!是)|就要|跟|和|像|第)|(?:呢|一点的?|点的?)[？?。]?$|的[？?。]?$"
)


def read(text: str, vocabulary: Vocabulary) -> Reading:
    """What a Chinese question says."""
    found = Reading(follows=bool(_FOLLOWING.search(text.strip())))
    # blanks between Chinese words part them as commas do
    text = re.sub(r"(?<=[\u4e00-\u9fff])\s+|\s+(?=[\u4e00-\u9fff])", "，", text.strip())
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return chr(0xE000 + len(kept) - 1)

    text = _KEPT.sub(keep, text)
    for step in (_dates, _levels, _sorts, _amounts, _likes, _stock):
        text = step(text, found)
    text = _negations(text, found, vocabulary, kept)
    text = _brands(text, found, vocabulary)
    text = _unkept(re.sub(_AND_MARK, MARK, text), kept)
    clauses = re.split(r"[，。；！？,.;!?、\s]+", text.replace(MARK, ""))
    found.wanted = [words for clause in clauses if (words := _without_fillers(clause))]
    _categories(found, vocabulary)
    return found


def _unkept(text: str, kept: list[str]) -> str:
    return re.sub(
        "[\ue000-\ue0ff]",
        lambda match: kept[ord(match[0]) - 0xE000] if ord(match[0]) - 0xE000 < len(kept) else "",
        text,
    )


def _dates(text: str, found: Reading) -> str:
    for name, words in _DATES:
        if match := re.search(words, text):
            found.dates |= numbers.year_bounds(name, int(match["year"]))
            text = _cut(text, match)
    return text


def _levels(text: str, found: Reading) -> str:
    for name, words in _LEVELS:
        for match in re.finditer(words, text):
            if text[: match.start()].endswith(("最", "越")):
                continue
            found.level = found.level or name  # type: ignore[assignment]
            return _cut(text, match)
    return text


def _sorts(text: str, found: Reading) -> str:
    for sort, words in _SORTS:
        if match := re.search(words, text):
            found.sort = found.sort or sort
            text = _cut(text, match)
    return text


def _amounts(text: str, found: Reading) -> str:
    match = _RANGE.search(text)
    if match and (match["money"] or not re.search("尺码|码|号|岁|第", text[: match.start()][-2:])):
        ends = [numbers.value_of(match["low"]), numbers.value_of(match["high"])]
        found.amounts |= {"gte": min(ends), "lte": max(ends)}
        return _cut(text, match)
    for name, words in _BOUNDS:
        if name == "about" and found.amounts:
            continue
        if bound := re.search(words, text):
            value = numbers.value_of(next(filter(None, bound.groupdict().values())))
            found.amounts |= numbers.near(value) if name == "about" else {name: value}
            text = _cut(text, bound)
    return text


def _likes(text: str, found: Reading) -> str:
    def nth(match: re.Match[str]) -> str:
        said = match["nth"] or match["nth2"]
        which = int(numbers.value_of(said)) if said else LAST
        found.like.append(Like(which, UNWANTED if match["away"] else WANTED))
        return MARK

    def this(match: re.Match[str]) -> str:
        found.like.append(Like(THIS, UNWANTED if match["away"] else WANTED))
        return MARK

    return _THIS.sub(this, _NTH.sub(nth, text))


def _stock(text: str, found: Reading) -> str:
    found.in_stock = bool(_STOCK.search(text))
    return _STOCK.sub(MARK, text)


def _cut(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]}{MARK}{text[match.end() :]}"


def _negations(text: str, found: Reading, vocabulary: Vocabulary, kept: list[str]) -> str:
    def deny(what: str) -> None:
        _deny(_unkept(what, kept), found, vocabulary)

    def excepted(match: re.Match[str]) -> str:
        for each in _AGAIN.split(match["what"]):
            deny(each)
        return f"{MARK}，"

    def unable(match: re.Match[str]) -> str:
        deny(match["what"])
        return MARK

    def denied(match: re.Match[str]) -> str:
        what, rest = match["what"], ""
        if again := _POSITIVE_AGAIN.search(what, 1):
            what, rest = what[: again.start()], f"，{what[again.start() :]}"
        parts = _AGAIN.split(what)
        last, positive = _object_of(parts[-1])
        for each in (*parts[:-1], last):
            deny(each)
        return f"{MARK}{positive}{rest}"

    text = _EXCEPT.sub(excepted, text)
    text = _CANNOT.sub(unable, text)
    return _DENIED.sub(denied, text)


def _object_of(what: str) -> tuple[str, str]:
    """What is denied and what it is said of: 塑料的椅子 are chairs; without 的 all of it is denied."""
    denied, of, positive = what.partition("的")
    return (denied, positive) if of and positive else (denied if of else what, "")


def _deny(what: str, found: Reading, vocabulary: Vocabulary) -> None:
    what = _PARTICLE.sub("", what.strip()).removesuffix("的").strip()
    what = re.sub(rf"^(?:任何|{_SOME}(?=..))", "", what)
    if not what or what in ("东西", "任何"):
        return
    if brand := vocabulary.brand(what):
        found.not_brands.append(brand)
    elif paths := vocabulary.kind(what):
        found.not_categories += paths
    else:
        found.unwanted.append(what)


def _brands(text: str, found: Reading, vocabulary: Vocabulary) -> str:
    names = {name: brand for name, brand in vocabulary.brands.items() if len(name) > 1}
    names |= {
        said: vocabulary.brands[name]
        for said, name in lexicon.BRANDS.items()
        if name in vocabulary.brands
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
        clause = _FILLERS.sub("", clause.strip())
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
    if phrase[-1] in lexicon.SUFFIXES or phrase == folded(phrase[-1]):
        return vocabulary.category(phrase[-1])
    words = segmentation.words(phrase, "zh")
    if words and words[-1] == phrase[-1] and "的" in phrase[-3:]:
        return vocabulary.category(phrase[-1])
    return ()
