"""A request as a value, and its bytes: the target exactly as given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from invalidation.providers.wire.faults import Unsendable

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
TARGET = re.compile(r"[!-~]+")
#: Sent twice, they do no more than sent once. None of the others may be sent again without being asked to.
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PURGE", "BAN"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Headers hold secrets, and error reports show variables: no repr tells them."""

    method: str
    target: str
    headers: Mapping[str, str | bytes] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def is_repeatable(self) -> bool:
        """May it be sent again when nobody knows whether it was acted on?"""
        return self.method in REPEATABLE

    def encoded(self, defaults: Mapping[str, str]) -> bytes:
        """As it travels; `defaults` are headers that it may bring itself.

        Raises:
            Unsendable: it would be read as another request, or as two.
        """
        if not TOKEN.fullmatch(self.method) or not TARGET.fullmatch(self.target):
            raise Unsendable("A request's method or target has spaces or control characters.")
        named = {name.lower() for name in self.headers}
        headers = {**{name: value for name, value in defaults.items() if name.lower() not in named}, **self.headers}
        if self.body or self.method in WITH_BODY:
            headers["Content-Length"] = str(len(self.body))
        lines = [f"{self.method} {self.target} HTTP/1.1".encode("ascii")]
        lines += [b"%b: %b" % (_bytes(name), _bytes(value)) for name, value in headers.items()]
        head = b"\r\n".join(lines)
        if head.count(b"\n") != len(headers) or head.count(b"\r") != len(headers) or b"\0" in head:
            raise Unsendable("A request's header has a line break or a zero byte.")
        return b"%b\r\n\r\n%b" % (head, self.body)


def _bytes(text: str | bytes) -> bytes:
    return text.encode(errors="replace") if isinstance(text, str) else text
