"""Pairs of items that may be the same are found, graded and stored; decisions stand."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.db import transaction
from django.utils import timezone

from catalog.models import Item
from retrieval import spaces
from retrieval.duplicates import candidates, grading
from retrieval.duplicates.candidates import Catalog, Pair, words_alike
from retrieval.duplicates.grading import Signals
from retrieval.duplicates.prints import pictures_alike, sound_vector
from retrieval.exceptions import NoActiveSpace
from retrieval.models import DuplicatePair

Progress = Callable[[str, int, int], None]
State = DuplicatePair.State
BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Found:
    """Two items, the older first, and how much the same they are."""

    pair: Pair
    grade: grading.Grade
    score: float
    signals: Signals
    content: str


def find_duplicates(
    *, rehearsal: bool = False, progress: Progress | None = None
) -> tuple[dict[str, int], list[Found]]:
    """Compare all published items; how many pairs of each grade, how many new and reopened, and the pairs.

    What was found before and is not decided is replaced; decided pairs are reopened where the content of
    either changed and the grade with it. A rehearsal stores nothing but prints of files. Raises SpaceGone.
    """
    tell = progress or (lambda what, done, of: None)
    try:
        space = spaces.active_space()
    except NoActiveSpace:
        space = None
    catalog = candidates.read(Item.objects.filter(published=True), tell)
    pairs, near = candidates.pairs(catalog, space, tell)
    candidates.looks_read(catalog, space, pairs)
    found = list(_graded(catalog, sorted(pairs), near))
    counts = dict.fromkeys(DuplicatePair.Grade.values, 0)
    counts |= Counter(each.grade for each in found)
    if not rehearsal:
        counts |= _store(found)
    return counts, found


def pair_content(left: str, right: str) -> str:
    """Of two fingerprints, in the items' order."""
    return hashlib.sha256(f"{left}\n{right}".encode()).hexdigest()


def _graded(
    catalog: Catalog, pairs: Iterable[Pair], near: Mapping[Pair, tuple[float, bool]]
) -> Iterable[Found]:
    for pair in pairs:
        signals = signals_of(catalog, pair, near.get(pair))
        graded = grading.grade(signals)
        if graded is not None:
            left, right = (catalog.items[each] for each in pair)
            content = pair_content(left.content, right.content)
            yield Found(pair, graded[0], graded[1], signals, content)


def signals_of(catalog: Catalog, pair: Pair, near: tuple[float, bool] | None) -> Signals:
    """What two items of the catalog have in common."""
    left, right = (catalog.items[each] for each in pair)
    union = left.files | right.files
    words, same_words = words_alike(left, right)
    picture, is_mirrored = _pictures_alike(catalog, left.pictures, right.pictures)
    return Signals(
        files=len(left.files & right.files) / len(union) if union else 0.0,
        same_files=bool(left.files) and left.files == right.files,
        picture=picture,
        mirrored=is_mirrored,
        look=_looks_alike(catalog, left.pictures, right.pictures),
        sound=_sounds_alike(catalog, left.sounds, right.sounds),
        words=words,
        same_words=same_words,
        bare=not union,
        space=near[0] if near else None,
        close=bool(near and near[1]),
    )


def _pictures_alike(
    catalog: Catalog, left: Sequence[str], right: Sequence[str]
) -> tuple[float | None, bool]:
    found = [
        pictures_alike(a, b)
        for a in _prints(catalog, "image", left)
        for b in _prints(catalog, "image", right)
    ]
    if not found:
        return None, False
    best, mirrored = max(found)
    return max(0.0, best), mirrored


def _looks_alike(catalog: Catalog, left: Sequence[str], right: Sequence[str]) -> float | None:
    rows, others = (
        [catalog.looks[sha].astype(np.float32) for sha in own if sha in catalog.looks]
        for own in (left, right)
    )
    return max((float(a @ b) for a in rows for b in others), default=None)


def _sounds_alike(catalog: Catalog, left: Sequence[str], right: Sequence[str]) -> float | None:
    rows, others = (
        [sound_vector(data) for data in _prints(catalog, "audio", own)] for own in (left, right)
    )
    return max((float(a @ b) for a in rows for b in others), default=None)


def _prints(catalog: Catalog, modality: str, hashes: Sequence[str]) -> list[bytes]:
    found = [catalog.prints.get((modality, sha), b"") for sha in hashes]
    return [data for data in found if data]


def _store(found: Sequence[Found]) -> dict[str, int]:
    """New pairs, what is known brought up to date, what is not found any more away; one transaction."""
    groups = _groups(found)
    with transaction.atomic():
        there = set(Item.objects.values_list("pk", flat=True))
        known = {
            (row.left_id, row.right_id): row for row in DuplicatePair.objects.select_for_update()
        }
        new, changed, reopened = [], [], 0
        for each in found:
            if not there.issuperset(each.pair):
                continue  # deleted meanwhile
            row = known.pop(each.pair, None)
            fields = _fields(each, groups)
            if row is None:
                new.append(DuplicatePair(left_id=each.pair[0], right_id=each.pair[1], **fields))
                continue
            if row.state != State.OPEN:
                if row.content == each.content or row.grade == each.grade:
                    row.content = each.content
                    changed.append(row)
                    continue
                reopened += 1
                fields |= {"state": State.OPEN, "kept": None, "found_at": timezone.now()}
            for name, value in fields.items():
                setattr(row, name, value)
            changed.append(row)
        gone = [row.pk for row in known.values() if row.state == State.OPEN]
        DuplicatePair.objects.filter(pk__in=gone).delete()
        DuplicatePair.objects.bulk_create(new, batch_size=BATCH)
        names = ["grade", "score", "signals", "content", "group", "state", "kept", "found_at"]
        DuplicatePair.objects.bulk_update(changed, names, batch_size=BATCH)
    return {"new": len(new), "reopened": reopened, "not found any more": len(gone)}


def _fields(found: Found, groups: Mapping[Pair, int]) -> dict[str, Any]:
    return {
        "grade": found.grade,
        "score": found.score,
        "signals": found.signals.as_json(),
        "content": found.content,
        "group": groups[found.pair],
    }


def _groups(found: Sequence[Found]) -> dict[Pair, int]:
    """Of each pair the oldest item that pairs of its grade lead to."""
    groups: dict[Pair, int] = {}
    for grade in {each.grade for each in found}:
        pairs = [each.pair for each in found if each.grade == grade]
        root: dict[int, int] = {}

        def find(item_id: int, root: dict[int, int] = root) -> int:
            while root.setdefault(item_id, item_id) != item_id:
                root[item_id] = root[root[item_id]]
                item_id = root[item_id]
            return item_id

        for left, right in pairs:
            a, b = find(left), find(right)
            root[max(a, b)] = min(a, b)
        groups |= {pair: find(pair[0]) for pair in pairs}
    return groups
