"""``manage.py space``: every step of a space's life, by its exit and by what it prints."""

import io
import json
import re

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from catalog.models import Item
from retrieval import claims, services, spaces
from retrieval.fusion import Fusion, unit
from retrieval.management.training import StageBars
from retrieval.models import Embedding, EmbeddingSpace
from tests.retrieval.conftest import make_item, png

pytestmark = pytest.mark.django_db


@pytest.fixture
def catalog(space) -> list[int]:
    """Thirty items, embedded in the active space."""
    ids = [
        make_item(f"i{n}", f"thing{n} kind{n % 5}", media=[png((8 * n, 90, 200 - 6 * n))]).pk
        for n in range(30)
    ]
    services.embed_items(space.id, ids)
    return ids


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("space", *arguments, stdout=out)
    return out.getvalue()


def states() -> dict[str, str]:
    return dict(EmbeddingSpace.objects.values_list("name", "state"))


def test_from_creation_to_retirement(catalog):
    made = run("create", "wide", "--fusion", "concat", "--metric", "inner_product")
    assert "Space 'wide' is building: fake, concat, inner_product, 192 dimensions" in made
    with pytest.raises(CommandError, match="30 of 30 items are not embedded there yet"):
        run("activate", "wide")
    assert "wide: 30 of 30 items ready, 0 pending, 0 failed." in run("backfill", "wide", "--here")
    assert states() == {"untrained": "active", "wide": "ready"}
    assert "'wide' is active" in run("activate", "wide")
    assert states() == {"untrained": "ready", "wide": "active"}
    assert "'untrained' is active again" in run("rollback")
    with pytest.raises(CommandError, match="nothing to go back to"):
        run("rollback")
    shown = run("retire", "wide")
    assert "Would drop of space 'wide':\n  30 items' vectors" in shown
    assert "Nothing was dropped; --yes does it." in shown
    assert Embedding.objects.filter(space__name="wide").count() == 30
    assert "Dropped of space 'wide':\n  30 items' vectors" in run("retire", "wide", "--yes")
    assert states() == {"untrained": "active", "wide": "retired"}
    assert Embedding.objects.count() == 30
    with pytest.raises(CommandError, match="'wide' is retired"):
        run("activate", "wide")
    with pytest.raises(CommandError, match="'wide' is retired"):
        run("backfill", "wide", "--here")


def test_a_space_from_another_has_its_head(catalog):
    run("create", "exact", "--from", "untrained", "--metric", "euclidean")
    row = EmbeddingSpace.objects.get(name="exact")
    source = EmbeddingSpace.objects.get(name="untrained")
    assert (row.metric, row.fusion, row.head_sha256) == (
        "euclidean",
        "weighted",
        source.head_sha256,
    )
    with pytest.raises(CommandError, match="leave --profile out"):
        run("create", "other", "--from", "untrained", "--profile", "starter")


WEIGHTS = "text=0.5,image=0.3,audio=0.2"
SHARES = {"text": 0.5, "image": 0.3, "audio": 0.2}


def fusion_of(name: str) -> Fusion:
    return spaces.space(EmbeddingSpace.objects.get(name=name).pk).head.fusion


