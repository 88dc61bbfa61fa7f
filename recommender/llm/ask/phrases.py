"""The sentences of an answer without a language model, in the languages of the recommender's reasons."""

from collections.abc import Sequence
from typing import Final

PHRASES: Final = {
    "en": {
        "found": "This fits: {items}.",
        "also": "This fits too: {items}.",
        "near": "Nearest to what you sent: {items}.",
        "others": "Leaving that out, there is for example: {items}.",
        "quote": "{item} says: “{quote}”.",
        "tagged": "Tagged “{tag}”: {items}.",
        "fact": "{item}: {name} {value}.",
        "refused": "I found nothing about that in this catalog.",
        "refused_more": "There is nothing more that fits.",
        "refused_filter": "Nothing in this catalog fits these conditions.",
        "no_prices": "Nothing shown has a price, so prices were left out.",
        "odd_price": "No catalog has such a price, so it was left out.",
        "no_such": "There are not so many items above; the others stay as they were.",
        "and": " and ",
        "comma": ", ",
        "space": " ",
    },
    "zh": {
        "found": "符合的有：{items}。",
        "also": "同样符合的有：{items}。",
        "near": "与您发送的内容最接近的有：{items}。",
        "others": "除此之外，例如有：{items}。",
        "quote": "{item}的介绍：“{quote}”。",
        "tagged": "带有标签“{tag}”的有：{items}。",
        "fact": "{item}：{name} {value}。",
        "refused": "本目录中没有找到相关内容。",
        "refused_more": "没有更多符合的内容了。",
        "refused_filter": "本目录中没有符合这些条件的内容。",
        "no_prices": "所示内容没有价格，因此未按价格筛选。",
        "odd_price": "没有这样的价格，因此未按价格筛选。",
        "no_such": "上面没有那么多项，因此结果不变。",
        "and": "和",
        "comma": "、",
        "space": "",
    },
    "de": {
        "found": "Dazu passt: {items}.",
        "also": "Auch dazu passt: {items}.",
        "near": "Am nächsten an dem, was Sie geschickt haben: {items}.",
        "others": "Ohne das gibt es zum Beispiel: {items}.",
        "quote": "{item}: „{quote}“.",
        "tagged": "Mit dem Stichwort „{tag}“: {items}.",
        "fact": "{item}: {name} {value}.",
        "refused": "Dazu habe ich in diesem Katalog nichts gefunden.",
        "refused_more": "Mehr passt nicht dazu.",
        "refused_filter": "Nichts in diesem Katalog erfüllt diese Bedingungen.",
        "no_prices": "Nichts davon hat einen Preis; Preise blieben außer Acht.",
        "odd_price": "So einen Preis gibt es nicht; er blieb außer Acht.",
        "no_such": "So viele Einträge stehen oben nicht; es bleibt bei diesen.",
        "and": " und ",
        "comma": ", ",
        "space": " ",
    },
    "fr": {
        "found": "Voici ce qui convient : {items}.",
        "also": "Convient aussi : {items}.",
        "near": "Le plus proche de votre envoi : {items}.",
        "others": "Sans cela, il y a par exemple : {items}.",
        "quote": "{item} : « {quote} ».",
        "tagged": "Avec l’étiquette « {tag} » : {items}.",
        "fact": "{item} : {name} {value}.",
        "refused": "Je n’ai rien trouvé à ce sujet dans ce catalogue.",
        "refused_more": "Il n’y a rien d’autre qui convienne.",
        "refused_filter": "Rien dans ce catalogue ne remplit ces conditions.",
        "no_prices": "Rien de ce qui est montré n’a de prix ; les prix ont été ignorés.",
        "odd_price": "Un tel prix n’existe pas ; il a été ignoré.",
        "no_such": "Il n’y a pas autant d’éléments ci-dessus ; rien ne change.",
        "and": " et ",
        "comma": ", ",
        "space": " ",
    },
    "es": {
        "found": "Esto encaja: {items}.",
        "also": "También encaja: {items}.",
        "near": "Lo más parecido a lo que envió: {items}.",
        "others": "Sin eso hay, por ejemplo: {items}.",
        "quote": "{item}: «{quote}».",
        "tagged": "Con la etiqueta «{tag}»: {items}.",
        "fact": "{item}: {name} {value}.",
        "refused": "No encontré nada sobre eso en este catálogo.",
        "refused_more": "No hay nada más que encaje.",
        "refused_filter": "Nada en este catálogo cumple estas condiciones.",
        "no_prices": "Nada de lo mostrado tiene precio; no se tuvieron en cuenta los precios.",
        "odd_price": "No existe un precio así; no se tuvo en cuenta.",
        "no_such": "Arriba no hay tantos elementos; se quedan como estaban.",
        "and": " y ",
        "comma": ", ",
        "space": " ",
    },
    "ja": {
        "found": "こちらが該当します：{items}。",
        "also": "こちらも該当します：{items}。",
        "near": "お送りいただいたものに近いもの：{items}。",
        "others": "それを除くと、たとえば次のものがあります：{items}。",
        "quote": "{item}の説明：「{quote}」。",
        "tagged": "「{tag}」のタグが付いたもの：{items}。",
        "fact": "{item}：{name} {value}。",
        "refused": "このカタログには該当するものが見つかりませんでした。",
        "refused_more": "ほかに該当するものはありません。",
        "refused_filter": "この条件に合うものはこのカタログにありません。",
        "no_prices": "表示されたものには価格がないため、価格では絞り込みませんでした。",
        "odd_price": "そのような価格はないため、価格では絞り込みませんでした。",
        "no_such": "上にはそれほど多くの項目がないため、結果は変わりません。",
        "and": "、",
        "comma": "、",
        "space": "",
    },
}  # fmt: skip


def spoken(languages: Sequence[str]) -> str:
    """The first of the language tags that there are phrases in; English else."""
    bases = (each.lower().partition("-")[0] for each in languages)
    return next((base for base in bases if base in PHRASES), "en")


def say(language: str, phrase: str, **given: str) -> str:
    """A phrase; what is given is data and never read as a phrase."""
    text = PHRASES[language][phrase]
    for key, value in given.items():
        text = text.replace(f"{{{key}}}", value.replace("{", "(").replace("}", ")"))
    return text


def listed(language: str, items: Sequence[str]) -> str:
    """ "a, b and c"."""
    words = PHRASES[language]
    if len(items) < 2:
        return "".join(items)
    return words["comma"].join(items[:-1]) + words["and"] + items[-1]
