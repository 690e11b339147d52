"""A web application in one thread whose every page has a version, and whose answers a test decides."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from deploy.local import free_port

CACHEABLE = {"Cache-Control": "public, max-age=0, s-maxage=600"}


@dataclass
class Page:
    """How one target is answered."""

    version: int = 1
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(CACHEABLE))
    delay_seconds: float = 0.0


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]


class Origin:
    """Answers every method on every target with its page's version as the body; context manager."""

    def __init__(self) -> None:
        self.port = free_port()
        self.pages: defaultdict[str, Page] = defaultdict(Page)
        self.requests: list[Seen] = []
        self.stopped = False
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body are two packets, of which the second would wait 40 ms

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if self.raw_requestline and not origin.stopped and self.parse_request():
                    origin.answer(self)
                else:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Requests are kept in `requests` instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def change(self, target: str) -> None:
        """Give the page a new version."""
        self.pages[target].version += 1

    def seen(self, method: str) -> list[Seen]:
        """The requests of one method."""
        return [request for request in self.requests if request.method == method]

    def forget(self) -> None:
        """Back to the first state."""
        self.pages.clear()
        self.requests.clear()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Send the page as it is at the start of the request, after its delay."""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        target = handler.requestline.split()[1]  # handler.path has lost a second slash at its beginning
        if target != "/health/":
            self.requests.append(Seen(handler.command, target, headers))
        page = self.pages[target]
        body = self.body(page, headers).encode()
        time.sleep(page.delay_seconds)
        handler.send_response(page.status)
        for name, value in page.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            with contextlib.suppress(ConnectionError):  # the proxy may have been stopped meanwhile
                handler.wfile.write(body)

    @staticmethod
    def body(page: Page, headers: dict[str, str]) -> str:
        """`version 1`, and the language where the page says that it varies by it."""
        varies = "Accept-Language" in page.headers.get("Vary", "")
        return f"version {page.version}" + (f" {headers.get('accept-language', '')}" if varies else "")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer nobody any more, on open connections either."""
        self.stopped = True
        self._server.shutdown()
        self._server.server_close()
