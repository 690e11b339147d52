"""Which absolute URLs a path stands for, and the guard that no other host is ever sent a purge. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache

from invalidation.exceptions import InvalidTarget
from invalidation.targets.values import parts_of

#: Addresses whose origin is remembered: each page is asked about at every rendering and every purge.
KNOWN = 4096


@lru_cache(maxsize=KNOWN)
def origin(url: str) -> str:
    """Scheme and host of an absolute URL, the host in lower case; "" for what is none, such as a broken index names."""
    parts = parts_of(url)
    return f"{parts.scheme}://{parts.netloc.lower()}" if parts else ""


def expand(url: str, sites: Sequence[str]) -> tuple[str, ...]:
    """The absolute URLs that a path or an absolute URL stands for.

    Raises:
        InvalidTarget: an absolute URL is on none of `sites`, or a path is given and there are none.
    """
    if url.startswith("/"):
        if not sites:
            raise InvalidTarget(
                f"{url!r} stands for no URL: set INVALIDATION['SITES'] to the origins of the site, "
                "such as ['https://example.com']."
            )
        return tuple(site + url for site in sites)
    own = origin(url)
    if own not in sites:
        raise InvalidTarget(f"{url!r} is on none of the configured sites; add {own!r} to INVALIDATION['SITES'].")
    return (own + (url[len(own) :] or "/"),)


def expand_known(urls: Iterable[str], sites: Sequence[str]) -> set[str]:
    """The absolute URLs that these stand for, without those on none of `sites`."""
    expanded: set[str] = set()
    for url in urls:
        with suppress(InvalidTarget):
            expanded.update(expand(url, sites))
    return expanded
