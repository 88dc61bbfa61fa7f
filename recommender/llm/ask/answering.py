"""A question becomes a draft: what is looked for, what was found, what its own words say of it.

All that needs the database is here, so that the wording after it (``wording``) holds no connection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from catalog.models import Item
from catalog.selectors import ItemWords, item_words
from catalog.summaries import in_language
from recommender import setups
from recommender.llm.ask import conversation, extracts, finding
from recommender.llm.ask.phrases import PHRASES, say, spoken
from recommender.llm.ask.questions import only_points
from recommender.llm.ask.types import (
    MAX_WANTED,
    Cited,
    Draft,
    Found,
    ItemFacts,
    Sort,
    State,
    Wanted,
)
from recommender.llm.understanding import (
    THIS,
    Interpretation,
    Words,
    understand,
    vocabulary,
)
from recommender.types import Rule
from retrieval import filters, spaces
from retrieval.exceptions import InvalidQuery, SpaceGone
from retrieval.preprocess.languages import detect

CATEGORIES: Final = "categories"
WIDE: Final = 30
"""Among so many of what fits the cheapest are looked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One turn of a conversation."""

    question: str
    now: datetime
    before: State | None = None
    attachments: Sequence[Wanted] = ()
    placement: str = ""
    """Its filter and its rules that hide hold; "" for none."""
    languages: Sequence[str] = ()
    """That the client wants, where the question's own is not known."""
    filter: Any = None
    """In the filter language, on top of what the conversation says."""


def draft(asked: Asked) -> Draft:
    """Raises UnknownPlacement, InvalidQuery, NoActiveSpace, SpaceGone if two spaces went meanwhile."""
    try:
        return _draft(asked, spaces.active_space())
    except SpaceGone:
        return _draft(asked, spaces.active_space())


def _draft(asked: Asked, space: spaces.Space) -> Draft:
    state, note = _state(asked, space)
    rules, items = _allowed(asked, state)
    found = finding.find(space, state, items, WIDE if state.sort else finding.MOST)
    words = {row.item_id: row for row in item_words([each.item_id for each in found.findings])}
    shown = [
        each
        for each in found.findings
        if each.item_id in words and not _hidden(words[each.item_id], rules)
    ]
    found = replace(found, findings=shown, relevant=found.relevant and bool(shown))
    return _worded(asked, state, found, words, note)


def _state(asked: Asked, space: spaces.Space) -> tuple[State, str]:
    """What is looked for now, and the code of what could not be done."""
    language = _language(asked)
    before = asked.before
    if before is not None and before.space_id != space.id and _has_vectors(before):
        raise InvalidQuery({"history": conversation.EXPIRED})
    changes = None
    if before is not None and not asked.attachments:
        changes = conversation.follow_up(asked.question, before)
    if before is not None and changes:
        state, note = conversation.changed(before, changes, _prices(before))
        return replace(state, language=language, space_id=space.id), note
    return _asked_anew(asked, language, space.id), ""


def _has_vectors(state: State) -> bool:
    return any(part.vector for part in state.wanted)


def _asked_anew(asked: Asked, language: str, space_id: int) -> State:
    """A question of its own, or one that ``understand`` knows to refine the one before ("under 50")."""
    attached, before = tuple(asked.attachments), asked.before
    if not asked.question:
        return State(wanted=attached, language=language, space_id=space_id)
    previous = None if before is None or attached else _previous(before)
    found = understand(asked.question, language=language, previous=previous)
    conditions = {name: each for name, each in found.filter.items() if name != CATEGORIES}
    about = asked.question
    if conditions or found.unwanted or found.follows:
        about = found.wanted or found.subject or asked.question
    if attached and (any(like.which == THIS for like in found.like) or only_points(about)):
        about = found.wanted if found.like else ""  # the rest says "like this" and means it
    parts = [Wanted(text=about)] if about else []
    parts += [Wanted(text=each.text, weight=each.weight) for each in found.parts if each.weight < 0]
    if found.follows and before is not None:
        attached = tuple(part for part in before.wanted if not part.text)
    return State(
        wanted=(*attached, *parts)[:MAX_WANTED],
        filter=conditions or None,
        categories=_paths(found.filter.get(CATEGORIES)),
        sort=_order(found),
        language=language,
        space_id=space_id,
    )


def _previous(before: State) -> Interpretation:
    return Interpretation(
        parts=tuple(Words(part.text, part.weight) for part in before.wanted if part.text),
        filter=dict(before.filter or {}),
        language=before.language,
    )


