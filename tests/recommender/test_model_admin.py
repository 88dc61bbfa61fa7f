"""Model versions from the admin: asked first, done once, permitted to whom it should be."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from catalog.broker import redis_client
from recommender import versions
from recommender.models import RecommenderModel
from tests.recommender.model_worlds import ready

pytestmark = pytest.mark.django_db

LIST = "/admin/recommender/recommendermodel/"
CONFIRMED = {"_form_submitted": "True"}
METRICS = {"model": {"hr@10": 0.25, "ndcg@10": 0.125}, "popular": {"hr@10": 0.1}}


def url(name: str, *arguments: object) -> str:
    return reverse(f"admin:recommender_recommendermodel_{name}", args=arguments)


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def states() -> dict[str, str]:
    return dict(RecommenderModel.objects.values_list("name", "state"))


def test_the_list_and_the_page_show_what_was_measured(admin_client):
    row = ready("one", active=True)
    RecommenderModel.objects.filter(pk=row.pk).update(metrics=METRICS, events=1234)
    shown = admin_client.get(LIST).content.decode()
    assert "0.250" in shown
    assert "0.125" in shown
    page = admin_client.get(url("change", row.pk)).content.decode()
    assert "popular" in page
    assert "1234" in page


def test_as_many_queries_for_ten_versions_as_for_one(admin_client, django_assert_num_queries):
    ready("one", active=True)
    admin_client.get(LIST)  # what is cached
    with django_assert_num_queries(20, exact=False) as few:
        admin_client.get(LIST)
    for n in range(9):
        ready(f"m{n}", active=True)
    with django_assert_num_queries(len(few)):
        admin_client.get(LIST)


def test_train_queues_one_job_however_often_it_is_clicked(
    admin_client, django_capture_on_commit_callbacks
):
    form = {**CONFIRMED, "algorithm": "two-tower", "activation": "better", "seed": "3"}
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            answer = admin_client.post(url("train"), form, follow=True)
    (row,) = RecommenderModel.objects.all()
    assert (row.algorithm, row.activation, row.seed) == ("two-tower", "better", 3)
    assert (row.state, row.created_by) == ("building", "admin")
    assert redis_client().llen("train") == 1
    assert said(answer) == ["Nothing was changed: A training by two-tower is under way already."]
    assert "waiting" in admin_client.get(LIST).content.decode()


def test_activate_roll_back_and_retire(admin_client):
    one, two = ready("one", active=True), ready("two")
    form = {**CONFIRMED, "expected": one.pk}
    answer = admin_client.post(url("activate", two.pk), form, follow=True)
    assert said(answer) == ["two is active."]
    assert "From two back to one." in admin_client.get(url("rollback", two.pk)).content.decode()
    answer = admin_client.post(
        url("rollback", two.pk), {**CONFIRMED, "expected": two.pk}, follow=True
    )
    assert said(answer) == ["one is active again."]
    answer = admin_client.post(url("retire", two.pk), CONFIRMED, follow=True)
    assert said(answer) == ["two is retired."]
    assert states() == {"one": "active", "two": "retired"}


def test_a_decision_on_an_older_view_is_refused(admin_client):
    one, two = ready("one", active=True), ready("two")
    page = admin_client.get(url("activate", two.pk)).content.decode()
    assert f'value="{one.pk}"' in page
    assert "Active now: one." in page
    versions.version_activate(ready("three").pk)
    form = {**CONFIRMED, "expected": one.pk}
    answer = admin_client.post(url("activate", two.pk), form, follow=True)
    assert said(answer)[0].startswith("Nothing was changed: 'three' was activated meanwhile")
    assert states()["two"] == "ready"


def test_who_may_look_may_do_nothing_else(client, django_user_model):
    one, two = ready("one", active=True), ready("two")
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_recommendermodel"))
    client.force_login(user)
    assert client.get(LIST).status_code == 200
    for name, *arguments in (
        ("train",),
        ("activate", two.pk),
        ("rollback", one.pk),
        ("retire", two.pk),
    ):
        assert client.post(url(name, *arguments), CONFIRMED).status_code == 403
    assert states() == {"one": "active", "two": "ready"}
