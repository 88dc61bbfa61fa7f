"""Catalog help: descriptions, tags, alt texts and translations that a person accepts or rejects.

Drafts come from the item's words and, for what its media show, from the words of the items whose
pictures and sounds are most like its own. Tags and alt texts need no model: they are those of such items.
A draft that says more than its sources is not shown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from catalog.exceptions import CatalogError
from catalog.models import Item, Media
from catalog.selectors import ItemWords, item_words
from catalog.services import TextContent, item_update, media_update
from recommender.exceptions import LlmUnavailable, SuggestionConflict
from recommender.llm import calls, grounding, prompts
from recommender.llm.providers.types import Message
from recommender.models import Suggestion
from retrieval import index, search, spaces
from retrieval.exceptions import NoActiveSpace, NotEmbedded, SpaceGone
from retrieval.preprocess.languages import detect, primary

Kind = Suggestion.Kind
Status = Suggestion.Status

PURPOSE: Final = "catalog"
TIMEOUT_S: Final = 30.0
"""Nobody waits for it."""
MAX_TOKENS: Final = 120
BATCH: Final = 8
"""Drafts of one message: within a task's time limit even when each waits TIMEOUT_S."""
MAX_ATTEMPTS: Final = 3
NEIGHBOURS: Final = 8
TAG_SHARE: Final = 0.375
"""Of the neighbours that must have a tag: three of eight."""
FEW_TAGS: Final = 3
MAX_TAGS: Final = 8
MAX_CHARS: Final = {Kind.DESCRIPTION: 400, Kind.ALT: 120, Kind.TRANSLATION: 200, Kind.TAGS: 400}
NAMES: Final = {
    "en": "English", "zh": "Chinese", "zh-Hant": "Chinese in traditional characters",
    "de": "German", "es": "Spanish", "fr": "French", "ja": "Japanese",
}  # fmt: skip
TASKS: Final = {
    Kind.DESCRIPTION: "Write one or two plain sentences in {language} that describe the item, from its data "
    "only: no praise, nothing that the data does not say. Write the sentences only.",
    Kind.TRANSLATION: "Translate the item's title into {language}. Write the translation only.",
}


@dataclass(frozen=True, slots=True)
class Sources:
    """What a draft may be made from: the item's words, and those of what looks or sounds like it."""

    words: ItemWords
    neighbours: tuple[ItemWords, ...]


def suggestions_ask(
    item_ids: Iterable[int], kinds: Sequence[str], languages: Sequence[str] = ()
) -> list[int]:
    """Rows for what these items lack, of these kinds; translations into these languages.

    What is asked for or suggested already is left alone. The ids of the new rows, which a worker is to
    draft (``suggestions_draft``).
    """
    items = Item.objects.filter(pk__in=list(item_ids)).prefetch_related("media", "texts")
    rows = [row for item in items for row in _lacking(item, set(kinds), languages)]
    before = set(Suggestion.objects.order_by("-id").values_list("pk", flat=True)[:1])
    made = Suggestion.objects.bulk_create(rows, ignore_conflicts=True)
    if not made:
        return []
    asked = Suggestion.objects.filter(status=Status.ASKED, item__in=[row.item_id for row in rows])
    return list(
        asked.filter(pk__gt=max(before, default=0)).order_by("pk").values_list("pk", flat=True)
    )


def _lacking(item: Item, kinds: set[str], languages: Sequence[str]) -> list[Suggestion]:
    rows = []
    if Kind.DESCRIPTION in kinds and not item.description.strip():
        rows.append(Suggestion(item=item, kind=Kind.DESCRIPTION, language=item.language))
    if Kind.TAGS in kinds and len(item.tags) < FEW_TAGS:
        rows.append(Suggestion(item=item, kind=Kind.TAGS, language=item.language))
    if Kind.ALT in kinds:
        rows += [
            Suggestion(item=item, media=media, kind=Kind.ALT, language=item.language)
            for media in item.media.all()
            if media.modality == Media.Modality.IMAGE and not media.alt.strip()
        ]
    if Kind.TRANSLATION in kinds:
        there = {item.language, *(text.language for text in item.texts.all())}
        rows += [
            Suggestion(item=item, kind=Kind.TRANSLATION, language=language)
            for language in languages
            if language not in there
        ]
    return rows


