"""Every page of the admin, other people's included, opens and looks like ours."""

import pytest
from django.contrib import admin
from django.urls import reverse
from unfold.admin import ModelAdmin

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_lists_and_forms_open(admin_client, rf, admin_user, model):
    options = model._meta
    page = admin.site._registry[model]
    assert isinstance(page, ModelAdmin)
    name = f"admin:{options.app_label}_{options.model_name}"
    assert admin_client.get(reverse(f"{name}_changelist")).status_code == 200
    request = rf.get("/")
    request.user = admin_user
    expected = 200 if page.has_add_permission(request) else 403
    assert admin_client.get(reverse(f"{name}_add")).status_code == expected


def test_the_sidebar_links_only_to_what_the_user_may_see(admin_client, client, django_user_model):
    link = reverse("admin:catalog_item_changelist")
    assert f'href="{link}"' in admin_client.get(reverse("admin:index")).content.decode()
    client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    assert link not in client.get(reverse("admin:index")).content.decode()


def test_the_sidebar_marks_the_page_that_is_open(admin_client):
    for page, marked in (("changelist", "Items"), ("playground", "Playground")):
        shown = admin_client.get(reverse(f"admin:catalog_item_{page}"))
        groups = shown.context["sidebar_navigation"]
        assert [item["title"] for group in groups for item in group["items"] if item["active"]] == [
            marked
        ]


def test_logging_in_leads_to_the_admin(client, admin_user):
    form = {"username": "admin", "password": "password"}
    response = client.post(reverse("admin:login"), form)
    assert response.headers["Location"] == reverse("admin:index")
