"""Stands in for Cloudflare: its purge API with the limits of a plan, its cache rules, and an edge that holds copies."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from tests.stand_ins.cloudflare_rules import Rulesets
from tests.stand_ins.copies import Copy, tagged
from tests.stand_ins.edge import GZIP, Edge
from tests.stand_ins.limits import Bucket, Window
from tests.stand_ins.server import Request, Response
from tests.stand_ins.vendor import Vendor, parser, serve

ZONE_ID = "023e105f4ecef8ad9ca31a8372d0c353"
API_TOKEN = "cloudflare-token-of-the-tests"
SELECTORS = ("files", "tags", "hosts", "prefixes", "purge_everything")
#: Plan → refill a second and capacity of the bucket for tags, hosts, prefixes and everything; URLs a second; URLs a
#: call as the documentation has it, and as it was seen to be enforced.
PLANS: dict[str, tuple[float, float, float, int, int]] = {
    "free": (5 / 60, 25, 800, 100, 30),
    "pro": (5, 25, 1_500, 100, 30),
    "business": (10, 50, 1_500, 100, 30),
    "enterprise": (50, 500, 3_000, 500, 500),
}
MAX_ITEMS = 100
MAX_SEPARATORS = 31
PURGE_PATH = re.compile(r"/client/v4/zones/([^/]+)/(purge_cache|invalidate_cache)")


def envelope(status: int, result: object = None, errors: Sequence[tuple[int, str]] = (), **headers: str) -> Response:
    """Cloudflare's answer to anything."""
    told = [{"code": code, "message": message} for code, message in errors]
    document = {"success": not told, "errors": told, "messages": [], "result": result}
    return Response.json(status, document, **headers)


class Cloudflare(Vendor):
    """Cloudflare with one zone."""

    name: ClassVar[str] = "cloudflare"
    own_faults: ClassVar[frozenset[str]] = frozenset({"partial"})

    def __init__(
        self,
        *,
        port: int = 0,
        plan: str = "pro",
        as_documented: bool = False,
        unlimited: bool = False,
        origin: str = "",
        edge_port: int = 0,
    ) -> None:
        """`as_documented` takes 100 URLs a call below Enterprise, where 30 were seen enforced.

        `unlimited` counts no calls, which Cloudflare offers on no plan.
        """
        super().__init__(port=port)
        refill, capacity, urls_per_second, documented, observed = PLANS[plan]
        self.max_files = documented if as_documented else observed
        self.purges = Bucket(capacity, refill) if not unlimited else Bucket(sys.maxsize, sys.maxsize)
        self.files = Bucket(urls_per_second, urls_per_second)
        self.calls = Window(1_200 if not unlimited else sys.maxsize, 300)
        self.rulesets = Rulesets()
        self.edge = Edge(origin, copies=self.copies, port=edge_port) if origin else None

    def __enter__(self) -> Self:
        if self.edge:
            self._running.enter_context(self.edge)
        return super().__enter__()

    def answer(self, request: Request, fault: str) -> Response:
        """Check the token, then the limit of the API, then purge or keep rules."""
        if request.headers.get("authorization") != f"Bearer {API_TOKEN}":
            return self.unauthorized()
        if seconds := self.calls.take():
            return self.refuse("api", seconds)
        if match := PURGE_PATH.fullmatch(request.path):
            answer = self._purge(request, soft=match[2] == "invalidate_cache", fault=fault)
        else:
            answer = self.rulesets.answer(request) or envelope(
                404, None, [(7003, "Could not route to " + request.path)]
            )
        quota = {"Ratelimit": f'"default";r={self.calls.left};t=300', "Ratelimit-Policy": '"default";q=1200;w=300'}
        return Response(answer.status, answer.body, {**quota, **answer.headers})

    def throttled(self, seconds: float) -> Response:
        """With a pause of some length where `seconds` says one."""
        told = {"Retry_After": str(math.ceil(seconds))} if seconds else {}
        return envelope(429, None, [(1134, "Unable to purge, rate limit reached.")], **told)

    def unauthorized(self) -> Response:
        """As seen with credentials that are wrong, and now and then with good ones."""
        return envelope(401, None, [(10000, "Authentication error")])

    def _purge(self, request: Request, *, soft: bool, fault: str) -> Response:
        body = request.document if isinstance(request.document, dict) else {}
        if error := self._refused(body):
            return envelope(400, None, [error])
        verb = next(name for name in SELECTORS if name in body)
        items = body[verb] if isinstance(body[verb], list) else []
        if seconds := self.files.take(len(items)) if verb == "files" else self.purges.take():
            return self.refuse(verb, seconds)
        if fault == "partial":
            return envelope(200, None, [(1016, "Some items were not accepted.")])
        removed = self.copies.remove(_doomed(verb, items), soft=soft)
        self.note(verb=verb, items=items, soft=soft, removed=removed)
        return envelope(200, {"id": ZONE_ID})

    def _refused(self, body: Mapping[str, Any]) -> tuple[int, str] | None:
        named = [name for name in SELECTORS if name in body]
        if not named:
            return 1012, 'Request must contain one of "purge_everything", "files", "tags", "hosts" or "prefixes"'
        if len(named) > 1:
            return 1092, 'Request cannot contain "purge_everything" and any of "files", "tags", "hosts" or "prefixes"'
        items = body[named[0]]
        if named[0] == "purge_everything":
            return None if items is True else (1012, "purge_everything must be true")
        most = self.max_files if named[0] == "files" else MAX_ITEMS
        if not isinstance(items, list) or not 0 < len(items) <= most:
            return 1012, f"{named[0]} must be a list of at most {most} items"
        return None if all(map(VALID[named[0]], items)) else (1012, f"an item of {named[0]} is malformed")


