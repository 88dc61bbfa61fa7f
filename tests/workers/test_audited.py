"""Whatever somebody does in the admin leaves an entry in its history; an action that is not tried here fails."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from catalog import import_runs
from catalog.models import ApiKey, ImportRun
from recommender.models import Experiment, RecommenderModel, Suggestion, Variant, Visitor
from retrieval import claims, services, spaces
from retrieval.models import Case, DuplicatePair, EmbeddingSpace, Policy
from tests.catalog.factories import ItemFactory
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db

CONFIRMED = {"_form_submitted": "True"}


@pytest.fixture(autouse=True)
def import_root(settings, tmp_path) -> None:
    settings.IMPORT_ROOT = tmp_path / "imports"


def suggestion() -> Suggestion:
    item = make_item("frog", "a frog")
    return Suggestion.objects.create(
        item=item, kind="tags", language="en", text="green", status="suggested",
        content_version=item.content_version,
    )  # fmt: skip


def case() -> Case:
    return Case.objects.create(item=make_item("bad", "bad"), reason="why", content="x")


def pair() -> DuplicatePair:
    left, right = make_item("left", "a"), make_item("right", "a")
    return DuplicatePair.objects.create(
        left=left, right=right, grade="exact", score=1, content="x", group=left.pk
    )


def periodic() -> PeriodicTask:
    every = IntervalSchedule.objects.create(every=1, period="days")
    return PeriodicTask.objects.create(name="test", task="workers.tasks.sweep", interval=every)


# what is chosen in a list, by (model, action)
LIST_ACTIONS: dict[tuple[str, str], Callable[[], Any]] = {
    ("catalog.item", "publish"): lambda: ItemFactory(published=False),
    ("catalog.item", "hide"): ItemFactory,
    ("catalog.item", "reembed"): ItemFactory,
    ("catalog.item", "suggest"): ItemFactory,
    ("catalog.apikey", "revoke"): lambda: ApiKey.objects.create_key(name="k", scopes=["read"])[0],
    ("recommender.suggestion", "accept"): suggestion,
    ("recommender.suggestion", "reject"): suggestion,
    ("retrieval.case", "uphold_selected"): case,
    ("retrieval.case", "dismiss_selected"): case,
    ("retrieval.duplicatepair", "keep_selected"): pair,
    ("retrieval.duplicatepair", "hide_newer_selected"): pair,
    **{
        ("django_celery_beat.periodictask", name): periodic
        for name in ("enable_tasks", "disable_tasks", "toggle_tasks", "run_tasks")
    },
}
THEIRS = {"axes.accessattempt", "axes.accessfailurelog", "axes.accesslog"}
"""Cleaning up what axes noted itself."""


def test_every_action_of_a_list_is_tried_here():
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True)
    found = {
        (model._meta.label_lower, name)
        for model, each in admin.site._registry.items()
        if model._meta.label_lower not in THEIRS
        for name in each.get_actions(request)
        if name != "delete_selected"
    }
    assert found == set(LIST_ACTIONS)


@pytest.mark.parametrize(("model", "action"), LIST_ACTIONS)
def test_actions_of_lists_are_noted(model, action, admin_client, settings):
    settings.LLM = {**settings.LLM, "PROVIDER": "openai"}
    row = LIST_ACTIONS[model, action]()
    url = f"/admin/{model.replace('.', '/')}/"
    answer = admin_client.post(url, {"action": action, "_selected_action": [row.pk], "index": 0})
    assert answer.status_code in (200, 302)
    content_type = ContentType.objects.get_for_model(row)
    entry = LogEntry.objects.get(content_type=content_type, object_id=str(row.pk))
    assert (bool(entry.change_message), entry.user.username) == (True, "admin")


@pytest.mark.parametrize(
    ("action", "what", "said"),
    [
        ("hide", "101 items hidden", "Hide."),
        ("reembed", "all items that the list showed", "Embed again."),
    ],
)
def test_more_rows_than_are_listed_get_one_entry(action, what, said, admin_client):
    ItemFactory.create_batch(101)
    ItemFactory(published=False)
    data = {"action": action, "_selected_action": ["0"], "select_across": "1", "index": 0}
    admin_client.post("/admin/catalog/item/", data)
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == (what, said)


def test_what_an_action_could_not_do_is_not_noted(admin_client):
    gone, open_ = suggestion(), Suggestion.objects.create(
        item=make_item("newt", "a newt"), kind="tags", language="en", text="x", status="suggested",
    )  # fmt: skip
    Suggestion.objects.filter(pk=gone.pk).update(status="rejected")
    chosen = {"_selected_action": [gone.pk, open_.pk], "index": 0}
    admin_client.post("/admin/recommender/suggestion/", {"action": "reject", **chosen})
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(open_.pk)]
    revoked = ApiKey.objects.create_key(name="old", scopes=["read"], revoked=True)[0]
    valid = ApiKey.objects.create_key(name="new", scopes=["read"])[0]
    chosen = {"_selected_action": [revoked.pk, valid.pk], "index": 0}
    answer = admin_client.post(
        "/admin/catalog/apikey/", {"action": "revoke", **chosen}, follow=True
    )
    said = [str(message) for message in answer.context["messages"]]
    assert said[-1] == "1 key revoked, 1 already revoked."
    assert LogEntry.objects.filter(object_id=valid.pk).count() == 1
    assert not LogEntry.objects.filter(object_id=revoked.pk).exists()


def test_without_rows_or_rights_nothing_is_noted(admin_client, client):
    item = ItemFactory()
    admin_client.post("/admin/catalog/item/", {"action": "hide", "index": 0})
    assert not LogEntry.objects.exists()
    assert item.published


def filled_space(name: str) -> EmbeddingSpace:
    item = make_item("frog", "a frog")
    space_id = spaces.ensure_active_space("fake", 64)
    services.embed_items(space_id, [item.pk])
    row = spaces.space_create_untrained(name, profile="fake", dim=16)
    services.embed_items(row.pk, [item.pk])
    spaces.space_ready(row.pk)
    return row


def activated() -> EmbeddingSpace:
    row = filled_space("second")
    spaces.space_activate(row.pk)
    return row


def model_row(state: str, name: str = "ease-1") -> RecommenderModel:
    return RecommenderModel.objects.create(
        name=name, kind="item-item", algorithm="ease", state=state
    )


def rolled() -> RecommenderModel:
    before = model_row("ready", "before")
    row = model_row("active")
    RecommenderModel.objects.filter(pk=row.pk).update(previous=before)
    return row


def experiment(state: str = "draft") -> Experiment:
    row = Experiment.objects.create(name="exp", placement="home", state=state)
    for name in ("control", "new"):
        Variant.objects.create(
            experiment=row, name=name, overrides={"diversity": 0.1} if name == "new" else {}
        )
    return row


def imported(status: str) -> ImportRun:
    run = import_runs.run_create(SimpleUploadedFile("a.csv", b"external_id,title\na,A\n"), None)
    ImportRun.objects.filter(pk=run.pk).update(status=status)
    return run


NEW_SPACE = {
    "name": "spring",
    "profile": "fake",
    "fusion": "weighted",
    "metric": "cosine",
    "seed": 0,
}
# what is done, to which row if to one, and what its dialog asks; by (model, action)
DIALOGS: dict[tuple[str, str], tuple[Callable[[], Any] | None, dict[str, Any]]] = {
    ("retrieval.embeddingspace", "train"): (None, NEW_SPACE),
    ("retrieval.embeddingspace", "create"): (None, NEW_SPACE),
    ("retrieval.embeddingspace", "rollback"): (activated, {}),
    ("retrieval.embeddingspace", "activate"): (lambda: filled_space("second"), {}),
    ("retrieval.embeddingspace", "backfill"): (lambda: filled_space("second"), {}),
    ("retrieval.embeddingspace", "retire"): (lambda: filled_space("second"), {}),
    ("retrieval.auditfinding", "audit_now"): (None, {}),
    ("retrieval.case", "check_catalog"): (None, {}),
    ("retrieval.duplicatepair", "find"): (None, {}),
    ("retrieval.policy", "rehearse"): (lambda: Policy.objects.create(name="weapons"), {}),
    ("retrieval.policy", "check_now"): (lambda: Policy.objects.create(name="weapons"), {}),
    ("catalog.item", "flag"): (ItemFactory, {"reason": "odd"}),
    ("catalog.item", "decide"): (ItemFactory, {"action": "hide", "placement": ""}),
    ("recommender.visitor", "forget"): (lambda: Visitor.objects.create(external_id="ada"), {}),
    ("recommender.recommendermodel", "train"): (
        None,
        {"algorithm": "ease", "activation": "never", "seed": 0},
    ),
    ("recommender.recommendermodel", "activate"): (lambda: model_row("ready"), {}),
    ("recommender.recommendermodel", "rollback"): (rolled, {}),
    ("recommender.recommendermodel", "retire"): (lambda: model_row("ready"), {}),
    ("recommender.experiment", "start"): (experiment, {}),
    ("recommender.experiment", "stop"): (lambda: experiment("running"), {"keep": ""}),
    ("catalog.importrun", "start"): (lambda: imported("checked"), {}),
    ("catalog.importrun", "retry"): (lambda: imported("failed"), {}),
    ("catalog.importrun", "cancel"): (lambda: imported("checked"), {}),
}
WITHOUT_ROW = {("retrieval.embeddingspace", "rollback")}
READS = {
    "import_items",
    "export_csv",
    "export_jsonl",
    "export_xlsx",
    "compare",
    "report",
    "figures",
    "errors_csv",
    "sees",
    "export",
}
"""Change nothing; exports are noted all the same (tests/catalog/test_admin_imports.py)."""


def test_every_dialog_is_tried_here():
    found = set()
    for model, each in admin.site._registry.items():
        for kind in ("list", "row", "detail"):
            names = each._extract_action_names(getattr(each, f"actions_{kind}", ()) or ())
            found |= {(model._meta.label_lower, name) for name in names if name not in READS}
    assert found == set(DIALOGS)


@pytest.mark.parametrize(("model", "action"), DIALOGS)
def test_dialogs_are_noted(model, action, admin_client):
    make, data = DIALOGS[model, action]
    if make is None and model == "retrieval.embeddingspace":
        spaces.ensure_active_space("fake", 64)
    row = make() if make else None
    if model == "retrieval.embeddingspace" and action in ("activate", "rollback"):
        data = {**data, "expected": spaces.active_id()}
    if model == "recommender.recommendermodel" and action == "rollback":
        data = {**data, "expected": row.pk}
    place = f"{row.pk}/" if row and (model, action) not in WITHOUT_ROW else ""
    url = f"/admin/{model.replace('.', '/')}/{place}{action}/"
    answer = admin_client.post(url, {**CONFIRMED, **data}, follow=True)
    said = [str(message) for message in answer.context["messages"]] if answer.context else []
    assert LogEntry.objects.filter(user__username="admin").count() == 1, said
    assert LogEntry.objects.get().change_message


def address(model: str, action: str, row_id: object = "") -> str:
    """Of a dialog."""
    place = f"{row_id}/" if row_id else ""
    return f"/admin/{model.replace('.', '/')}/{place}{action}/"


ABOUT_ROWS = [key for key, (make, _) in DIALOGS.items() if make and key not in WITHOUT_ROW]


@pytest.mark.parametrize("key", DIALOGS, ids=".".join)
def test_an_address_that_is_opened_is_a_whole_page(key, admin_client):
    make, _ = DIALOGS[key]
    row = make() if make and key not in WITHOUT_ROW else None
    page = address(*key, row.pk if row else "")

    alone = admin_client.get(page).content.decode()
    over = admin_client.get(page, headers={"HX-Request": "true"}).content.decode()

    assert "<html" in alone
    assert 'id="nav-sidebar"' in alone
    back = str(type(row)._default_manager.get(pk=row.pk)) if row else "all"
    assert f"Back to {escape(back)}" in alone
    assert "<html" not in over
    assert over.count('id="dialog-form"') == alone.count('id="dialog-form"') == 1
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("row_id", ["999999999", "99999999999999999999", "frog", "_00"])
@pytest.mark.parametrize("key", ABOUT_ROWS, ids=".".join)
def test_what_is_not_there_has_no_dialog(key, row_id, admin_client):
    page = address(*key, row_id)
    assert admin_client.get(page).status_code == 404
    assert admin_client.post(page, CONFIRMED).status_code == 404


@pytest.mark.parametrize("row_id", ["999999999", "frog"])
@pytest.mark.parametrize(
    "page",
    [
        "retrieval/embeddingspace/{}/compare/",
        "recommender/experiment/{}/report/",
        "recommender/visitor/{}/sees/",
        "recommender/visitor/{}/export/",
        "catalog/importrun/{}/errors_csv/",
        "retrieval/duplicatepair/{}/change/",
        "retrieval/case/{}/change/",
    ],
)
def test_nor_has_it_other_pages(page, row_id, admin_client):
    assert admin_client.get(f"/admin/{page.format(row_id)}").status_code == 404


OFFERED: list[tuple[str, Callable[[], Any], set[str]]] = [
    ("retrieval.embeddingspace", activated, {"backfill", "compare"}),
    ("retrieval.embeddingspace", lambda: filled_space("second"),
     {"activate", "backfill", "compare", "retire"}),
    ("recommender.recommendermodel", lambda: model_row("ready"), {"activate", "retire"}),
    ("recommender.recommendermodel", rolled, {"rollback"}),
    ("recommender.experiment", experiment, {"start"}),
    ("recommender.experiment", lambda: experiment("running"), {"report", "stop"}),
    ("catalog.importrun", lambda: imported("checked"), {"start", "cancel", "errors_csv"}),
    ("catalog.importrun", lambda: imported("failed"), {"retry", "cancel", "errors_csv"}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "make", "names"), OFFERED)
def test_only_what_makes_sense_is_offered(model, make, names, admin_client):
    row = make()
    if model == "retrieval.embeddingspace":
        row = spaces.space_named("second")
    shown = admin_client.get(address(model, "change", row.pk)).content.decode()
    every = {name for kind, name in DIALOGS if kind == model} | READS
    assert {name for name in every if f'/{row.pk}/{name}/"' in shown} == names


def test_a_failed_attempt_is_not_noted(admin_client):
    row = filled_space("second")
    claims.failed_retry(row.pk)
    spaces.space_retire(row.pk)
    admin_client.post(f"/admin/retrieval/embeddingspace/{row.pk}/retire/", CONFIRMED)
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("model", "action"),
    [
        ("catalog.importrun", "start"),
        ("recommender.experiment", "start"),
        ("recommender.recommendermodel", "activate"),
        ("retrieval.embeddingspace", "retire"),
    ],
)
def test_a_page_with_a_menu_reads_its_row_once(model, action, admin_client):
    make, _ = DIALOGS[model, action]
    assert make is not None
    row = make()
    page = f"/admin/{model.replace('.', '/')}/{row.pk}/change/"
    admin_client.get(page)
    with CaptureQueriesContext(connection) as captured:
        answer = admin_client.get(page)
    assert f"/{row.pk}/{action}/" in answer.text
    table = row._meta.db_table
    read = [each["sql"] for each in captured if f'WHERE "{table}"."id" = {row.pk} ' in each["sql"]]
    assert len(read) == 1, read
