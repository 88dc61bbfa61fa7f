"""Somebody's own questions with their right answers, asked of the search that users get.

A protocol is JSON Lines: ``{"query": "a frog", "language": "en", "relevant": ["frog-1"]}``.
"""

import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from django.conf import settings

from catalog.importers.jsonl import read_jsonl
from catalog.importers.rows import RawRow
from catalog.models import Item
from catalog.models.items import EXTERNAL_ID_PATTERN
from retrieval import outputs, queries, spaces
from retrieval.evaluation.metrics import CUTOFFS, DEPTH, graded_ndcg, intervals, means
from retrieval.evaluation.stored import Progress
from retrieval.exceptions import DecodeFailed, NotEmbedded
from retrieval.preprocess.text import normalise
from retrieval.search import Part, search, similar

Kind = Literal["text", "image", "audio", "item"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DEPTH_ASKED = 100
"""How many hits are looked at: a first relevant one further down counts 0."""
MAX_GRADE = 10
"""A gain is 2^grade - 1: grades are few steps, not prices."""
MAX_RELEVANT = 10_000
FIELDS = {"query", "language", "relevant"}


@dataclass(frozen=True, slots=True)
class Question:
    """One line: what is asked, and the grades of what should come, by external id."""

    line: int
    kind: Kind
    content: str
    language: str
    relevant: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class Refused(ValueError):
    """A question that cannot be asked; the message says why."""


@dataclass(slots=True)
class ProtocolResult:
    """The metrics of each question that could be asked, and what was wrong with the others."""

    languages: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    values: list[dict[str, float]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def groups(self) -> Iterator[tuple[str, str, list[dict[str, float]]]]:
        """Kind, language and the questions' metrics: all of them first, then each group."""
        if self.values:
            yield "all", "all", self.values
        keys = list(zip(self.kinds, self.languages, strict=True))
        for key in sorted(set(keys)):
            if set(keys) != {key}:
                yield (*key, [v for v, own in zip(self.values, keys, strict=True) if own == key])

    def as_json(self, seed: int) -> dict[str, Any]:
        """Means and intervals of every group, and the problems."""
        return {
            "depth": DEPTH_ASKED,
            "groups": [
                {
                    "kind": kind,
                    "language": language,
                    "queries": len(values),
                    "metrics": {k: round(v, 4) for k, v in means(_columns(values)).items()},
                    "intervals": {
                        name: [round(low, 4), round(high, 4)]
                        for name, (low, high) in intervals(_columns(values), seed).items()
                    },
                }
                for kind, language, values in self.groups()
            ],
            "problems": [{"line": each.line, "reason": each.reason} for each in self.problems],
        }


def _columns(values: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    return {name: np.array([one[name] for one in values]) for name in values[0]}


def evaluate_protocol(
    space: spaces.Space, path: Path, progress: Progress | None = None
) -> ProtocolResult:
    """Ask every question of the file. Raises ``OSError`` if the file cannot be read.

    A relevant item that does not exist is reported and the question asked without it; a question
    that has none left, or cannot be asked, is reported only.
    """
    result = ProtocolResult()
    with path.open("rb") as file:
        questions = list(_questions(read_jsonl(file), result.problems))
    known = _known(questions)
    for done, question in enumerate(questions):
        if progress:
            progress("asking", done, len(questions))
        missing = sorted(set(question.relevant) - set(known))
        if missing:
            named = ", ".join(repr(each) for each in missing[:5])
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            result.problems.append(Problem(question.line, f"no such item: {named}{more}"))
        grades = {known[name]: grade for name, grade in question.relevant.items() if name in known}
        if not any(grades.values()):
            continue
        try:
            found = _asked(space, question, path.parent)
        except (Refused, DecodeFailed, NotEmbedded) as err:
            result.problems.append(Problem(question.line, str(err)))
            continue
        result.languages.append(question.language)
        result.kinds.append(question.kind)
        result.values.append(question_metrics([grades.get(i, 0.0) for i in found], grades.values()))
    if progress:
        progress("asking", len(questions), len(questions))
    result.problems.sort(key=lambda problem: problem.line)
    return result


def question_metrics(grades: Sequence[float], all_grades: Iterable[float]) -> dict[str, float]:
    """Metrics of one ranking from the grades of its hits, best first, and of all that is relevant.

    ``r@k`` is 1 if anything relevant is among the first k, ``recall@10`` the share of all relevant
    items there. What is relevant has a grade over 0.
    """
    wanted = [grade for grade in all_grades if grade > 0]
    first = next((place for place, grade in enumerate(grades, start=1) if grade > 0), None)
    found = {f"r@{cutoff}": float(first is not None and first <= cutoff) for cutoff in CUTOFFS}
    within = sum(grade > 0 for grade in grades[:DEPTH])
    return {
        **found,
        "mrr": 1 / first if first else 0.0,
        "ndcg@10": graded_ndcg(grades, wanted),
        "recall@10": within / len(wanted),
    }


def _questions(rows: Iterable[RawRow], problems: list[Problem]) -> Iterator[Question]:
    for row in rows:
        if row.data is None:
            problems.append(Problem(row.line, row.problem))
            continue
        try:
            yield _question(row.line, row.data)
        except Refused as err:
            problems.append(Problem(row.line, str(err)))


def _question(line: int, data: Mapping[str, Any]) -> Question:
    unknown = sorted(set(data) - FIELDS)
    if unknown:
        raise Refused(f"unknown field {unknown[0]!r}: a line has {', '.join(sorted(FIELDS))}")
    kind, content = _query(data.get("query"))
    language = data.get("language", "")
    if not isinstance(language, str):
        raise Refused("language must be a string such as 'en'")
    return Question(line, kind, content, language, _relevant(data.get("relevant")))


def _query(query: Any) -> tuple[Kind, str]:
    if isinstance(query, str):
        query = {"text": query}
    if not isinstance(query, dict) or len(query) != 1 or next(iter(query)) not in KINDS:
        raise Refused(f"query must be a text, or an object with one of {', '.join(KINDS)}")
    ((kind, content),) = query.items()
    if not isinstance(content, str) or not normalise(content) or "\0" in content:
        raise Refused(f"query.{kind} must be a string that is not empty")
    return kind, content


def _relevant(given: Any) -> dict[str, float]:
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        given = dict.fromkeys(given, 1)
    if not isinstance(given, dict):
        raise Refused("relevant must be a list of external ids, or an object of ids with grades")
    for name, grade in given.items():
        if isinstance(grade, bool) or not isinstance(grade, int | float) or not isfinite(grade):
            raise Refused(f"the grade of {name!r} must be a number")
        if not 0 <= grade <= MAX_GRADE:
            raise Refused(f"the grade of {name!r} is {grade}: it must lie in 0 to {MAX_GRADE}")
    if not any(given.values()):
        raise Refused("nothing is relevant: a question needs at least one item with a grade over 0")
    if len(given) > MAX_RELEVANT:
        raise Refused(f"more than {MAX_RELEVANT} relevant items")
    return {name: float(grade) for name, grade in given.items()}


def _known(questions: Sequence[Question]) -> dict[str, int]:
    """Primary keys by external id, of all that the questions name."""
    names = {name for question in questions for name in question.relevant if _may_exist(name)}
    return dict(Item.objects.filter(external_id__in=names).values_list("external_id", "pk"))


def _may_exist(external_id: str) -> bool:
    """Postgres takes neither NUL nor lone surrogates."""
    return re.fullmatch(EXTERNAL_ID_PATTERN, external_id) is not None


def _asked(space: spaces.Space, question: Question, folder: Path) -> list[int]:
    """Ids of the hits, best first."""
    if question.kind == "item":
        asked = [question.content] if _may_exist(question.content) else []
        pk = Item.objects.filter(external_id__in=asked).values_list("pk", flat=True).first()
        if pk is None:
            raise Refused(f"query.item: no such item: {question.content!r}")
        return [hit.item_id for hit in similar(space, pk, DEPTH_ASKED)]
    if question.kind == "text":
        part = Part(queries.text_vector(space, question.content), "text")
    else:
        content = outputs.decoded(question.kind, _bytes(question, folder))
        vector = queries.content_vector(space, question.kind, content)
        part = Part(vector, question.kind)
    return [hit.item_id for hit in search(space, [part], DEPTH_ASKED)]


def _bytes(question: Question, folder: Path) -> bytes:
    path = folder / question.content
    limit = settings.CATALOG[f"MAX_{question.kind.upper()}_BYTES"]
    try:
        # before it is opened: that alone waits for ever at a pipe, and a device has no end
        if not stat.S_ISREG(path.stat().st_mode):
            raise Refused(f"query.{question.kind}: {path} is not a regular file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as err:
        raise Refused(f"query.{question.kind}: {path}: {err.strerror}") from err
    except UnicodeEncodeError as err:  # lone surrogates
        raise Refused(f"query.{question.kind}: {str(path)!r} is no file name") from err
    if len(content) > limit:
        raise Refused(f"query.{question.kind}: {path} is over {limit} bytes")
    return content