def suggestions_waiting(limit: int = BATCH) -> list[int]:
    """Ids of rows that nobody drafted yet, the oldest first: their message may be lost."""
    waiting = Suggestion.objects.filter(status=Status.ASKED).order_by("pk")
    return list(waiting.values_list("pk", flat=True)[:limit])


def suggestions_draft(ids: Sequence[int]) -> int:
    """In a worker: draft these, each committed by itself; how many came to something.

    Attempts are counted before the work. Ends at the first answer that a provider fails to give: the
    rest stays asked for.
    """
    done = 0
    for pk in ids:
        open_ = Suggestion.objects.filter(pk=pk, status=Status.ASKED)
        if not open_.update(attempts=F("attempts") + 1):
            continue
        row = Suggestion.objects.select_related("item", "media").get(pk=pk)
        try:
            _draft(row)
        except LlmUnavailable as err:
            if err.code == "off":
                _fail(row, "This needs a language model (LLM=local or LLM=openai).")
                continue
            if row.attempts >= MAX_ATTEMPTS:
                _fail(row, str(err))
            break
        done += row.status == Status.SUGGESTED
    return done


def _draft(row: Suggestion) -> None:
    found = item_words([row.item_id])
    if not found:
        return
    sources = Sources(found[0], _neighbours(row.item_id))
    text = _WRITERS[Kind(row.kind)](row, sources)
    row.content_version = sources.words.content_version
    if not text:
        calls.rejected(PURPOSE)
        _fail(row, "What was drafted says more than the item and its like do.")
        return
    row.text, row.status, row.problem = text[: MAX_CHARS[Kind(row.kind)]], Status.SUGGESTED, ""
    row.save(update_fields=["text", "status", "problem", "source", "content_version"])


def _fail(row: Suggestion, problem: str) -> None:
    row.status, row.problem = Status.FAILED, problem[:200]
    row.save(update_fields=["status", "problem", "source", "content_version"])


def _neighbours(item_id: int) -> tuple[ItemWords, ...]:
    """The items whose media are most like this one's; by what they are as a whole, if it has none."""
    try:
        space = spaces.active_space()
        own = index.vectors(space.partition, [item_id]).get(item_id, {})
        media = {name: 1.0 for name in ("image", "audio") if name in own}
        hits = search.similar(space, item_id, NEIGHBOURS, modalities=media or None)  # type: ignore[arg-type]
    except (NoActiveSpace, NotEmbedded, SpaceGone):
        return ()
    words = {each.item_id: each for each in item_words([hit.item_id for hit in hits])}
    return tuple(words[hit.item_id] for hit in hits if hit.item_id in words)


def _tags(row: Suggestion, sources: Sources) -> str:
    """Tags that several of the neighbours have, the most frequent first."""
    row.source = "similar items"
    language = primary(row.language)
    counts: Counter[str] = Counter()
    for neighbour in sources.neighbours:
        texts = [text for text in neighbour.texts if primary(text.language) == language]
        counts.update(list(dict.fromkeys(tag for text in texts for tag in text.tags)))
    own = {tag.casefold() for text in sources.words.texts for tag in text.tags}
    least = TAG_SHARE * len(sources.neighbours)
    shared = [tag for tag, n in counts.most_common() if n >= least and tag.casefold() not in own]
    return ", ".join([*sources.words.texts[0].tags, *shared][:MAX_TAGS]) if shared else ""


def _alt(row: Suggestion, sources: Sources) -> str:
    """The item's own title: what a picture of it shows, as far as anybody said."""
    row.source = "title"
    return sources.words.texts[0].title


def _description(row: Suggestion, sources: Sources) -> str:
    said = _asked(row, sources)
    facts = [_told(sources.words), *(_told(each) for each in sources.neighbours)]
    return said if grounding.grounded(said, facts, "", primary(row.language)) else ""


def _translation(row: Suggestion, sources: Sources) -> str:
    """In the script and, where that can be told, the language that was asked for."""
    said = _asked(row, sources)
    found = detect(said)
    told = found in ("und", primary(row.language)) or len(said) < len(sources.words.texts[0].title)
    same = said.casefold() == sources.words.texts[0].title.casefold()
    foreign = primary(row.language) in ("zh", "ja") and found != primary(row.language)
    return said if said and told and not same and not foreign and not prompts.leaked(said) else ""


