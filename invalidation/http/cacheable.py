"""Reading and writing Cache-Control: may a shared cache store this response, and for how long? Pure."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

#: Headers by which an origin gives shared caches a lifetime; the first that names one wins (RFC 9213, Fastly).
LIFETIME_HEADERS = ("Surrogate-Control", "CDN-Cache-Control", "Cache-Control")


def directives(header: str) -> dict[str, str]:
    """`"public, s-maxage=60"` as `{"public": "", "s-maxage": "60"}`."""
    pairs = (part.partition("=") for part in header.split(",") if part.strip())
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def shared_seconds(response: HttpResponseBase) -> int:
    """How long a shared cache may keep the response; 0 where it must not store it."""
    for header in LIFETIME_HEADERS:
        if header not in response.headers:
            continue
        found = directives(response.headers[header])
        if {"no-store", "private", "no-cache"} & set(found):
            return 0
        lifetime = found.get("s-maxage", found.get("max-age", ""))
        if lifetime.isdigit():
            return int(lifetime)
    return 0


def storable(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Would a shared cache that obeys its headers keep this response?"""
    return (
        request.method in ("GET", "HEAD")
        and response.status_code in (200, 203, 301, 404, 410)
        and not response.cookies
        and "Authorization" not in request.headers
        and shared_seconds(response) > 0
    )


def forbid(response: HttpResponseBase) -> None:
    """Let nobody store the response."""
    for header in LIFETIME_HEADERS[:2]:
        del response.headers[header]
    response.headers["Cache-Control"] = "no-store"


def shorten(response: HttpResponseBase, seconds: int) -> None:
    """Let shared caches keep the response for at most `seconds`."""
    if shared_seconds(response) <= seconds:
        return
    for header in LIFETIME_HEADERS[:2]:
        del response.headers[header]
    response.headers["Cache-Control"] = f"public, max-age=0, s-maxage={seconds}"