def _valid_file(item: object) -> bool:
    url = item.get("url") if isinstance(item, dict) else item
    return isinstance(url, str) and url.isascii() and urlsplit(url).scheme in ("http", "https") and "*" not in url


def _valid_tag(item: object) -> bool:
    return isinstance(item, str) and bool(re.fullmatch(r"[\x21-\x7e]{1,1024}", item))


def _valid_host(item: object) -> bool:
    return isinstance(item, str) and bool(re.fullmatch(r"[a-zA-Z0-9.:-]+", item))


def _valid_prefix(item: object) -> bool:
    return (
        _valid_tag(item)
        and not set("?#") & set(str(item))
        and "://" not in str(item)
        and str(item).count("/") <= MAX_SEPARATORS
    )


VALID: dict[str, Callable[[object], bool]] = {
    "files": _valid_file,
    "tags": _valid_tag,
    "hosts": _valid_host,
    "prefixes": _valid_prefix,
}


def _doomed(verb: str, items: Sequence[Any]) -> Callable[[Copy], bool]:
    """Which copies a selector means. Prefixes and hosts mean both schemes; a URL's host is compared without case."""
    if verb == "files":
        wanted = {_file(item) for item in items}
        # Encodings are copies of the same variant.
        return lambda copy: (copy.url, copy.variant.removeprefix(GZIP)) in wanted
    if verb == "tags":
        return tagged(items)
    if verb == "hosts":
        hosts = {host.lower() for host in items}
        return lambda copy: urlsplit(copy.url).netloc.lower() in hosts
    if verb == "prefixes":
        return lambda copy: copy.url.partition("://")[2].startswith(tuple(items))
    return lambda copy: True


def _file(item: Any) -> tuple[str, str]:
    if isinstance(item, str):
        return item, ""
    return item["url"], variant(item.get("headers", {}))


def variant(headers: Mapping[str, str]) -> str:
    """The headers of a cache key as text."""
    return ",".join(f"{name.lower()}={value}" for name, value in sorted(headers.items()))


def main() -> None:
    """Run from the command line."""
    options = parser(Cloudflare)
    options.add_argument("--plan", choices=sorted(PLANS), default="pro")
    options.add_argument("--as-documented", action="store_true", help="100 URLs a call on every plan")
    options.add_argument("--unlimited", action="store_true", help="as many calls as anybody likes")
    options.add_argument("--origin", default="", help="be an edge in front of this server")
    options.add_argument("--edge-port", type=int, default=0)
    chosen = options.parse_args()
    serve(Cloudflare(**vars(chosen)))


if __name__ == "__main__":
    main()
