"""The policy of lifetimes: what kind of response is never public, and which headers the others get by rule."""

from __future__ import annotations

import re
from functools import cache

from django.conf import settings as django_settings
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.functional import LazyObject, empty

from invalidation import conf, lazy
from invalidation.conf.lifetimes import PolicyRule
from invalidation.http import cacheable
from invalidation.http.wrapped import plain

logger = lazy.Logger(__name__)

#: What a rule may make storable (RFC 9110, 15.1, without the errors and without redirects that depend on the visitor).
RULED_STATUSES = {200, 203, 206, 300, 301, 304, 308}
ERRORS = 400
#: By which a view decides for itself; the last is Nginx' own.
OWN_HEADERS = (*cacheable.LIFETIME_HEADERS, "Expires", cacheable.ACCELERATED)
PRIVATE = "private, no-store"


def apply(request: HttpRequest, response: HttpResponseBase) -> None:
    """Give the response its headers: none public where it is private, else its own, else the rule's."""
    if private_because(request, response):
        _keep_private(response)
    elif not _decides_itself(response) and _may_be_ruled(response):
        rule = rule_for(request)
        if rule:
            _write(rule, response)
    _tidy_vary(request, response)


def private_because(request: HttpRequest, response: HttpResponseBase) -> str:
    """Why no shared cache may keep the response; "" where one may."""
    reasons = {
        "unsafe method": request.method not in ("GET", "HEAD"),
        "error": response.status_code >= ERRORS,
        "sets a cookie": bool(response.cookies) or "Set-Cookie" in response.headers,
        # Django's middleware clears the mark once it has set the cookie, but leaves the key.
        "carries a CSRF token": "CSRF_COOKIE_NEEDS_UPDATE" in request.META,
        "varies by everything": "*" in _vary(response),
    }
    cause = next((reason for reason, holds in reasons.items() if holds), "")
    return cause or ("asked by somebody known" if is_personal(request) else "")


def is_personal(request: HttpRequest) -> bool:
    """Is the visitor somebody known, or about to be? Looks at nothing that a view would not look at."""
    if "Authorization" in request.headers or django_settings.SESSION_COOKIE_NAME in request.COOKIES:
        return True
    user = plain(request).__dict__.get("user")
    if isinstance(user, LazyObject) and user._wrapped is empty:
        return False  # nobody has asked who it is, and asking would make the response vary by cookie
    return bool(user and user.is_authenticated)


def _keep_private(response: HttpResponseBase) -> None:
    """Take back what would make it public; a header that forbids that already stays as it is."""
    headers = response.headers
    public = any("public" in cacheable.directives(headers.get(name, "")) for name in cacheable.LIFETIME_HEADERS)
    if public or cacheable.shared_seconds(response) or not headers.get("Cache-Control"):
        cacheable.forbid(response)
        headers["Cache-Control"] = PRIVATE
    del headers["X-Accel-Expires"]


def _decides_itself(response: HttpResponseBase) -> bool:
    return any(name in response.headers for name in OWN_HEADERS)


def _may_be_ruled(response: HttpResponseBase) -> bool:
    """What is rendered while it is sent may still use a CSRF token; a file can't."""
    rendered_late = isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse)
    return response.status_code in RULED_STATUSES and not rendered_late


def rule_for(request: HttpRequest) -> PolicyRule | None:
    """The first rule that names the path or the route."""
    route = request.resolver_match.view_name if request.resolver_match else ""
    return next((rule for rule in conf.settings().pages.policy if _names(rule, request.path, route)), None)


def _names(rule: PolicyRule, path: str, route: str) -> bool:
    return route in rule.views or any(re.search(pattern, path) for pattern in rule.paths)


def _write(rule: PolicyRule, response: HttpResponseBase) -> None:
    stale = {"stale-while-revalidate": rule.stale_while_revalidate, "stale-if-error": rule.stale_if_error}
    extra = [f"{name}={seconds}" for name, seconds in stale.items() if seconds is not None]
    headers = {
        "Cache-Control": rule.cache_control,
        "CDN-Cache-Control": rule.cdn_cache_control,
        "Surrogate-Control": rule.surrogate_control,
    }
    for name, value in headers.items():
        if value:
            response.headers[name] = ", ".join([value, *extra])


def _vary(response: HttpResponseBase) -> list[str]:
    return [name.strip() for name in response.headers.get("Vary", "").split(",") if name.strip()]


def _tidy_vary(request: HttpRequest, response: HttpResponseBase) -> None:
    """Each name once; a public page that varies by cookies is one that caches can hardly use."""
    names: dict[str, str] = {}
    for name in _vary(response):
        names.setdefault(name.lower(), name)
    if names:
        response.headers["Vary"] = ", ".join(names.values())
    if "cookie" in names and cacheable.storable(request, response):
        route = request.resolver_match.view_name if request.resolver_match else request.path
        _warn_of_cookies(route)


@cache
def _warn_of_cookies(route: str) -> None:
    """Once per route and process."""
    logger.warning("public_page_varies_by_cookie", route=route, remedy="read neither session nor user in this view")
