"""Japanese, as ``tabled`` reads it: what denies stands behind what is denied."""

from typing import Final

from recommender.llm.understanding.languages.japanese_verbs import (
    NOT_ABLE,
    NOT_DOING,
    NOT_SO,
    plain,
)
from recommender.llm.understanding.languages.types import Language, classes, forms, table
from recommender.llm.understanding.types import Sort

_REFUSED: Final = r"は?(?:(?:いら|要ら)(?:ない|ず|ません)|不要)"
_OF: Final = r"(?:[のはがをでに]|だけ)*"

JAPANESE: Final = Language(
    code="ja",
    asking=(
        r"(?:こんにちは|すみません|お願いします)",
        r"(?:を|が|は)?(?:探してい(?:ます|る)|見せて(?:ください|下さい)?|教えて(?:ください|下さい)?|買いたい(?:です)?|欲しい(?:です)?|ほしい(?:です)?|ください|下さい|おすすめは?)",
        r"(?:に?は|が|も)?(?:いますか|ありますか|ございますか|売っていますか|いる|ある)?[かの]?$",
        r"(?:とは|って|は)?(?:何|なに|どれ|どこ|誰|いくら)(?:ですか|がありますか|がいますか|なの|か)?$",
        r"^予算[はが]?",
        r"^(?:もっと|他の|ほかの|どんな|どの|どういう|何で|何の|何か|(?:何|なに|誰|だれ|どれ)[がは])",
        r"(?:ことが)?でき(?:ますか|る)$|ですか$",
    ),
    names=table(
        """
        動物, どうぶつ: animal
        哺乳類, 哺乳動物: mammal
        爬虫類: reptile
        鳥, 鳥類, とり: bird
        魚, 魚類: fish
        虫, 昆虫: insect, bug
        犬, イヌ, いぬ: dog
        猫, ネコ, ねこ: cat
        馬: horse
        牛: cow
        ネズミ: mouse
        熊, クマ: bear
        猿, サル: monkey, ape
        カエル, 蛙: frog
        フクロウ: owl
        ハエ: fly
        蜂, ハチ: bee
        クモ: spider
        蝶, チョウ: butterfly
        蛇, ヘビ: snake
        恐竜: dinosaur
        人: people
        植物: plant
        花: flower
        木: tree
        きのこ, キノコ: mushroom
        果物, フルーツ: fruit
        りんご, リンゴ: apple
        バナナ: banana
        野菜: vegetable
        食べ物, 食品: food
        デザート, お菓子: dessert, sweet
        飲み物: drink
        お茶, 茶: tea
        コーヒー: coffee
        乗り物: vehicle
        車, 自動車: car, auto, vehicle
        電車, 列車: train
        船: ship, boat
        飛行機: plane, aircraft
        自転車: bicycle, cycle
        道具, 工具: tool
        楽器: musical instrument, instrument
        ギター: guitar
        弦: string
        バイオリン: violin
        太鼓, ドラム: drum
        ピアノ: piano
        音楽: music
        服, 衣類, 衣服: clothes, clothing
        靴: shoe
        ブーツ: boot
        スニーカー: sneaker, shoe
        ジャケット, コート: jacket, coat
        ドレス, ワンピース: dress
        ズボン, パンツ: trousers, pants
        帽子: hat
        バッグ, かばん, 鞄: bag
        リュック: backpack
        腕時計, 時計: watch
        家具: furniture
        椅子, いす: chair
        机, テーブル: table, desk
        ソファ, ソファー: sofa
        ベッド: bed
        ランプ, 照明: lamp, light
        ナイフ, 包丁: knife
        食器: dishware, dish
        本, 書籍: book
        おもちゃ: toy
        パズル: puzzle
        ゲーム: game
        携帯電話, スマホ, スマートフォン, 電話: phone
        ヘッドホン, イヤホン: headphone
        カメラ: camera
        パソコン, コンピューター: computer
        建物, 家: building, house
        旗, 国旗: flag
        """
    ),
    qualities=classes(
        """
        赤 赤い 青 青い 緑 緑色 黄色 黄色い オレンジ色 紫 ピンク 茶色 黒 黒い 白 白い 灰色 金色 銀色
        革 皮 木製 プラスチック プラスチック製 金属 金属製 鉄 綿 ウール 絹 シルク ガラス ガラス製 紙 紙製 ゴム 竹 陶器 革製
        小さい 小さな 大きい 大きな
        静かな うるさい
        軽い 重い
        短い 長い
        暖かい 涼しい
        シンプルな
        新しい 古い
        """
    ),
    denied_within=(NOT_ABLE, NOT_DOING, NOT_SO),
    plain=plain,
    denied_behind=(
        rf"以外{_OF}", r"[をは]?(?:[㐀-鿿][ぁ-ん]?)?たく(?:ない|ありません)(?:です)?", r"[はが]?(?:いや|嫌|だめ|ダメ|駄目|無理)(?:です)?", r"を?除い(?:て|た)", r"を除く", r"は?除外(?:して)?",
        rf"抜き{_OF}", r"な(?:し|い)(?:の|で|に)",
        rf"{_REFUSED}(?:です)?(?:が|けど|から|な)?",
        r"(?:で|じゃ)[はも]?(?:ない|ありません|なく)(?:て|もの)?", r"[はが]?(?:嫌い|苦手|欲しくない|ほしくない)(?:です)?(?:な)?",
        r"は?(?:避けて|避けたい|やめて|抜いて)(?:ください)?", r"を?(?:使わない|使っていない|含まない|含んでいない)",
        r"[のが](?:入って(?:い)?ない|付いて(?:い)?ない|ついて(?:い)?ない|ない)", r"なし",
    ),
    kept=(r"少ない|間違いない|仕方ない|しょうがない|つまらない|もったいない|欠かせない|切ない|危ない|かもしれない|じゃないか|ではないか|物足りない|限らない|変わらない|構わない|知らない|分からない",),
    joined=r"[、,]|でも|や|と|か(?=.)|または|もしくは|および",
    scope_start=r"(?:の中で|のうち|の中から|は|で(?!も)|けど|けれど|が(?=.))(?=.)",
    leading=r"(?:その|あの|この|すべての|の)",
    trailing=r"(?:など|とか|製|のもの|もの|を|は|が|の|で)",
    of=r"$^",
    describing=r"$^",
    endings=("たち", "類"),
    money=r"円|ドル|ユーロ|元",
    numbers={},
    ahead=(("lte", r"予算(?:は|が)?|最大で?"), ("gte", r"最低で?|少なくとも"), ("about", r"約|およそ")),
    behind=(
        ("lte", r"以下|以内|まで|を?(?:超え|越え|上回ら|過ぎ|オーバーし)(?:ない|ません|ず|たくない)(?:もの|の)?"),
        ("gte", r"以上|から|を?(?:下回ら|切ら)(?:ない|ません|ず)(?:もの|の)?"), ("lt", r"未満|より(?:も)?安い|を?切る|より下"),
        ("gt", r"を?(?:超|越え)(?:える|る|の)?|を?上回る|より(?:も)?高い|より上"), ("about", r"(?:前後|くらい|ぐらい|程度)"),
    ),
    ranges=(r"{low}\s*(?:から|[~〜～-])\s*{high}(?:まで)?(?:の間)?",),
    levels=(
        ("modest", r"(?:値段が|価格が)?(?:あまり|そんなに|そこまで)?高(?:くない|すぎない|くなくて)|手頃な(?:価格|値段)?|お手頃な?"),
        ("notlow", r"(?:あまり)?安(?:くない|すぎない)"),
        ("low", r"(?:もっと|もう少し|もうちょっと|より|できるだけ|なるべく)?安(?:い|め|く)の?|格安の?|低価格の?"),
        ("high", rf"高価な|高級な?|(?:もっと|もう少し|より)高(?:い|め)の?|高すぎ(?:る|ます)?|(?:値段|価格)[のが]高い|高い(?:もの|の|やつ|商品|値段|(?=[^、。]{{1,6}}?(?:{_REFUSED})))"),
    ),
    compared=r"もっと|もう少し|もうちょっと|より|め",
    complaint=r"すぎ",
    sorts=(
        (Sort("price", "desc"), r"(?:値段|価格)の?高い順に?|(?:一番|最も)(?:値段|価格)?の?が?高い|最高価格"),
        (Sort("price", "asc"), r"(?:値段|価格)の?安い順に?|(?:一番|最も)安い|最安の?|安い順に?"),
        (Sort("released", "desc"), r"新しい順に?|(?:一番|最も)新しい|最新の?"),
        (Sort("released", "asc"), r"古い順に?|(?:一番|最も)古い"),
        (Sort("popularity", "desc"), r"人気順に?|(?:一番|最も)人気の?(?:ある)?|売れ筋の?|人気の"),
    ),
    dates=(
        ("gt", r"{year}年(?:より)?(?:後|以後)の?"), ("gte", r"{year}年(?:以降|から)の?"), ("lt", r"{year}年(?:より)?(?:以前|前)の?"),
        ("in", r"{year}年の?"),
    ),
    in_stock=r"在庫(?:が)?(?:あり|ある|有り)の?|すぐ(?:に)?(?:買える|届く)",
    is_spaced=False,
    own=r"(?:私|僕|自分)の.*(?:どこ|いつ|なぜ|どうして)",
    now=(
        r"(?:今|現在|今日|明日|昨日)?は?何(?:時|日|曜日|月|年)(?:です|だ|でしょう)?か?[?？。]*$"
        r"|(?:今日|明日|昨日|今夜|週末|現在)(?:の|は)[^、。?？]{0,8}(?:は|どう|何|です)|(?:天気|気温)は?(?:どう|何|いかが)"
    ),
    does=forms(
        """
        飛ぶ 飛べる 飛び 飛: fly
        泳ぐ 泳げる 泳ぎ 泳: swim
        吠える 吠え: bark
        歌う 歌える: sing
        跳ぶ 跳ねる 跳べる: jump
        這う: crawl
        刺す: sting
        光る 輝く: shine
        転がる: roll
        鳴る: ring
        """
    ),
)  # fmt: skip
