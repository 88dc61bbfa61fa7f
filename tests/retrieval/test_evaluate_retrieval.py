"""Measuring a space on its own catalog and on somebody's questions."""

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.models import Item
from catalog.services import item_update
from retrieval import index, services, spaces
from retrieval.evaluation.catalog import TaskResult, evaluate_catalog
from retrieval.evaluation.protocol import evaluate_protocol
from retrieval.models import EmbeddingSpace
from tests.fakes import FakeTextEncoder
from tests.retrieval.conftest import make_item, png, wav

pytestmark = pytest.mark.django_db

ITEMS = 12


def one_hot(*places: int, dim: int = 64) -> np.ndarray:
    rows = np.zeros((len(places), dim), np.float32)
    rows[np.arange(len(places)), places] = 1
    return rows


@pytest.fixture
def world(space) -> list[Item]:
    """Item n's words and picture are axis n; its sound is that of its neighbour."""
    items = [make_item(f"w{n}", f"word{n}") for n in range(ITEMS)]
    services.embed_items(space.id, [item.pk for item in items])
    axes = one_hot(*range(ITEMS))
    index_rows = [
        index.EmbeddedItem(
            item_id=item.pk,
            content_version=item.content_version,
            content_hash="",
            modalities={"text": axes[n], "image": axes[n], "audio": axes[(n + 1) % ITEMS]},
            fused=axes[n],
            weights={"text": 1.0},
        )
        for n, item in enumerate(items)
    ]
    index.store(space.partition, index_rows)
    return items


def distinct_words(count: int) -> list[str]:
    """Words that the fake encoder tells apart."""
    words: dict[int, str] = {}
    for word in (f"word{n}" for n in itertools.count()):
        words.setdefault(int(FakeTextEncoder().vector(word).argmax()), word)
        if len(words) == count:
            return list(words.values())
    raise AssertionError


def tasks_of(space, **options) -> dict[tuple[str, str], TaskResult]:
    return {(task.name, task.language): task for task in evaluate_catalog(space, **options).tasks}


def mean(task: TaskResult, metric: str = "r@1") -> float:
    return float(task.values[metric].mean())


class TestStoredVectors:
    def test_every_direction_has_its_known_answer(self, space, world):
        tasks = tasks_of(space)
        for perfect in ("text → image", "image → text", "text → fused"):
            assert mean(tasks[perfect, "all" if "text" in perfect else ""]) == 1
            assert mean(tasks[perfect, "all"], "ndcg@10") == pytest.approx(1)
        # of another's sound all scores but one are 0, and ties count against: the last rank
        for wrong in ("text → audio", "audio → text"):
            assert mean(tasks[wrong, "all"], "mrr") == pytest.approx(1 / ITEMS)
        assert mean(tasks["image → fused", ""]) == 1

    def test_a_target_says_whether_it_holds_what_asks(self, space, world):
        tasks = tasks_of(space)
        own = {name for (name, _), task in tasks.items() if task.own}
        assert own == {"text → fused", "image → fused", "audio → fused"}
        without = tasks["image → fused without image", ""]
        assert (without.own, without.left_out) == (False, "without image")

    def test_equal_titles_are_relevant_whatever_their_case(self, space, world):
        first, second = world[0], world[1]
        Item.objects.filter(pk=first.pk).update(title="Twin")
        Item.objects.filter(pk=second.pk).update(title="tWIN")
        task = tasks_of(space)["text → audio", "all"]
        # the sound of item 0 is that of item 1's words: for their label the right one is first
        ranks = 1 / task.values["mrr"]
        assert ranks[:2].tolist() == pytest.approx([ITEMS - 1, 1])
        assert ranks[2:].tolist() == pytest.approx([ITEMS] * (ITEMS - 2))

    def test_the_sample_bounds_who_asks_but_not_what_is_found(self, space, world):
        task = tasks_of(space, sample=10)["text → image", "all"]
        assert (len(task.items), task.candidates) == (10, ITEMS)

    def test_a_rare_modality_is_asked_for_by_those_who_have_it(self, space, world):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE retrieval_embedding SET audio = NULL WHERE item_id = ANY(%s)",
                [[item.pk for item in world[:2]]],
            )
        for seed in range(3):
            tasks = tasks_of(space, sample=10, seed=seed)
            assert tasks["text → audio", "all"].items.tolist() == list(range(2, ITEMS))
            assert tasks["text → audio", "en"].items.tolist() == list(range(2, ITEMS))
            assert len(tasks["text → image", "en"].items) == 10

    def test_the_limit_draws_items_by_the_seed(self, space, world):
        first = evaluate_catalog(space, limit=11, seed=1).stored
        again = evaluate_catalog(space, limit=11, seed=1).stored
        assert (first.count, first.of) == (11, ITEMS)
        assert first.ids.tolist() == again.ids.tolist()

    def test_a_direction_with_too_few_queries_is_left_out(self, space, world):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE retrieval_embedding SET audio = NULL WHERE item_id <> ALL(%s)",
                [[item.pk for item in world[:9]]],
            )
        assert not any(task.source == "audio" for task in evaluate_catalog(space).tasks)


