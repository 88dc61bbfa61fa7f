"""Words with a meaning of their own in a question: lists, no logic.

Every list holds what a shop's visitors commonly say; what is missing stays in the text of the query,
where the encoder reads it.
"""

from collections.abc import Mapping
from typing import Final

ROLE_TYPES: Final = {"price": "number", "released": "date", "brand": "text", "in_stock": "boolean"}
"""What words can ask for, and the type that the declared attribute must have."""


def _table(listed: str) -> dict[str, tuple[str, ...]]:
    """``word: other, other`` a line."""
    pairs = (line.split(":") for line in listed.strip().splitlines())
    return {key.strip(): tuple(map(str.strip, names.split(","))) for key, names in pairs}


def _classes(listed: str) -> dict[str, int]:
    """Words of a line stand for one quality: a new one takes the place of another."""
    return {
        word: number
        for number, line in enumerate(listed.strip().splitlines())
        for word in line.split()
    }


IRREGULAR: Final[Mapping[str, str]] = {
    "knives": "knife", "wives": "wife", "lives": "life", "mice": "mouse", "geese": "goose",
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot",
    "teeth": "tooth", "clothes": "clothes", "movies": "movie", "cookies": "cookie",
    "gloves": "glove", "olives": "olive", "caves": "cave", "waves": "wave", "stoves": "stove",
    "buses": "bus", "glasses": "glasses", "series": "series", "species": "species", "canoes": "canoe",
    "toes": "toe", "shoes": "shoe", "hoes": "hoe", "axes": "axe", "caches": "cache", "headaches": "headache",
}  # fmt: skip

CATEGORY_WORDS: Final = _table(
    """
    smartphone: phone
    mobile phone: phone
    cell phone: phone
    cellphone: phone
    mobile: phone
    earphone: headphone
    earbud: headphone
    headset: headphone
    trainer: sneaker
    coat: coat, jacket
    parka: jacket
    gown: dress
    couch: sofa
    stool: chair
    armchair: chair
    desk lamp: lamp
    rucksack: backpack
    handbag: bag
    novel: book
    wristwatch: watch
    bug: insect, bug
    veggie: vegetable
    手机: phone
    智能手机: phone
    电话: phone
    耳机: headphone
    相机: camera
    照相机: camera
    电脑: computer
    笔记本电脑: laptop, computer
    平板: tablet
    靴: boot
    靴子: boot
    运动鞋: sneaker, shoe
    跑鞋: sneaker, shoe
    球鞋: sneaker, shoe
    鞋: shoe
    鞋子: shoe
    外套: jacket, coat
    夹克: jacket
    大衣: coat, jacket
    羽绒服: jacket, coat
    裙: dress, skirt
    裙子: dress, skirt
    连衣裙: dress
    裤: trousers, pants
    裤子: trousers, pants
    衣服: clothes, clothing
    服装: clothes, clothing
    帽: hat
    帽子: hat
    包: bag
    背包: backpack
    书包: backpack
    双肩包: backpack
    手提包: bag
    玩具: toy
    拼图: puzzle
    积木: building block
    游戏: game
    家具: furniture
    椅: chair
    椅子: chair
    桌子: table, desk
    沙发: sofa
    床: bed
    灯: lamp, light
    台灯: lamp
    吊灯: lamp
    刀: knife
    刀具: knife
    餐具: dishware, dish
    工具: tool
    书: book
    书籍: book
    图书: book
    文具: stationery, office supply
    手表: watch
    腕表: watch
    首饰: jewelry, jewellery
    音乐: music
    乐器: musical instrument, instrument
    吉他: guitar
    琴: instrument
    动物: animal
    哺乳动物: mammal
    爬行动物: reptile
    两栖动物: amphibian
    鸟: bird
    鸟类: bird
    鱼: fish
    鱼类: fish
    昆虫: insect, bug
    虫子: insect, bug
    猫: cat
    狗: dog
    恐龙: dinosaur
    植物: plant
    花: flower
    花卉: flower
    树: tree
    蘑菇: mushroom
    食物: food
    食品: food
    水果: fruit
    蔬菜: vegetable
    甜点: dessert, sweet
    糖果: candy, sweet
    坚果: nut
    饮料: drink
    茶: tea
    茶叶: tea
    咖啡: coffee
    酒: wine, drink
    运动: sport
    体育: sport
    车: vehicle, car
    汽车: car, auto, vehicle
    交通工具: vehicle
    船: ship
    飞机: plane, aircraft
    建筑: building
    天气: weather
    星球: planet
    行星: planet
    tier: animal
    tiere: animal
    animaux: animal
    animale: animal
    どうぶつ: animal
    動物: animal
    vogel: bird
    vögel: bird
    oiseau: bird
    oiseaux: bird
    pájaro: bird
    ave: bird
    鳥: bird
    fisch: fish
    fische: fish
    poisson: fish
    pez: fish
    pece: fish
    魚: fish
    insekt: insect, bug
    insekten: insect, bug
    insecte: insect, bug
    insecto: insect, bug
    pflanze: plant
    pflanzen: plant
    plante: plant
    planta: plant
    blume: flower
    blumen: flower
    fleur: flower
    flor: flower
    flore: flower
    obst: fruit
    frucht: fruit
    früchte: fruit
    fruta: fruit
    果物: fruit
    gemüse: vegetable
    légume: vegetable
    verdura: vegetable
    野菜: vegetable
    essen: food
    nourriture: food
    comida: food
    食べ物: food
    fahrzeug: vehicle
    fahrzeuge: vehicle
    véhicule: vehicle
    vehículo: vehicle
    乗り物: vehicle
    werkzeug: tool
    werkzeuge: tool
    outil: tool
    herramienta: tool
    道具: tool
    musikinstrument: musical instrument, instrument
    musikinstrumente: musical instrument, instrument
    instrumento: musical instrument, instrument
    楽器: musical instrument, instrument
    kleidung: clothes, clothing
    vêtement: clothes, clothing
    ropa: clothes, clothing
    服: clothes, clothing
    möbel: furniture
    meuble: furniture
    mueble: furniture
    旗帜: flag
    国旗: flag
    人: people
    """
)
"""A word for a category, singular -> names that a catalog may give that category, the likeliest first."""
SUFFIXES: Final = frozenset("茶椅灯鞋靴裤裙帽酒琴刀")
"""Single characters that end a word for a kind of what they name (绿茶, 办公椅); 包, 鱼 or 车 do not
(面包, 鳄鱼, 购物车)."""
MEDIA_WORDS: Final = frozenset({"sound", "picture", "photo", "image", "video", "clip", "song"})
"""They say what is seen or heard of things, not what kind of thing it is."""

