"""API keys in the admin."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from catalog.models import ApiKey

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/apikey/"
KEY = re.compile(r"<code>([A-Za-z0-9]{8}\.[A-Za-z0-9]{32})</code>")


def test_a_new_key_is_shown_once_and_stored_as_a_hash(admin_client):
    form = {"name": "shop", "scopes": ["read", "events"], "expiry_date_0": "", "expiry_date_1": ""}
    response = admin_client.post(f"{LIST}add/", form, follow=True)
    (key,) = KEY.findall(response.content.decode())
    row = ApiKey.objects.get()
    assert (row.name, row.scopes, row.prefix) == ("shop", ["read", "events"], key[:8])
    assert row.is_valid(key)
    secret = key.partition(".")[2]
    assert secret not in row.hashed_key
    assert secret not in row.pk
    for url in (LIST, reverse("admin:catalog_apikey_change", args=[row.pk])):
        html = admin_client.get(url).content.decode()
        assert key[:8] in html
        assert secret not in html


def test_a_key_needs_a_known_scope(admin_client):
    for scopes in ([], ["everything"]):
        response = admin_client.post(f"{LIST}add/", {"name": "shop", "scopes": scopes})
        assert list(response.context["adminform"].form.errors) == ["scopes"]
    assert not ApiKey.objects.exists()


def test_scopes_and_end_can_be_changed(admin_client):
    row, key = ApiKey.objects.create_key(name="shop", scopes=["read"])
    form = {
        "name": "shop 2",
        "scopes": ["catalog"],
        "expiry_date_0": "2020-01-01",
        "expiry_date_1": "00:00:00",
    }
    url = reverse("admin:catalog_apikey_change", args=[row.pk])
    assert admin_client.post(url, form).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.scopes) == ("shop 2", ["catalog"])
    assert row.expiry_date == datetime(2020, 1, 1, tzinfo=UTC)
    assert row.is_valid(key)
    assert ">\nexpired" in re.sub(r"\n\s+", "\n", admin_client.get(LIST).content.decode())


def test_revoking_ends_the_chosen_keys_only(admin_client):
    chosen, _ = ApiKey.objects.create_key(name="a", scopes=["read"])
    other, _ = ApiKey.objects.create_key(name="b", scopes=["read"])
    form = {"action": "revoke", "_selected_action": [chosen.pk]}
    response = admin_client.post(LIST, form, follow=True)
    assert [str(message) for message in response.context["messages"]] == ["1 key revoked."]
    chosen.refresh_from_db()
    other.refresh_from_db()
    assert (chosen.revoked, other.revoked) == (True, False)
    page = reverse("admin:catalog_apikey_change", args=[chosen.pk])
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"name": "c", "scopes": ["read"]}).status_code == 403


def test_keys_without_scopes_have_no_page(admin_client):
    assert admin_client.get("/admin/rest_framework_api_key/apikey/").status_code == 404
