"""How URLs are taken apart and options are read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ImproperlyConfigured

from invalidation.exceptions import RejectedError
from invalidation.providers.http import Location
from invalidation.providers.nginx import Nginx
from invalidation.providers.varnish import Varnish
from invalidation.providers.vendor import pause_seconds

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://example.com", Location("https", "example.com", "/")),
        ("https://example.com?a", Location("https", "example.com", "/?a")),
        ("HTTP://Example.COM:8080/a/?", Location("http", "Example.COM:8080", "/a/?")),
        ("http://e.com/%c3%a9//?b&a=%2F", Location("http", "e.com", "/%c3%a9//?b&a=%2F")),
        ("http://münchen.de/ü", Location("http", "xn--mnchen-3ya.de", "/%C3%BC")),
    ],
)
def test_a_url_is_taken_apart_without_respelling(url: str, location: Location) -> None:
    assert Location.of(url) == location


@pytest.mark.parametrize("url", ["/a/", "ftp://example.com/", "//example.com/", "http:///a/"])
def test_a_url_that_is_not_absolute_is_refused(url: str) -> None:
    with pytest.raises(RejectedError, match="SITES"):
        Location.of(url)


@pytest.mark.parametrize("provider", [Nginx, Varnish])
@pytest.mark.parametrize(
    ("node", "options", "name"),
    [
        ("http://127.0.0.1:1", {}, "SECRET"),
        ("http://127.0.0.1:1", {"SECRET": ""}, "SECRET"),
        ("http://127.0.0.1:1", {"SECRET": "s", "TIMEOUT_SECONDS": 0}, "TIMEOUT_SECONDS"),
        ("http://127.0.0.1:1", {"SECRET": "s", "TIMEOUT_SECONDS": "5"}, "TIMEOUT_SECONDS"),
        ("", {"SECRET": "s"}, "NODES"),
        ("127.0.0.1:6081", {"SECRET": "s"}, "NODES"),
    ],
)
def test_a_wrong_option_or_node_is_named(
    provider: type[Nginx] | type[Varnish], node: str, options: dict[str, object], name: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        provider("tier", node, options)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7", "Ratelimit": '"default";r=0;t=30'}, 7),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}, 9),
        ({"Ratelimit": '"default";r=0;t=30'}, 30),
        ({"Ratelimit": '"default";r=1199;t=300'}, None),
        ({"Fastly-RateLimit-Reset": str(int(NOW.timestamp()) + 5)}, 5),
        ({}, None),
    ],
)
def test_a_vendor_tells_the_length_of_its_pause_in_one_of_three_headers(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert pause_seconds(headers, NOW) == seconds
