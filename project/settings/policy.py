"""The POLICY of pages: which may be cached, and for how long; docs/explanation/cache-policy.md says why."""

from __future__ import annotations

from typing import Any

#: Browsers can't be purged, so they ask again every time, and are told 304 while nothing changed.
BROWSER_SECONDS = 0
#: Whatever changes a page purges it; a day bounds what is forgotten.
SHARED_SECONDS = 86_400
#: What a cache may show of an expired page, while it asks for a new one or the origin fails.
REVALIDATE_SECONDS = 60
FAILURE_SECONDS = 86_400
#: A hashed name never gets other content (C8); other static files are asked for again after a minute.
HASHED_SECONDS = 31_536_000
UNHASHED_SECONDS = 60

PUBLIC_VIEWS = [
    "blog:home",
    "blog:about",
    "blog:posts",
    "blog:category",
    "blog:author",
    "blog:post",
    "blog:api-posts",
    "blog:api-post",
    "blog:sitemap",
]

#: What a page of the path depends on; the first pattern that matches counts. The proxies remove what else was appended.
QUERY_PARAMETERS = {
    "^/blog/$": ["page", "tag"],
    "^/blog/(category|author)/": ["page"],
    "^/api/posts/$": ["page"],
    "^/sitemap[.]xml$": ["p"],
    "^/($|about/|blog/|api/posts/|static/)": [],
}

POLICY: list[dict[str, Any]] = [
    {
        "VIEWS": PUBLIC_VIEWS,
        "CACHE_CONTROL": f"public, max-age={BROWSER_SECONDS}, s-maxage={SHARED_SECONDS}",
        "STALE_WHILE_REVALIDATE": REVALIDATE_SECONDS,
        "STALE_IF_ERROR": FAILURE_SECONDS,
    },
]
