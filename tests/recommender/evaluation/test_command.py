"""``manage.py evaluate_recommender``."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from catalog.models import Item
from recommender.evaluation import own, protocols
from recommender.events import events_record
from tests.recommender.evaluation.worlds import N_ITEMS, VISITORS, topics
from tests.recommender.worlds import NOW, read, sent

pytestmark = pytest.mark.django_db


def happened() -> None:
    """The world of topics as events of the last days, twice each, beside views by invented visitors."""
    world = topics()
    assert world.at is not None
    Item.objects.bulk_create(
        Item(external_id=f"i{item:02}", title=text) for item, text in enumerate(world.texts)
    )
    rows: list[dict[str, Any]] = []
    for visitor, item, at in zip(world.visitors, world.items, world.at, strict=True):
        when = (NOW - timedelta(days=2) + timedelta(seconds=float(at))).isoformat()
        given = {"visitor": f"v{visitor:02}", "item": f"i{item:02}", "type": "like"}
        rows += [sent(f"{again}-{visitor}-{item}", **given, occurred_at=when) for again in "ab"]
    rows.append(sent("x", visitor="demo:eve", item="i00", occurred_at=NOW.isoformat()))
    rows.append(sent("y", visitor="v00", item="i03", type="dislike", occurred_at=NOW.isoformat()))
    for kind in ("like", "withdraw"):
        given = {"visitor": "v00", "item": "i02", "type": kind, "occurred_at": NOW.isoformat()}
        rows.append(sent(f"z-{kind}", **given))
    events_record(read(*rows))


def run_command(*arguments: str) -> str:
    out = StringIO()
    call_command("evaluate_recommender", *arguments, stdout=out)
    return out.getvalue()


def test_own_events_are_the_world_that_happened() -> None:
    happened()
    found, world = own.events(), topics()
    assert sorted(zip(found.visitors, found.items, strict=True)) == sorted(
        zip(world.visitors, world.items, strict=True)
    )
    assert (found.n_visitors, found.n_items) == (VISITORS, N_ITEMS)
    assert found.texts == world.texts
    assert found.at is not None
    assert (np.diff(found.at) >= 0).all()
    assert not found.vectors


def test_a_table_and_the_same_as_json(tmp_path: Path) -> None:
    happened()
    path = tmp_path / "out.json"
    shown = run_command("--protocol", "leave-last", "--k", "3", "--json", str(path),
                        "--models", "random", "popular", "item-knn", "triad")  # fmt: skip
    report = json.loads(path.read_text())
    assert [row["model"] for row in report["models"]] == [
        "random", "popular", "item-kNN", "Triad (default)",
    ]  # fmt: skip
    assert (report["protocol"], report["k"], report["seed"]) == ("leave-last", 3, 0)
    assert (report["asked"], report["candidates"]) == (VISITORS, N_ITEMS)
    split = protocols.split(own.events(), "leave-last", 0)
    assert report["learned_from"] == split.train.nnz
    rows = {row["model"]: row for row in report["models"]}
    assert rows["item-kNN"]["metrics"]["hr"] == rows["Triad (default)"]["metrics"]["hr"] == 1.0
    popular = rows["popular"]
    low, high = popular["intervals"]["hr"]
    assert low <= popular["metrics"]["hr"] <= high < 1
    assert f"{popular['metrics']['ndcg']:.3f}" in shown
    assert "Triad (default): hr" in shown
    assert "against item-kNN, paired" in shown


def test_validation_asks_for_something_else() -> None:
    happened()
    asked = {}
    for flag in ((), ("--validation",)):
        shown = run_command("--protocol", "leave-last", "--models", "popular", *flag)
        asked[bool(flag)] = next(line for line in shown.splitlines() if "learned from" in line)
    assert f"learned from {VISITORS * 7:,}" in asked[False]
    assert f"learned from {VISITORS * 6:,}" in asked[True]
    assert "validation part" in asked[True]


def test_without_events_the_error_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="event"):
        run_command()


def test_without_apt_the_error_says_what_else_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.DEMO_CACHE = tmp_path
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CommandError, match=r"apt-get is not installed.*\n.*--dataset events"):
        run_command("--dataset", "debian", "--models", "popular")


def test_what_cannot_be_split_says_which_protocol_does(tmp_path: Path, settings: Any) -> None:
    settings.DEMO_CACHE = tmp_path
    world = topics()
    stored = {"sha256": "x", "visitors": world.visitors.tolist(), "items": world.items.tolist()}
    path = tmp_path / "debian-dependencies-r1.json"
    path.write_text(json.dumps({**stored, "texts": world.texts}))
    with pytest.raises(CommandError, match="use --protocol random"):
        run_command("--dataset", "debian", "--protocol", "leave-last", "--models", "popular")


@pytest.mark.demo
@pytest.mark.slow
@pytest.mark.encoders
def test_films_are_found_better_than_by_the_best_baseline(tmp_path: Path) -> None:
    """The bar: MovieLens 100K, leave-last, HR@10."""
    path = tmp_path / "out.json"
    run_command("--dataset", "ml-100k", "--json", str(path))
    (ours,) = [row for row in json.loads(path.read_text())["models"] if "against_best" in row]
    assert ours["against_best"]["hr"]["difference"] >= 0
