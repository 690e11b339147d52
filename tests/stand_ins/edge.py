"""An edge as a CDN runs it: a caching reverse proxy whose copies a stand-in's API purges."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Self

import requests

from deploy.local import free_port
from tests.stand_ins.copies import Copies, Copy
from tests.stand_ins.server import Request, Reset, Response, Server

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}
#: Removed before visitors see them: Cloudflare's "Purge by tag", and what only a CDN reads.
CONCEALED = {"cache-tag", "cloudflare-cdn-cache-control"}
STORED_STATUSES = {200, 203, 204, 300, 301, 308, 404, 410}
TIMEOUT_SECONDS = 30
GZIP = "gzip"
#: What the origin's own cache said in X-Cache, where the edge says something of itself.
BEHIND = "X-Cache-Behind"


@dataclass(frozen=True)
class Stored:
    """What a copy holds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    stored_at: float
    lifetime_seconds: float


class Edge:
    """A caching reverse proxy in front of `origin`; context manager.

    It keeps what the first of Cloudflare-CDN-Cache-Control, CDN-Cache-Control and Cache-Control (s-maxage before
    max-age) lets it keep, as a zone with the rules of deploy/cloudflare would (RFC 9213), and says in CF-Cache-Status
    what it did.
    """

    def __init__(self, origin: str, *, copies: Copies, port: int = 0) -> None:
        self.origin = origin.rstrip("/")
        self.copies = copies
        self._session = requests.Session()
        self._session.trust_env = False
        # Cookies are the visitors' own: a jar would hand one visitor's session to all others.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))
        self._server = Server(self, port or free_port())
        self._running = ExitStack()

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def port(self) -> int:
        return self._server.port

    def __enter__(self) -> Self:
        self._running.enter_context(self._server)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def respond(self, request: Request) -> Response:
        """Serve the copy while it is fresh; else ask the origin, and keep what may be kept."""
        if request.method not in ("GET", "HEAD") or _is_private(request):
            return _told(self._fetch(request, request.method), "DYNAMIC")
        url, variant = _url(request), _encoding(request)
        copy = self.copies.get(url, variant)
        if copy and _fresh(copy):
            return _from(copy, request)
        found = self._fetch(request, "GET" if request.method == "GET" else "HEAD")
        seconds = lifetime_seconds(found)
        if not seconds or request.method == "HEAD" or found.status not in STORED_STATUSES:
            return _told(found, "BYPASS" if found.status in STORED_STATUSES else "DYNAMIC")
        stored = Stored(found.status, found.headers, found.body, time.monotonic(), seconds)
        kept = self.copies.store(url, *_tags(found), variant=variant, content=stored)
        return _from(kept, request, "EXPIRED" if copy else "MISS")

    def _fetch(self, request: Request, method: str) -> Response:
        """Ask the origin under the visitor's own host name; conditions are the visitor's, a copy is always whole."""
        kept = method not in ("GET", "HEAD")
        dropped = HOP_BY_HOP | (set() if kept else {"if-none-match", "if-modified-since", "range"})
        headers = {name: value for name, value in request.headers.items() if name not in dropped}
        headers = {"x-forwarded-proto": "http", "accept-encoding": "identity", **headers}
        if not kept:
            headers["accept-encoding"] = _encoding(request) or "identity"
        try:
            answer = self._session.request(
                method,
                self.origin + request.target,
                headers=headers,
                data=request.body or None,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            )
            body = answer.raw.read(decode_content=False)
        except requests.RequestException as error:
            if method in ("GET", "HEAD"):
                return Response(502, b"The origin can't be reached.")
            raise Reset from error
        return Response(answer.status_code, body, _passed(answer))


def _is_private(request: Request) -> bool:
    return "authorization" in request.headers or "sessionid=" in request.headers.get("cookie", "")


def _passed(answer: requests.Response) -> dict[str, str]:
    headers = {name.title(): value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
    headers.pop("Content-Length", None)
    if inner := headers.pop("X-Cache", ""):
        headers[BEHIND] = inner
    if cookies := answer.raw.headers.getlist("Set-Cookie"):
        headers["Set-Cookie"] = "\r\nSet-Cookie: ".join(cookies)  # one line each: they can't be joined by commas
    return headers


def lifetime_seconds(response: Response) -> float:
    """How long a shared cache may keep it; 0 for not at all."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if "set-cookie" in headers:
        return 0.0
    for name in ("cloudflare-cdn-cache-control", "cdn-cache-control", "cache-control"):
        if control := headers.get(name, "").lower():
            break
    if re.search(r"no-store|private|no-cache", control):
        return 0.0
    match = re.search(r"s-maxage=(\d+)", control) or re.search(r"max-age=(\d+)", control)
    return float(match[1]) if match else 0.0


def _url(request: Request) -> str:
    scheme = request.headers.get("x-forwarded-proto", "http")
    return f"{scheme}://{request.headers.get('host', '').lower()}{request.target}"


def _encoding(request: Request) -> str:
    return GZIP if GZIP in request.headers.get("accept-encoding", "") else ""


def _tags(response: Response) -> list[str]:
    values = [value for name, value in response.headers.items() if name.lower() == "cache-tag"]
    return [tag.strip() for value in values for tag in value.split(",") if tag.strip()]


def _fresh(copy: Copy) -> bool:
    return not copy.stale and copy.content and time.monotonic() - copy.content.stored_at < copy.content.lifetime_seconds


def _from(copy: Copy, request: Request, status: str = "HIT") -> Response:
    """The copy for this visitor: 304 where he has it already."""
    stored: Stored = copy.content
    age = str(int(time.monotonic() - stored.stored_at))
    tag = stored.headers.get("Etag", "")
    if tag and stored.status == 200 and tag in request.headers.get("if-none-match", ""):
        return _told(Response(304, b"", {**stored.headers, "Age": age}), status)
    return _told(Response(stored.status, stored.body, {**stored.headers, "Age": age}), status)


def _told(response: Response, status: str) -> Response:
    shown = {name: value for name, value in response.headers.items() if name.lower() not in CONCEALED}
    return Response(response.status, response.body, {**shown, "CF-Cache-Status": status, "X-Cache": status})
