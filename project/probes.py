"""What machines ask the site: is it alive, and what does it count."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


@transaction.non_atomic_requests
@require_safe
@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """The process answers. It asks no server, so that a proxy doesn't drop every node when one database is away."""
    return JsonResponse({"status": "ok"})


@transaction.non_atomic_requests
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format. The proxy in front keeps it inside."""
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
