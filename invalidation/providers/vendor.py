"""What the CDNs' HTTP APIs share: JSON requests, pauses asked for in headers, and answers without our secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import requests

from invalidation.exceptions import DeliveryError, RejectedError, Throttled, TransientError
from invalidation.providers.http import Answer, Node, failure, retry_after_seconds

#: `"default";r=0;t=30`: 30 seconds until the quota is full again (draft-ietf-httpapi-ratelimit-headers). One of which
#: something is left tells nothing of the pause: another quota was exceeded.
RATELIMIT_PATTERN = re.compile(r";\s*r=0\s*;\s*t=(\d+)")
#: Epoch seconds at which the quota is full again.
RESET_HEADER = "Fastly-RateLimit-Reset"
CONCEALED = "[secret]"


class Api:
    """One vendor's API, reached with one set of credentials."""

    def __init__(
        self,
        tier: str,
        url: str,
        *,
        headers: Mapping[str, str | bytes],
        secrets: Sequence[bytes],
        timeout_seconds: float,
    ) -> None:
        """`secrets` are taken out of every answer, whatever the vendor repeats of our request."""
        self.url = url
        self._headers = dict(headers)
        self._secrets = tuple(secret.decode(errors="replace") for secret in secrets)
        self._node = Node(tier, url.rstrip("/"), timeout_seconds)

    def send(
        self, method: str, target: str, document: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request, `document` as its JSON body.

        Raises:
            TransientError: no connection, or no answer within the timeout.
        """
        body = b"" if document is None else json.dumps(document).encode()
        kind = {"Content-Type": "application/json"} if body else {}
        answer = self._node.send(method, target, {**self._headers, **kind, **(headers or {})}, body)
        return replace(answer, text=self.concealed(answer.text))

    def concealed(self, text: str) -> str:
        """`text` without our secrets."""
        for secret in self._secrets:
            text = text.replace(secret, CONCEALED)
        return text

    def failure(self, answer: Answer, proof: str) -> DeliveryError:
        """What an answer that proves nothing means; `proof` says what was missing."""
        if answer.status == requests.codes.too_many_requests:
            return self.throttled(answer)
        if answer.status == requests.codes.request_timeout:
            return TransientError(f"{self.url} gave up waiting for us.", reply=answer.raw)
        if answer.status == requests.codes.not_found:
            return RejectedError(f"{self.url} knows nothing of this name: check the ids in OPTIONS.", reply=answer.raw)
        return failure(self.url, answer, proof)

    def throttled(self, answer: Answer) -> Throttled:
        """The vendor asked for a pause, of a length that one of three headers may tell."""
        words = f"{self.url} asks for a pause."
        pause = pause_seconds(answer.headers, datetime.now(UTC))
        return Throttled(words, retry_after_seconds=pause, reply=answer.raw)


def pause_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long a vendor asks us to wait; None where no header says."""
    if value := headers.get("Retry-After", ""):
        return retry_after_seconds(value, now)
    if match := RATELIMIT_PATTERN.search(headers.get("Ratelimit", "")):
        return float(match[1])
    reset = headers.get(RESET_HEADER, "")
    return max(0.0, float(reset) - now.timestamp()) if reset.isdecimal() else None


def json_object(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object; empty where it is anything else."""
    try:
        document = json.loads(answer.text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
