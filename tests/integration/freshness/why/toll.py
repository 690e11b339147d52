"""Stands between our workers and a real cache: lets visitors pass, and answers purges itself as a test says."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from deploy.local import free_port

#: Headers that are a connection's own.
HOPS = {"connection", "transfer-encoding", "content-length", "keep-alive"}
PROOF = {"X-Purged-By": "varnish", "X-Purge-Count": "1"}


class Toll:
    """Before the cache on `port` of this machine; context manager."""

    def __init__(self, port: int) -> None:
        self.answer: tuple[int, Mapping[str, str]] | None = None
        """Status and headers of every purge; None lets them pass."""

        toll, own = self, free_port()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request(self.command, self.path, headers=dict(self.headers))
                answer = connection.getresponse()
                self.reply(answer.status, dict(answer.getheaders()), answer.read())
                connection.close()

            def do_PURGE(self) -> None:
                if toll.answer:
                    self.reply(*toll.answer)
                else:
                    self.do_GET()

            def reply(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in HOPS:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Requests are no news."""

        self.url = f"http://127.0.0.1:{own}"
        self._server = ThreadingHTTPServer(("127.0.0.1", own), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def lies(self) -> None:
        """Claim every purge, and make none."""
        self.answer = (200, PROOF)

    def fails(self, status: int = 503, headers: Mapping[str, str] = PROOF) -> None:
        """Refuse every purge."""
        self.answer = (status, headers)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
