"""The canary: a page under a signed path that caches may keep, by which the doctor sees what they do with it."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse

from invalidation.http.address import exact_url
from invalidation.http.tags import add_cache_tags

PATH = "/.well-known/invalidation-canary/"
SALT = "invalidation.canary"
#: A path is answered for this long, and no copy outlives it by more than the second.
PATH_SECONDS = 120
COPY_SECONDS = 60
#: The answer to any other method begins so: a purge that gets it has passed through the cache.
REACHED = "The application received"


@dataclass(frozen=True)
class Canary:
    """One page that never was before; its path carries everything that the application needs to render it."""

    tags: int = 1
    """How many it carries."""

    vary: str = ""
    """The request header by which it says that it varies."""

    nonce: str = field(default_factory=lambda: secrets.token_hex(6))

    @cached_property
    def path(self) -> str:
        """Where the application answers it; signed once, because another second gives another signature."""
        return f"{PATH}{signing.dumps(asdict(self), salt=SALT)}/"

    def tag(self, number: int) -> str:
        """One of its tags, 0 to `tags` - 1; their alphabetical order is that of their numbers."""
        return f"invalidation.canary:{self.nonce}:{number:05}"


def respond(request: HttpRequest) -> HttpResponse | None:
    """The canary that the path is signed for; None for any other path, and once the signature is too old."""
    if not request.path_info.startswith(PATH) or (canary := _signed(request.path_info[len(PATH) :])) is None:
        return None
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(f"{REACHED} {request.method}.", status=405, headers={"Cache-Control": "no-store"})
    add_cache_tags(request, *map(canary.tag, range(canary.tags)))
    response = JsonResponse(_document(request, canary))
    response.headers["Cache-Control"] = f"public, max-age=0, s-maxage={COPY_SECONDS}"
    if canary.vary:
        response.headers["Vary"] = canary.vary
    return response


def _signed(rest: str) -> Canary | None:
    """The canary of a path's rest; what follows its signature is there to test how caches spell it."""
    try:
        values: dict[str, Any] = signing.loads(rest.partition("/")[0], salt=SALT, max_age=PATH_SECONDS)
    except signing.BadSignature:
        return None
    return Canary(**values)


def _document(request: HttpRequest, canary: Canary) -> dict[str, str]:
    """What the application saw; `render` tells one rendering from the next."""
    return {
        "canary": canary.nonce,
        "render": secrets.token_hex(8),
        "url": exact_url(request),
        "range": request.headers.get("Range", ""),
    }
