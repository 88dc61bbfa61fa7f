"""What the first page suggests to search and to ask for: about the demo catalog, else by a catalog's own names."""

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Q
from django.http import HttpRequest

from catalog.models import Category, Item
from recommender.llm.understanding import vocabulary
from recommender.storefront.pages import page_language

Said = tuple[str, str]
"""Language tag, and words in it."""

DEMO_ITEM: Final = "emoji:1F4F1"
"""The demo catalog has it, and these searches and questions are about that."""
DEMO_SEARCHES: Final[tuple[Said, ...]] = (
    ("en", "frog"),
    ("zh", "我想要一部新的智能手机"),
    ("en", "a new smartphone"),
    ("en", "something that flies"),
    ("de", "ein Musikinstrument"),
)
DEMO_QUESTIONS: Final[tuple[Said, ...]] = (
    ("zh", "什么动物会飞？"),
    ("en", "What animals can fly?"),
    ("en", "Which instruments have strings?"),
    ("zh", "下雨天需要什么？"),
)
MOST: Final = 5
KEY: Final = "storefront:known"
REMEMBER_S: Final = 300
REMEMBER_EMPTY_S: Final = 10
"""An empty catalog fills soon."""
QUESTIONS: Final = {
    "en": ("the cheapest {first}", "{second} under {price:g}"),
    "zh": ("最便宜的{first}", "{price:g}以下的{second}"),
}


@dataclass(frozen=True, slots=True)
class Suggestions:
    """``searches`` for the search box and ``questions`` for the ask box; ``is_demo``: whose they are."""

    searches: tuple[Said, ...]
    questions: tuple[Said, ...]
    is_demo: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of the catalog: names of kinds of things, and a price that is high there."""

    is_demo: bool = False
    kinds: tuple[str, ...] = ()
    price: float | None = None


def suggestions(request: HttpRequest) -> Suggestions:
    """For the page that is asked for; none where reading needs a key."""
    if not settings.API["ANONYMOUS_READ"]:
        return Suggestions((), ())
    known: Known | None = cache.get(KEY)
    if known is None:
        known = _known()
        cache.set(KEY, known, REMEMBER_S if known.is_demo or known.kinds else REMEMBER_EMPTY_S)
    if known.is_demo:
        return Suggestions(DEMO_SEARCHES, DEMO_QUESTIONS, is_demo=True)
    return Suggestions(tuple(("", kind) for kind in known.kinds), _questions(request, known))


def _known() -> Known:
    if Item.objects.visible().filter(external_id=DEMO_ITEM).exists():
        return Known(is_demo=True)
    names = vocabulary()
    return Known(kinds=_kinds(), price=names.high if "price" in names.roles else None)


def _kinds() -> tuple[str, ...]:
    """Names of the lowest categories that have the most items, one of each top category in turn."""
    shown = Q(items__published=True, items__held=False)
    found = (
        Category.objects.filter(children=None)
        .annotate(count=Count("items", filter=shown))
        .filter(count__gt=0)
        .order_by("-count", "path")
        .values_list("path", flat=True)
    )
    tops: dict[str, list[str]] = {}
    for path in found:
        tops.setdefault(path.partition("/")[0], []).append(path)
    turns = [paths[n] for n in range(MOST) for paths in tops.values() if n < len(paths)]
    names = (path.rpartition("/")[2].replace("-", " ").replace("_", " ") for path in turns)
    return tuple(dict.fromkeys(names))[:MOST]


def _questions(request: HttpRequest, known: Known) -> tuple[Said, ...]:
    if len(known.kinds) < 2 or known.price is None:
        return ()
    first, second, *_ = known.kinds
    language = "zh" if page_language(request) == "zh-hans" else "en"
    said = {"first": first, "second": second, "price": round(known.price)}
    return tuple((language, words.format(**said)) for words in QUESTIONS[language])
