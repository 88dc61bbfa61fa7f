"""What the stages of one recommendation tell whoever watches."""

import pytest
from django.utils import timezone

from recommender import rerank
from recommender.models import Rule
from recommender.pipeline import Asked, recommend
from recommender.rules import rule_save
from recommender.tracing import Trace
from retrieval import services
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(space) -> Asked:
    """What Anna, who likes one of eight things, gets in an e-mail."""
    made = [make_item(f"i{n}", f"thing {n} {'pond' if n < 4 else 'road'}") for n in range(8)]
    services.embed_items(space.id, [each.pk for each in made])
    happen([("anna", "like", "i0")])
    rule_save(Rule(name="hide", action="hide"), "root", [made[3].pk])
    return Asked("email", timezone.now(), visitor="anna", seed="same", depth=3, limit=3)


def test_each_stage_hands_on_what_it_told(asked):
    trace = Trace()
    found = recommend(asked, trace=trace)

    assert trace.setup is not None
    assert [rule.action for rule in trace.setup.rules] == ["hide"]
    assert [done.type for done in trace.taste.history] == ["like"]
    assert trace.gathered is not None
    assert trace.gathered.reports == found.reports
    assert {each.item_id for each in trace.candidates} >= set(trace.gathered.item_ids)
    assert [step.name for step in trace.steps] == [step.__name__ for step in rerank.STEPS]
    assert list(trace.steps[-1].placed[:3]) == found.placed
    before = {each.item_id for each in trace.candidates}
    after = {each.candidate.item_id for each in trace.steps[0].placed}
    hidden = {next(iter(trace.setup.rules[0].item_ids))}
    assert before - after >= hidden & before


def test_watching_changes_nothing(asked):
    watched, alone = recommend(asked, trace=Trace()), recommend(asked)

    assert [each.candidate.item_id for each in watched.placed] == [
        each.candidate.item_id for each in alone.placed
    ]
    assert [each.score for each in watched.placed] == pytest.approx(
        [each.score for each in alone.placed], abs=1e-3
    )


def test_other_rules_for_a_preview(asked):
    trace = Trace()
    recommend(asked, trace=trace, rules=lambda current: current[:0])

    assert trace.setup is not None
    assert trace.setup.rules == ()
    assert Rule.objects.count() == 1
