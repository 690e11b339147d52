"""What providers that speak HTTP share: one pooled session per node, and how answers become errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers

from invalidation.exceptions import DeliveryError, RejectedError, Throttled, TransientError, Unproven
from invalidation.providers.base import Probe
from invalidation.providers.exact import TARGET_HEADER, ExactAdapter

DEFAULT_TIMEOUT_SECONDS = 5.0
#: By which the application says at which sequence it rendered a page.
SEQUENCE_HEADER = "X-Cache-Sequence"
DEFAULT_HEADERS = default_headers()
MAX_REPLY_BYTES = 65_536
#: Of a reply, what is stored and shown.
MAX_REPLY_CHARACTERS = 500


def read_options(
    tier: str, options: Mapping[str, Any], *, required: tuple[str, ...] = (), optional: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """All options of a tier, with the defaults of those left out.

    Raises:
        ImproperlyConfigured: one is missing, empty or unknown; the message names it and never its value.
    """
    known = {"TIMEOUT_SECONDS": DEFAULT_TIMEOUT_SECONDS, **(optional or {})}
    where = f"INVALIDATION['TIERS'][{tier!r}]['OPTIONS']"
    if missing := [name for name in required if not options.get(name)]:
        raise ImproperlyConfigured(f"{where} needs {missing}.")
    if unknown := sorted(set(options) - set(known) - set(required)):
        raise ImproperlyConfigured(f"{where} has unknown names {unknown}; known are {sorted({*known, *required})}.")
    timeout = options.get("TIMEOUT_SECONDS", DEFAULT_TIMEOUT_SECONDS)
    if not isinstance(timeout, int | float) or not timeout > 0:
        raise ImproperlyConfigured(f"{where}['TIMEOUT_SECONDS'] must be a number above zero.")
    return {**known, **options}


def header_secret(tier: str, secret: object, name: str = "SECRET") -> bytes:
    """A secret as it goes into a header.

    Raises:
        ImproperlyConfigured: it can't be sent in one.
    """
    if not isinstance(secret, str) or secret != secret.strip() or re.search(r"[\x00-\x1f\x7f]", secret):
        raise ImproperlyConfigured(
            f"INVALIDATION['TIERS'][{tier!r}]['OPTIONS'][{name!r}] must be a string without line breaks, control "
            "characters, and spaces at its ends; it is sent in a header."
        )
    return secret.encode()


@dataclass(frozen=True, slots=True)
class Location:
    """Where a cache files a URL: its parts as they travel in a request."""

    scheme: str
    host: str
    target: str

    @classmethod
    def of(cls, url: str) -> Location:
        """Split an absolute URL without respelling its path or query; only what is not ASCII is encoded."""
        match = re.fullmatch(r"(https?)://([^/?]+)(.*)", url, re.IGNORECASE)
        if not match:
            raise RejectedError(f"{url!r} is not an absolute URL; list the sites in INVALIDATION['SITES'].")
        scheme, host, target = match.groups()
        target = quote(target, safe="".join(map(chr, range(33, 127))))
        target = target if target.startswith("/") else f"/{target}"
        return cls(scheme.lower(), host if host.isascii() else host.encode("idna").decode(), target)

    @property
    def headers(self) -> dict[str, str]:
        """What makes a proxy file the request under this URL, whatever address it was sent to."""
        return {"Host": self.host, "X-Forwarded-Proto": self.scheme}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, its body cut."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def raw(self) -> str:
        """Status and the beginning of the body, to store and to show."""
        return shortened(f"{self.status} {self.text}")


def shortened(text: str) -> str:
    """At most MAX_REPLY_CHARACTERS, on one line."""
    return " ".join(text.split())[:MAX_REPLY_CHARACTERS]


class Node:
    """One server, reached through a pool of connections: no redirects, no proxies from the environment, timeouts."""

    def __init__(self, tier: str, url: str, timeout_seconds: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ImproperlyConfigured(
                f"INVALIDATION['TIERS'][{tier!r}]['NODES'] must list URLs such as 'http://127.0.0.1:6081', not {url!r}."
            )
        self.url = url
        self.timeout_seconds = timeout_seconds
        self._adapter = ExactAdapter()

    @sensitive_variables("headers")
    def send(self, method: str, target: str, headers: Mapping[str, str | bytes], body: bytes = b"") -> Answer:
        """Send one request, its target byte for byte.

        Errors come without the library's frames: their variables hold our secret, and error reports show variables.

        Raises:
            TransientError: no connection, or no answer within the timeout.
        """
        try:
            request = _request(method, f"{self.url}/", {**headers, TARGET_HEADER: target}, body)
            with self._adapter.send(request, stream=True, timeout=self.timeout_seconds) as response:
                return Answer(response.status_code, response.headers, _beginning(response))
        except requests.Timeout:
            raise TransientError(f"{self.url} did not answer within {self.timeout_seconds:g} seconds.") from None
        except requests.RequestException as error:
            raise TransientError(f"{self.url} can't be reached: {shortened(str(error))}") from None


@sensitive_variables("headers")
def _request(method: str, url: str, headers: Mapping[str, str | bytes], body: bytes) -> requests.PreparedRequest:
    """Ready to be sent as it is. A session would check and merge for longer than a cache takes to purge."""
    request = requests.PreparedRequest()
    request.method, request.url, request.hooks = method, url, {}
    merged: dict[str, Any] = {**DEFAULT_HEADERS, **headers}  # bytes are sent as they are
    request.headers = CaseInsensitiveDict(merged)
    if body:
        request.body = body
        request.headers["Content-Length"] = str(len(body))
    return request


def fetched(node: Node, url: str, status_header: str, headers: Mapping[str, str] | None = None) -> Probe:
    """Ask `node` for a page; `status_header` is where it says whether that came from its store."""
    location = Location.of(url)
    answer = node.send("GET", location.target, {**location.headers, **(headers or {})})
    sequence = answer.headers.get(SEQUENCE_HEADER, "")
    rendered_at = int(sequence) if sequence.isdecimal() else None
    return Probe(answer.status, rendered_at, answer.headers.get(status_header, ""), answer.text)


def _beginning(response: requests.Response) -> str:
    """The first bytes of the body, in however many chunks it comes; read to its end, a connection is used again."""
    beginning = bytearray()
    for chunk in response.iter_content(MAX_REPLY_BYTES):
        beginning += chunk
        if len(beginning) > MAX_REPLY_BYTES:
            break
    return beginning[:MAX_REPLY_BYTES].decode(errors="replace")


def failure(node: str, answer: Answer, proof: str) -> DeliveryError:
    """What an answer that proves nothing means; `proof` says what was missing."""
    if answer.status == requests.codes.too_many_requests:
        pause = retry_after_seconds(answer.headers.get("Retry-After", ""), datetime.now(UTC))
        return Throttled(f"{node} asks for a pause.", retry_after_seconds=pause, reply=answer.raw)
    if answer.status >= requests.codes.server_error:
        return TransientError(f"{node} failed with status {answer.status}.", reply=answer.raw)
    if answer.status in (requests.codes.unauthorized, requests.codes.forbidden):
        message = f"{node} refused with status {answer.status}: check the secret and the addresses that may purge."
        return RejectedError(message, reply=answer.raw)
    if answer.status >= requests.codes.bad_request and answer.status != requests.codes.not_found:
        return RejectedError(f"{node} refused with status {answer.status}.", reply=answer.raw)
    message = f"{node} answered {answer.status} without {proof}: is the purge configured there?"
    return Unproven(message, reply=answer.raw)


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """Retry-After as seconds from `now`, whether it names seconds or a date; None where it can't be read."""
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
