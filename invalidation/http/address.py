"""Under which URL the caches in front file the response to a request."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.encoding import force_str

from invalidation import conf

#: Where WSGI servers put the request target as it was sent: gunicorn; uWSGI and mod_wsgi.
RAW_TARGETS = ("RAW_URI", "REQUEST_URI")


def exact_url(request: HttpRequest) -> str:
    """The absolute URL, its target byte for byte as the client sent it where the server tells.

    Proxies file a page under the target as it was sent. Django's own URL is respelled, so that a purge of
    `/caf%C3%A9/` would miss the copy of `/caf%c3%a9/`.
    """
    target = _asgi_target(request) if hasattr(request, "scope") else _wsgi_target(request)
    if not target.startswith("/"):
        return request.build_absolute_uri()
    return f"{request.scheme}://{request.get_host().lower()}{target}"


def is_declared(request: HttpRequest) -> bool:
    """Are all parameters of the request among those that a page there depends on?"""
    return conf.settings().pages.query_parameters.know(request.get_full_path())


def _wsgi_target(request: HttpRequest) -> str:
    targets = (request.META.get(name, "") for name in RAW_TARGETS)
    return next((target for target in targets if target), "")


def _asgi_target(request: Any) -> str:
    path, query = (force_str(request.scope.get(name) or "", "latin-1") for name in ("raw_path", "query_string"))
    return f"{path}?{query}" if query else path
