"""Reading and writing lifetimes: may a shared cache store this response, and for how long? Pure but for the clock."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.http import parse_http_date_safe

#: Headers by which an origin gives shared caches a lifetime. Products differ in which they read (RFC 9213, Fastly), so
#: a response counts as cacheable when any of them allows it.
LIFETIME_HEADERS = ("Surrogate-Control", "CDN-Cache-Control", "Cache-Control")
#: Nginx' own, which it believes before the others: seconds, or "@" and a second of the epoch.
ACCELERATED = "X-Accel-Expires"
#: What caches take a longer number for (RFC 9111, 1.2.2).
MOST_SECONDS = 2**31
SECONDS_PATTERN = re.compile(r"[0-9]+")
LIFETIMES, GRACES = {"max-age", "s-maxage"}, {"stale-while-revalidate", "stale-if-error"}
FORBIDDING = {"no-store", "private", "no-cache"}
#: A site writes few different headers, each of them for many responses.
KNOWN_HEADERS = 512


@lru_cache(KNOWN_HEADERS)
def directives(header: str) -> Mapping[str, str]:
    """`"public, s-maxage=60"` as `{"public": "", "s-maxage": "60"}`."""
    pairs = (part.partition("=") for part in header.split(",") if part.strip())
    return MappingProxyType({name.strip().lower(): value.strip().strip('"') for name, _, value in pairs})


@lru_cache(KNOWN_HEADERS)
def _seconds(header: str) -> int | None:
    """The lifetime that one header gives: 0 where it forbids storing, None where it says nothing."""
    parsed = directives(header)
    if FORBIDDING & set(parsed):
        return 0
    return _number(parsed.get("s-maxage", parsed.get("max-age", "")))


def _number(text: str) -> int | None:
    """Digits of ASCII, bounded; None for anything else."""
    if not SECONDS_PATTERN.fullmatch(text):
        return None
    digits = text.lstrip("0")
    return min(int(digits or 0), MOST_SECONDS) if len(digits) <= len(str(MOST_SECONDS)) else MOST_SECONDS


def shared_seconds(response: HttpResponseBase) -> int:
    """The longest time for which some shared cache may keep the response; 0 where none may."""
    headers = response.headers
    named = [_seconds(headers[name]) for name in LIFETIME_HEADERS if name in headers]
    if ACCELERATED in headers:
        named.append(_accelerated_seconds(headers[ACCELERATED]))
    known = [seconds for seconds in named if seconds is not None]
    return max(known) if known else _expires_seconds(response)


def longest_seconds(response: HttpResponseBase) -> int:
    """The longest time for which any cache may serve the response, a browser's and what is stale by then included."""
    named = [response.headers[name] for name in LIFETIME_HEADERS if name in response.headers]
    return max(shared_seconds(response), *map(_sum, named), 0)


@lru_cache(KNOWN_HEADERS)
def _sum(header: str) -> int:
    """Of every time that one header gives."""
    parsed = directives(header)
    return sum(_number(parsed[name]) or 0 for name in LIFETIMES | GRACES if name in parsed)


def _accelerated_seconds(header: str) -> int | None:
    moment = _number(header.removeprefix("@"))
    return moment if moment is None or not header.startswith("@") else max(0, moment - int(time.time()))


def _expires_seconds(response: HttpResponseBase) -> int:
    expires_at = parse_http_date_safe(response.headers.get("Expires", ""))
    return max(0, expires_at - int(time.time())) if expires_at else 0


def storable(request: HttpRequest, response: HttpResponseBase) -> bool:
    """May some shared cache keep this response?

    Whatever its status: Nginx stores any that has a lifetime, and a 304 renews the copy that is stored.
    """
    return (
        request.method in ("GET", "HEAD")
        and not response.cookies
        and "Authorization" not in request.headers
        and shared_seconds(response) > 0
    )


def forbid(response: HttpResponseBase) -> None:
    """Let nobody store the response."""
    for header in (*LIFETIME_HEADERS, ACCELERATED, "Expires"):
        del response.headers[header]
    response.headers["Cache-Control"] = "no-store"


def cap(response: HttpResponseBase, ends_at: datetime) -> None:
    """Let no copy outlive `ends_at`, a browser's included; less than a second is no life at all."""
    seconds = math.floor((ends_at - timezone.now()).total_seconds())
    if seconds < 1:
        forbid(response)
        return
    if not any(name in response.headers for name in LIFETIME_HEADERS):
        response.headers["Cache-Control"] = f"max-age={shared_seconds(response)}"
    capped = shared_seconds(response) > seconds
    for header in LIFETIME_HEADERS:
        if header in response.headers:
            response.headers[header] = _capped(response.headers[header], seconds)
    if capped:  # as an instant, for Nginx reads no Age from a cache that it fills from
        response.headers[ACCELERATED] = f"@{math.floor(ends_at.timestamp())}"
    del response.headers["Expires"]


def _capped(header: str, seconds: int) -> str:
    """The lifetimes no longer than this, with what may be served stale after them."""
    parsed = dict(directives(header))
    named = {name: _number(value) for name, value in parsed.items() if name in LIFETIMES | GRACES}
    longest = max((min(value, seconds) for name, value in named.items() if name in LIFETIMES and value), default=0)
    for name, value in named.items():
        if value is not None:
            parsed[name] = str(min(value, seconds if name in LIFETIMES else seconds - longest))
    return ", ".join(f"{name}={value}" if value else name for name, value in parsed.items())


def shorten(response: HttpResponseBase, seconds: int) -> None:
    """Let shared caches keep the response for at most `seconds`; a header that forbids storing stays as it is."""
    if not any(name in response.headers for name in LIFETIME_HEADERS):
        response.headers["Cache-Control"] = f"max-age={shared_seconds(response)}"
    for header in LIFETIME_HEADERS:
        if (_seconds(response.headers.get(header, "")) or 0) > seconds:
            response.headers[header] = f"public, max-age=0, s-maxage={seconds}"
    if (_accelerated_seconds(response.headers.get(ACCELERATED, "")) or 0) > seconds:
        response.headers[ACCELERATED] = str(seconds)
    del response.headers["Expires"]
