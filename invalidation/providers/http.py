"""What providers that speak HTTP share: a node that is asked, where a URL is filed, and how answers become errors."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

from invalidation.exceptions import DeliveryError, RejectedError, Throttled, TransientError, Unproven
from invalidation.providers.answers.pauses import retry_after_seconds
from invalidation.providers.answers.reply import Probe
from invalidation.providers.wire.answer import Answer
from invalidation.providers.wire.connection import Place
from invalidation.providers.wire.deadline import Deadline
from invalidation.providers.wire.exchange import Exchange
from invalidation.providers.wire.faults import Fault, Malformed, TooLate, Unsendable
from invalidation.providers.wire.pool import Pool
from invalidation.providers.wire.request import Request
from invalidation.targets.digits import whole_number

#: By which the application says at which sequence it rendered a page.
SEQUENCE_HEADER = "X-Cache-Sequence"
#: By which it says why a page may not live as long as its view meant; `freshness.degraded` has the words.
REASON_HEADER = "X-Cache-Reason"
MAX_REPLY_BYTES = 65_536
#: Of what a cache says of its copy; as Verification.cache_status has it.
MAX_STATUS_CHARACTERS = 32
USER_AGENT = "django-invalidation"
PORTS = {"http": 80, "https": 443}
URL_PATTERN = re.compile(r"(https?)://([^/?#@\s]{1,255})((?:[/?].*)?)", re.IGNORECASE | re.DOTALL)
#: What may stand in a Host header: a name, an address, a port.
HOST_PATTERN = re.compile(r"([A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?")
PLAIN_TARGET_PATTERN = re.compile(r"/[!-~]*")
VISIBLE = "".join(map(chr, range(33, 127)))


@dataclass(frozen=True, slots=True)
class Location:
    """Where a cache files a URL: its parts as they travel in a request."""

    scheme: str
    host: str
    target: str

    @classmethod
    def of(cls, url: str) -> Location:
        """Split an absolute URL without respelling its path or query; only what is not ASCII is encoded."""
        match = URL_PATTERN.fullmatch(url)
        if not match:
            raise RejectedError(f"{url!r} is not an absolute URL; list the sites in INVALIDATION['SITES'].")
        scheme, host, target = match.groups()
        return cls(scheme.lower(), _host(host, url), _target(target, url))

    @property
    def headers(self) -> dict[str, str]:
        """What makes a proxy file the request under this URL, whatever address it was sent to."""
        return {"Host": self.host, "X-Forwarded-Proto": self.scheme}


def _host(host: str, url: str) -> str:
    try:
        host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        host = ""
    if not HOST_PATTERN.fullmatch(host):
        raise RejectedError(f"{url!r} names no host; correct what stands between '//' and the path.")
    return host


def _target(target: str, url: str) -> str:
    if PLAIN_TARGET_PATTERN.fullmatch(target):
        return target
    try:
        target = quote(target, safe=VISIBLE)
    except UnicodeError:
        raise RejectedError(f"{url!r} has characters that no address has.") from None
    return target if target.startswith("/") else f"/{target}"


class Node:
    """One server: connections are kept, redirects and proxies of the environment are not followed.

    A call is over `timeout_seconds` after it began, however the server behaves meanwhile; then its socket is closed.
    """

    def __init__(self, tier: str, url: str, timeout_seconds: float, *, max_reply_bytes: int = MAX_REPLY_BYTES) -> None:
        self.url = url
        self.timeout_seconds = timeout_seconds
        self._max_reply_bytes = max_reply_bytes
        self._pool = Pool(_place(tier, url))
        self._defaults = {"Host": url.partition("://")[2].partition("/")[0], "User-Agent": USER_AGENT, "Accept": "*/*"}

    @sensitive_variables("headers")
    def send(self, method: str, target: str, headers: Mapping[str, str | bytes], body: bytes = b"") -> Answer:
        """Send one request, its target byte for byte.

        Raises:
            TransientError: no connection, or no whole answer within the timeout.
        """
        return self.send_all([Request(method, target, headers, body)])[0]

    def send_all(self, requests: Sequence[Request]) -> list[Answer]:
        """Send them pipelined; as many answers, in their order, or none.

        Errors come without the frames below: their variables hold our secret, and error reports show variables.

        Raises:
            TransientError: no connection, or not all the answers within the timeout.
        """
        try:
            return self._exchanged(requests) if requests else []
        except Fault as fault:
            raise meant(fault, self.url, self.timeout_seconds) from None

    def _exchanged(self, requests: Sequence[Request]) -> list[Answer]:
        encoded = [request.encoded(self._defaults) for request in requests]
        return Exchange(requests, encoded, self._max_reply_bytes).run(self._pool, Deadline.after(self.timeout_seconds))

    def close(self) -> None:
        """End the connections that wait for the next call."""
        self._pool.close()


def meant(fault: Fault, url: str, timeout_seconds: float) -> DeliveryError:
    """What a failed exchange with the server at this address means for a delivery."""
    if isinstance(fault, TooLate):
        return TransientError(f"{url} did not answer within {timeout_seconds:g} seconds.")
    if isinstance(fault, Malformed):
        return Unproven(f"{url} answered with what is not HTTP: {fault}.")
    if isinstance(fault, Unsendable):
        return RejectedError(str(fault))
    return TransientError(f"{url} can't be reached: {fault}")


def check_address(tier: str, url: str) -> None:
    """Make sure that somebody may listen there.

    Raises:
        ImproperlyConfigured: nobody can.
    """
    _place(tier, url.rstrip("/"))


def _place(tier: str, url: str) -> Place:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in PORTS:
        raise ImproperlyConfigured(
            f"INVALIDATION['TIERS'][{tier!r}]['NODES'] must list URLs such as 'http://127.0.0.1:6081', not {url!r}."
        )
    return Place(host, port or PORTS[parts.scheme], parts.scheme == "https")


def ask(
    url: str,
    timeout_seconds: float,
    headers: Mapping[str, str] | None = None,
    *,
    max_reply_bytes: int = MAX_REPLY_BYTES,
) -> Answer:
    """Ask for one page at its own address, once.

    Raises:
        DeliveryError: it does not answer.
    """
    location = Location.of(url)
    node = Node("", f"{location.scheme}://{location.host}", timeout_seconds, max_reply_bytes=max_reply_bytes)
    return node.send("GET", location.target, {**(headers or {}), "Connection": "close"})


def fetched(node: Node, url: str, status_header: str, headers: Mapping[str, str] | None = None) -> Probe:
    """Ask `node` for a page; `status_header` is where it says whether that came from its store."""
    location = Location.of(url)
    answer = node.send("GET", location.target, {**location.headers, "Accept-Encoding": "gzip", **(headers or {})})
    rendered_at = whole_number(answer.headers.get(SEQUENCE_HEADER))
    cache_status = answer.headers.get(status_header, "")[:MAX_STATUS_CHARACTERS]
    return Probe(answer.status, rendered_at, cache_status, _unpacked(answer), answer.headers)


def _unpacked(answer: Answer) -> str:
    """The text of a page, as much as there is; a vendor may keep another copy for those who take no gzip."""
    if answer.headers.get("Content-Encoding", "").lower() != "gzip":
        return answer.text
    try:
        return zlib.decompressobj(wbits=31).decompress(answer.body, MAX_REPLY_BYTES).decode(errors="replace")
    except zlib.error:
        return ""


def failure(node: str, answer: Answer, proof: str) -> DeliveryError:
    """What an answer that proves nothing means; `proof` says what was missing."""
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        pause = retry_after_seconds(answer.headers.get("Retry-After", ""), datetime.now(UTC))
        return Throttled(f"{node} asks for a pause.", retry_after_seconds=pause, reply=answer.raw)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{node} failed with status {answer.status}.", reply=answer.raw)
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        message = f"{node} refused with status {answer.status}: check the secret and the addresses that may purge."
        return RejectedError(message, reply=answer.raw)
    if answer.status >= HTTPStatus.BAD_REQUEST and answer.status != HTTPStatus.NOT_FOUND:
        return RejectedError(f"{node} refused with status {answer.status}.", reply=answer.raw)
    message = f"{node} answered {answer.status} without {proof}: is the purge configured there?"
    return Unproven(message, reply=answer.raw)
