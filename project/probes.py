"""What machines ask the site: is it alive, and what does it count."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from invalidation.contrib.prometheus.registry import registry
from invalidation.freshness.clients import UNAVAILABLE, patient_client

#: Headers that a proxy adds and no visitor can take away: Varnish adds X-Varnish after it has dropped what the
#: visitor's Connection header names, and Nginx sets its own.
PROXIED = frozenset(
    f"HTTP_{name}"
    for name in (
        "X_FORWARDED_FOR",
        "X_FORWARDED_PROTO",
        "X_FORWARDED_HOST",
        "X_REAL_IP",
        "FORWARDED",
        "VIA",
        "X_VARNISH",
    )
)


@transaction.non_atomic_requests
@require_safe
@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """The process answers. It asks no server, so that a proxy doesn't drop every node when one database is away."""
    return JsonResponse({"status": "ok"})


@transaction.non_atomic_requests
@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Whether requests may be sent here, 503 if not; why, and what else is away, for the inside alone."""
    needed, besides = troubles(_database), troubles(_freshness)
    document: dict[str, object] = {"status": "unready" if needed else "degraded" if besides else "ready"}
    if may_see_metrics(request):
        document["reasons"] = [*needed, *besides]
    return JsonResponse(document, status=503 if needed else 200)


def troubles(ask: Callable[[], object]) -> list[str]:
    """In words, none while a server answers; no word of its own, for it may name hosts and users."""
    try:
        ask()
    except (DatabaseError, *UNAVAILABLE) as error:
        return [f"{(ask.__doc__ or '').rstrip('.')} does not answer ({type(error).__name__})"]
    return []


def _database() -> None:
    """The database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _freshness() -> None:
    """The freshness Redis."""
    if server := patient_client():
        server.ping()


@transaction.non_atomic_requests
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for the inside alone; for others the page is not there."""
    if not may_see_metrics(request):
        return HttpResponseNotFound()
    return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


def may_see_metrics(request: HttpRequest) -> bool:
    """Who knows METRICS_TOKEN; where there is none, who asks from this machine with no proxy between."""
    if token := settings.METRICS_TOKEN:
        given = request.META.get("HTTP_AUTHORIZATION", "")
        return constant_time_compare(given, f"Bearer {token}")
    return is_loopback(request.META.get("REMOTE_ADDR", "")) and not PROXIED.intersection(request.META)


def is_loopback(address: str) -> bool:
    """Is it an address of this machine to itself?"""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
