"""The groups of every installation: what each may see, who gets 403, and what migrating leaves alone."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from tests.catalog.factories import ItemFactory, MediaFactory
from workers.roles import ROLES, permissions, roles_ensure

pytestmark = pytest.mark.django_db

NAMES = ("viewer", "editor", "merchandiser", "moderator", "operator")
# who may see the list, and who may add to it; a page that is missing here fails the test
PAGES = {
    "catalog.item": ("viewer editor merchandiser moderator operator", "editor"),
    "catalog.itemtext": ("viewer editor merchandiser moderator operator", ""),
    "catalog.category": ("viewer editor merchandiser moderator operator", "editor"),
    "catalog.media": ("viewer editor merchandiser moderator operator", ""),
    "catalog.importrun": ("viewer editor merchandiser moderator operator", "editor operator"),
    "catalog.queuepause": ("operator", ""),
    "catalog.apikey": ("", ""),
    "retrieval.embeddingspace": ("viewer editor merchandiser moderator operator", ""),
    "retrieval.auditfinding": ("viewer editor merchandiser moderator operator", ""),
    "retrieval.case": ("moderator", ""),
    "retrieval.duplicatepair": ("moderator", ""),
    "retrieval.policy": ("moderator", "moderator"),
    "recommender.placement": ("viewer editor merchandiser moderator operator", ""),
    "recommender.rule": ("viewer editor merchandiser moderator operator", "merchandiser"),
    "recommender.experiment": ("viewer editor merchandiser moderator operator", "merchandiser"),
    "recommender.change": ("viewer editor merchandiser moderator operator", ""),
    "recommender.recommendermodel": ("viewer editor merchandiser moderator operator", ""),
    "recommender.suggestion": ("viewer editor merchandiser moderator operator", ""),
    "recommender.event": ("merchandiser operator", ""),
    "recommender.visitor": ("merchandiser operator", ""),
    "auth.user": ("", ""),
    "auth.group": ("", ""),
    "axes.accessattempt": ("", ""),
    "axes.accessfailurelog": ("", ""),
    "axes.accesslog": ("", ""),
    "django_celery_beat.periodictask": ("operator", ""),
    "django_celery_beat.intervalschedule": ("operator", ""),
    "django_celery_beat.crontabschedule": ("operator", ""),
    "django_celery_beat.clockedschedule": ("", ""),
    "django_celery_beat.solarschedule": ("", ""),
}
# buttons of lists and pages: the address (of a row, if it has one), and who may
BUTTONS = {
    "/admin/catalog/item/import_items/": "editor operator",
    "/admin/retrieval/embeddingspace/train/": "operator",
    "/admin/retrieval/embeddingspace/create/": "operator",
    "/admin/retrieval/embeddingspace/rollback/": "operator",
    "/admin/retrieval/auditfinding/audit_now/": "operator",
    "/admin/recommender/recommendermodel/train/": "operator",
    "/admin/retrieval/case/check_catalog/": "moderator",
    "/admin/retrieval/duplicatepair/find/": "moderator",
}


@pytest.fixture(params=NAMES)
def role(request) -> tuple[str, Client]:
    """Somebody with this role and nothing else."""
    user = User.objects.create_user(request.param, is_staff=True)
    user.groups.set(Group.objects.filter(name=request.param))
    client = Client()
    client.force_login(user)
    return request.param, client


def test_the_groups_are_there_after_migrating():
    assert set(Group.objects.values_list("name", flat=True)) >= set(NAMES) == set(ROLES)
    known = permissions(frozenset().union(*ROLES.values()))
    for name, wanted in ROLES.items():
        held = Group.objects.get(name=name).permissions.select_related("content_type")
        assert {f"{p.content_type.app_label}.{p.codename}" for p in held} == wanted & set(known)
        assert wanted <= set(known)


def test_every_role_may_do_what_a_viewer_may():
    assert all(ROLES["viewer"] <= wanted for wanted in ROLES.values())


def test_migrating_again_changes_nothing_and_takes_nothing_away():
    added = Permission.objects.get(codename="delete_item")
    Group.objects.get(name="viewer").permissions.add(added)
    Group.objects.get(name="editor").permissions.remove(added)
    call_command("migrate", verbosity=0)
    assert added in Group.objects.get(name="viewer").permissions.all()
    assert added in Group.objects.get(name="editor").permissions.all()
    before = list(Group.permissions.through.objects.values_list("group_id", "permission_id"))
    roles_ensure()
    assert (
        list(Group.permissions.through.objects.values_list("group_id", "permission_id")) == before
    )


def test_each_page_is_listed_here():
    assert {model._meta.label_lower for model in admin.site._registry} - set(PAGES) == set()


def test_pages(role):
    name, client = role
    assert client.get("/admin/").status_code == 200
    for page, (see, add) in PAGES.items():
        url = f"/admin/{page.replace('.', '/')}/"
        answer = client.get(url)
        assert (page, answer.status_code) == (page, 200 if name in see.split() else 403)
        may_add = name in add.split()
        if page != "catalog.queuepause":
            assert (page, client.get(f"{url}add/").status_code) == (page, 200 if may_add else 403)
        if answer.status_code == 200:
            assert (page, f'href="{url}add/' in answer.content.decode()) == (page, may_add)


def test_buttons(role):
    name, client = role
    for url, may in BUTTONS.items():
        listed = client.get(
            url.rsplit("/", 2)[0] + "/"
        ).content.decode()  # or that it is not for them
        allowed = name in may.split()
        assert (url, url in listed) == (url, allowed)
        answer = client.post(url, {"_form_submitted": "x"} if allowed else {})
        assert (url, answer.status_code == 403) == (url, not allowed)


def test_an_item_can_be_changed_by_editors_and_moderators_only(role):
    name, client = role
    item = ItemFactory(title="before")
    url = f"/admin/catalog/item/{item.pk}/"
    shown = client.get(f"{url}change/")
    assert shown.status_code == 200
    may_change = name in ("editor", "moderator")
    assert ('name="_save"' in shown.content.decode()) == may_change
    assert client.post(f"{url}delete/", {"post": "yes"}).status_code == (
        302 if name == "editor" else 403
    )
    ItemFactory()
    listed = client.get("/admin/catalog/item/").content.decode()
    assert ('value="publish"' in listed) == may_change


def test_the_page_of_a_user_offers_the_groups(admin_client):
    user = User.objects.create_user("new", is_staff=True)
    page = admin_client.get(f"/admin/auth/user/{user.pk}/change/").content.decode()
    for name in NAMES:
        assert f">{name}</option>" in page


def test_a_media_files_page_is_shown_to_every_role(role):
    media = MediaFactory()
    page = reverse("admin:catalog_media_change", args=[media.pk])
    assert role[1].get(page).status_code == 200
