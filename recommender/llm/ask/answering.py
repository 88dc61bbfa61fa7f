"""A question becomes a draft: what is looked for, what was found, what its own words say of it.

All that needs the database is here, so that the wording after it (``wording``) holds no connection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from catalog.models import Item
from catalog.selectors import ItemWords, item_words
from catalog.summaries import in_language
from recommender import setups
from recommender.llm.ask import conversation, extracts, finding, followups, ordering, prices
from recommender.llm.ask.conversation import CATEGORIES, paths_of
from recommender.llm.ask.phrases import PHRASES, say, spoken
from recommender.llm.ask.questions import asked_which, only_points, senses
from recommender.llm.ask.types import (
    LASTS_S,
    MAX_WANTED,
    Cited,
    Draft,
    Finding,
    Found,
    ItemFacts,
    Sort,
    State,
    Turned,
    Wanted,
)
from recommender.llm.calls import Deadline
from recommender.llm.understanding import (
    THIS,
    Interpretation,
    language_of,
    leaving_out,
    understand,
    vocabulary,
)
from recommender.types import Rule
from retrieval import filters, spaces
from retrieval.exceptions import InvalidQuery, SpaceGone
from retrieval.preprocess.languages import UNDETERMINED

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
    deadline: Deadline = field(default_factory=lambda: Deadline.after(LASTS_S))
    """For all that language models do for it."""


def draft(asked: Asked) -> Draft:
    """Raises UnknownPlacement, InvalidQuery, NoActiveSpace, SpaceGone if two spaces went meanwhile."""
    try:
        return _draft(asked, spaces.active_space())
    except SpaceGone:
        return _draft(asked, spaces.active_space())


def _draft(asked: Asked, space: spaces.Space) -> Draft:
    turn = _turned(asked, space)
    state = turn.state
    rules, items = _allowed(asked, state)
    found = finding.find(space, state, items, WIDE if state.sort else finding.MOST)
    if found.relevant and (first := ordering.first_of_kind(state, items, WIDE)):
        scored = {each.item_id: each for each in found.findings}
        found = replace(found, findings=[scored.get(n) or Finding(n, 0.0) for n in first])
    words = {row.item_id: row for row in item_words([each.item_id for each in found.findings])}
    shown = [
        each
        for each in found.findings
        if each.item_id in words and not _hidden(words[each.item_id], rules)
    ]
    found = replace(found, findings=shown, relevant=found.relevant and bool(shown))
    answer = _worded(asked, turn, found, words)
    return replace(answer, state=_going_on(asked, turn, answer))


def _going_on(asked: Asked, turn: Turned, answer: Draft) -> State:
    """What the next turn starts from: where another thing was offered that the catalog knows nothing of, what
    was asked before it."""
    is_kept = bool(answer.state.filter and answer.state.categories)
    if not (answer.refused and turn.offered and asked.before) or is_kept:
        return answer.state
    return replace(asked.before, language=answer.state.language)


def _turned(asked: Asked, space: spaces.Space) -> Turned:
    """What is looked for now, and what could not be done."""
    language = _language(asked)
    before = asked.before
    if before is not None and before.space_id != space.id and _has_vectors(before):
        raise InvalidQuery({"history": conversation.EXPIRED})
    changes = None
    if before is not None and not asked.attachments:
        changes = conversation.follow_up(asked.question, before)
    if before is not None and changes:
        turn = conversation.changed(before, changes, prices.of_shown(before))
        return replace(
            turn,
            state=replace(turn.state, language=language, space_id=space.id),
            offered=any(each.kind == "about" for each in changes),
        )
    return _asked_anew(asked, language, space.id)


def _unasked() -> str:
    """Why a price was left out."""
    names = vocabulary()
    return "odd_price" if "price" in names.roles and names.low is not None else "no_prices"


def _has_vectors(state: State) -> bool:
    return any(part.vector for part in state.wanted)


def _asked_anew(asked: Asked, language: str, space_id: int) -> Turned:
    """A question of its own, or one that ``understand`` knows to refine the one before ("under 50")."""
    attached, before = tuple(asked.attachments), asked.before
    if not asked.question:
        return Turned(State(wanted=attached, language=language, space_id=space_id))
    previous = None if before is None or attached else conversation.previous(before)
    question = asked.question if previous is None else followups.bare(asked.question)
    found = understand(question, language=language, previous=previous, deadline=asked.deadline)
    if found.follows and before is not None and previous is not None:
        turn = conversation.refined(
            before, found, prices.of_shown(before) if found.compared else {}
        )
        state = replace(turn.state, language=language, space_id=space_id)
        turn = replace(turn, state=replace(state, sort=_order(found) or before.sort))
    else:
        turn = Turned(_own(replace(asked, question=question), found, language, space_id))
    notes = (_unasked(),) if set(found.ignored) & {"price", "sort by price"} else ()
    ignored = [each.removeprefix("sort by ") for each in found.ignored]
    return Turned(
        turn.state,
        tuple(dict.fromkeys([*turn.notes, *notes])),
        tuple(dict.fromkeys([*turn.ignored, *ignored])),
        found.degraded,
    )


def _own(asked: Asked, found: Interpretation, language: str, space_id: int) -> State:
    """Of a question of its own."""
    attached = tuple(asked.attachments)
    conditions = {name: each for name, each in found.filter.items() if name != CATEGORIES}
    about = asked.question
    if conditions or found.without or found.ignored or found.sort:
        about = found.wanted or found.subject
        if not about and not (conditions or found.without):
            about = asked.question
    if attached and (any(like.which == THIS for like in found.like) or only_points(about)):
        about = found.wanted if found.like else ""  # the rest says "like this" and means it
    parts = [Wanted(text=about)] if about else []
    parts += [Wanted(text=each.text, weight=each.weight) for each in found.parts if each.weight < 0]
    return State(
        wanted=(*attached, *parts)[:MAX_WANTED],
        filter=conditions or None,
        categories=paths_of(found.filter.get(CATEGORIES)) or _named(about, language),
        sort=_order(found),
        budget=dict(found.budget) or None,
        without=found.without,
        language=language,
        space_id=space_id,
    )


def _named(about: str, language: str) -> tuple[str, ...]:
    """Paths of the first category that a word names, where rules read none: beside a verb (*animals fly*),
    asked which they are (*which animals live in water*), and in the languages whose rules look at whole
    phrases only."""
    if language in ("en", "zh") and all(len(each) == 1 for each in senses(about, language)):
        return vocabulary().category(asked_which(about, language), language)
    return finding.named_paths(about, language)


def _order(found: Interpretation) -> Sort | None:
    """By a declared attribute; popularity is the recommender's matter."""
    if found.sort is None:
        return None
    name = vocabulary().roles.get(found.sort.by)
    return None if name is None else (name, found.sort.order)


