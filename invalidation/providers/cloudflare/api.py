"""Cloudflare's API: its credentials, and the envelope that tells what an answer really says."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.views.decorators.debug import sensitive_variables

from invalidation.exceptions import TransientError, Unproven, Unrecognised
from invalidation.providers.cdn.vendor import Api, error_codes, json_object
from invalidation.providers.options import header_secret
from invalidation.providers.wire.answer import Answer

API_URL = "https://api.cloudflare.com"
#: "rate limit reached" (Cloudflare's OpenAPI schema), and its older number.
THROTTLED_CODES = {1134, 1115}
AUTHENTICATION_CODE = 10000
#: Some items of the list were not accepted, with status 200 (OpenAPI schema).
PARTIAL_CODE = 1016


def connect(tier: str, options: Mapping[str, Any]) -> Api:
    """The API with the token of these options, all of them present."""
    token = header_secret(tier, options["API_TOKEN"], "API_TOKEN")
    headers = {"Authorization": b"Bearer " + token}
    return Api(tier, options["API_URL"], headers=headers, timeout_seconds=options["TIMEOUT_SECONDS"])


@sensitive_variables("envelope")
def accepted(api: Api, answer: Answer) -> Any:
    """The result in the answer's envelope. Status 200 says nothing: `success` does (F5).

    Raises:
        DeliveryError: what the envelope's errors mean.
    """
    envelope = json_object(answer)
    if answer.status == HTTPStatus.OK and envelope.get("success") is True:
        return envelope.get("result")
    codes = error_codes(envelope)
    if codes & THROTTLED_CODES:
        raise api.throttled(answer)
    if AUTHENTICATION_CODE in codes or answer.status == HTTPStatus.UNAUTHORIZED:
        raise Unrecognised(
            f"{api.url} does not accept the token: check API_TOKEN, its permissions and ZONE_ID.", reply=answer.raw
        )
    if PARTIAL_CODE in codes:
        raise TransientError(f"{api.url} accepted a part of the list only.", reply=answer.raw)
    if answer.status == HTTPStatus.OK and envelope.get("success") is False:
        raise TransientError(f"{api.url} did not accept the request.", reply=answer.raw)
    if answer.status == HTTPStatus.OK:
        raise Unproven(f"{api.url} answered without an envelope.", reply=answer.raw)
    raise api.failure(answer, "success: true")
