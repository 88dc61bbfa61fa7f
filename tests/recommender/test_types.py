"""What a rule is about."""

import pytest

from recommender.types import Rule


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(1, "hide", item_ids=frozenset({7, 8})), True),
        (Rule(1, "hide", item_ids=frozenset({8})), False),
        (Rule(1, "hide", category="animals"), True),
        (Rule(1, "hide", category="animals/frogs"), True),
        (Rule(1, "hide", category="animals/fr"), False),
        (Rule(1, "hide", category="frogs"), False),
        (Rule(1, "hide", tag="green"), True),
        (Rule(1, "hide", tag="gree"), False),
        (Rule(1, "hide"), False),
    ],
)
def test_what_a_rule_concerns(rule: Rule, expected: bool):
    assert rule.concerns(7, ["animals/frogs", "new"], ["green", "wet"]) is expected