_WRITERS: Final[dict[Kind, Callable[[Suggestion, Sources], str]]] = {
    Kind.TAGS: _tags,
    Kind.ALT: _alt,
    Kind.DESCRIPTION: _description,
    Kind.TRANSLATION: _translation,
}


def _asked(row: Suggestion, sources: Sources) -> str:
    row.source = settings.LLM["PROVIDER"]
    language = NAMES.get(row.language, row.language)
    lines = [f"Item: {prompts.quoted('item', _told(sources.words))}"]
    if row.kind == Kind.DESCRIPTION:
        shown = "; ".join(each.texts[0].title for each in sources.neighbours[:3])
        lines.append(f"Its media are like those of: {prompts.quoted('titles', shown)}")
    task = TASKS[Kind(row.kind)].format(language=language)
    said = calls.complete(
        PURPOSE,
        [prompts.system(task), Message("user", "\n".join(lines))],
        max_tokens=MAX_TOKENS,
        timeout_s=TIMEOUT_S,
    )
    return prompts.cleaned("" if said.cut else said.text, MAX_CHARS[Kind(row.kind)]).strip('"“”')


def _told(words: ItemWords) -> str:
    own = words.texts[0]
    parts = (own.title, own.description, ", ".join(own.tags), "; ".join(words.categories))
    return ". ".join(filter(None, parts))


@transaction.atomic
def suggestion_accept(row: Suggestion, user: AbstractBaseUser | None, text: str = "") -> bool:
    """Write it into the catalog, as ``text`` if a person changed it; whether anything differs now.

    Raises SuggestionConflict if it was decided already or the place has other words by now, and
    InvalidItem. The caller wakes the workers.
    """
    row = (
        Suggestion.objects.select_for_update(of=("self",))
        .select_related("item", "media")
        .get(pk=row.pk)
    )
    if row.status != Status.SUGGESTED:
        raise SuggestionConflict(f"It is {row.status} already.")
    row.text = text.strip() or row.text
    changed = _apply(row)
    _decide(row, Status.ACCEPTED, user)
    return changed


@transaction.atomic
def suggestion_reject(row: Suggestion, user: AbstractBaseUser | None) -> None:
    """Put it away. Raises SuggestionConflict if it was decided already."""
    row = Suggestion.objects.select_for_update().get(pk=row.pk)
    if row.status not in Suggestion.OPEN:
        raise SuggestionConflict(f"It is {row.status} already.")
    _decide(row, Status.REJECTED, user)


def _decide(row: Suggestion, status: Status, user: Any) -> None:
    row.status, row.decided_at, row.decided_by = status, timezone.now(), user
    row.save(update_fields=["status", "decided_at", "decided_by", "text"])


def _apply(row: Suggestion) -> bool:
    item = row.item
    if row.kind == Kind.DESCRIPTION:
        _only_if_empty(item.description)
        return item_update(item, description=row.text)
    if row.kind == Kind.TAGS:
        tags = [*item.tags, *(tag.strip() for tag in row.text.split(","))]
        return item_update(item, tags=tuple(dict.fromkeys(filter(None, tags))))
    if row.kind == Kind.ALT:
        if row.media is None:
            raise SuggestionConflict("Its picture is gone.")
        _only_if_empty(row.media.alt)
        return media_update(row.media, alt=row.text)
    texts = [
        TextContent(
            language=text.language,
            title=text.title,
            description=text.description,
            tags=tuple(text.tags),
        )
        for text in item.texts.all()
    ]
    if any(text.language == row.language for text in texts):
        raise SuggestionConflict(f"It has words in {row.language} by now.")
    added = TextContent(language=row.language, title=row.text)
    return item_update(item, texts=(*texts, added))


def _only_if_empty(present: str) -> None:
    if present.strip():
        raise SuggestionConflict("Somebody wrote something there by now.")


CATALOG_ERRORS: Final = (CatalogError, SuggestionConflict)
"""What accepting one may raise."""
