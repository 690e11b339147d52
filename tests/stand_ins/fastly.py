"""Stands in for Fastly's purge API."""

from __future__ import annotations

import math
import re
import time
import uuid
from typing import ClassVar
from urllib.parse import unquote

from tests.stand_ins.copies import tagged
from tests.stand_ins.limits import Window
from tests.stand_ins.server import Request, Response
from tests.stand_ins.vendor import Vendor, parser, serve

SERVICE_ID = "SU1Z0isxPaozGVKXdv0eY"
API_TOKEN = "fastly-token-of-the-tests"
MAX_KEYS = 256
MAX_KEY_BYTES = 1024
SERVICE = re.compile(r"/service/([^/]+)/(purge_all|purge|purge/(.+))")


class Fastly(Vendor):
    """Fastly with one service."""

    name: ClassVar[str] = "fastly"

    def __init__(self, *, port: int = 0, hourly_purges: int = 100_000, hourly_writes: int = 1_000) -> None:
        super().__init__(port=port)
        self.urls = Window(hourly_purges, 3600)
        self.keys = Window(hourly_purges, 3600)
        self.writes = Window(hourly_writes, 3600)

    def answer(self, request: Request, fault: str) -> Response:
        """Check the token, then purge."""
        if request.headers.get("fastly-key") != API_TOKEN:
            return self.unauthorized()
        soft = "fastly-soft-purge" in request.headers
        if request.target.startswith("/purge/"):
            return self._purge_url(unquote(request.target.removeprefix("/purge/")), soft=soft)
        match = SERVICE.fullmatch(request.path)
        if not match or match[1] != SERVICE_ID or request.method != "POST":
            return Response.json(404, {"msg": "Record not found", "detail": "Cannot load service"})
        if match[2] == "purge_all":
            return self._purge_all()
        return self._purge_keys([unquote(match[3])] if match[3] else _keys(request), soft=soft, one=bool(match[3]))

    def throttled(self, seconds: float) -> Response:
        """With the moment at which the quota is full again."""
        told = {"Fastly_RateLimit_Remaining": "0", "Fastly_RateLimit_Reset": str(math.ceil(time.time() + seconds))}
        return Response.json(429, {"msg": "Rate limit exceeded"}, **(told if seconds else {}))

    def unauthorized(self) -> Response:
        """As for an unknown token."""
        return Response.json(401, {"msg": "Provided credentials are missing or invalid"})

    def _purge_url(self, url: str, *, soft: bool) -> Response:
        if seconds := self.urls.take():
            return self.refuse("urls", seconds)
        removed = self.copies.remove(lambda copy: copy.url.partition("://")[2] == url, soft=soft)
        self.note(verb="url", items=[url], soft=soft, removed=removed)
        return Response.json(200, {"status": "ok", "id": _purge_id()})

    def _purge_keys(self, keys: list[str], *, soft: bool, one: bool) -> Response:
        if len(keys) > MAX_KEYS:
            reason = f"Batch surrogate key request only supports up to {MAX_KEYS} surrogate keys"
            return Response.json(400, {"status": "fail", "reason": reason})
        if not keys or any(len(key.encode()) > MAX_KEY_BYTES or " " in key for key in keys):
            return Response.json(400, {"msg": "Bad request", "detail": "surrogate key"})
        if seconds := max(self.keys.take() for _ in keys):
            return self.refuse("keys", seconds)
        removed = self.copies.remove(tagged(keys), soft=soft)
        self.note(verb="keys", items=keys, soft=soft, removed=removed)
        return Response.json(200, {"status": "ok", "id": _purge_id()} if one else {key: _purge_id() for key in keys})

    def _purge_all(self) -> Response:
        if seconds := self.writes.take():
            return self.refuse("writes", seconds)
        self.note(verb="all", items=[], soft=False, removed=self.copies.remove(lambda _: True))
        left = {"Fastly_RateLimit_Remaining": str(self.writes.left)}
        return Response.json(200, {"status": "ok"}, **left)


def _keys(request: Request) -> list[str]:
    if named := request.headers.get("surrogate-key"):
        return named.split()
    document = request.document
    return list(document.get("surrogate_keys", [])) if isinstance(document, dict) else []


def _purge_id() -> str:
    return f"108-{uuid.uuid4().int % 10**10}-{uuid.uuid4().int % 10**6}"


def main() -> None:
    """Run from the command line."""
    options = parser(Fastly)
    options.add_argument("--hourly-purges", type=int, default=100_000)
    serve(Fastly(**vars(options.parse_args())))


if __name__ == "__main__":
    main()