@pytest.mark.parametrize("lacking", ["text", "image", "audio"])
def test_a_profile_may_lack_a_modality(settings, lacking):
    encoders = {k: v for k, v in settings.RETRIEVAL["PROFILES"]["fake"].items() if k != lacking}
    profiles = {**settings.RETRIEVAL["PROFILES"], "fewer": encoders}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}
    spaces.ensure_active_space("fewer", 64)
    space = spaces.active_space()
    colours = [(20 * n, 0, 250 - 20 * n) for n in range(ITEMS)]
    items = [
        make_item(f"w{n}", f"word{n}", media=[png(colour), wav(300 + 200 * n)])
        for n, colour in enumerate(colours)
    ]
    services.embed_items(space.id, [item.pk for item in items])
    tasks = tasks_of(space)
    sources = {task.source for task in tasks.values()}
    assert sources == {"text", "image", "audio"} - {lacking}
    assert {task.source for task in tasks.values() if task.left_out} == sources


class TestLanguages:
    @pytest.fixture
    def bilingual(self, space) -> list[Item]:
        """Of the first ten both languages use the same word; the others share none."""
        words = distinct_words(30)
        items = [
            make_item(f"b{n}", words[n], texts={"zh": words[n if n < 10 else n + 10]})
            for n in range(20)
        ]
        services.embed_items(space.id, [item.pk for item in items])
        return items

    def test_titles_find_their_fused_vector_in_each_language(self, space, bilingual):
        tasks = tasks_of(space)
        assert mean(tasks["text → fused", "en"]) == 1
        assert mean(tasks["text → fused", "zh"]) == 1

    def test_without_its_own_language_a_title_finds_only_what_others_say(self, space, bilingual):
        task = tasks_of(space)["text → fused without these words", "en"]
        found = task.values["r@1"]
        assert not task.own
        assert found[:10].tolist() == [1] * 10
        assert found[10:].mean() < 0.3

    def test_the_ratio_compares_the_items_that_asked_in_both(self, space, bilingual):
        item_update(bilingual[0], texts=())
        services.embed_items(space.id, [bilingual[0].pk])
        rows = evaluate_catalog(space).ratios(seed=0)
        row = next(row for row in rows if row["task"] == "text → fused")
        assert row == {
            "task": "text → fused", "ratio": "zh/en", "items": 19, "r@10": 1.0, "interval": [1.0, 1.0]
        }  # fmt: skip

    def test_only_the_languages_asked_for(self, space, bilingual):
        found = evaluate_catalog(space, languages=["zh"])
        assert {task.language for task in found.tasks} <= {"all", "zh", ""}


class TestPictures:
    def test_look_for_the_others_of_their_label_and_never_for_themselves(self, space):
        shades = [(10 * n, 0, 0) for n in range(12)]
        items = [
            make_item(f"p{n}", f"red {n // 2}", media=[png(shade)])
            for n, shade in enumerate(shades)
        ]
        alone = make_item("alone", "green", media=[png((0, 255, 0))])
        several = make_item("several", "blue", media=[png((0, 0, 250)), png((0, 0, 251))])
        services.embed_items(space.id, [i.pk for i in (*items, alone, several)])
        task = tasks_of(space)["image → image", ""]
        assert len(task.items) == 13  # twelve of six pairs, and the item with two pictures
        assert task.candidates == 15
        assert not task.own

    def test_equal_files_are_one_picture(self, space):
        items = [make_item(f"p{n}", "same", media=[png((9, 9, 9))]) for n in range(12)]
        services.embed_items(space.id, [item.pk for item in items])
        assert ("image → image", "") not in tasks_of(space)


