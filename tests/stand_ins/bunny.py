"""Stands in for Bunny's purge API."""

from __future__ import annotations

import math
from typing import ClassVar

from tests.stand_ins.copies import tagged
from tests.stand_ins.limits import Bucket
from tests.stand_ins.server import Request, Response
from tests.stand_ins.vendor import Vendor, parser, serve

PULL_ZONE_ID = 4711
API_KEY = "bunny-key-of-the-tests"


class Bunny(Vendor):
    """Bunny with one pull zone."""

    name: ClassVar[str] = "bunny"

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.exact = Bucket(120, 5)
        self.wide = Bucket(20, 0.5)

    def answer(self, request: Request, fault: str) -> Response:
        """Check the key, then purge."""
        if request.headers.get("accesskey") != API_KEY:
            return self.unauthorized()
        if request.path == "/purge":
            return self._purge_url(request.query.get("url", ""), exact=request.query.get("exactPath") == "true")
        if request.path == f"/pullzone/{PULL_ZONE_ID}/purgeCache":
            document = request.document
            return self._purge_zone((document or {}).get("CacheTag", ""))
        return Response.json(
            404, {"ErrorKey": "pullzone.not_found", "Message": "The requested pull zone was not found"}
        )

    def throttled(self, seconds: float) -> Response:
        """With a pause of some length where `seconds` says one."""
        told = {"Retry_After": str(math.ceil(seconds))} if seconds else {}
        return Response.json(429, {"Message": "Purge rate limit exceeded"}, **told)

    def unauthorized(self) -> Response:
        """As for an unknown key."""
        return Response.json(401, {"Message": "Authorization has been denied for this request."})

    def _purge_url(self, url: str, *, exact: bool) -> Response:
        if not url.startswith("http"):
            return Response.json(400, {"ErrorKey": "purge.url", "Message": "The url is invalid"})
        wild = url.endswith("*") or (url.endswith("/") and not exact)
        if seconds := (self.wide if wild else self.exact).take():
            return self.refuse("wide" if wild else "exact", seconds)
        start = url.removesuffix("*")
        removed = self.copies.remove(lambda copy: copy.url.startswith(start) if wild else copy.url == url)
        self.note(verb="url", items=[url], removed=removed)
        return Response(200)

    def _purge_zone(self, tag: str) -> Response:
        if seconds := self.wide.take():
            return self.refuse("wide", seconds)
        removed = self.copies.remove(tagged([tag]) if tag else lambda _: True)
        self.note(verb="tag" if tag else "everything", items=[tag], removed=removed)
        return Response(204)


def main() -> None:
    """Run from the command line."""
    serve(Bunny(**vars(parser(Bunny).parse_args())))


if __name__ == "__main__":
    main()