def test_fusion_weights_are_those_given(catalog):
    run("create", "set", "--fusion-weights", WEIGHTS)
    run("train", "trained", "--here", "--fusion-weights", "text=5,image=3,audio=2")
    run("create", "again", "--from", "trained", "--fusion-weights", "text=1,image=1,audio=2")
    call_command("train_space", "second", "--here", "--fusion-weights", WEIGHTS)
    for name in ("set", "trained", "second"):
        assert fusion_of(name).shares == pytest.approx(SHARES)
    assert fusion_of("again").shares == {"text": 0.25, "image": 0.25, "audio": 0.5}
    trained = spaces.space(EmbeddingSpace.objects.get(name="trained").pk).head
    assert trained.metadata["config"]["fusion_weights"] == SHARES
    stages = {entry["stage"] for entry in EmbeddingSpace.objects.get(name="trained").history}
    assert "text" in stages
    assert "fusion" not in stages  # nothing was learned of it


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["--fusion-weights", "text=1"], "as text=1,image=1,audio=1 does"),
        (["--fusion-weights", "text=1,image=1,audio=x"], "as text=1,image=1,audio=1 does"),
        (["--fusion-weights", "text=1,image=-1,audio=1"], "at least 0 and not all 0"),
        (["--fusion-weights", "text=0,image=0,audio=0"], "at least 0 and not all 0"),
        (["--fusion-weights", "text=nan,image=1,audio=1"], "at least 0 and not all 0"),
        (["--fusion-weights", WEIGHTS, "--fusion", "concat"], "'concat' learns its weights"),
    ],
)
@pytest.mark.parametrize("step", ["create", "train"])
def test_wrong_fusion_weights_are_refused(space, step, arguments, wrong):
    with pytest.raises(CommandError, match=wrong):
        run(step, "wordy", *arguments)
    assert states() == {"untrained": "active"}


def test_a_failed_space_keeps_the_weights_it_was_asked_for(space):
    wanted = {"metric": "cosine", "fusion": "weighted", "dim": 64, "trained": False}
    spaces.space_create_failed(
        "late", "no weights", profile="fake", metrics={"fusion_weights": SHARES}, **wanted
    )
    row = spaces.space_resume(EmbeddingSpace.objects.get(name="late").pk)
    assert spaces.space(row.pk).head.fusion.shares == pytest.approx(SHARES)


def test_force_activates_an_unfinished_space(catalog):
    run("create", "empty")
    run("activate", "empty", "--force")
    assert states() == {"untrained": "ready", "empty": "active"}


def test_train_is_train_space_under_another_name(catalog):
    printed = run("train", "first", "--here", "--fusion", "attention", "--metric", "inner_product")
    assert "first: 30 of 30 items ready" in printed
    assert "`manage.py space activate 'first'` lets it answer" in printed
    call_command("train_space", "second", "--here", "--fusion", "attention")
    first, second = (EmbeddingSpace.objects.get(name=name) for name in ("first", "second"))
    assert first.head_sha256 == second.head_sha256
    assert (first.fusion, first.metric, second.metric) == ("attention", "inner_product", "cosine")
    assert first.trained
    assert first.history
    assert all("stage" in entry for entry in first.history)


def test_a_stage_that_stops_early_is_complete():
    with Progress(MofNCompleteColumn(), console=Console(file=io.StringIO())) as progress:
        bars = StageBars(progress)
        bars({"stage": "collect", "items": 30, "of": 30})
        bars({"stage": "text", "rows": 30})
        for epoch in range(13):
            bars({"stage": "fusion", "epoch": epoch, "of": 60, "held_back_loss": 1.5})
        collect, fusion = progress.tasks
        assert (collect.description, collect.finished) == ("collect", True)
        assert (fusion.description, fusion.finished) == ("fusion", False)
        assert (fusion.completed, fusion.total) == (12, 60)
        bars.complete()
        assert (fusion.finished, fusion.completed, fusion.total) == (True, 12, 12)
        bars.complete()  # nothing is left to be


def test_the_list_has_a_line_for_each_space(catalog):
    run("create", "empty")
    printed = run("list")
    assert re.search(
        r"empty +│ +building +│ +fake +│ +weighted +│ +cosine +│ +64 +│ +no +│ +0 of 30", printed
    )
    assert re.search(r"untrained +│ +active .* 30 of 30", printed)


