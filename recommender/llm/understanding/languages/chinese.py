"""Chinese: its words with a meaning of their own in a question. ``chinese`` reads by them."""

from collections.abc import Mapping
from typing import Final

from recommender.llm.understanding.languages.types import classes, forms, table

ASKING: Final = frozenset(
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
        "更",
        "更多",
        "多",
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
"""Words that only make a sentence a question, as the dictionary cuts them."""
OWN: Final = r"我们?的.*(?:在哪|到哪|哪里|哪儿|什么时候|何时|几时|为什么|怎么还)"
"""A question about what is the asker's own already: an order, a parcel."""
_WHEN: Final = "(?:现在|目前|今[天日晚早年]|明[天日晚早年]|昨[天日晚]|后天|周末|这周|下周)"
NOW: Final = (
    f"{_WHEN}的?(?!有|买|吃|穿|送)[^，。？?]{{0,8}}(?:怎么样|如何|几[点号度月]|多少度|星期几|[会冷热]吗|吗[？?]?$)|(?:现在|几)几?点(?:了|钟|啦)?[？?]?$"
    "|星期几|几月几号|(?:天气|气温|温度)[^，。？?]{0,3}(?:怎么样|如何|好吗|多少)"
)
"""A question about how the world is just now: 今天天气怎么样, 几点了."""
DOES: Final = forms(
    """
    飞 会飞 能飞 飞行: fly
    游泳 会游泳 游: swim
    吠 会叫: bark
    唱歌 会唱歌: sing
    跳 会跳: jump
    爬 会爬: crawl
    蜇 会蜇人: sting
    发光 会发光 发亮: shine
    滚 会滚: roll
    """
)
NAMES: Final = table(
    """
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
    動物: animal
    哺乳动物: mammal
    爬行动物: reptile
    两栖动物: amphibian
    鸟: bird
    鸟类: bird
    鱼: fish
    鳥: bird
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
    魚: fish
    旗帜: flag
    国旗: flag
    人: people
    """
)
QUALITIES: Final = classes(
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
MEDIA_WORDS: Final = frozenset({"图片", "照片", "图", "声音", "叫声", "视频", "图标", "歌"})
"""As in English."""
SUFFIXES: Final = frozenset("茶椅灯鞋靴裤裙帽酒琴刀")
"""Single characters that end a word for a kind of what they name (绿茶, 办公椅); 包, 鱼 or 车 do not
(面包, 鳄鱼, 购物车)."""
BRANDS: Final[Mapping[str, str]] = {
    "索尼": "sony", "华为": "huawei", "小米": "xiaomi", "诺基亚": "nokia", "佳能": "canon",
    "尼康": "nikon", "三星": "samsung", "苹果": "apple", "耐克": "nike", "阿迪达斯": "adidas",
    "乐高": "lego", "联想": "lenovo", "戴尔": "dell", "惠普": "hp", "松下": "panasonic",
    "飞利浦": "philips", "宜家": "ikea", "雅马哈": "yamaha", "卡西欧": "casio", "任天堂": "nintendo",
    "优衣库": "uniqlo", "戴森": "dyson", "博世": "bosch", "西门子": "siemens", "微软": "microsoft",
}  # fmt: skip
"""Chinese name -> folded name that items may have."""
MEASURES: Final = (
    "岁|公斤|千克|克|斤|吨|厘米|毫米|米|公里|英寸|寸|升|毫升|小时|分钟|秒|天|周|个月|月|年|页|片|块装|瓦"
    "|伏|毫安|赫兹|分贝|兆|像素|万像素|人|星|度|种|层|岁半|号|码|g\\b|kg\\b|cm\\b|mm\\b|GB|TB|MB|ml\\b|寸"
)
"""After a number: then it is no price."""
