"""Lets requests send a target byte for byte, as the client that filled the cache sent it."""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

#: Carries the request target to the connection, past requests and urllib3, which both respell it: they drop a lone "?"
#: and write %c3 as %C3, and a cache keyed by the target as it was sent would miss. Never leaves the process.
TARGET_HEADER = "X-Exact-Target"


class _ExactTarget:
    """Sends the target named in TARGET_HEADER instead of the one that urllib3 has respelled."""

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        headers = dict(headers or {})
        super().request(method, headers.pop(TARGET_HEADER, url), body, headers, **options)  # type: ignore[misc]


class _ExactConnection(_ExactTarget, HTTPConnection):
    pass


class _ExactTLSConnection(_ExactTarget, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _ExactConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _ExactTLSConnection


class ExactAdapter(HTTPAdapter):
    """Mount it on a session and name the target in TARGET_HEADER."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Use the connections above."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
