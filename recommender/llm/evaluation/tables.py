"""What was measured, as tables of Markdown."""

from collections.abc import Iterator, Sequence
from typing import Any

from recommender.llm.evaluation import interpretation
from recommender.llm.evaluation.interpretation import SHOP, SLOTS
from recommender.llm.understanding import by_rules


def markdown(measured: Sequence[dict[str, Any]]) -> str:
    """A table of each part, a row a provider."""
    tables = (
        _interpretation(measured),
        _rerank(measured),
        _explanations(measured),
        _calls(measured),
    )
    return "\n\n".join(table for table in tables if table)


def wrong() -> Iterator[tuple[str, list[str], str]]:
    """Questions of ``dev`` that the rules read wrong: the text, the slots, what they read."""
    asked = [each for each in interpretation.labelled() if each.split == "dev"]

    def read(question: interpretation.Labelled) -> Any:
        before = by_rules(question.previous, known=SHOP) if question.previous else None
        return by_rules(question.text, previous=before, known=SHOP)

    for question, said, slots in interpretation.accuracy(read, asked).wrong:
        shown = f"{said.wanted!r}, without {said.unwanted}, {dict(said.filter)}"
        yield question.text, slots, shown


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _interpretation(measured: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            each["provider"],
            f"{language} ({one['questions']})",
            f"{_share(one['whole'])} [{', '.join(map(_share, one['interval']))}]",
            *(_share(one["slots"][slot]) for slot in SLOTS),
            _share(one["by_model"]),
        ]
        for each in measured
        if "interpretation" in each
        for language, one in each["interpretation"]["languages"].items()
    ]
    return _table(("provider", "questions", "all right", *SLOTS, "read by the model"), rows)


def _rerank(measured: Sequence[dict[str, Any]]) -> str:
    rows = []
    for each in measured:
        if one := each.get("rerank"):
            low, high = one["interval"]
            rows.append(
                [
                    each["provider"], str(one["visitors"]), _share(one["base"]),
                    _share(one["reordered"]), f"{one['difference']:+.3f} [{low:+.3f}, {high:+.3f}]",
                    f"{one['moved']:.1f}", str(one["degraded"]),
                ]
            )  # fmt: skip
    heads = (
        "provider",
        "visitors",
        "nDCG@10",
        "reordered",
        "difference",
        "ranks moved",
        "no order",
    )
    return _table(heads, rows)


def _explanations(measured: Sequence[dict[str, Any]]) -> str:
    rows = [
        [each["provider"], language, str(one["asked"]), str(one["grounded"]), str(one["failed"])]
        for each in measured
        if "explanations" in each
        for language, one in each["explanations"]["languages"].items()
    ]
    return _table(("provider", "language", "reasons", "borne out", "no answer"), rows)


def _calls(measured: Sequence[dict[str, Any]]) -> str:
    rows = []
    for each in measured:
        for part in ("interpretation", "rerank", "explanations"):
            one = each.get(part, {}).get("calls", {"count": 0})
            if one["count"]:
                rows.append(
                    [
                        each["provider"], part, str(one["count"]), str(one["ok"]),
                        f"{one['p50_ms'] / 1000:.1f}", f"{one['p95_ms'] / 1000:.1f}",
                        _share(one["in_time"]), f"{one['tokens_in']:.0f}",
                        f"{one['tokens_out']:.0f}", f"{one['cost']:.6f}",
                    ]
                )  # fmt: skip
    heads = (
        "provider", "calls for", "calls", "valid", "p50 s", "p95 s", "within a page's limit",
        "tokens in", "out", "cost of one",
    )  # fmt: skip
    return _table(heads, rows)


def _share(value: float) -> str:
    """As docs/evaluation.md writes shares."""
    return f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.2f}"
