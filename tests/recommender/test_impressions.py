"""Impressions: one row an answer, of whoever it was shown to, and no longer than they are kept."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from recommender import impressions
from recommender.impressions import Answer, Shown, impression_log, impressions_expire
from recommender.models import Impression, Visitor
from recommender.sweep import sweep
from recommender.types import Assignment
from recommender.visitors import visitor_forget, visitor_merge
from tests.recommender.worlds import NOW, experiment

pytestmark = pytest.mark.django_db


def shown(*item_ids: int, **fields) -> Answer:
    given = {"request_id": "r1", "placement": "home", "shown_at": NOW, "visitor": "anna", **fields}
    return Answer(shown=[Shown(item_id, ["taste"]) for item_id in item_ids], **given)


def owners() -> list[str | None]:
    return list(Impression.objects.order_by("id").values_list("visitor__external_id", flat=True))


def test_everything_in_one_statement(django_assert_num_queries):
    row = experiment()
    answer = Answer(
        request_id="r1",
        placement="home",
        shown=[
            Shown(7, ["taste", "new"], 1.0, [0.5, 1.0]),
            Shown(9, ["exploration"], 0.125, [0.0, 0.25]),
        ],
        shown_at=NOW,
        visitor="anna",
        session="s1",
        assignment=Assignment(row.pk, "colours", "bold"),
        start=20,
    )
    impression_log(shown(7))
    Impression.objects.all().delete()

    with django_assert_num_queries(1):
        impression_log(answer)

    found = Impression.objects.values().get()
    del found["id"]
    assert found == {
        "request_id": "r1",
        "visitor_id": Visitor.objects.get(external_id="anna").pk,
        "session": "s1",
        "placement": "home",
        "experiment_id": row.pk,
        "variant": "bold",
        "shown_at": NOW,
        "start": 20,
        "item_ids": [7, 9],
        "propensities": [1.0, 0.125],
        "sources": [["taste", "new"], ["exploration"]],
        "features": [[0.5, 1.0], [0.0, 0.25]],
    }


def test_a_later_page_does_not_bring_back_whom_somebody_forgot():
    impression_log(shown(7))
    visitor_forget("anna")

    impression_log(shown(8, start=1, session="s1"))

    assert not Visitor.objects.exists()
    assert not Impression.objects.exists()


def test_no_more_than_what_is_known():
    impression_log(shown(7, visitor=""))

    found = Impression.objects.get()
    assert (found.visitor, found.session, found.experiment, found.variant) == (None, "", None, "")
    assert (found.start, found.features) == (0, [])
    assert not Visitor.objects.exists()


def test_features_that_are_not_of_every_item():
    impression_log(
        Answer("r1", "home", [Shown(7, ["taste"], features=[0.5]), Shown(8, ["new"])], NOW)
    )

    assert Impression.objects.get().features == []


def test_nothing_shown(django_assert_num_queries):
    with django_assert_num_queries(0):
        impression_log(shown())


def test_of_the_same_visitor_twice():
    impression_log(shown(7))
    impression_log(shown(8))

    assert owners() == ["anna", "anna"]


def test_of_who_was_merged():
    impression_log(shown(7, visitor="cookie"))
    visitor_merge("cookie", "anna")
    impression_log(shown(8, visitor="cookie"))

    assert owners() == ["anna", "anna"]


@pytest.mark.django_db(transaction=True)
def test_first_requests_at_once():
    """All of an unknown visitor's, none of nobody's; also while they are merged and forgotten."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(5)

    def run(work):
        try:
            barrier.wait()
            for n in range(20):
                work(n)
        except BaseException as err:
            failures.append(err)
        finally:
            connection.close()

    def ask(n: int) -> None:
        impression_log(shown(7, visitor=f"v{n}"))

    def change(n: int) -> None:
        visitor_merge(f"v{n}", "anna")
        if n % 5 == 0:
            visitor_forget("anna")

    threads = [threading.Thread(target=run, args=[work]) for work in (*[ask] * 4, change)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert None not in owners()
    roots = set(Visitor.objects.filter(merged_into=None).values_list("external_id", flat=True))
    assert set(owners()) <= roots


def test_what_is_too_old_goes(settings, monkeypatch):
    monkeypatch.setattr(impressions, "DELETED_AT_ONCE", 2)
    now, days = timezone.now(), settings.RECOMMENDER["IMPRESSIONS"]["KEEP_DAYS"]
    for hours in (-1, 1, 2, 3):
        impression_log(shown(7, shown_at=now - timedelta(days=days, hours=hours)))

    assert impressions_expire() == 3
    assert impressions_expire() == 0
    [left] = Impression.objects.values_list("shown_at", flat=True)
    assert left > now - timedelta(days=days)


def test_the_sweep_does_it(settings):
    days = settings.RECOMMENDER["IMPRESSIONS"]["KEEP_DAYS"]
    impression_log(shown(7, shown_at=timezone.now() - timedelta(days=days + 1)))

    sweep()

    assert not Impression.objects.exists()
