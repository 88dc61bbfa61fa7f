"""Who may use the API, and how often."""

import ipaddress
import re
from math import ceil
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import (
    AuthenticationFailed,
    NotAuthenticated,
    PermissionDenied,
    Throttled,
)
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from catalog.broker import redis_client
from catalog.models import ApiKey
from catalog.models.api_keys import Scope
from catalog.timeouts import PATIENT_MS, timeouts

if TYPE_CHECKING:  # rest_framework.views reads the settings that name the classes of this module
    from rest_framework.views import APIView

KEY_SHAPE = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")
WINDOW_S = 60
KEY = "triad:rate:"
# whoever may do these may read what they did
READERS = frozenset({Scope.READ, Scope.CATALOG, Scope.OPS})


class BadApiKey(AuthenticationFailed):
    """The key presented is unknown, revoked or expired; the answer does not say which."""

    default_code = "bad_api_key"
    default_detail = "The API key is unknown, revoked or expired."


class WrongScope(PermissionDenied):
    """The key is good but may not do this."""

    default_code = "wrong_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs an API key with the scope {str(scope)!r}.")


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Api-Key PREFIX.SECRET`` or ``X-Api-Key: PREFIX.SECRET``.

    Leaves the key's row in ``request.auth``; the user stays anonymous.
    """

    keyword = "Api-Key"

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        """None when no key is presented; raises BadApiKey for one that is no good, Throttled after many,
        OperationalError where the database takes PATIENT_MS to look it up.
        """
        key = self._presented(request)
        if key is None:
            return None
        row = _good_key(key)
        if row is None:
            limit_refusals(request)
            raise BadApiKey
        return AnonymousUser(), row

    def authenticate_header(self, request: Request) -> str:
        """Makes refusals 401 instead of 403."""
        return f'{self.keyword} realm="api"'

    def _presented(self, request: Request) -> str | None:
        own = request.META.get("HTTP_X_API_KEY")
        if own is not None:
            return str(own).strip()
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        return key.strip() if scheme.lower() == self.keyword.lower() else None


def _good_key(key: str) -> ApiKey | None:
    if not KEY_SHAPE.fullmatch(key):  # also keeps NUL characters away from the database
        return None
    with timeouts(PATIENT_MS, PATIENT_MS):  # a valid one of an older hash is written as well
        row = ApiKey.objects.filter(prefix=key.partition(".")[0], revoked=False).first()
        return row if row is not None and not row.has_expired and row.is_valid(key) else None


def scope_needed(request: Request, view: "APIView") -> str:
    """The view's ``required_scopes`` by method; else reading needs read, writing needs catalog."""
    method = request.method or "GET"
    declared: dict[str, str] = getattr(view, "required_scopes", {})
    if method in declared:
        return declared[method]
    if method in SAFE_METHODS:
        return declared.get("GET", Scope.READ)
    return Scope.CATALOG


def has_scope(request: Request, scope: str) -> bool:
    """Whether the request may do what ``scope`` allows; staff in the browser may do everything."""
    if scope == Scope.READ and settings.API["ANONYMOUS_READ"]:
        return True
    if isinstance(request.auth, ApiKey):
        held = set(request.auth.scopes)
        return scope in held or (scope == Scope.READ and not held.isdisjoint(READERS))
    return bool(request.user and request.user.is_active and request.user.is_staff)


def require_scope(request: Request, scope: str) -> None:
    """Raises NotAuthenticated without credentials, WrongScope with some that do not suffice."""
    if has_scope(request, scope):
        return
    if request.auth is None and not (request.user and request.user.is_authenticated):
        raise NotAuthenticated(f"Send an API key with the scope {str(scope)!r}.")
    raise WrongScope(scope)


class HasScope(BasePermission):
    """Lets a request through when it has the scope its view needs."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """True, or raises WrongScope or NotAuthenticated, after many of the latter Throttled."""
        try:
            require_scope(request, scope_needed(request, view))
        except NotAuthenticated:
            limit_refusals(request)
            raise
        return True


# One round trip, one step: concurrent requests cannot all read the count before one of them
# raises it. The window starts with the first request and is not prolonged by later ones.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
local left_ms = redis.call('PTTL', KEYS[1])
if left_ms < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    left_ms = tonumber(ARGV[1])
end
return {count, left_ms}
"""


class RateLimit(BaseThrottle):
    """Requests a minute, counted in Redis by API key, user or address."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Counts the request; redis.exceptions.ConnectionError when Redis is down."""
        who, limit = self._who(request)
        count, left_ms = counted(who)
        self._wait_s = ceil(left_ms / 1000)
        # ProblemMiddleware puts them on the response, refused or not
        request._request.rate_headers = {  # type: ignore[attr-defined]
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - count)),
            "X-RateLimit-Reset": str(self._wait_s),
        }
        return count <= limit

    def wait(self) -> float:
        """Seconds until the window ends."""
        return max(1, self._wait_s)

    def _who(self, request: Request) -> tuple[str, int]:
        if isinstance(request.auth, ApiKey):
            return f"key:{request.auth.prefix}", settings.API["RATE_LIMIT_KEY"]
        if request.user and request.user.is_authenticated:
            return f"user:{request.user.pk}", settings.API["RATE_LIMIT_KEY"]
        return f"ip:{client_address(request._request)}", settings.API["RATE_LIMIT_ANONYMOUS"]


def limit_refusals(request: Request) -> None:
    """Counts a request without good credentials by its address: keys cannot be guessed at any speed.

    Raises Throttled beyond the limit of anonymous requests. Good keys from the same address go on.
    """
    count, left_ms = counted(f"refused:{client_address(request._request)}")
    if count > settings.API["RATE_LIMIT_ANONYMOUS"]:
        raise Throttled(wait=max(1, ceil(left_ms / 1000)))


def counted(who: str) -> tuple[int, int]:
    """How many this minute, with this one, and how many milliseconds are left of the minute."""
    answer: Any = redis_client().eval(_COUNT, 1, KEY + who, WINDOW_S * 1000)
    return int(answer[0]), int(answer[1])


def client_address(request: HttpRequest) -> str:
    """The client's address; of IPv6 its /64, which is what one client has.

    Behind a proxy it is the last entry of X-Forwarded-For: the one our proxy wrote, while the
    entries before it are the client's claims.
    """
    raw = request.META.get("REMOTE_ADDR") or "unknown"
    if settings.API["BEHIND_PROXY"]:
        raw = request.META.get("HTTP_X_FORWARDED_FOR", raw).split(",")[-1].strip()
    try:
        address = ipaddress.ip_address(raw)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)
    return str(address)
