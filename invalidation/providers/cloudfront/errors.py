"""What botocore's errors mean for a delivery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from invalidation.exceptions import DeliveryError, RejectedError, Throttled, TransientError, Unproven
from invalidation.providers.wire.answer import shortened

#: AWS says neither how long to wait nor sends a status of its own: these arrive with 400 and 503.
THROTTLED_CODES = {"Throttling", "ThrottlingException", "TooManyInvalidationsInProgress", "TooManyRequestsException"}
TRANSIENT_CODES = {"ServiceUnavailable", "InternalError", "InternalFailure", "RequestTimeout"}
#: Ours is used by another call: the documented code, and the words that have been seen with InvalidArgument.
DUPLICATE_CODE = "InvalidationBatchAlreadyExists"
DUPLICATE_WORDS = "caller reference that was used for a previous invalidation batch"


class Duplicate(RejectedError):
    """CloudFront has taken this caller reference before."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn botocore's errors into ours."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise failure(error.response) from None
    except ResponseParserError as error:
        raise Unproven("CloudFront's answer is not what its API sends.", reply=shortened(str(error))) from None
    except BotoCoreError as error:
        raise TransientError(f"CloudFront can't be asked: {shortened(str(error))}") from None
    except KeyError as error:
        raise Unproven(f"CloudFront's answer lacks {error}.") from None


def failure(response: Mapping[str, Any]) -> DeliveryError:
    """What an error response means."""
    code, message = str(response["Error"].get("Code", "")), str(response["Error"].get("Message", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    reply = shortened(f"{status} {code} {message}")
    if code in THROTTLED_CODES or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled("CloudFront asks for a pause.", reply=reply)
    if code in TRANSIENT_CODES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"CloudFront failed: {code}.", reply=reply)
    if code == DUPLICATE_CODE or DUPLICATE_WORDS in message:
        return Duplicate("CloudFront has seen this caller reference before, in a job that isn't ours.", reply=reply)
    return RejectedError(f"CloudFront refused: {code}.", reply=reply)
