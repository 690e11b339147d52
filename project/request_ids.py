"""Believes a proxy's `X-Request-ID` only where it is one word of bounded length: it stands in every line of the log."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

HEADER = "HTTP_X_REQUEST_ID"
#: As the shipped Nginx passes them on.
KNOWN = re.compile(r"[A-Za-z0-9._:-]{8,64}")


@sync_and_async_middleware
def request_ids(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Stands before django-structlog's middleware, which takes whatever it is given."""

    def answer(request: HttpRequest) -> Any:
        if not KNOWN.fullmatch(request.META.get(HEADER, "")):
            request.META.pop(HEADER, None)
        return get_response(request)

    async def answer_async(request: HttpRequest) -> Any:
        return await answer(request)

    return answer_async if iscoroutinefunction(get_response) else answer
