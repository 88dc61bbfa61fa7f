"""Why an item is shown: codes for machines, a sentence for people. Pure."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from recommender import ranking
from recommender.types import Placed

CODES: Final[Mapping[str, str]] = {
    "taste": "similar_to_liked",
    "session": "similar_to_session",
    "collaborative": "used_together",
    "factors": "predicted",
    "covisited": "seen_together",
    "trending": "trending",
    "popular": "popular",
    "new": "new",
}
"""Feature of the ranking -> code of the reason."""
SEEN: Final = "similar_to_seen"
"""Instead of similar_to_liked where nobody said that they like the item."""
ALIKE: Final = (CODES["taste"], SEEN, CODES["session"])
"""Codes of a likeness to one item; of two for the same item the first says it."""
LEAST_SHARE: Final = 0.1
"""Of all that speaks for an item; what brings less is no reason."""
MOST: Final = 3

SENTENCES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "similar_to_liked": "Similar to {title}, which you liked",
        "similar_to_seen": "Similar to {title}, which you looked at",
        "similar_to_session": "Similar to {title}",
        "used_together": "People who like {title} like this too",
        "predicted": "Fits what you like",
        "seen_together": "Often looked at together with {title}",
        "trending": "Popular these days",
        "popular": "Popular",
        "new": "New",
        "rule": "Chosen by the editors",
        "exploration": "Something different",
    },
    "zh": {
        "similar_to_liked": "与您喜欢的“{title}”相似",
        "similar_to_seen": "与您看过的“{title}”相似",
        "similar_to_session": "与“{title}”相似",
        "used_together": "喜欢“{title}”的人也喜欢",
        "predicted": "符合您的喜好",
        "seen_together": "常与“{title}”一起浏览",
        "trending": "近期热门",
        "popular": "热门",
        "new": "新品",
        "rule": "编辑推荐",
        "exploration": "换换口味",
    },
    "de": {
        "similar_to_liked": "Ähnlich wie {title}, was Ihnen gefiel",
        "similar_to_seen": "Ähnlich wie {title}, was Sie sich ansahen",
        "similar_to_session": "Ähnlich wie {title}",
        "used_together": "Wem {title} gefällt, dem gefällt auch das",
        "predicted": "Passt zu dem, was Ihnen gefällt",
        "seen_together": "Oft zusammen mit {title} angesehen",
        "trending": "Zurzeit beliebt",
        "popular": "Beliebt",
        "new": "Neu",
        "rule": "Von der Redaktion ausgewählt",
        "exploration": "Einmal etwas anderes",
    },
    "fr": {
        "similar_to_liked": "Proche de {title}, que vous avez aimé",
        "similar_to_seen": "Proche de {title}, que vous avez regardé",
        "similar_to_session": "Proche de {title}",
        "used_together": "Ceux qui aiment {title} aiment aussi ceci",
        "predicted": "Correspond à vos goûts",
        "seen_together": "Souvent vu avec {title}",
        "trending": "Populaire en ce moment",
        "popular": "Populaire",
        "new": "Nouveau",
        "rule": "Choisi par la rédaction",
        "exploration": "Pour changer",
    },
    "es": {
        "similar_to_liked": "Parecido a {title}, que te gustó",
        "similar_to_seen": "Parecido a {title}, que miraste",
        "similar_to_session": "Parecido a {title}",
        "used_together": "A quienes gusta {title} también les gusta esto",
        "predicted": "Encaja con lo que te gusta",
        "seen_together": "Se suele ver junto con {title}",
        "trending": "Popular estos días",
        "popular": "Popular",
        "new": "Nuevo",
        "rule": "Elegido por la redacción",
        "exploration": "Algo distinto",
    },
    "ja": {
        "similar_to_liked": "お気に入りの「{title}」に似ています",
        "similar_to_seen": "ご覧になった「{title}」に似ています",
        "similar_to_session": "「{title}」に似ています",
        "used_together": "「{title}」が好きな人はこれも好きです",
        "predicted": "あなたの好みに合っています",
        "seen_together": "「{title}」と一緒によく見られています",
        "trending": "最近人気",
        "popular": "人気",
        "new": "新着",
        "rule": "編集部のおすすめ",
        "exploration": "いつもと違うもの",
    },
}
ROW_TITLES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "for_you": "For you",
        "because": "Because you liked {name}",
        "because_seen": "Because you looked at {name}",
        "new_in": "New in {name}",
        "trending": "Trending",
        "new": "New",
    },
    "zh": {
        "for_you": "为您推荐",
        "because": "因为您喜欢“{name}”",
        "because_seen": "因为您看过“{name}”",
        "new_in": "{name}新品",
        "trending": "热门",
        "new": "新品",
    },
    "de": {
        "for_you": "Für Sie",
        "because": "Weil Ihnen {name} gefiel",
        "because_seen": "Weil Sie sich {name} ansahen",
        "new_in": "Neu in {name}",
        "trending": "Im Trend",
        "new": "Neu",
    },
    "fr": {
        "for_you": "Pour vous",
        "because": "Parce que vous avez aimé {name}",
        "because_seen": "Parce que vous avez regardé {name}",
        "new_in": "Nouveautés : {name}",
        "trending": "Tendances",
        "new": "Nouveautés",
    },
    "es": {
        "for_you": "Para ti",
        "because": "Porque te gustó {name}",
        "because_seen": "Porque miraste {name}",
        "new_in": "Novedades en {name}",
        "trending": "Tendencias",
        "new": "Novedades",
    },
    "ja": {
        "for_you": "あなたへのおすすめ",
        "because": "「{name}」が好きなあなたへ",
        "because_seen": "「{name}」をご覧になったあなたへ",
        "new_in": "{name}の新着",
        "trending": "急上昇",
        "new": "新着",
    },
}
UNTITLED: Final[Mapping[str, str]] = {
    "similar_to_liked": "predicted",
    "similar_to_seen": "predicted",
    "similar_to_session": "predicted",
    "used_together": "predicted",
    "seen_together": "popular",
}
"""Code -> the sentence that stands for it where the item behind it has gone."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One of an item's."""

    code: str
    share: float
    """Of all that speaks for the item, from 0 to 1; what people or chance decided has all of it."""
    item_id: int | None = None
    """The item behind it."""
    rule_id: int | None = None
    modalities: Mapping[str, float] = field(default_factory=dict)
    """What the likeness to that item consists of: shares that sum to 1; of similar_… only."""