class TestCatalogCommand:
    def run(self, tmp_path: Path, *arguments: str) -> dict:
        file = tmp_path / "out.json"
        call_command("evaluate_retrieval", "--json", str(file), *arguments)
        return json.loads(file.read_text())

    def test_writes_what_it_prints(self, space, world, tmp_path, capsys):
        report = self.run(tmp_path)
        assert (report["space"], report["items"], report["trained"]) == ("untrained", ITEMS, False)
        found = {
            (t["source"], t["target"], t["language"], t["left_out"]): t for t in report["tasks"]
        }
        task = found["text", "image", "all", ""]
        assert (task["queries"], task["candidates"]) == (ITEMS, ITEMS)
        assert task["metrics"] == {"r@1": 1.0, "r@5": 1.0, "r@10": 1.0, "mrr": 1.0, "ndcg@10": 1.0}
        assert task["intervals"]["r@1"] == [1.0, 1.0]
        assert task["items_seen_in_training"] is False
        printed = capsys.readouterr().out
        assert "text → image" in printed
        assert "untrained" in printed
        assert "SEEN ITEMS" not in printed

    def test_says_what_is_of_items_the_head_was_trained_on(self, space, world, tmp_path, capsys):
        held_out = {
            "text_to_image": {
                "en": {"queries": 9, "r@1": 0.1, "r@5": 0.2, "r@10": 0.3, "mrr": 0.15}
            }
        }
        EmbeddingSpace.objects.filter(pk=space.id).update(
            trained=True, metrics={"held_out": held_out}, created_at="2100-01-01T00:00Z"
        )
        report = self.run(tmp_path)
        assert report["items_seen_in_training"] == ITEMS
        assert report["held_out"] == held_out
        assert all(task["items_seen_in_training"] for task in report["tasks"])
        printed = capsys.readouterr().out
        assert "SEEN ITEMS" in printed
        assert "UNSEEN ITEMS" in printed

    def test_items_that_came_after_the_training_are_not_seen(self, space, world, tmp_path):
        EmbeddingSpace.objects.filter(pk=space.id).update(
            trained=True, created_at="2000-01-01T00:00Z"
        )
        report = self.run(tmp_path)
        assert report["items_seen_in_training"] == 0
        assert not any(task["items_seen_in_training"] for task in report["tasks"])

    def test_another_space_is_named(self, space, world, tmp_path):
        assert self.run(tmp_path, "--space", "untrained")["space"] == "untrained"
        with pytest.raises(CommandError, match=r"no space 'spring'\. There are: untrained"):
            call_command("evaluate_retrieval", "--space", "spring")

    def test_an_empty_catalog_says_what_to_do(self, space):
        with pytest.raises(CommandError, match=r"0 items: too few.*import_catalog"):
            call_command("evaluate_retrieval")

    def test_a_language_that_nothing_is_in_is_named(self, space, world):
        with pytest.raises(CommandError, match="--languages xx yy: too few"):
            call_command("evaluate_retrieval", "--languages", "xx", "en", "yy")

    def test_json_to_standard_output_is_nothing_but_json(self, space, world, capsys):
        call_command("evaluate_retrieval", "--json", "-")
        assert json.loads(capsys.readouterr().out)["items"] == ITEMS

    def test_an_odd_sample_is_refused(self, space):
        for sample in ("3", "0", "-1"):
            with pytest.raises(CommandError, match="at least 10"):
                call_command("evaluate_retrieval", "--sample", sample)

    @pytest.mark.parametrize("seed", ["-1", "x", "2147483648"])
    def test_a_seed_is_a_non_negative_integer(self, space, seed):
        with pytest.raises(CommandError, match=f"--seed: '{seed}' is not an integer from 0 to"):
            call_command("evaluate_retrieval", "--seed", seed)

    @pytest.mark.parametrize(("trained", "step"), [(True, "train"), (False, "backfill")])
    def test_a_failed_space_without_a_head_names_its_repair(self, db, trained, step):
        spaces.space_create_failed(
            "spring",
            "The weights of e5 are missing.",
            profile="fake",
            trained=trained,
            fusion="weighted",
            metric="cosine",
            dim=64,
        )
        with pytest.raises(CommandError) as caught:
            call_command("evaluate_retrieval", "--space", "spring")
        assert str(caught.value) == (
            "Space 'spring' failed before it had a head: The weights of e5 are missing. "
            f"Repair that, then run `manage.py space {step} 'spring'`."
        )