def _paths(said: Any) -> tuple[str, ...]:
    """Of a condition on categories as ``understand`` makes it."""
    if isinstance(said, Mapping):
        return tuple(said.get("in", ()))
    return (said,) if isinstance(said, str) else ()


def _order(found: Interpretation) -> Sort | None:
    """By a declared attribute; popularity is the recommender's matter."""
    if found.sort is None:
        return None
    name = vocabulary().roles.get(found.sort.by)
    return None if name is None else (name, found.sort.order)


def _language(asked: Asked) -> str:
    """Of the answer: the question's if it is known and spoken, else the conversation's, the client's."""
    own = detect(asked.question)
    if own in PHRASES:
        return own
    said = [] if asked.before is None or not asked.languages else [asked.before.language]
    return spoken([*said, *asked.languages])


def _allowed(asked: Asked, state: State) -> tuple[Sequence[Rule], QuerySet[Item]]:
    """The rules that hide, and what may be cited at all."""
    items: QuerySet[Item] = Item.objects.visible()
    hiding: list[Rule] = []
    if asked.placement:
        setup = setups.setup_for(asked.placement, asked.now)
        hiding = [rule for rule in setup.rules if rule.action == "hide"]
        if setup.placement.filter:
            items = filters.filter_items(items, setup.placement.filter, "placement.filter")
    if asked.filter is not None:
        items = filters.filter_items(items, asked.filter)
    if state.filter:
        items = filters.filter_items(items, dict(state.filter), "history")
    return hiding, items.exclude(external_id__in=state.seen) if state.seen else items


def _hidden(words: ItemWords, rules: Sequence[Rule]) -> bool:
    tags = [tag for text in words.texts for tag in text.tags]
    return any(rule.concerns(words.item_id, words.categories, tags) for rule in rules)


def _worded(
    asked: Asked, state: State, found: Found, words: Mapping[int, ItemWords], note: str
) -> Draft:
    ids = [each.item_id for each in found.findings]
    attributes = dict(Item.objects.filter(pk__in=ids).values_list("pk", "attributes"))
    if state.sort:
        ids = _sorted(ids, attributes, *state.sort)
    ids = ids[: finding.MOST] if found.relevant else []
    facts = {n: item_facts(words[n], attributes.get(n, {}), state.language) for n in ids}
    scores = {each.item_id: each.score for each in found.findings}
    telling = finding.telling_words([p.text for p in state.wanted if p.text], state.language)
    cited = tuple(
        extracts.quoted(
            Cited(mark, n, words[n].external_id, facts[n].title, round(scores[n], 4)),
            facts[n],
            asked.question,
            telling,
        )
        for mark, n in enumerate(ids, start=1)
    )
    return Draft(
        question=asked.question,
        state=replace(state, shown=tuple(each.external_id for each in cited)),
        cited=cited,
        sentences=_sentences(state, cited, note),
        evidence=round(found.evidence, 4),
        refused=not cited,
        note=note,
        facts=facts,
    )


def _sentences(state: State, cited: Sequence[Cited], note: str) -> tuple[str, ...]:
    if not cited:
        why = "refused_more" if state.seen else "refused_filter" if state.filter else "refused"
        return (say(state.language, why),)
    near = not any(part.text for part in state.wanted)
    told = extracts.sentences(cited, state.language, near=near)
    return (say(state.language, note), *told) if note else told


def item_facts(words: ItemWords, attributes: Mapping[str, Any], language: str) -> ItemFacts:
    """An item's words in the language, its own where it has none in it."""
    own = words.texts[0]
    text = in_language({each.language: each for each in reversed(words.texts)}, [language], own)
    every = [part for each in words.texts for part in (each.title, each.description, *each.tags)]
    values = [str(value) for value in attributes.values()]
    return ItemFacts(
        title=text.title,
        description=text.description or own.description,
        tags=text.tags or own.tags,
        categories=words.categories,
        attributes=attributes,
        everything=" \n".join([*every, *words.categories, *attributes, *values]),
    )


def _sorted(
    ids: Sequence[int], attributes: Mapping[int, Mapping[str, Any]], name: str, order: str
) -> list[int]:
    """By a number, those without it at the end."""

    def key(item_id: int) -> tuple[bool, float]:
        value = _number(attributes.get(item_id, {}).get(name))
        return value is None, (value or 0.0) * (1 if order == "asc" else -1)

    return sorted(ids, key=key)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _prices(before: State) -> dict[str, float]:
    """Of what was shown, by external_id."""
    rows = Item.objects.filter(external_id__in=before.shown).values_list(
        "external_id", "attributes"
    )
    found = {name: _number(given.get(conversation.PRICE)) for name, given in rows}
    return {name: price for name, price in found.items() if price is not None}
