"""Keys, scopes and limits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.test import APIClient

from catalog.access import KEY, client_address, counted
from catalog.broker import redis_client
from catalog.models import ApiKey, Item
from tests.clients import anonymous, with_scopes

ITEMS = "/api/v1/items/"
STATUS = "/api/v1/status/"


@pytest.fixture
def closed(settings):
    """An installation where reading needs a key."""
    settings.API = settings.API | {"ANONYMOUS_READ": False}


def limit(settings, **limits: int) -> None:
    settings.API = settings.API | limits


def client(**headers: str) -> APIClient:
    return APIClient(raise_request_exception=False, headers=headers)


# --- keys ---------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key"])
def test_a_key_in_either_header(closed, header):
    _, key = ApiKey.objects.create_key(name="test", scopes=["read"])
    value = f"api-key {key}" if header == "Authorization" else key

    assert client(**{header: value}).get(ITEMS).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("spoil", ["unknown", "secret", "revoked", "expired"])
def test_a_key_that_is_no_good(spoil):
    row, key = ApiKey.objects.create_key(name="test", scopes=["read"])
    if spoil == "unknown":
        row.delete()
    elif spoil == "secret":
        key = key[:-1] + ("a" if key[-1] != "a" else "b")
    elif spoil == "revoked":
        ApiKey.objects.update(revoked=True)
    else:
        ApiKey.objects.update(expiry_date=timezone.now() - timedelta(seconds=1))

    response = client(Authorization=f"Api-Key {key}").get(ITEMS)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Api-Key realm="api"'
    assert response.json() == {
        "type": "urn:triad:problem:bad_api_key",
        "title": "Bad api key",
        "status": 401,
        "detail": "The API key is unknown, revoked or expired.",
        "code": "bad_api_key",
    }


@pytest.mark.parametrize("key", ["", "x", "a.b", "abcdefgh." + "x" * 33, "abcdefg\0." + "x" * 32])
def test_what_is_no_key_never_reaches_the_database(key):
    response = client(**{"X-Api-Key": key}).get(ITEMS)  # no database in this test

    assert (response.status_code, response.json()["code"]) == (401, "bad_api_key")


@pytest.mark.django_db
def test_other_schemes_are_not_ours():
    assert client(Authorization="Basic dTpw").get(ITEMS).status_code == 200


@pytest.mark.django_db
def test_the_command_prints_a_key_that_works(closed, capsys):
    call_command("create_api_key", "shop", "--scopes", "read, catalog", "--expires", "30")

    key = capsys.readouterr().out.strip()
    row = ApiKey.objects.get()
    assert (row.name, row.scopes) == ("shop", ["catalog", "read"])
    assert timedelta(days=29) < row.expiry_date - timezone.now() < timedelta(days=31)
    assert key.split(".")[0] == row.prefix
    assert key not in row.hashed_key
    assert client(Authorization=f"Api-Key {key}").get(ITEMS).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shop", "--scopes", "read,write"], "Unknown scopes: write."),
        (["shop", "--scopes", ","], "at least one scope"),
        (["", "--scopes", "read"], "1 to 50 characters"),
        (["x" * 51], "1 to 50 characters"),
        (["shop", "--expires", "0"], "1 to 36500 days"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("create_api_key", *arguments)
    assert ApiKey.objects.count() == 0


# --- scopes -------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scope", "reads", "writes", "status"),
    [
        (None, 401, 401, 401),
        ("read", 200, 403, 403),
        ("events", 403, 403, 403),
        ("catalog", 200, 201, 403),
        ("ops", 200, 403, 200),
    ],
)
def test_what_each_scope_may_do_when_reading_needs_a_key(closed, scope, reads, writes, status):
    who = with_scopes(scope) if scope else anonymous()

    assert who.get(ITEMS).status_code == reads
    assert who.post(ITEMS, {"external_id": "a", "title": "A"}).status_code == writes
    assert who.get(STATUS).status_code == status
    assert Item.objects.count() == (1 if writes == 201 else 0)


@pytest.mark.django_db
@pytest.mark.parametrize("scope", [None, "read", "events", "catalog", "ops"])
def test_all_may_read_where_anonymous_clients_may(scope):
    who = with_scopes(scope) if scope else anonymous()

    assert (who.get(ITEMS).status_code, who.get(STATUS).status_code) == (200, 200)


@pytest.mark.django_db
def test_a_wrong_scope_is_named():
    response = with_scopes("read").delete(f"{ITEMS}a/")

    assert response.status_code == 403
    assert response.json()["code"] == "wrong_scope"
    assert response.json()["detail"] == "This needs an API key with the scope 'catalog'."


@pytest.mark.django_db
def test_without_a_key_the_answer_says_what_to_send():
    response = anonymous().put(f"{ITEMS}a/", {})

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Api-Key realm="api"'
    assert response.json()["code"] == "not_authenticated"
    assert response.json()["detail"] == "Send an API key with the scope 'catalog'."


@pytest.mark.django_db
@pytest.mark.parametrize(("staff", "status"), [(True, 201), (False, 403)])
def test_people_in_the_browser_may_write_if_they_are_staff(staff, status):
    who = anonymous()
    who.force_login(
        User.objects.create_user("ada", is_staff=staff), "django.contrib.auth.backends.ModelBackend"
    )

    assert who.post(ITEMS, {"external_id": "a", "title": "A"}).status_code == status


@pytest.mark.django_db
def test_people_in_the_browser_need_the_csrf_token():
    who = APIClient(enforce_csrf_checks=True, raise_request_exception=False)
    who.force_login(
        User.objects.create_user("ada", is_staff=True), "django.contrib.auth.backends.ModelBackend"
    )

    response = who.post(ITEMS, {"external_id": "a", "title": "A"})

    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    assert Item.objects.count() == 0


# --- limits -------------------------------------------------------------------------------------


@pytest.fixture
def fresh():
    """No counts of earlier tests."""
    for key in redis_client().scan_iter(f"{KEY}*"):
        redis_client().delete(key)


@pytest.mark.django_db
def test_too_fast(settings, fresh):
    limit(settings, RATE_LIMIT_KEY=2)
    who, other = with_scopes("catalog"), with_scopes("read")

    answers = [who.post(ITEMS, {"external_id": f"i{n}", "title": "A"}) for n in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert [answer["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer["X-RateLimit-Limit"] for answer in answers} == {"2"}
    assert answers[2].json()["code"] == "throttled"
    assert answers[2]["Content-Type"] == "application/problem+json"
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert answers[2]["X-RateLimit-Reset"] == answers[2]["Retry-After"]
    assert Item.objects.count() == 2
    assert other.get(ITEMS).status_code == 200


@pytest.mark.django_db
def test_keys_cannot_be_guessed_at_any_speed(closed, settings, fresh):
    limit(settings, RATE_LIMIT_ANONYMOUS=3)
    key = ApiKey.objects.create_key(name="good", scopes=["read"])[1]
    for refused in ({"X-Api-Key": f"aaaaaaaa.{'b' * 32}"}, {}):
        redis_client().delete(f"{KEY}refused:127.0.0.1")
        codes = [client(**refused).get(ITEMS) for _ in range(5)]
        assert [answer.status_code for answer in codes] == [401, 401, 401, 429, 429]
        assert 0 < int(codes[-1]["Retry-After"]) <= 60
        assert client(**{"X-Api-Key": key}).get(ITEMS).status_code == 200  # from the same address


@pytest.mark.django_db
def test_addresses_are_counted_apart_from_each_other(settings, fresh):
    limit(settings, RATE_LIMIT_ANONYMOUS=1)

    def status(address):
        return anonymous().get(ITEMS, REMOTE_ADDR=address).status_code

    assert [status("192.0.2.1"), status("192.0.2.1"), status("192.0.2.2")] == [200, 429, 200]


@pytest.mark.django_db
def test_a_window_ends(settings, fresh):
    limit(settings, RATE_LIMIT_ANONYMOUS=1)
    anonymous().get(ITEMS)
    assert anonymous().get(ITEMS).status_code == 429

    redis_client().delete(f"{KEY}ip:127.0.0.1")  # what Redis does after a minute

    assert anonymous().get(ITEMS).status_code == 200


def test_every_count_expires(fresh):
    counted("ip:192.0.2.1")
    assert 0 < redis_client().ttl(f"{KEY}ip:192.0.2.1") <= 60

    redis_client().persist(f"{KEY}ip:192.0.2.1")  # however that came about
    counted("ip:192.0.2.1")
    assert 0 < redis_client().ttl(f"{KEY}ip:192.0.2.1") <= 60


def test_of_many_requests_at_once_exactly_the_limit_passes(fresh):
    with ThreadPoolExecutor(16) as pool:
        counts = list(pool.map(lambda _: counted("ip:192.0.2.1")[0], range(200)))

    assert sorted(counts) == list(range(1, 201))  # so `count <= limit` holds for exactly `limit`


@pytest.mark.django_db(transaction=True)
def test_of_many_http_requests_at_once_exactly_the_limit_passes(settings, fresh):
    limit(settings, RATE_LIMIT_ANONYMOUS=7)

    def status(_: int) -> int:
        try:
            return anonymous().get("/api/v1/categories/").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(status, range(24)))

    assert sorted(found) == [200] * 7 + [429] * 17


@pytest.mark.django_db
def test_without_redis_nothing_is_let_through_uncounted(monkeypatch, tmp_path):
    nowhere = redis.Redis(unix_socket_path=str(tmp_path / "s"), retry=Retry(NoBackoff(), 1))
    monkeypatch.setattr("catalog.access.redis_client", lambda: nowhere)

    response = with_scopes("catalog").post(ITEMS, {"external_id": "a", "title": "A"})

    assert (response.status_code, response.json()["code"]) == (503, "broker_unavailable")
    assert response["Retry-After"] == "5"
    assert str(tmp_path) not in response.content.decode()
    assert Item.objects.count() == 0


@pytest.mark.parametrize(
    ("behind_proxy", "remote", "forwarded", "address"),
    [
        (False, "192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (True, "192.0.2.1", "198.51.100.7", "198.51.100.7"),
        (True, "192.0.2.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"),
        (True, "192.0.2.1", None, "192.0.2.1"),
        (True, "192.0.2.1", "nonsense", "unknown"),
        (False, "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::"),
        (False, "", None, "unknown"),
    ],
)
def test_the_clients_address(settings, behind_proxy, remote, forwarded, address):
    settings.API = settings.API | {"BEHIND_PROXY": behind_proxy}
    extra = {"REMOTE_ADDR": remote}
    if forwarded is not None:
        extra["HTTP_X_FORWARDED_FOR"] = forwarded

    assert client_address(RequestFactory().get("/", **extra)) == address