def test_compare_puts_two_spaces_side_by_side(catalog):
    run("create", "twin", "--from", "untrained")
    run("create", "other", "--fusion", "concat")
    for name in ("twin", "other"):
        run("backfill", name, "--here")
    EmbeddingSpace.objects.filter(name="untrained").update(
        metrics={"held_out": {"text_to_image": {"en": {"r@10": 0.5, "r@10_interval": [0.4, 0.6]}}}}
    )
    same = json.loads(run("compare", "untrained", "twin", "--json"))
    assert same["overlap"] == {"k": 10, "items": 30, "mean": 1.0, "interval": [1.0, 1.0]}
    assert same["held_out"] == {"text_to_image · en · r@10": [0.5, 0.5]}  # the head's own
    assert [side["name"] for side in same["spaces"]] == ["untrained", "twin"]
    assert all(0 < side["p50_ms"] <= side["p95_ms"] for side in same["spaces"])
    assert all(side["table_bytes"] > 0 and side["index_bytes"] > 0 for side in same["spaces"])
    assert same["latency_ratio"]["p50"] == pytest.approx(
        same["spaces"][1]["p50_ms"] / same["spaces"][0]["p50_ms"], abs=0.05
    )
    differing = json.loads(run("compare", "untrained", "other", "--json", "--items", "20"))
    assert differing["overlap"]["items"] == 20
    assert 0 < differing["overlap"]["mean"] < 1
    again = json.loads(run("compare", "untrained", "other", "--json", "--items", "20"))
    assert again["overlap"] == differing["overlap"]  # seeded
    table = run("compare", "untrained", "other")
    assert "Overlap@10 of 30 items: " in table
    assert re.search(r"held out · text → image · en · r@10 +│ +0\.500 +│ +–", table)
    assert re.search(
        r"catalog, unseen · text → image · r@10 +│ +0\.\d+ +│ +0\.\d+ +│ [+-]0\.", table
    )


def test_compare_says_what_was_not_measured_and_why(catalog):
    EmbeddingSpace.objects.filter(name="untrained").update(
        metrics={"held_out": {"text_to_image": {"en": {"r@10": 0.5}}}}
    )
    run("create", "my twin", "--from", "untrained")
    run("create", "plain")
    run("create", "plain twin", "--from", "plain")
    run("train", "small", "--here")  # of 30 pictures none are held out
    for name in ("my twin", "plain", "plain twin"):
        run("backfill", name, "--here")
    no_sounds = [
        (
            f"{direction}: not measured in {{}}: fewer than 10 of the items can be asked with and for "
            "there."
        )
        for direction in ("text → audio", "audio → text")
    ]

    def said(first: str, second: str) -> list[str]:
        printed = run("compare", first, second)
        notes = json.loads(run("compare", first, second, "--json"))["notes"]
        assert notes[0] == (
            "catalog: 30 items that both hold ask for one another, in all their languages together; "
            "an equal title counts as found."
        )
        assert printed.endswith("\n".join(notes) + "\n")
        return notes[1:]

    assert said("untrained", "my twin") == [
        "my twin: its head, and so its held-out figures, are those of 'untrained'.",
        *[line.format("untrained and my twin") for line in no_sounds],
    ]
    assert said("plain twin", "small") == [
        (
            "small: its head saw 30 of these items in training, so the catalog's figures say how well "
            "they are found, not how well new items will be."
        ),
        "plain twin: held-out figures not measured: its head is that of 'plain', which has none.",
        ("small: held-out figures not measured: it was trained on too few items to hold some out."),
        *[line.format("plain twin and small") for line in no_sounds],
    ]
    assert said("plain", "plain")[0] == (
        "plain: held-out figures not measured: only training stores them, and it was not trained."
    )


def figures(first: str, second: str) -> dict:
    found = json.loads(run("compare", first, second, "--json"))["catalog"]
    return found | {"directions": {each["direction"]: each for each in found["directions"]}}


