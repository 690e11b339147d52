"""What botocore's errors mean for a delivery, without the secrets that their words may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from requests import codes

from invalidation.exceptions import DeliveryError, RejectedError, Throttled, TransientError, Unproven
from invalidation.providers.http import shortened
from invalidation.providers.vendor import CONCEALED

#: AWS says neither how long to wait nor sends a status of its own: these arrive with 400 and 503.
THROTTLED_CODES = {"Throttling", "ThrottlingException", "TooManyInvalidationsInProgress", "TooManyRequestsException"}
TRANSIENT_CODES = {"ServiceUnavailable", "InternalError", "InternalFailure", "RequestTimeout"}
#: Ours is used by another call: the documented code, and the words that have been seen with InvalidArgument.
DUPLICATE_CODE = "InvalidationBatchAlreadyExists"
DUPLICATE_WORDS = "caller reference that was used for a previous invalidation batch"


class Duplicate(RejectedError):
    """CloudFront has taken this caller reference before."""


class Secrets(tuple[str, ...]):
    """What is taken out of the vendor's words. Error reports show variables, hence not as what it holds."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} secrets>"


@contextmanager
def translated(secrets: Sequence[str]) -> Iterator[None]:
    """Turn botocore's errors into ours, `secrets` taken out of their words."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise failure(error.response, secrets) from None
    except ResponseParserError as error:
        raise Unproven("CloudFront's answer is not what its API sends.", reply=_words(error, secrets)) from None
    except BotoCoreError as error:
        raise TransientError(f"CloudFront can't be asked: {_words(error, secrets)}") from None
    except KeyError as error:
        raise Unproven(f"CloudFront's answer lacks {error}.") from None


def failure(response: Mapping[str, Any], secrets: Sequence[str] = ()) -> DeliveryError:
    """What an error response means."""
    code, words = str(response["Error"].get("Code", "")), str(response["Error"].get("Message", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    told = _words(f"{status} {code} {words}", secrets)
    if code in THROTTLED_CODES or status == codes.too_many_requests:
        return Throttled("CloudFront asks for a pause.", reply=told)
    if code in TRANSIENT_CODES or status >= codes.server_error:
        return TransientError(f"CloudFront failed: {code}.", reply=told)
    if code == DUPLICATE_CODE or DUPLICATE_WORDS in words:
        return Duplicate("CloudFront has seen this caller reference before, in a job that isn't ours.", reply=told)
    return RejectedError(f"CloudFront refused: {code}.", reply=told)


def _words(value: object, secrets: Sequence[str]) -> str:
    words = str(value)
    for secret in secrets:
        words = words.replace(secret, CONCEALED)
    return shortened(words)
