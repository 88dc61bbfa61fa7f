"""Reasons: which, in what order, and in words."""

import re
from dataclasses import replace

import numpy as np
import pytest

from recommender import explain
from recommender.explain import ROW_TITLES, SENTENCES, Reason, reasons, row_title, sentence
from recommender.ranking import FEATURES, WEIGHTS
from recommender.types import Candidate, Found, Placed


def placed(found: dict[str, Found] | None = None, **features: float) -> Placed:
    row = tuple(features.get(name, 0.0) for name in FEATURES)
    return Placed(Candidate(1, found or {}, row, 1.0, np.zeros(2, np.float32)), 1.0)


def test_the_strongest_comes_first_with_its_share_and_the_item_behind_it():
    each = placed({"taste": Found(1, 1.0, because=7)}, taste=1.0, popular=1.0)
    whole = WEIGHTS["taste"] + WEIGHTS["popular"]
    assert reasons(each, {7}) == (
        Reason("similar_to_liked", pytest.approx(WEIGHTS["taste"] / whole), item_id=7),
        Reason("popular", pytest.approx(WEIGHTS["popular"] / whole)),
    )


def test_what_hardly_counts_or_speaks_against_is_no_reason():
    each = placed(collaborative=1.0, new=0.5, disliked=1.0)
    assert [reason.code for reason in reasons(each, ())] == ["used_together"]


def test_likenesses_to_one_item_are_one_reason_and_say_no_more_than_is_known():
    row = {"taste": 0.5, "session": 1.0, "new": 0.0}
    each = replace(
        placed(**row), candidate=replace(placed(**row).candidate, alike={"taste": 7, "session": 7})
    )
    assert reasons(each, {7}) == (Reason("similar_to_liked", pytest.approx(1.0), item_id=7),)
    assert reasons(each, {8}) == (Reason("similar_to_seen", pytest.approx(1.0), item_id=7),)
    other = replace(each, candidate=replace(each.candidate, alike={"taste": 7, "session": 8}))
    assert [(reason.code, reason.item_id) for reason in reasons(other, {7, 8})] == [
        ("similar_to_session", 8),
        ("similar_to_liked", 7),
    ]


def test_people_and_chance_are_the_whole_reason():
    each = placed(taste=1.0)
    assert reasons(replace(each, pinned=True, rules=(3, 4)), ()) == (
        Reason("rule", 1.0, rule_id=4),
    )
    assert reasons(replace(each, explored=True), ()) == (Reason("exploration", 1.0),)
    boosted = reasons(replace(each, rules=(3,)), {7})
    assert [reason.code for reason in boosted] == ["similar_to_liked", "rule"]


def test_every_language_has_every_sentence_with_the_same_gaps():
    for texts in (SENTENCES, ROW_TITLES):
        gaps = {code: re.findall(r"\{\w+\}", text) for code, text in texts["en"].items()}
        for language, words in texts.items():
            assert {c: re.findall(r"\{\w+\}", t) for c, t in words.items()} == gaps, language


def test_every_code_has_a_sentence_and_a_feature():
    assert set(explain.CODES) == set(FEATURES) - {"disliked"}
    assert {*explain.CODES.values(), explain.SEEN, "rule", "exploration"} == set(SENTENCES["en"])


def test_a_sentence_is_in_the_first_language_that_there_is():
    assert sentence("used_together", "Frog", ("zh-Hant", "en")) == "喜欢“Frog”的人也喜欢"
    assert sentence("popular", None, ("tlh",)) == "Popular"
    assert row_title("because", "{x}", ("de-AT",)) == "Weil Ihnen {x} gefiel"


def test_without_the_title_the_sentence_names_nobody():
    for code, words in SENTENCES["en"].items():
        assert "{" not in sentence(code, None, ()), (code, words)
