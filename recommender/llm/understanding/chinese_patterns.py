"""The patterns of ``chinese``: what a question may say, one kind of meaning after another."""

import re
from typing import Final

from recommender.llm.understanding import numbers
from recommender.llm.understanding.languages.chinese import MEASURES
from recommender.llm.understanding.types import MARK, Sort

SIGN: Final = r"(?:[¥￥$€£]|人民币|RMB)"
MONEY: Final = r"(?:元|块钱|块|圆|人民币|美元|美金|欧元|英镑|刀(?!具|片|叉)|RMB|rmb)"
NUMBER: Final = numbers.CHINESE
AMOUNT: Final = rf"{SIGN}?\s?(?P<amount>{NUMBER})\s?{MONEY}?(?:钱)?"
NO_MEASURE: Final = rf"(?!\d)(?!\s?(?:{MEASURES}))"
PRICE: Final = r"(?:(?:价格|价钱|预算|售价|单价|花费|总价)(?:在|为|是|要|控制在)?\s*)?"
TO: Final = r"\s*(?:到|至|-|—|~|～)\s*"
OF: Final = r"(?:之间|之内|左右)?的?"
RANGE: Final = re.compile(
    rf"{PRICE}{SIGN}?\s?(?P<low>{NUMBER})\s?{MONEY}?{TO}{SIGN}?\s?(?P<high>{NUMBER})(?P<money>\s?{MONEY})?"
    rf"{NO_MEASURE}(?!年){OF}"
)
_MONEY: Final = rf"(?:{SIGN}\s?(?P<a>{NUMBER})|(?P<b>{NUMBER})\s?(?:元|块|美元|欧元|人民币)钱?)"
BOUNDS: Final = (
    ("gte", rf"{PRICE}(?:至少|最少|起码|最低){AMOUNT}{NO_MEASURE}的?"),
    ("lte", rf"{PRICE}(?:至多|最多|最高|≤){AMOUNT}{NO_MEASURE}的?"),
    ("lt", rf"{PRICE}(?:低于|低过|少于|小于|不到|不足|<){AMOUNT}{NO_MEASURE}的?"),
    ("gt", rf"{PRICE}(?:高于|高过|贵过|贵于|超过|超出|大于|多于|>){AMOUNT}{NO_MEASURE}的?"),
    ("lte", rf"{PRICE}{AMOUNT}\s*(?:以下|以内|之内|之下|内|封顶|及以下)的?"),
    ("gte", rf"{PRICE}{AMOUNT}\s*(?:以上|起步|起|往上|及以上)的?"),
    ("lte", rf"(?:(?:我们?|手里|手头|手上|身上|兜里|总共|一共|只|就|才)+有){_MONEY}(?!的)(?:预算|可花|可以花)?"),
    ("lte", rf"(?:花|用)?{_MONEY}(?:可以|能够?|够)(?:买|入手|拿下)(?:得到|得起|到|些|点)?"),
    ("about", rf"{PRICE}(?:大约|大概|差不多|约|接近)?{AMOUNT}\s*(?:左右|上下|出头)的?"),
    ("about", rf"{PRICE}(?:大约|大概|差不多|约){AMOUNT}{NO_MEASURE}的?"),
    ("lte", rf"预算(?:是|为|只有|有|在)?\s*{AMOUNT}{NO_MEASURE}"),
    ("about", rf"{SIGN}\s?(?P<a>{NUMBER})(?:的|{MONEY})?"),
    ("about", rf"(?P<b>{NUMBER})\s?(?:元|块钱|块(?!状|装|头)|美元|欧元|人民币)的?"),
    ("about", rf"(?P<c>[一二两三四五六七八九][百千万][一二三四五六七八九]){NO_MEASURE}(?:的|(?=[，。,？?\s]|$))"),
)  # fmt: skip
ALSO: Final = re.compile("[也又](?:不|别|没)[^，。；！？,.;!?]*$")
A_BIT: Final = r"(?:一点儿?|一些|点儿?|些)"
LEVELS: Final = (
    ("modest", r"价(?:格|钱|位)?(?:适中|合理|公道|合适)的?"),
    ("low", (rf"(?:再|更|要|稍微|能不能|可以)*(?:便宜|实惠|经济|划算)(?:{A_BIT}|货)?的?|(?:经济|物美)?(?:实惠|价廉|平价|廉价|低价|省钱|白菜价)的?"
            r"|(?:高性价比|性价比(?:高|好)?)的?")),
    ("high", rf"(?:价(?:格|钱|位)?)?(?:更|再|太|有点|有些|真)?贵{A_BIT}?了?的?|(?:更|再)?昂贵的?|高价的?|(?:价(?:格|钱|位)?|(?<=价格别)|(?<=价格不要)|(?<=价格不能)|(?<=价格不)|(?<=价钱别)|(?<=价钱不要)|(?<=价位不要))(?:太|很|那么|最)?高(?!于|过|到)的?"),
)  # fmt: skip
"""Each as it is meant where nothing denies it; a denied one is its opposite (``denials``)."""
DEAR_ALONE: Final = re.compile("贵(?!的|一|点|些)")
"""A thing is asked for as 贵的 or 贵一点; 太贵了 complains and asks for less."""
COMPARED_LEVEL: Final = re.compile(f"[再更稍]|{A_BIT}")
ORDERED: Final = r"(?:按照?|依照?)"
SORTING: Final = r"(?:来)?(?:排序|排列|排|排一下)?(?:的)?"
SORTS: Final = (
    (Sort("price", "desc"), rf"(?:{ORDERED})?价格?(?:从|由)高到低{SORTING}|最贵的?|价格最高的?|越贵越好"),
    (Sort("price", "asc"), rf"(?:{ORDERED})?价格?(?:从|由)低到高{SORTING}|{ORDERED}价格?{SORTING}|最便宜的?|价格最低的?|越便宜越好"),
    (Sort("released", "desc"), rf"{ORDERED}(?:上架|发布|上市)?(?:时间|日期|新旧){SORTING}|最新(?:款|上架|上市|发布|到货|出)?的?|新上架的?|新上市的?|新到的?|新品|刚(?:上架|上市|出|发布)的?|最近(?:上架|上市|发布|出)的?"),
    (Sort("released", "asc"), r"最早的?|最旧的?|最老的?"),
    (Sort("popularity", "desc"), r"(?:现在|最近|目前)?(?:什么)?(?:最?热门|最受欢迎|最?畅销|销量(?:最高|最好|高)|最火|最?流行|卖得最好|热销)的?"),
)  # fmt: skip
YEAR: Final = r"(?P<year>(?:19|20)\d\d)年"
OUT: Final = r"(?:出版|发布|上市|生产|推出|出)?"
DATES: Final = (
    ("in", rf"{YEAR.replace('年', '')}年?(?:到|至|-|—|~){YEAR.replace('year', 'last')}(?:之间|间)?{OUT}的?"),
    ("gt", rf"{YEAR}(?:以后|之后|后){OUT}的?"),
    ("gte", rf"(?:从|自)?{YEAR}(?:以来|起|开始|至今){OUT}的?"),
    ("lt", rf"{YEAR}(?:以前|之前|前){OUT}的?"),
    ("in", rf"{YEAR}{OUT}的?"),
)  # fmt: skip
STOCK: Final = re.compile(
    r"(?:要|必须|得)?(?:有货|有现货|现货|有库存)的?|能?马上(?:能)?(?:买到|发货)的?"
)
ORDINAL: Final = "第(?P<nth>[一二三四五六七八九十]|\\d{1,2})(?:个|款|件|张|双|本|条|把|台|部|只|种|项)?|(?P<last>最后(?:那|一)?个)"
ALIKE: Final = "(?:差不多|一样|类似|相似|相近|那样|这样)"
MORE: Final = r"(?P<away>不要?|别)?(?:更|再|想要|要|来点)*"
NTH: Final = re.compile(
    rf"{MORE}(?:像|类似于?|和|跟|与|同|接近)(?:{ORDINAL})(?:{ALIKE}|一点|一些)?的?|(?P<away2>不要|别要?|除了)?(?:{ORDINAL.replace('nth', 'nth2').replace('last', 'last2')})"
)
THING: Final = (
    r"(?:个|种|款|件|双|本|条|把|台|部|张图片?|幅图|张照片|只|样|些)?(?:东西|商品|图片|照片|声音)?"
)
THIS: Final = re.compile(
    rf"{MORE}(?:像|类似于?|和|跟|与|同)(?:这|那|它){THING}(?:{ALIKE})?的?(?:但是?|不过|可是)?"
)
KEPT: Final = re.compile(
    "不锈钢|不粘|不错|不倒翁|不干胶|不限|不管|不同|不一样|不少(?!于)|不知道|不好意思|不用谢|不过|不仅|不但|不只"
    "|无线|无人机|无聊|无奈|无语|无比|无数|无辜|无穷|无意|无情|无私|无名|无印|无缝|无敌|无限|无论|非常|非洲|非遗|没关系|没问题|有没有|是不是|好不好|能不能|会不会|可不可以|要不要"
    "|别致|别扭|别称|别名|别样|别具|别处|别离|别克|别说|除夕|除湿|除尘|除草|除臭|除螨|别墅|别针|别的|特别|别人|级别|性别|区别|免费|免打孔|免洗"
)
"""Where a denying character denies nothing; ``chinese`` finds more of them by cutting words."""
DENYING: Final = frozenset("不别没无非免除")
NO_NAMES: Final = frozenset(
    [
        "从不",
        "决不",
        "并不",
        "也不",
        "永不",
        "绝不",
        "还没",
        "从没",
        "并没",
        "并非",
        "避免",
        "差不多",
    ]
)
"""Words that hold such a character behind another and are no names."""
ONLY: Final = re.compile(
    "[，,、]?(?:其他|其它|其余|别的|剩下)的?(?:都|全|一律)?(?:不要|不看|不用|免谈|不考虑)(?:了)?"
)
"""After what is wanted it says nothing new."""
DENIED_BEHIND: Final = re.compile(
    rf"(?:^|(?<=[，。；！？,.;!?、]))(?P<what>[^{MARK}，。；！？,.;!?、不没别无非除]{{1,20}}?)(?:都|就|一律|我|可)?"
    "(?:不要|不行|不考虑|不接受|不喜欢|免谈)了?(?=[，。；！？,.;!?、]|$)"
)
"""红色的不要 is said as 不要红色的."""
EXCEPT_BEHIND: Final = re.compile(
    r"(?:^|(?<=[，。；！？,.;!?]))(?P<what>[^，。；！？,.;!?除]{1,20}?)(?:除外|(?:以外|之外)的?(?=[^，。；！？,.;!?]|$))"
)
"""动物，狗除外 and 狗以外的动物 are said as 除了狗以外."""
RHETORICAL: Final = re.compile("(?<!有)没有(?=[^，。；！？,;!?]*吗[？?。]?$)")
"""It asks whether there is something."""
TOO: Final = r"(?:也|都|再|请|千万|最好|绝对|但是?|不过|可是|就是)*"
OPEN: Final = rf"(?:[，,][^{MARK}，。；！？,.;!?不没别无非免除]{{1,6}}+)++(?=[，,]*+(?:[{MARK}。；！？.;!?]|$)|[，,]{TOO}(?:不|没|别))"
"""The rest of a list that nothing closes, as far as it ends what is said."""
EXCEPT: Final = re.compile(
    rf"(?:(?<=[\u4e00-\u9fff])(?:里面?|中|之中|当中))?除(?:了|去|掉)?"
    rf"(?:(?P<what>[^{MARK}，。；！？,.;!?]+?)(?:以外|之外|外)"
    rf"|(?P<listed>[^{MARK}，。；！？,.;!?、]++{OPEN})"
    rf"|(?P<bare>[^{MARK}，。；！？,.;!?、]+?)(?:(?=[，,。])|(?=其他|别的|什么|都)))的?"
    r"[，,]?(?:其他|别的|其它|所有)?(?:颜色|材质|种类|东西|款式)?的?"
)
CANNOT: Final = re.compile(rf"不(?P<what>(?:会|能|可以)[^{MARK}，。；！？,.;!?、的]+)")
WITHOUT: Final = r"(?:除了|除去|除开|不想要|不要|不想要|不想|不需要|不喜欢|不爱|不含|不带|不是|不包含|不包括|不用|不可以有|不能有|别给我看|别给我|别要|别|没有|没|无|非|免|讨厌|拒绝|避免|排除|去掉|去除|剔除|勿)"
STARTS_DENIAL: Final = re.compile("不|没|别|除[了去掉开]|免得")
DENIED: Final = re.compile(
    rf"(?:我|他|她|我们|并且|而且)?{TOO}(?P<cue>{WITHOUT})(?:任何|给我推荐|给我|推荐|有|带|含|那种|那些|看到|看|买|要|是|用|了|太)*"
    rf"(?P<what>[^{MARK}，。；！？,.;!?]+)"
    rf"(?P<open>{OPEN})?+"
)
AGAIN: Final = re.compile(
    rf"(?:也|和|又|而且|并且|、|或者?|还是)?{TOO}{WITHOUT}|、|或者?|以及|和|跟|与|及"
)
POSITIVE_AGAIN: Final = re.compile(
    "(?:但是?|不过|可是|只要|我要|我想要|就要|还要|(?<![不别没])想要|(?<![不别没])需要|(?<![不别没想需])要(?=.{2}))"
)
LACKING: Final = frozenset({"无", "免", "不含", "不带"})
"""Cues that stand before a thing with what it lacks: 无糖饮料."""
_ALSO: Final = "(?:也|又|且|而且|并且|、)"
NOT_SO: Final = re.compile(
    rf"{_ALSO}?不(?:太|很|那么|怎么)?(?P<what>[\u4e00-\u9fff]{{1,2}}?)(?={_ALSO}?不|的|[，。；！？,.;!?]|$)"
)
"""不红也不绿的苹果; ``chinese`` looks whether it is a quality."""
MEASURE_WORD: Final = "(?:部|个|双|本|件|条|把|只|台|款|张|副|盒|套|块|辆|顶|支|瓶|些|点儿?|种|样|枚|幅|首|对|份|束|棵)"
SOME: Final = rf"(?:(?:一|几|两|这|那){MEASURE_WORD}|[个点些件双本部款套])"
"""Alone only those that begin no word for a thing (台灯, 包包)."""
SO_MANY: Final = rf"(?:(?:一|几|两|这|那){MEASURE_WORD})"
FILLERS: Final = re.compile(
    rf"^(?:你好|您好|请问|请|麻烦|谢谢|嗯|那么?|那就|然后|另外|就|我们?|他|她|咱们?|真的|很|非常|特别)"
    rf"|^(?:想要|需要|打算|准备|希望|想|要|得)(?:买|找|看看?|送|选|挑|订|来|要|给)?{SOME}?"
    rf"|^(?:帮|给|替)(?:我|咱们?)(?:推荐|找|看看?|挑|选|来|搜|介绍)?(?:一下)?{SOME}?"
    rf"|^(?:有没有|有什么|有哪些|有啥|有无|哪里有|哪些|哪种|什么|啥|推荐|搜索?|找|来|买|求|看看?|换成|换|改成|只看|只要|只|关于|再|更|还有)(?:一下)?{SOME}?"
    rf"|^{SO_MANY}(?=.)|^(?:别的|其他的?|其它的?|所有的?|千万|务必)(?=.)"
    r"|(?:都可以|都行|就行|也行|就好|可以吗|行吗|好吗|怎么样|吗|呢|吧|啊|呀|了|谢谢|的话)$"
    r"|^的|的$|^(?:东西|商品)$|^(?:既|但是?|不过|可是|而且|并且|也|和|或者?|还|稍微)|(?:但是?|不过|而且|和|或者?)$"
)
AND_MARK: Final = f"(?:但是?|不过|而且|并且|和|也|又){MARK}"
PARTICLE: Final = re.compile("[吗呢吧啊呀？?]+$")
FOLLOWING: Final = re.compile(
    r"^(?:再|更|换|改|只看|只要|那|也|还|不要|别|要(?!是)|就要|跟|和|像|第)|(?:呢|一点的?|点的?)[？?。]?$|的[？?。]?$"
)
