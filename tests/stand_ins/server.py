"""A small HTTP server in threads, for stand-ins: each request becomes a value, each answer too."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    """By lower-case name."""

    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """Its query, decoded."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def document(self) -> Any:
        """Its JSON body; None where there is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, document: object, **headers: str) -> Response:
        """A JSON answer; header names with underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(document).encode(), {"Content-Type": "application/json", **named})


class Reset(Exception):
    """Ends the connection without an answer."""


class Application(Protocol):
    """What a server serves."""

    def respond(self, request: Request) -> Response:
        """Answer; raise Reset to break the connection."""
        ...


class _Handler(BaseHTTPRequestHandler):
    application: Application
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    """Or the body waits up to 40 ms for the acknowledgement of the headers, which no vendor's server does."""

    def handle_one_request(self) -> None:
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if self.raw_requestline and self.parse_request():
                self._answer()
            else:
                self.close_connection = True
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        target = self.requestline.split()[1]  # self.path has lost a second slash at its beginning
        try:
            response = self.application.respond(Request(self.command, target, headers, body))
        except Reset:
            self._reset()
            return
        self._send(response)

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in response.headers:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def _reset(self) -> None:
        """Close with RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """The stand-ins keep a log of their own."""


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Server:
    """Serves an application on a port of 127.0.0.1; context manager."""

    def __init__(self, application: Application, port: int) -> None:
        self.port = port
        self._handler = type("Handler", (_Handler,), {"application": application})
        self._http: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._http = _HTTPServer(("127.0.0.1", self.port), self._handler)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._http:
            self._http.shutdown()
            self._http.server_close()
