"""How often a token and an address may ask: both buckets are asked for in one bounded round trip to Redis.

Open while Redis is away: what the limit protects is the site's processors, and a purge that can't be ordered leaves a
wrong page to everybody. Nobody gets in by it who has no token, and what can't be counted is wide for the gate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address, ip_network

from django.http import HttpRequest

from invalidation.contrib.ninja.conf import settings
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.problems import Problem
from invalidation.freshness import token_bucket
from invalidation.freshness.clients import UNAVAILABLE
from invalidation.freshness.redis_pause import redis_pause
from invalidation.freshness.token_bucket import Draw

#: What one subscriber has of IPv6.
NETWORK_BITS = 64


def spend(request: HttpRequest, token: Token | None) -> None:
    """Take one request from the buckets of both.

    Raises:
        Problem: 429; nothing was taken.
    """
    draws = tuple(_draws(address(request), token))
    if draws and (seconds := _wait_seconds(draws)):
        whole = math.ceil(seconds)
        raise Problem(
            429,
            "Too many requests from this token or address.",
            f"Ask again in {whole} s, as Retry-After says; name many targets in one request.",
            headers={"Retry-After": str(whole)},
        )


def _draws(source: str, token: Token | None) -> Iterator[Draw]:
    if most := settings().address_requests_per_minute:
        yield Draw(f"api-address:{source}", most / 60, most, 1)
    if token and (most := settings().requests_per_minute):
        yield Draw(f"api-token:{token.identifier}", most / 60, most, 1)


def _wait_seconds(draws: tuple[Draw, ...]) -> float:
    try:
        return redis_pause.ask(lambda server: token_bucket.take(server, draws))
    except UNAVAILABLE:
        return 0.0


def address(request: HttpRequest) -> str:
    """Who asks: the entry that the outermost of our own proxies has appended, else whoever is connected."""
    connected = request.META.get("REMOTE_ADDR", "")
    told = [one.strip() for one in request.headers.get("X-Forwarded-For", "").split(",")]
    proxies = int(settings().proxies)
    return _network(told[-proxies] if 0 < proxies <= len(told) else connected) or _network(connected) or "unknown"


def _network(text: str) -> str:
    """An address, or its network where it is IPv6; "" for what is none."""
    try:
        found = ip_address(text)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((int(found), NETWORK_BITS), strict=False))
    return str(found)
