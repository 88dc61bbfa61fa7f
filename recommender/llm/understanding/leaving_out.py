"""The items that say themselves that they are what a question denies: by title, tag or category.

A category of that name may hold a part of them only, and vectors only push them down: who wants no dogs
is shown no "dog face" either.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Final

from catalog.models import Item
from catalog.selectors import DocumentText, ItemWords, item_words
from recommender.llm.understanding import languages
from recommender.llm.understanding.vocabulary import folded, singular
from retrieval import lexical
from retrieval.preprocess import words
from retrieval.preprocess.languages import primary

MOST: Final = 300
"""Of one denied thing: those that say it the most, which would be found first. A filter takes 1,000 values."""
MIN_COMPOUND: Final = 4
"""Letters of a German word that ends another: Windhund is a Hund, an Akte no Te."""
_UNSPACED: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_ABLE: Final = re.compile("^[会能](?=.$)")
"""会飞 is written 飞 in items."""


def items_saying(denied: Sequence[str], language: str) -> dict[int, str]:
    """Visible items that say one of these: id -> external_id; the first of each before the second of any, for
    a filter takes so many only. A search for each and three queries; none for ``()``.

    A denied word of ``languages`` is looked for by its English names as well: not all items are in the
    question's language.
    """
    asked: list[tuple[list[str], str, list[int]]] = []
    for each, tag in _spelled(denied, language):
        said = [_ABLE.sub("", word) for word in words(each, tag)]
        if tag not in languages.TABLED:
            said = [singular(folded(word)) for word in said]
        hits = lexical.matches(" ".join(said), MOST, items=Item.objects.visible())
        ids = [hit.item_id for hit in hits if hit.score >= lexical.ALL_WORDS]
        asked.append((said, tag, ids))
    every = {item_id for _, _, ids in asked for item_id in ids}
    items = {row.item_id: row for row in item_words(every)} if every else {}
    saying = [
        [items[item_id] for item_id in ids if item_id in items and _says(items[item_id], said, tag)]
        for said, tag, ids in asked
    ]
    rows = filter(None, chain.from_iterable(zip_longest(*saying)))
    return {row.item_id: row.external_id for row in rows}


def _spelled(denied: Sequence[str], language: str) -> list[tuple[str, str]]:
    """What is denied, and in which language that is."""
    if language not in languages.TABLED:
        return [(each, language) for each in denied]
    own = [(each, language) for each in denied]
    return own + [
        (other, "en")
        for each in denied
        for other in languages.TABLED[language].named(folded(each))[:1]
    ]


def _says(item: ItemWords, denied: Sequence[str], language: str) -> bool:
    """Whether one of the item's names, or all together, has every word; of an emoji its name or its
    code, as identifiers write it, do as well."""
    is_stemmed = not any(_UNSPACED.search(word) or lexical.picture_names(word) for word in denied)
    if language in languages.TABLED and is_stemmed:
        return _says_stems(item.texts, denied, language)
    names = _names(item.texts) + [path.rpartition("/")[2] for path in item.categories]
    whole = " ".join(folded(name) for name in names)
    said = {singular(word) for word in re.findall(r"[^\W_]+", whole)}

    def coded(picture: str) -> bool:
        codes = re.findall(r"[0-9a-f]+", item.external_id.lower())
        return bool(codes) and set(lexical.picture_codes(picture)) <= set(codes)

    def has(word: str) -> bool:
        if named := lexical.picture_names(word):
            return word in whole or said.issuperset(map(singular, named)) or coded(word)
        return _says_unspaced(names, word, language) if _UNSPACED.search(word) else word in said

    return all(map(has, denied))


def _names(texts: Iterable[DocumentText]) -> list[str]:
    return [name for text in texts for name in (text.title, *text.tags)]


def _says_stems(texts: Iterable[DocumentText], denied: Sequence[str], language: str) -> bool:
    """By the stems of the language, in the texts that are in it; German joins words."""
    own = [text for text in texts if primary(text.language) == language]
    said = set(lexical.stemmed(words(" ".join(_names(own)), language), language))
    wanted = lexical.stemmed(denied, language)
    if language != "de":
        return said.issuperset(wanted)
    return all(
        stem in said or (len(stem) >= MIN_COMPOUND and any(word.endswith(stem) for word in said))
        for stem in wanted
    )


def _says_unspaced(names: Sequence[str], word: str, language: str) -> bool:
    """One character must end a word (黑狗, not 狗尾草), two stand anywhere."""
    if len(word) > 1:
        return any(word in name for name in names)
    tag = "ja" if language == "ja" else "zh"
    return any(part.endswith(word) for name in names if word in name for part in words(name, tag))
