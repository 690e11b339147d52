"""A node that refuses every purge, where another one was."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Refusing(BaseHTTPRequestHandler):
    """A node that knows another secret."""

    def do_PURGE(self) -> None:
        """403, whatever is asked."""
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PURGE  # noqa: N815 (likewise)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def refusing(port: int) -> Iterator[None]:
    """Such a node on this port."""
    with ThreadingHTTPServer(("127.0.0.1", port), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
