"""What a question asks beside what it is about, condition by condition: told, and left out on demand. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from recommender.llm.understanding import Interpretation, Vocabulary

ABOUT: Final = ("categories", "brand")
"""Roles of what a question may merely be about: who types a name of these looks for the name, too."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``without``: ``value`` names what is denied; ``filter`` and ``not``: a condition on ``field``, which must
    or must not hold; ``sort``: an order by ``field``, ``value`` is its direction.
    """

    key: str
    """What names it in ``unread``."""
    kind: Literal["without", "filter", "not", "sort"]
    field: str | None
    value: Any


def conditions_of(meant: Interpretation) -> list[Condition]:
    """All of them; categories that must not be are among ``without``, by the words that deny them."""
    found = [Condition(f"without:{name}", "without", None, name) for name in meant.without]
    found += [
        Condition(f"filter:{name}", "filter", name, value)
        for name, value in meant.filter.items()
        if name != "not"
    ]
    found += [
        Condition(f"not:{name}", "not", name, value)
        for each in _denied(meant.filter)
        for name, value in each.items()
        if name != "categories"
    ]
    if meant.sort is not None:
        found.append(Condition("sort", "sort", meant.sort.by, meant.sort.order))
    return found


def told(meant: Interpretation) -> list[dict[str, Any]]:
    """As JSON."""
    return [asdict(each) for each in conditions_of(meant)]


def says_more(meant: Interpretation, names: Vocabulary) -> bool:
    """Whether it asks for more than what it is about."""
    about = {*ABOUT, names.roles.get("brand")}
    return any(each.kind != "filter" or each.field not in about for each in conditions_of(meant))


def left_out(meant: Interpretation, unread: Collection[str], names: Vocabulary) -> Interpretation:
    """Without the conditions that ``unread`` names; other names mean nothing."""
    gone = [name for name in meant.without if f"without:{name}" in unread]
    kept = [name for name in meant.without if name not in gone]
    filter_ = {
        name: value
        for name, value in meant.filter.items()
        if name != "not" and f"filter:{name}" not in unread
    }
    paths = {path for name in gone for path in names.kind(name, meant.language)}
    denied = [
        left
        for each in _denied(meant.filter)
        if (left := _still_denied(each, unread, paths if kept else None if gone else set()))
    ]
    if denied:
        filter_["not"] = denied[0] if len(denied) == 1 else {"or": denied}
    return replace(
        meant,
        parts=tuple(part for part in meant.parts if part.weight > 0 or part.text not in gone),
        without=tuple(kept),
        filter=filter_,
        sort=None if "sort" in unread else meant.sort,
    )


def _denied(filter_: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The conditions under ``not``, as ``composing`` puts them there."""
    said = filter_.get("not", {})
    return list(said["or"]) if "or" in said else [said] if said else []


def _still_denied(
    condition: Mapping[str, Any], unread: Collection[str], paths: Collection[str] | None
) -> dict[str, Any]:
    """Without the categories ``paths`` (None: without any) and the fields that are left out."""
    left = {name: value for name, value in condition.items() if f"not:{name}" not in unread}
    said = left.pop("categories", None)
    if said is None or paths is None:
        return left
    all_ = said["in"] if isinstance(said, dict) else [said]
    still = [path for path in all_ if path not in paths]
    if still:
        left["categories"] = still[0] if len(still) == 1 else {"in": still}
    return left
