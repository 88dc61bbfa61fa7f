"""The checks of the catalog's quality, one generator each.

What is odd is measured against the catalog's own distribution where there is one: a raw cosine says
nothing, three deviations from the median do.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from django.db.models import Count, Q
from numpy.typing import NDArray

from catalog import selectors
from catalog.models import Item, Media
from retrieval import outputs, spaces
from retrieval.audit import measures
from retrieval.evaluation import stored
from retrieval.exceptions import DecodeFailed
from retrieval.fusion import unit
from retrieval.models import AuditFinding
from retrieval.preprocess import languages
from retrieval.preprocess.text import normalise
from retrieval.types import Content, Modality, Vectors, Waveform

Check = AuditFinding.Check
Progress = Callable[[str, int, int], None]

CHUNK = 500
MIN_KIND = 10
"""Items of a kind: of fewer nothing is usual."""
USUAL = 0.5
MIN_PAIRS = 50
"""For a distribution."""
LANGUAGES_NEEDED = 3
"""Of two texts that disagree nobody knows which is wrong."""
CAPTION_Z = -3.0
"""Of 28 pictures swapped among the demo's 1,387, 26 to 28 lie below, and 3 of the others."""
TRANSLATION_Z = -2.3
"""With 25 wrong Chinese labels put back into the demo, 10 of them lie below and 62 other texts (of 8,500),
most of them rare words; 8 of the 25 are among the first 50.
"""
BLANK_CONTRAST = 4.0
"""Of 255: JPEG's noise on a plain wall stays below, a faint drawing does not."""
CLIPPED_SHARE = 0.002
SILENT_DBFS = -45.0
BLANK_AUDIO = "blank_audio"
"""The decoder's code for nothing but silence, which nobody hears of where a film can be seen."""
MUTE_DBFS = -96.0
"""Nothing at all: 16 bits hold nothing quieter."""
MIN_WORDS = 8
"""Fewer are called another language too often: of the demo's Spanish titles of 5 two were Italian."""
DENSE = frozenset({"CJK", "HIRAGANA", "KATAKANA"})
"""Scripts of which one letter stands for several of others."""
FOREIGN_SHARE = 0.7
NAME_WORDS = 2
SHOWN = 40