BRANDS: Final[Mapping[str, str]] = {
    "索尼": "sony", "华为": "huawei", "小米": "xiaomi", "诺基亚": "nokia", "佳能": "canon",
    "尼康": "nikon", "三星": "samsung", "苹果": "apple", "耐克": "nike", "阿迪达斯": "adidas",
    "乐高": "lego", "联想": "lenovo", "戴尔": "dell", "惠普": "hp", "松下": "panasonic",
    "飞利浦": "philips", "宜家": "ikea", "雅马哈": "yamaha", "卡西欧": "casio", "任天堂": "nintendo",
    "优衣库": "uniqlo", "戴森": "dyson", "博世": "bosch", "西门子": "siemens", "微软": "microsoft",
}  # fmt: skip
"""Chinese name -> folded name that items may have."""

MEASURES: Final = frozenset(
    [
        "kg",
        "g",
        "mg",
        "gram",
        "grams",
        "kilo",
        "kilos",
        "kilograms",
        "lb",
        "lbs",
        "pound-weight",
        "oz",
        "ounces",
        "cm",
        "mm",
        "m",
        "km",
        "meter",
        "meters",
        "metre",
        "metres",
        "inch",
        "inches",
        "in",
        "ft",
        "feet",
        "yards",
        "miles",
        "l",
        "ml",
        "liter",
        "liters",
        "litre",
        "litres",
        "hour",
        "hours",
        "h",
        "hr",
        "hrs",
        "minute",
        "minutes",
        "min",
        "mins",
        "second",
        "seconds",
        "s",
        "day",
        "days",
        "week",
        "weeks",
        "month",
        "months",
        "year",
        "years",
        "yr",
        "yrs",
        "page",
        "pages",
        "piece",
        "pieces",
        "pcs",
        "mb",
        "gb",
        "tb",
        "megabytes",
        "gigabytes",
        "megapixel",
        "megapixels",
        "mp",
        "w",
        "watt",
        "watts",
        "v",
        "volt",
        "volts",
        "mah",
        "hz",
        "khz",
        "db",
        "decibels",
        "%",
        "percent",
        "stars",
        "star",
        "people",
        "persons",
        "players",
        "kids",
        "children",
        "degrees",
        "calories",
        "items",
        "colours",
        "colors",
        "keys",
        "strings",
    ]
)
"""After a number: then it is no price."""
MEASURES_ZH: Final = (
    "岁|公斤|千克|克|斤|吨|厘米|毫米|米|公里|英寸|寸|升|毫升|小时|分钟|秒|天|周|个月|月|年|页|片|块装|瓦"
    "|伏|毫安|赫兹|分贝|兆|像素|万像素|人|星|度|种|层|岁半|号|码|g\\b|kg\\b|cm\\b|mm\\b|GB|TB|MB|ml\\b|寸"
)

QUALITIES: Final = _classes(
    """
    red blue green yellow orange purple pink brown black white grey gray golden gold silver beige turquoise violet
    leather wooden wood plastic metal steel cotton wool silk glass paper rubber denim linen bamboo ceramic
    small smaller big bigger large larger tiny huge medium mini
    quiet quieter loud louder
    light lighter heavy heavier
    short shorter long longer
    warm warmer cool cooler
    simple simpler plain fancy fancier
    new newer old older vintage modern
    """
)
"""Line by line of the same kind as those of QUALITIES_ZH."""
QUALITIES_ZH: Final = _classes(
    """
    红色 蓝色 绿色 黄色 橙色 紫色 粉色 粉红色 棕色 黑色 白色 灰色 金色 银色 红 蓝 绿 黄 黑 白 紫 灰 粉 橙
    皮 皮革 木头 木质 木制 塑料 金属 钢 棉 羊毛 丝绸 玻璃 纸 橡胶 竹 陶瓷
    大 小 大号 小号 中号 迷你
    安静 吵 响
    轻 重
    短 长
    暖和 凉快 保暖
    简单 花哨
    新 旧 复古 现代
    """
)
"""What may be said of a thing alone, as an answer to what was shown."""
