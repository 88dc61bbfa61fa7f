"""``manage.py train_recommender`` and ``recommender_model``."""

import io

import pytest
from django.core.management import CommandError, call_command

from recommender.models import RecommenderModel
from tests.recommender.model_worlds import ready, topic_events, topic_items

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def world() -> None:
    topic_events(topic_items(embedded=False))


def test_training_says_what_it_measured_and_how_to_go_on(world):
    said = run("train_recommender", "--kind", "item-item", "--name", "first", "--seed", "3")
    row = RecommenderModel.objects.get()
    assert (row.name, row.algorithm, row.state, row.seed) == ("first", "ease", "ready", 3)
    assert "first: 210 events of 30 visitors with 24 items" in said
    assert f"model: hr@10 {row.metrics['model']['hr@10']:.3f}" in said
    assert "recommender_model activate 'first'" in said


def test_an_algorithm_takes_its_options(world):
    options = ("--option", "k=7", "--option", "shrinkage=1.5")
    said = run("train_recommender", "--algorithm", "item-knn", *options, "--activate")
    row = RecommenderModel.objects.get()
    assert (row.config, row.state) == ({"k": 7, "shrinkage": 1.5}, "active")
    assert "is active" in said


def test_a_dry_run_counts_and_trains_nothing(world):
    said = run("train_recommender", "--dry-run")
    assert "210 events: 210 likings of 24 items by 30 visitors" in said
    assert "Would train ease (as it comes). Nothing was." in said
    assert "Would train two-tower" in said
    assert not RecommenderModel.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--option", "k=7"], "give --algorithm as well"),
        (["--kind", "two-tower", "--algorithm", "ease"], "ease is of the kind item-item"),
        (["--name", "x"], "--name is for one version"),
        (["--algorithm", "ease", "--option", "k=7"], "ease has no option 'k'"),
        (["--algorithm", "ease", "--option", "k"], "is not like regularization=50"),
        (["--algorithm", "ease"], "There are no events"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, message):
    with pytest.raises(CommandError, match=message):
        run("train_recommender", *arguments)


def test_versions_are_listed_switched_and_retired():
    ready("one", active=True)
    ready("two")
    RecommenderModel.objects.filter(name="two").update(
        metrics={"model": {"hr@10": 0.25}}, note="Not activated: worse."
    )
    listed = run("recommender_model", "list")
    assert "0.250" in listed
    assert "two: Not activated: worse." in listed
    assert "'two' is active" in run("recommender_model", "activate", "two")
    assert "'one' is active again" in run("recommender_model", "rollback", "item-item")
    assert "'two' is retired" in run("recommender_model", "retire", "two")
    with pytest.raises(CommandError, match="no model 'three'"):
        run("recommender_model", "retire", "three")