@dataclass(frozen=True, slots=True)
class Found:
    """Something odd: ``score`` grows with it, in the check's own unit; ``detail`` is for people."""

    item_id: int
    check: str
    score: float
    detail: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: items, by ascending id, and the space whose vectors may be asked."""

    item_ids: Sequence[int]
    space: spaces.Space | None
    progress: Progress

    def chunks(self, what: str) -> Iterator[Sequence[int]]:
        """The items in parts, with progress."""
        for start in range(0, len(self.item_ids), CHUNK):
            self.progress(what, start, len(self.item_ids))
            yield self.item_ids[start : start + CHUNK]
        self.progress(what, len(self.item_ids), len(self.item_ids))


def missing_media(scope: Scope) -> Iterator[Found]:
    """Items without a modality that most of their kind have, or without any media if one of their
    kind has some.
    """
    usual: dict[str, dict[str, float]] = defaultdict(dict)
    for modality in ("image", "audio"):
        for kind, (items, share) in _shares(_media_giving(modality)).items():
            if items >= MIN_KIND and share > USUAL:
                usual[kind][modality] = share
    some = {kind: share for kind, (_, share) in _shares(list(Media.Modality)).items()}
    for chunk in scope.chunks("missing media"):
        has = _modalities_of(chunk)
        for item_id, kind in Item.objects.filter(pk__in=chunk).values_list("pk", "kind"):
            lacking = {m: share for m, share in usual[kind].items() if m not in has[item_id]}
            if not lacking and not has[item_id] and some.get(kind):
                lacking = {"media": some[kind]}
            if lacking:
                said = ", ".join(f"no {m} ({share:.0%} of {kind})" for m, share in lacking.items())
                yield Found(item_id, Check.MISSING_MEDIA, max(lacking.values()), said)


def _media_giving(modality: Modality) -> list[Media.Modality]:
    return [medium for medium, given in outputs.MODALITIES_OF.items() if modality in given]


def _shares(media: Sequence[Media.Modality]) -> Mapping[str, tuple[int, float]]:
    """Of each kind: how many items, and the share of them that has such media."""
    good = Q(media__modality__in=media) & ~Q(media__status=Media.Status.FAILED)
    having = Count("pk", filter=good, distinct=True)
    counts = Item.objects.order_by().values("kind")
    rows = counts.annotate(items=Count("pk", distinct=True), having=having)
    return {row["kind"]: (row["items"], row["having"] / row["items"]) for row in rows}


def _modalities_of(item_ids: Sequence[int]) -> Mapping[int, set[str]]:
    good = Media.objects.filter(item__in=item_ids).exclude(status=Media.Status.FAILED)
    found: dict[int, set[str]] = defaultdict(set)
    for item_id, modality in good.values_list("item_id", "modality"):
        found[item_id].update(outputs.MODALITIES_OF[Media.Modality(modality)])
    return found


def broken_media(scope: Scope) -> Iterator[Found]:
    """Items with a file that could not be decoded."""
    for chunk in scope.chunks("broken media"):
        codes: dict[int, list[str]] = defaultdict(list)
        failed = Media.objects.filter(item__in=chunk, status=Media.Status.FAILED)
        for item_id, modality, code in failed.values_list("item_id", "modality", "error_code"):
            codes[item_id].append(f"{modality}: {code}")
        for item_id, said in codes.items():
            yield Found(item_id, Check.BROKEN_MEDIA, len(said), ", ".join(said))


def blank_picture(scope: Scope) -> Iterator[Found]:
    """Pictures, and videos in all of their key frames, of next to one colour."""
    for media, contents in _decoded(scope, "image", "blank pictures"):
        spread = measures.contrast(np.stack(cast("list[NDArray[np.uint8]]", contents)))
        if spread < BLANK_CONTRAST:
            said = f"{media.file.name}: contrast {spread:.1f} of 127"
            yield Found(media.item_id, Check.BLANK_PICTURE, BLANK_CONTRAST - spread, said)


def bad_sound(scope: Scope) -> Iterator[Found]:
    """Sounds and sound tracks that are clipped, or next to silent."""
    for media, (content,) in _decoded(scope, "audio", "clipped and silent sounds"):
        sound = cast("Waveform", content)
        share = measures.clipped_share(sound)
        level = max(measures.loudest_dbfs(sound), MUTE_DBFS)
        if share >= CLIPPED_SHARE:
            said = f"{media.file.name}: {share:.1%} of the samples at full scale"
            yield Found(media.item_id, Check.CLIPPED_SOUND, share, said)
        if level < SILENT_DBFS:
            said = f"{media.file.name}: {level:.0f} dB of full scale at its loudest"
            yield Found(media.item_id, Check.SILENT_SOUND, SILENT_DBFS - level, said)


def _decoded(scope: Scope, modality: Modality, what: str) -> Iterator[tuple[Media, list[Content]]]:
    """Every media that can be seen or heard, and what the encoder gets of it: at least one content."""
    for chunk in scope.chunks(what):
        rows = Media.objects.filter(item__in=chunk, modality__in=_media_giving(modality))
        for media in rows.exclude(status=Media.Status.FAILED).order_by("pk"):
            piece = outputs.Piece(
                modality,
                media.sha256,
                media_id=media.pk,
                file=media.file.name,
                is_video=media.modality == Media.Modality.VIDEO,
            )
            try:
                contents = outputs.content_of(piece)
            except (DecodeFailed, OSError) as err:
                if getattr(err, "code", "") != BLANK_AUDIO:
                    continue  # the worker that embeds it says so; a film may have no sound track
                contents = [Waveform(np.zeros(1, np.float32), 1)]
            yield media, contents


def wrong_language(scope: Scope) -> Iterator[Found]:
    """Texts in another script or language than they are said to be in."""
    for chunk in scope.chunks("languages"):
        for document in selectors.documents(chunk):
            said = [
                f"{text.language}: {problem}"
                for text in document.texts
                if (problem := language_problem(text.language, text.title, text.description))
            ]
            if said:
                yield Found(document.item_id, Check.WRONG_LANGUAGE, len(said), "; ".join(said))


def language_problem(language: str, title: str, description: str = "") -> str:
    """What speaks against the text being in ``language``; nothing if nothing does."""
    declared, text = languages.primary(language), normalise(f"{title} {description}")
    expected = languages.scripts(declared)
    if not expected:
        return ""  # a language nothing is known of
    short = title if len(title) <= SHOWN else f"{title[: SHOWN - 1]}…"
    found = Counter(script for char in text if (script := languages.script_of(char)))
    for script in DENSE & found.keys():
        found[script] *= languages.CJK_WEIGHT
    foreign = sum(count for script, count in found.items() if script not in expected)
    if foreign > FOREIGN_SHARE * found.total() and not _is_name(expected, text):
        return f"{short!r} is written in {found.most_common(1)[0][0].capitalize()} letters"
    if len(text.split()) < MIN_WORDS:
        return ""
    detected = languages.detect(text)
    if detected in (languages.UNDETERMINED, declared):
        return ""
    return f"{short!r} reads like {detected}"


def _is_name(expected: frozenset[str], text: str) -> bool:
    """Brands and abbreviations stay in Latin letters everywhere: LEGO, USB, Tux."""
    return "LATIN" not in expected and text.isascii() and len(text.split()) <= NAME_WORDS


def caption_mismatch(scope: Scope) -> Iterator[Found]:
    """Items whose words fit other pictures much better than their own."""
    if scope.space is None or not _is_trained(scope.space):
        return
    held = stored.read_items(scope.space, scope.item_ids, scope.progress)
    both = np.flatnonzero(held.present["text"] & held.present["image"])
    if len(both) < MIN_PAIRS:
        return
    fit = measures.agreement(
        held.vectors["text"][both], held.vectors["image"][both], held.labels[both]
    )
    for row, z in zip(both, measures.robust_z(fit), strict=True):
        if z <= CAPTION_Z:
            said = f"the picture fits the words {-z:.1f} deviations worse than is usual here"
            yield Found(int(held.ids[row]), Check.CAPTION_MISMATCH, float(-z), said)


def odd_translation(scope: Scope) -> Iterator[Found]:
    """Items whose words in one language are far from what they say in the others."""
    if scope.space is None or not _is_trained(scope.space):
        return
    held = stored.read_items(scope.space, scope.item_ids, scope.progress)
    spoken = sorted(set(held.texts.marks.tolist()))
    in_language = {language: _centred(held, language) for language in spoken}
    worst: dict[int, tuple[float, str]] = {}
    for language in spoken:
        vectors, has = in_language[language]
        others = [in_language[other] for other in spoken if other != language]
        if not others:
            return
        rest = np.sum([rows for rows, _ in others], axis=0)
        count = np.sum([present for _, present in others], axis=0)
        rows = np.flatnonzero(has & (count >= LANGUAGES_NEEDED - 1))
        if len(rows) < MIN_PAIRS:
            continue
        fit = measures.agreement(vectors[rows], unit(rest[rows]), held.labels[rows])
        for row, z in zip(rows, measures.robust_z(fit), strict=True):
            if z <= TRANSLATION_Z and -z > worst.get(int(row), (0.0, ""))[0]:
                worst[int(row)] = float(-z), language
    for place, (score, language) in sorted(worst.items()):
        title = held.titles[place].get(language, "")
        said = (
            f"{language}: {title[:60]!r} is {score:.1f} deviations further from the other languages"
        )
        yield Found(int(held.ids[place]), Check.ODD_TRANSLATION, score, said)


def _centred(held: stored.Stored, language: str) -> tuple[Vectors, NDArray[np.bool_]]:
    """Text vectors in one language without what all of its texts share; zeros where there is none."""
    vectors, has = held.texts_pooled(held.texts.marks == language)
    vectors[has] -= vectors[has].mean(0)
    return unit(vectors), has


def _is_trained(space: spaces.Space) -> bool:
    return bool(space.head.metadata.get("trained", True))


CHECKS: Mapping[str, Callable[[Scope], Iterator[Found]]] = {
    "missing": missing_media,
    "broken": broken_media,
    "captions": caption_mismatch,
    "translations": odd_translation,
    "languages": wrong_language,
    "pictures": blank_picture,
    "sounds": bad_sound,
}
"""The cheap ones first; the last two decode every file."""

FINDS: Mapping[str, tuple[str, ...]] = {
    "missing": (Check.MISSING_MEDIA,),
    "broken": (Check.BROKEN_MEDIA,),
    "captions": (Check.CAPTION_MISMATCH,),
    "translations": (Check.ODD_TRANSLATION,),
    "languages": (Check.WRONG_LANGUAGE,),
    "pictures": (Check.BLANK_PICTURE,),
    "sounds": (Check.CLIPPED_SOUND, Check.SILENT_SOUND),
}
"""What each check may find, and so replaces."""