class TestProtocol:
    @pytest.fixture
    def zoo(self, space, tmp_path) -> Path:
        """Three items in the catalog; a folder with a picture and a sound."""
        items = [
            make_item("frog", "green frog", media=[png((0, 200, 0)), wav(440)]),
            make_item("fire", "red fire", media=[png((200, 0, 0)), wav(1_500)]),
            make_item("toad", "brown toad frog"),
        ]
        services.embed_items(space.id, [item.pk for item in items])
        (tmp_path / "red.png").write_bytes(png((199, 0, 0), 32).getvalue())
        (tmp_path / "tone.wav").write_bytes(wav(440, 0.5).getvalue())
        (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n, but no picture")
        return tmp_path

    def write(self, folder: Path, *lines: object) -> Path:
        path = folder / "questions.jsonl"
        path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
        return path

    def test_asks_the_search_by_words_pictures_sounds_and_items(self, space, zoo):
        path = self.write(
            zoo,
            {"query": "green frog", "language": "en", "relevant": ["frog"]},
            {"query": {"image": "red.png"}, "relevant": ["fire"]},
            {"query": {"audio": "tone.wav"}, "relevant": ["frog"]},
            {"query": {"item": "frog"}, "relevant": ["toad"]},
        )
        result = evaluate_protocol(space, path)
        assert result.problems == []
        assert result.kinds == ["text", "image", "audio", "item"]
        assert [values["r@1"] for values in result.values] == [1, 1, 1, 1]

    def test_grades_order_the_ideal(self, space, zoo):
        def ndcg(relevant) -> float:
            path = self.write(zoo, {"query": "green frog", "relevant": relevant})
            return evaluate_protocol(space, path).values[0]["ndcg@10"]

        assert ndcg({"frog": 3, "toad": 1}) == pytest.approx(1)
        assert ndcg({"frog": 1, "toad": 3}) < 1
        assert ndcg({"frog": 1, "fire": 0}) == pytest.approx(1)

    def test_groups_by_kind_and_language(self, space, zoo):
        path = self.write(
            zoo,
            {"query": "green frog", "language": "en", "relevant": ["frog"]},
            {"query": "red fire", "language": "de", "relevant": ["frog"]},
        )
        groups = evaluate_protocol(space, path).as_json(seed=0)["groups"]
        shown = [(g["kind"], g["language"], g["queries"], g["metrics"]["r@1"]) for g in groups]
        assert shown == [("all", "all", 2, 0.5), ("text", "de", 1, 0.0), ("text", "en", 1, 1.0)]

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("{", "is not JSON"),
            ("[1]", "must be one JSON object"),
            ({"relevant": ["frog"]}, "query must be a text, or an object with one of"),
            ({"query": {"text": "a", "image": "b"}, "relevant": ["frog"]}, "query must be"),
            ({"query": {"smell": "a"}, "relevant": ["frog"]}, "text, image, audio, item"),
            ({"query": " \u200b", "relevant": ["frog"]}, "query.text must be a string that is not empty"),
            ({"query": 3, "relevant": ["frog"]}, "query must be"),
            ({"query": "a"}, "relevant must be a list"),
            ({"query": "a", "relevant": []}, "nothing is relevant"),
            ({"query": "a", "relevant": {"frog": 0}}, "nothing is relevant"),
            ({"query": "a", "relevant": {"frog": -1}}, "the grade of 'frog' is -1"),
            ({"query": "a", "relevant": {"frog": "high"}}, "must be a number"),
            ({"query": "a", "relevant": {"frog": True}}, "must be a number"),
            ({"query": "a", "relevant": [1]}, "relevant must be"),
            ({"query": "a", "relevant": ["frog"], "lang": "en"}, "unknown field 'lang'"),
            ({"query": "a", "relevant": ["frog"], "language": 1}, "language must be a string"),
            ({"query": "a", "relevant": ["cow"]}, "no such item: 'cow'"),
            ({"query": "a", "relevant": ["\ud800"]}, "half of a surrogate pair"),
            ({"query": {"item": "a\ud800"}, "relevant": ["frog"]}, "query.item: The text holds half"),
            ({"query": {"image": "gone.png"}, "relevant": ["frog"]}, "No such file"),
            ({"query": {"image": "."}, "relevant": ["frog"]}, "is not a regular file"),
            ({"query": {"image": "/dev/null"}, "relevant": ["frog"]}, "/dev/null is not a regular file"),
            ({"query": {"audio": "pipe"}, "relevant": ["frog"]}, "pipe is not a regular file"),
            ({"query": {"image": "a\ud800"}, "relevant": ["frog"]}, "half of a surrogate pair"),
            ({"query": {"image": "broken.png"}, "relevant": ["frog"]}, "Not one of PNG"),
            ('{"query": "a", "relevant": {"frog": NaN}}', "relevant.frog: Use a finite number"),
            ("[" * 20_000, "is nested too deeply"),
        ],
    )  # fmt: skip
    def test_a_bad_line_is_reported_with_its_number_and_costs_only_itself(
        self, space, zoo, line, reason
    ):
        os.mkfifo(zoo / "pipe")
        good = {"query": "green frog", "relevant": ["frog"]}
        result = evaluate_protocol(space, self.write(zoo, good, line, good))
        assert [values["r@1"] for values in result.values] == [1, 1]
        (problem,) = result.problems
        assert problem.line == 2
        assert reason in problem.reason

    @pytest.mark.parametrize("name", ["red.png", "/proc/self/maps"])
    def test_no_more_is_read_than_the_catalog_takes(self, space, zoo, settings, name):
        """Whatever size the file claims: those of /proc claim none."""
        settings.CATALOG = {**settings.CATALOG, "MAX_IMAGE_BYTES": 20}
        path = self.write(zoo, {"query": {"image": name}, "relevant": ["frog"]})
        (problem,) = evaluate_protocol(space, path).problems
        assert problem.reason == f"query.image: {zoo / name} is over 20 bytes"

    def test_a_question_with_one_unknown_item_is_asked_without_it(self, space, zoo):
        path = self.write(zoo, {"query": "green frog", "relevant": ["frog", "cow"]})
        result = evaluate_protocol(space, path)
        assert result.values[0]["recall@10"] == 1
        assert [str(problem) for problem in result.problems] == ["line 1: no such item: 'cow'"]

    def test_the_command_prints_problems_and_exits_with_1(self, space, zoo, capsys):
        path = self.write(zoo, {"query": "green frog", "relevant": ["frog"]}, "{", "")
        with pytest.raises(SystemExit, match="1"):
            call_command("evaluate_retrieval", "--protocol", str(path))
        printed = capsys.readouterr().out
        assert "1 questions asked" in printed
        assert "line 2: is not JSON" in printed

    def test_a_good_protocol_exits_with_0_and_writes_json(self, space, zoo):
        path = self.write(zoo, {"query": "green frog", "relevant": ["frog"]})
        out = zoo / "out.json"
        call_command("evaluate_retrieval", "--protocol", str(path), "--json", str(out))
        report = json.loads(out.read_text())
        assert report["problems"] == []
        assert report["groups"][0]["metrics"]["mrr"] == 1

    @pytest.mark.parametrize("content", ["", "\n \n"])
    def test_a_file_without_questions_is_an_error(self, space, tmp_path, content):
        path = tmp_path / "empty.jsonl"
        path.write_text(content)
        with pytest.raises(CommandError, match="has no questions"):
            call_command("evaluate_retrieval", "--protocol", str(path))

    def test_a_missing_file_is_an_error(self, space, tmp_path):
        with pytest.raises(CommandError, match="cannot be read"):
            call_command("evaluate_retrieval", "--protocol", str(tmp_path / "none.jsonl"))