def test_compare_measures_both_on_the_same_items(catalog, space):
    """Each item's words and picture have one vector: all are found; shuffled, as chance would."""
    run("create", "right", "--from", "untrained")
    run("create", "wrong", "--from", "untrained")
    rng = np.random.default_rng(0)
    vectors = unit(rng.standard_normal((len(catalog), space.head.dim)))
    for name, order in (("right", range(30)), ("wrong", np.roll(np.arange(30), 1))):
        run("backfill", name, "--here")
        for row, other, item in zip(vectors, vectors[list(order)], catalog, strict=True):
            mine = Embedding.objects.filter(space__name=name, item_id=item)
            mine.update(text=row, image=other, fused=row)
    Embedding.objects.filter(space__name="right", item_id=catalog[0]).update(image=None)
    found = figures("right", "wrong")
    assert (found["items"], found["items_in_both"], found["what"]) == (30, 30, "catalog, unseen")
    assert found["items_seen_in_training"] == [0, 0]
    asked = found["directions"]["text → image"]
    assert (asked["queries"], asked["candidates"]) == (29, 29)  # one lacks its picture, in either
    assert asked["metrics"]["r@1"] == [1, 0]
    assert asked["gain"]["r@1"] == {"mean": -1, "interval": [-1, -1]}
    assert found["directions"]["image → text"]["metrics"]["r@1"] == [1, 0]
    assert found["directions"]["text → audio"] == {
        "direction": "text → audio", "language": "all", "queries": 0, "candidates": 0,
        "metrics": {}, "gain": {},
    }  # fmt: skip
    Item.objects.update(title="one of many")  # an equal title counts as found
    assert figures("right", "wrong")["directions"]["text → image"]["metrics"]["r@1"] == [1, 1]


def test_compare_agrees_with_evaluate_retrieval(catalog, tmp_path):
    run("create", "twin", "--from", "untrained")
    run("backfill", "twin", "--here")
    found = figures("untrained", "twin")["directions"]
    call_command("evaluate_retrieval", "--space", "twin", "--json", tmp_path / "out.json")
    tasks = json.loads((tmp_path / "out.json").read_text())["tasks"]
    both = {
        f"{task['source']} → {task['target']}": task["metrics"]
        for task in tasks
        if task["language"] == "all" and not task["left_out"]
    }
    for name in ("text → image", "image → text"):
        assert {k: pair[1] for k, pair in found[name]["metrics"].items()} == both[name]


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("compare", "a", "b", "--items", "0"), "--items: '0' is not an integer from 1 to"),
        (("compare", "a", "b", "--items", "-5"), "--items: '-5' is not an integer from 1 to"),
        (("compare", "a", "b", "--seed", "-1"), "--seed: '-1' is not an integer from 0 to"),
        (("train", "a", "--seed", "-1"), "--seed: '-1' is not an integer from 0 to"),
    ],
)
def test_numbers_out_of_range_are_refused_before_any_work(arguments, wrong):
    with pytest.raises(CommandError, match=wrong):
        run(*arguments)


def test_a_name_that_no_space_may_have_is_refused_everywhere(space):
    for command in (
        ("create", "a\nb"),
        ("create", "a\nb", "--from", "untrained"),
        ("train", "a\nb"),
    ):
        with pytest.raises(CommandError, match=r"named 'a\\nb': a name has 1 to 100"):
            run(*command)
    assert states() == {"untrained": "active"}


def test_compare_needs_items_in_both(catalog):
    run("create", "empty")
    with pytest.raises(CommandError, match="hold 0 items in common"):
        run("compare", "untrained", "empty")


def test_names_that_do_not_exist_are_told_those_that_do(space):
    for command in (("activate", "x"), ("retire", "x"), ("backfill", "x"), ("compare", "x", "x")):
        with pytest.raises(CommandError, match="There is no space 'x'; there are: 'untrained'"):
            run(*command)


def test_a_failed_space_is_filled_once_it_is_repaired(catalog):
    row = spaces.space_create_untrained("later", profile="fake", dim=16)
    spaces.space_fail(row.pk, "The weights are missing.")
    assert "later: The weights are missing." in run("list")
    run("backfill", "later", "--here")
    assert states()["later"] == "ready"
    assert claims.progress(row.pk)["ready"] == 30


def test_help_has_examples(capsys):
    for arguments in (["--help"], ["create", "--help"], ["retire", "--help"]):
        with pytest.raises(SystemExit, match="0"):
            call_command("space", *arguments)
    printed = capsys.readouterr().out
    assert "manage.py space retire spring" in printed
    assert "--from SOURCE" in printed
    assert "encoder outputs that no other live space uses" in printed