def reasons(
    placed: Placed,
    liked: Container[int],
    ranker: ranking.Ranker = ranking.FORMULA,
) -> tuple[Reason, ...]:
    """At most MOST, the strongest first; where nothing speaks for it by the ranker, by the formula.

    ``liked`` are the items that the visitor is said to like.
    """
    if placed.pinned:
        return (Reason("rule", 1.0, rule_id=placed.rules[-1]),)
    if placed.explored:
        return (Reason("exploration", 1.0),)
    speaking = _speaking(placed, ranker) or _speaking(placed, ranking.FORMULA)
    whole = sum(speaking.values())
    found = [
        Reason(CODES[name], value / whole, item_id=_because(placed, name))
        for name, value in speaking.items()
        if value / whole >= LEAST_SHARE
    ]
    boosted = [Reason("rule", 1.0, rule_id=rule_id) for rule_id in placed.rules]
    return tuple([*_told_once(found, liked), *boosted][:MOST])


def _speaking(placed: Placed, ranker: ranking.Ranker) -> dict[str, float]:
    parts = ranker.contributions(placed.candidate.features)
    return {name: value for name, value in parts.items() if value > 0 and name in CODES}


def _because(placed: Placed, source: str) -> int | None:
    found = placed.candidate.found.get(source)
    return placed.candidate.alike.get(source, None if found is None else found.because)


def _told_once(found: Sequence[Reason], liked: Container[int]) -> list[Reason]:
    """The strongest first; likenesses to one item are one reason."""
    told: list[Reason] = []
    alike: dict[int, Reason] = {}
    for each in found:
        reason = each
        if each.code == CODES["taste"] and each.item_id not in liked:
            reason = replace(each, code=SEEN if each.item_id else each.code)
        if reason.code not in ALIKE or reason.item_id is None:
            told.append(reason)
        elif other := alike.get(reason.item_id):
            code = min(reason.code, other.code, key=ALIKE.index)
            alike[reason.item_id] = replace(other, code=code, share=other.share + reason.share)
        else:
            alike[reason.item_id] = reason
    return sorted([*told, *alike.values()], key=lambda reason: -reason.share)


def sentence(code: str, title: str | None, languages: Sequence[str]) -> str:
    """The reason in the first of the languages that there are sentences in, else in English."""
    words = _in_language(SENTENCES, languages)
    if title is None:
        return words[UNTITLED.get(code, code)]
    return words[code].replace("{title}", title)


def row_title(code: str, name: str, languages: Sequence[str]) -> str:
    """What stands above a row; ``name`` is of the item or category that it is about."""
    return _in_language(ROW_TITLES, languages)[code].replace("{name}", name)


def spoken(languages: Sequence[str]) -> str:
    """The first of the languages that there are sentences in; English else."""
    bases = (each.lower().partition("-")[0] for each in languages)
    return next((base for base in bases if base in SENTENCES), "en")


def _in_language(
    texts: Mapping[str, Mapping[str, str]], languages: Sequence[str]
) -> Mapping[str, str]:
    bases = (each.lower().partition("-")[0] for each in languages)
    return texts[next((base for base in bases if base in texts), "en")]
