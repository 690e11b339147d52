"""What the CDNs' HTTP APIs share: JSON requests, pauses asked for in headers, and what their refusals mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.views.decorators.debug import sensitive_variables

from invalidation.exceptions import DeliveryError, RejectedError, Throttled, TransientError
from invalidation.providers.answers.pauses import pause_seconds
from invalidation.providers.http import check_address, failure, meant
from invalidation.providers.options import needs
from invalidation.providers.wire.answer import Answer
from invalidation.providers.wire.faults import Fault
from invalidation.providers.wire.request import Request

if TYPE_CHECKING:
    from invalidation.providers.cdn.session import Session

#: A list of rules or jobs is longer than what a cache says to a purge.
MAX_REPLY_BYTES = 1_000_000


class Service:
    """What answers at an address, asked by `requests`, which is imported by the first request.

    A call is over `timeout_seconds` after it began, however the service behaves meanwhile; then its socket is closed.
    """

    def __init__(self, tier: str, url: str, timeout_seconds: float) -> None:
        check_address(tier, url)
        needs(tier, "requests", "http")
        self._url, self._timeout_seconds = url.rstrip("/"), timeout_seconds

    @cached_property
    def _session(self) -> Session:
        from invalidation.providers.cdn.session import Session

        return Session(self._url, self._timeout_seconds, MAX_REPLY_BYTES)

    @sensitive_variables("request")
    def send(self, request: Request) -> Answer:
        """Its answer. Errors come without the frames below: their variables hold our secret.

        Raises:
            TransientError: no connection, or no whole answer within the timeout.
        """
        try:
            return self._session.send(request)
        except Fault as fault:
            raise meant(fault, self._url, self._timeout_seconds) from None


class Api:
    """One vendor's API, reached with one set of credentials."""

    def __init__(
        self,
        tier: str,
        url: str,
        *,
        headers: Mapping[str, str | bytes],
        timeout_seconds: float,
    ) -> None:
        """`headers` go with every request."""
        self.url = url
        self._headers = dict(headers)
        self._service = Service(tier, url, timeout_seconds)

    def send(
        self, method: str, target: str, document: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request, `document` as its JSON body.

        Raises:
            TransientError: no connection, or no answer within the timeout.
        """
        body = b"" if document is None else json.dumps(document).encode()
        kind = {"Content-Type": "application/json"} if body else {}
        request = Request(method, target, {**self._headers, **kind, **(headers or {})}, body)
        return self._service.send(request)

    def failure(self, answer: Answer, proof: str) -> DeliveryError:
        """What an answer that proves nothing means; `proof` says what was missing."""
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return self.throttled(answer)
        if answer.status == HTTPStatus.REQUEST_TIMEOUT:
            return TransientError(f"{self.url} gave up waiting for us.", reply=answer.raw)
        if answer.status == HTTPStatus.NOT_FOUND:
            return RejectedError(f"{self.url} knows nothing of this name: check the ids in OPTIONS.", reply=answer.raw)
        return failure(self.url, answer, proof)

    def throttled(self, answer: Answer) -> Throttled:
        """The vendor asked for a pause, of a length that one of three headers may tell."""
        sentence = f"{self.url} asks for a pause."
        pause = pause_seconds(answer.headers, datetime.now(UTC))
        return Throttled(sentence, retry_after_seconds=pause, reply=answer.raw)


def json_object(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object; empty where it is anything else, or nested deeper than anybody means it."""
    try:
        document = json.loads(answer.text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def error_codes(document: Mapping[str, Any]) -> set[int]:
    """The numbers in an object's list of errors; whatever else stands there is passed over."""
    errors = document.get("errors")
    codes = [error.get("code") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return {code for code in codes if isinstance(code, int)}
