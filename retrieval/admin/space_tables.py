"""Pieces of the spaces' pages: tables of what was measured, progress."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from retrieval import claims
from retrieval.models import EmbeddingSpace


def progress(space: EmbeddingSpace) -> SafeString:
    """How many items it holds; looks again by itself while the space is being filled."""
    if space.state not in EmbeddingSpace.LIVE:
        return SafeString("")
    counts = claims.progress(space.pk)
    shares = {name: 100 * counts[name] / max(counts["total"], 1) for name in ("ready", "failed")}
    context = {"counts": counts, "shares": shares, "space": space}
    context["growing"] = space.state == EmbeddingSpace.State.BUILDING and counts["pending"] > 0
    return SafeString(render_to_string("retrieval/admin/progress.html", context))


def metrics(measured: dict[str, Any]) -> SafeString:
    """Single figures, then a table of each kind of measurement: those with the same values."""
    single, several = metrics_split(measured)
    kinds: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    for name, values in several.items():
        kinds.setdefault(tuple(values), {})[name] = values
    figures = [table("measurement", {}, single)] if single or not kinds else []
    tables = [table("measurement", rows) for rows in kinds.values()]
    return format_html_join("", "<div>{}</div>", ((part,) for part in (*figures, *tables)))


def metrics_split(metrics: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Single values, and groups of them by the path to the group, such as ``en · text to image``."""
    single: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}

    def walk(path: tuple[str, ...], values: dict[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, dict):
                walk((*path, name), value)
            elif path:
                groups.setdefault(" · ".join(path), {})[name] = value
            else:
                single[name] = value

    walk((), metrics)
    return single, groups


def table(
    corner: str, rows: dict[str, dict[str, Any]], single: dict[str, Any] | None = None
) -> SafeString:
    """One row a name, a column for every value any row has; ``single`` figures above it."""
    columns = list(dict.fromkeys(name for values in rows.values() for name in values))
    cells = [(name, [_shown(row.get(c, "")) for c in columns]) for name, row in rows.items()]
    # pairs, not dicts: of a dict with a key "items" a template's .items is that value
    figures = [(name, _shown(value)) for name, value in (single or {}).items()]
    context = {"corner": corner, "columns": columns, "rows": cells, "figures": figures}
    return SafeString(render_to_string("retrieval/admin/table.html", context))


def _shown(value: Any) -> Any:
    """An interval as people write it."""
    if isinstance(value, list):
        return " to ".join(f"{x:.3f}" if isinstance(x, float) else str(x) for x in value)
    return value