def _language(asked: Asked) -> str:
    """Of the answer: the question's if it is known and spoken, else the conversation's, the client's."""
    own = language_of(asked.question, otherwise=UNDETERMINED)
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
    if denied := leaving_out.items_saying(state.without, state.language):
        items = items.exclude(pk__in=denied)
    return hiding, items.exclude(external_id__in=state.seen) if state.seen else items


def _hidden(words: ItemWords, rules: Sequence[Rule]) -> bool:
    tags = [tag for text in words.texts for tag in text.tags]
    return any(rule.concerns(words.item_id, words.categories, tags) for rule in rules)


def _worded(asked: Asked, turn: Turned, found: Found, words: Mapping[int, ItemWords]) -> Draft:
    state = turn.state
    ids = [each.item_id for each in found.findings]
    attributes = dict(Item.objects.filter(pk__in=ids).values_list("pk", "attributes"))
    if state.sort:
        ids = ordering.ordered(ids, attributes, *state.sort)
    ids = ids[: finding.MOST] if found.relevant else []
    facts = {n: item_facts(words[n], attributes.get(n, {}), state.language) for n in ids}
    scores = {each.item_id: each.score for each in found.findings}
    telling = finding.telling_words(
        [p.text for p in state.wanted if p.text and p.weight > 0], state.language
    )
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
        sentences=_sentences(state, cited),
        evidence=round(found.evidence, 4),
        refused=not cited,
        notes=tuple(say(state.language, note) for note in turn.notes) if cited else (),
        ignored=turn.ignored,
        degraded=turn.degraded,
        deadline=asked.deadline,
        facts=facts,
    )


def _sentences(state: State, cited: Sequence[Cited]) -> tuple[str, ...]:
    if not cited:
        is_bound = state.filter and not conversation.went_on(state)
        why = "refused_filter" if is_bound else "refused_more" if state.seen else "refused"
        return (say(state.language, why),)
    wanted = [part for part in state.wanted if part.weight > 0]
    denies = bool(state.without) or "not" in (state.filter or {})
    alone: extracts.Beginning = "others" if denies else "found"
    kind: extracts.Beginning = (
        "found" if any(part.text for part in wanted) else "near" if wanted else alone
    )
    return extracts.sentences(cited, state.language, beginning=kind)


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
