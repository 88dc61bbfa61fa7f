"""Other amounts of exploration, from the log: a world in which what each would earn is known exactly."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from recommender.evaluation import logged
from recommender.evaluation.impressions import log_read, placement_logs
from recommender.evaluation.logged import Log
from recommender.event_input import EventReader
from recommender.events import events_record
from recommender.models import Impression, Visitor
from recommender.ranking import FEATURES
from recommender.rerank import Situation, explore
from recommender.types import Candidate, Placed, Placement
from tests.recommender.worlds import item

CHANCES = (0.8, 0.6, 0.1, 0.05)
"""Of a click on each of four items, best first by the ranking."""
KIN = {2: 1}
"""Of a kind with another: of the two the lower is clicked half as often right below the other."""
DEPTH, EPSILON = 3, 0.4


def chance(above: tuple[int, ...], shown: int) -> float:
    alike = bool(above) and (KIN.get(shown) == above[-1] or KIN.get(above[-1]) == shown)
    return CHANCES[shown] * (0.5 if alike else 1.0)


def lists(
    epsilon: float, above: tuple[int, ...] = (), p: float = 1.0
) -> Iterator[tuple[float, float]]:
    """(probability, clicks to be expected) of every item at every position; written down, not drawn."""
    left = [each for each in range(len(CHANCES)) if each not in above]
    if len(above) == DEPTH:
        return
    for place, each in enumerate(left):
        here = p * (epsilon / len(left) + (1 - epsilon if place == 0 else 0))
        if here:
            yield here, chance(above, each)
            yield from lists(epsilon, (*above, each), here)


def truth(epsilon: float) -> float:
    """Clicks an item shown."""
    return sum(p * clicks for p, clicks in lists(epsilon)) / DEPTH


def lived(
    answers: int, seed: int, epsilon: float = EPSILON
) -> list[tuple[list[int], list[float], list[float]]]:
    """Items, propensities and clicks of each answer, by the code that serves."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    ranked = [
        Placed(Candidate(n, {}, (0.0,) * len(FEATURES), 1.0 - n, np.zeros(2, np.float32)), 1.0 - n)
        for n in range(len(CHANCES))
    ]
    placement = Placement("home", {"new": 1.0}, exploration=epsilon)
    found = []
    for _ in range(answers):
        placed = explore(ranked, Situation(placement, DEPTH, draw=draw))[:DEPTH]
        items = [each.candidate.item_id for each in placed]
        clicks = [
            float(draw.random() < chance(tuple(items[:place]), each))
            for place, each in enumerate(items)
        ]
        found.append((items, [each.propensity for each in placed], clicks))
    return found


def log_of(answers: list[tuple[list[int], list[float], list[float]]], units: int) -> Log:
    return Log(
        answer=np.repeat(np.arange(len(answers)), DEPTH),
        unit=np.repeat(np.arange(len(answers)) % units, DEPTH),
        propensity=np.array([p for _, each, _ in answers for p in each]),
        reward=np.array([click for *_, each in answers for click in each]),
    )


def test_the_world_itself() -> None:
    assert truth(0) == pytest.approx((0.8 + 0.6 + 0.05) / 3)
    assert sum(p for p, _ in lists(EPSILON)) == pytest.approx(DEPTH)


@pytest.mark.parametrize("times", [0.0, 0.5, 1.0, 2.0])
def test_the_interval_holds_what_the_policy_would_have_earned(times: float) -> None:
    log = log_of(lived(20_000, seed=5), units=2_000)
    expected, found = (
        truth(times * EPSILON),
        logged.estimate(log, logged.with_exploration(log, times)),
    )
    for each in found.values():
        assert each.low < expected < each.high
        assert each.high - each.low < 0.025
        assert each.clipped == 0
    earned = float(log.reward.mean())
    if times == 1:
        assert found["ips"].value == found["snips"].value == pytest.approx(earned)
        assert found["ips"].effective == len(log.reward)
    else:  # what was earned is another figure, so the weights did it
        assert not found["snips"].low < earned < found["snips"].high
        assert found["ips"].effective < len(log.reward)


