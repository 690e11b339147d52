"""Asks the CDNs' APIs by `requests`, under a deadline over the whole exchange.

Imported by the first request, because `requests` takes longer to import than most of what a site starts with.
"""

from __future__ import annotations

import os
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy

import requests
from urllib3.exceptions import HTTPError

from invalidation.providers.cdn.watching import Adapter, watched
from invalidation.providers.wire.answer import Answer, Headers
from invalidation.providers.wire.faults import Broken, TooLate
from invalidation.providers.wire.request import Request

READ_BYTES = 65_536
#: As many as a worker has threads.
MOST_KEPT = 8


class Session:
    """One API: connections are kept, redirects and proxies of the environment are not followed, cookies not taken."""

    def __init__(self, origin: str, timeout_seconds: float, max_reply_bytes: int) -> None:
        self._origin, self._timeout_seconds, self._max_reply_bytes = origin, timeout_seconds, max_reply_bytes
        self._requests, self._process = _made(origin), os.getpid()

    def send(self, request: Request) -> Answer:
        """One request, its answer whole, its body cut.

        Raises:
            Fault: TooLate after `timeout_seconds`, Unsendable for what would be read as something else, else Broken.
        """
        request.encoded({})
        if self._process != os.getpid():  # a parent goes on using its connections
            self._requests, self._process = _made(self._origin), os.getpid()
        with watched(self._timeout_seconds) as watch:
            try:
                answer = self._answered(request)
            except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
                raise (TooLate() if watch.is_over or _is_late(error) else Broken(type(error).__name__)) from None
            if watch.is_over:  # a body that ends with its connection has ended by our doing
                raise TooLate
        return answer

    def _answered(self, request: Request) -> Answer:
        headers = {name: _bytes(value) for name, value in request.headers.items()}
        with self._requests.request(
            request.method,
            self._origin + request.target,
            headers=headers,
            data=request.body or None,
            timeout=self._timeout_seconds,
            allow_redirects=False,
            stream=True,
        ) as response:
            return Answer(response.status_code, Headers(response.headers.items()), self._body(response))

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        while piece := response.raw.read(READ_BYTES):
            body += piece[: self._max_reply_bytes - len(body)]
        return bytes(body)


def _made(origin: str) -> requests.Session:
    """For one origin, hence one adapter: each keeps the authorities in memory, which take long to read."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    session.headers.update({"User-Agent": "django-invalidation", "Accept": "*/*"})
    session.adapters.clear()
    session.mount(origin, Adapter(pool_maxsize=MOST_KEPT))
    return session


def _is_late(error: Exception) -> bool:
    return isinstance(error, requests.Timeout | TimeoutError)


def _bytes(text: str | bytes) -> bytes:
    return text.encode(errors="replace") if isinstance(text, str) else text
