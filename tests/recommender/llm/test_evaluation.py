"""What ``manage.py evaluate_llm`` measures: known answers give known figures."""

import io
import json
import re
from itertools import product

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from catalog.services import ItemContent, item_upsert
from recommender.evaluation.datasets import Dataset
from recommender.llm import calls, rerank
from recommender.llm.evaluation import explaining, interpretation, reranking, run, tables
from recommender.llm.evaluation.interpretation import SHOP, Labelled
from recommender.llm.providers.types import Message
from recommender.llm.understanding import Interpretation, Words, by_rules


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("evaluate_llm", *arguments, stdout=out)
    return out.getvalue()


def test_accuracy_is_counted_by_slot_and_as_a_whole():
    asked = [
        Labelled("red boots", "en", "red boots", [], {}, None, [], "dev"),
        Labelled("no fur", "en", "", ["fur"], {}, None, [], "dev"),
        Labelled("cheap tea", "en", "tea", [], {"price": {"lte": 30}}, None, [], "dev"),
        Labelled("like this", "en", "", [], {}, None, ["this"], "dev"),
    ]
    said = Interpretation(parts=(Words("boots, red"),), language="en")

    found = interpretation.accuracy(lambda _: said, asked)

    assert found.whole == 0.25
    assert found.slots == {
        "wanted": 0.25, "unwanted": 0.75, "filter": 0.75, "sort": 1.0, "like": 0.75, "language": 1.0,
    }  # fmt: skip
    assert [question.text for question, _, _ in found.wrong] == ["no fur", "cheap tea", "like this"]


def test_the_table_of_the_rules_is_what_they_get_right():
    text = command("--only", "interpretation", "--split", "dev")

    for language, kind in product(("en", "zh"), ("general", "denial")):
        asked = [
            q
            for q in interpretation.labelled()
            if (q.split, q.language, q.kind) == ("dev", language, kind)
        ]
        right = interpretation.accuracy(
            lambda q: by_rules(
                q.text,
                known=SHOP,
                previous=by_rules(q.previous, known=SHOP) if q.previous else None,
            ),
            asked,
        ).whole
        shown = "1.00" if right == 1 else f"{right:.3f}"[1:]
        row = language if kind == "general" else f"{language} denials"
        assert f"| none | {row} ({len(asked)}) | {shown} [" in text


def test_what_was_read_wrong_is_listed_of_dev_only():
    assert "knives not sharper" in command("--wrong", "--split", "dev")
    with pytest.raises(CommandError, match="only measure"):
        command("--wrong")


def test_measurements_of_providers_stand_side_by_side(endpoint, tmp_path, settings):
    kept = tmp_path / "llm.json"
    settings.LLM = settings.LLM | {"PROVIDER": "none"}
    command("--only", "interpretation", "--questions", "2", "--keep", str(kept))
    settings.LLM = settings.LLM | {"PROVIDER": "openai", "PRICE_OUT": 1000.0}
    endpoint.reply = lambda _: "I do not know."

    text = command("--only", "interpretation", "--questions", "2", "--keep", str(kept))

    assert set(json.loads(kept.read_text())) == {"none", "openai (m)"}
    # junk is read by the rules, and says so
    assert (
        len(
            re.findall(
                r"^\| openai \(m\) \| [a-z]{2}(?: denials)? \(2\) .* \| \.000 \|$",
                text,
                re.MULTILINE,
            )
        )
        == 8
    )
    assert re.search(
        r"^\| openai \(m\) \| interpretation \| 16 \| 0 \| .* \| 11 \| 3 \| 0\.003000 \|$",
        text,
        re.MULTILINE,
    )


def test_a_provider_that_is_not_there_is_said_at_once(endpoint):
    endpoint.always = "unauthorized"

    with pytest.raises(CommandError, match="wrong key"):
        command("--only", "interpretation")

    assert len(endpoint.requests) == 1


def films(visitors: int = 40, items: int = 30) -> Dataset:
    """Everybody likes seven films in a row, of a circle."""
    rows = [(v, (v * 3 + n) % items, float(n)) for v in range(visitors) for n in range(7)]
    who, what, when = (np.array(column) for column in zip(*rows, strict=True))
    texts = tuple(f"film {n}" for n in range(items))
    return Dataset("films", "", who, what, when, texts, visitors)


@pytest.mark.parametrize(("best_first", "better"), [(True, True), (False, False)])
def test_an_order_that_knows_what_was_liked_helps_and_its_opposite_harms(
    endpoint, best_first, better
):
    """The endpoint knows that film n is followed by n + 1 … n + 5."""

    def reply(body):
        said = body["messages"][1]["content"]
        numbers = [int(n) for n in re.findall(r'"film (\d+)"', said)]
        wish = [int(n) for n in re.findall(r"film (\d+)", said.split("Wish:")[1])]
        later = {(wish[-1] + n) % 30 for n in range(1, 6)}
        order = sorted(range(len(numbers)), key=lambda at: (numbers[at] in later) != best_first)
        return json.dumps({"order": [at + 1 for at in order]})

    endpoint.reply = reply

    found = reranking.measured(films(), visitors=8)

    assert found.degraded == 0
    assert len(endpoint.requests) == 8
    assert 0 < found.moved <= rerank.MOST_SHIFT
    gained = (found.reordered - found.base).mean()
    assert (gained > 0) == better
    assert gained != 0


def test_without_a_model_the_order_is_the_same(settings):
    found = reranking.measured(films(), visitors=8)

    assert (found.moved, found.degraded) == (0.0, 0)
    assert (found.base == found.reordered).all()
    assert found.base.mean() > 0.3


@pytest.mark.django_db
def test_reasons_are_counted_that_the_items_bear_out(endpoint):
    for n in range(4):
        item_upsert(
            ItemContent(
                external_id=f"f{n}",
                title=f"Frog {'abcd'[n]}",
                categories=("frogs",),
                tags=("green",),
            )
        )
    answers = iter(["It is a green frog like the frog you liked.", "It won an Oscar in 1994.", ""])
    endpoint.reply = lambda _: next(answers)

    found = explaining.measured(3, "en")

    assert (found.asked, found.grounded, found.failed) == (3, 1, 0)
    assert found.examples[0][2] == "It is a green frog like the frog you liked."


def test_calls_are_recorded_while_somebody_looks(endpoint):
    with calls.recorded() as made:
        calls.complete("ask", [Message("user", "Hi")], max_tokens=5, timeout_s=5)
    calls.complete("ask", [Message("user", "Hi")], max_tokens=5, timeout_s=5)

    assert [(one.purpose, one.outcome, one.usage.tokens_in) for one in made] == [("ask", "ok", 11)]
    assert run.spent([]) == {"count": 0}
    assert run.spent(made)["tokens_out"] == 3


def test_tables_of_nothing_are_nothing():
    assert tables.markdown([]) == ""