def test_nineteen_intervals_of_twenty_hold_it() -> None:
    """Of 60 logs, of which 53 to 60 are to be expected in all but one of a hundred worlds."""
    held = {"ips": 0, "snips": 0}
    for seed in range(60):
        log = log_of(lived(400, seed), units=400)
        for name, each in logged.estimate(log, logged.with_exploration(log, 0)).items():
            held[name] += each.low < truth(0) < each.high
    assert all(53 <= count <= 60 for count in held.values()), held


def test_weights_computed_by_hand() -> None:
    """One list of the best, one whose second was drawn, one of certainty; half of 3 and of 2 by chance."""
    log = Log(
        answer=np.array([0, 0, 1, 1, 1, 2]),
        unit=np.array([0, 0, 1, 1, 1, 2]),
        propensity=np.array([2 / 3, 3 / 4, 2 / 3, 1 / 4, 1.0, 1.0]),
        reward=np.array([1.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
    )
    assert log.explored.tolist() == [False, False, False, True, False, False]
    without = logged.with_exploration(log, 0)
    assert without.tolist() == [1, 1, 1, 0, 1, 1]
    # weights 3/2, 2, 3/2, 0, 0, 1
    found = logged.estimate(log, without)
    assert found["ips"].value == pytest.approx((1.5 + 1) / 6)
    assert found["snips"].value == pytest.approx((1.5 + 1) / 6)
    assert found["ips"].effective == pytest.approx(36 / (2.25 + 4 + 2.25 + 1))
    clipped = logged.estimate(log, without, clip=1.6)["ips"]
    assert clipped.clipped == pytest.approx(1 / 6)
    # 4/3 as much: 1 - 4/3 * (1 - 2/3), 1 - 4/3 * 1/4, 4/3 * 1/4
    more = logged.with_exploration(log, 4 / 3)
    assert more == pytest.approx([5 / 9, 2 / 3, 5 / 9, 1 / 3, 1, 1])
    assert log.products(more) == pytest.approx([5 / 9, 10 / 27, 5 / 9, 5 / 27, 5 / 27, 1])


@pytest.mark.parametrize("times", [-0.5, 3.5])
def test_more_exploration_than_can_be_is_refused(times: float) -> None:
    with pytest.raises(ValueError, match="times the exploration"):
        logged.with_exploration(log_of(lived(50, seed=1), 5), times)


def test_an_empty_log_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        logged.estimate(log_of([], 1), np.zeros(0))


# --- from stored rows -------------------------------------------------------------------------------

VISITORS = 60


@pytest.fixture
def stored() -> list[tuple[list[int], list[float], list[float]]]:
    """Answers of home, with the clicks' events; beside what does not count."""
    answers = lived(1_200, seed=5)
    items = [item(f"i{n}") for n in range(len(CHANCES))]
    people = Visitor.objects.bulk_create(Visitor(external_id=f"v{n}") for n in range(VISITORS))
    eve = Visitor.objects.create(external_id="demo:eve")
    before = timezone.now() - timedelta(hours=3)

    def shown(n: int, shown_items: list[int], p: list[float], **fields) -> Impression:
        given = {"placement": "home", "visitor": people[n % VISITORS], "shown_at": before, **fields}
        return Impression(
            request_id=f"r{n}", item_ids=[items[each].pk for each in shown_items], propensities=p,
            sources=[["new"]] * len(p), features=[], **given,
        )  # fmt: skip

    rows = [shown(n, each, p) for n, (each, p, _) in enumerate(answers)]
    rows.append(shown(5_000, [0], [1.0], visitor=eve))
    rows.append(shown(5_001, [0, 1], [1.0, 1.0], placement="email"))
    rows.append(shown(5_002, [0], [1.0], placement="email", visitor=None))
    rows.append(shown(5_003, [1], [1.0], placement="email", visitor=None))
    rows.append(shown(5_004, [0, 1], []))  # put in order by a language model
    Impression.objects.bulk_create(rows)
    reader, at = EventReader(), (before + timedelta(minutes=1)).isoformat()

    def event(key: str, n: int, each: int, kind: str) -> dict[str, str]:
        return {"id": key, "visitor": f"v{n % VISITORS}", "item": f"i{each}", "type": kind,
                "request_id": f"r{n}", "occurred_at": at}  # fmt: skip

    events = [
        event(f"{n}-{each}-{again}", n, each, "click")
        for n, (shown_items, _, clicks) in enumerate(answers)
        for each, click in zip(shown_items, clicks, strict=True)
        if click
        for again in range(1 + (n % 7 == 0))
    ]
    events += [event("like", 0, answers[0][0][0], "like"), event("email", 5_001, 1, "click")]
    events_record([reader.read(each) for each in events])
    return answers


@pytest.mark.django_db
def test_what_was_stored_is_estimated_from(stored, django_assert_num_queries) -> None:
    with django_assert_num_queries(2):
        found = log_read("home")
    expected = log_of(stored[::-1], VISITORS)
    assert found.answer.tolist() == expected.answer.tolist()
    assert found.propensity == pytest.approx(expected.propensity, rel=1e-6)
    assert found.reward.tolist() == expected.reward.tolist()
    assert len(np.unique(found.unit)) == VISITORS

    [home, email] = placement_logs(times=(0.0, 4.0), clip=logged.CLIP)
    assert (home.placement, email.placement) == ("home", "email")
    assert home.earned.value == pytest.approx(expected.reward.mean())
    assert home.earned.low < truth(EPSILON) < home.earned.high
    for name, each in home.policies[0.0].items():
        assert each.low < truth(0) < each.high, name
    assert list(home.unanswered) == [4.0]
    assert (email.log.answers, len(np.unique(email.log.unit))) == (3, 3)
    assert (email.earned.value, email.policies, email.unanswered) == (0.25, {}, {})


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("evaluate_recommender", "--dataset", "impressions", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_table_and_the_same_as_json(stored, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    shown = told("--placement", "home", "--exploration", "0", "2", "4", "--json", str(path))
    [home] = json.loads(path.read_text())["placements"]
    log = log_read("home")
    assert (home["answers"], home["shown"], home["visitors"]) == (1_200, 3_600, VISITORS)
    assert (home["clicked"], home["explored"]) == (log.reward.sum(), (log.propensity < 0.5).sum())
    assert [each["exploration"] for each in home["policies"]] == [0, 2]
    without = home["policies"][0]
    same = logged.estimate(log, logged.with_exploration(log, 0))
    assert without["snips"]["value"] == same["snips"].value
    for text in ("1,200 answers to 60 visitors, 3,600 items shown", "without exploration",
                 f"{home['earned']['value']:.4f}", f"{without['ips']['value']:.4f}",
                 f"{without['ips']['effective']:,.0f}",
                 "exploration x 4: 4 times the exploration is more than can be."):  # fmt: skip
        assert text in shown
    assert "Nothing here was left to chance" in told("--placement", "email")
    Impression.objects.filter(placement="email").update(request_id="other", visitor=None)
    assert "Without a click there is nothing to weigh." in told("--placement", "email")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "No answers are in the log: nothing can be estimated"),
        (("--placement", "item"), "No answers of 'item' are in the log"),
        (("--placement", "shop"), "shop"),
        (("--protocol", "random"), "--protocol does not go with --dataset impressions"),
        (("--exploration", "-1"), "--exploration: numbers from 0"),
        (("--exploration", "nan"), "--exploration: numbers from 0"),
        (("--clip", "0.5"), "--clip: a number from 1"),
    ],
)
def test_what_cannot_be_estimated_says_why(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        told(*arguments)


@pytest.mark.django_db
def test_options_of_the_log_need_the_log() -> None:
    with pytest.raises(CommandError, match="--placement does not go with --dataset events"):
        call_command("evaluate_recommender", "--placement", "home")
