"""Middleware: the policy of lifetimes; tags, sequence and the in-flight guard on what a shared cache may store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase

from invalidation import context
from invalidation.http import automatic, canary, guard, policy

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class _Middleware:
    """What a middleware needs that serves sync and async sites."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response: Any = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """The response, or under ASGI its coroutine."""
        return self._respond_async(request) if iscoroutinefunction(self) else self._respond(request)

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        raise NotImplementedError

    async def _respond_async(self, request: HttpRequest) -> HttpResponseBase:
        raise NotImplementedError


class CacheTagMiddleware(_Middleware):
    """Place it outside everything that may add a cookie or a header, so that it judges the response that leaves.

    Costs two Redis round trips per cacheable response: the sequence before, the stamps and the index after.
    """

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        since = guard.begin(request)
        with context.serving(request), automatic.collecting(request):
            response: HttpResponseBase = canary.respond(request) or self.get_response(request)
        guard.end(request, response, since)
        return response

    async def _respond_async(self, request: HttpRequest) -> HttpResponseBase:
        since = await sync_to_async(guard.begin)(request)
        with context.serving(request), automatic.collecting(request):
            response: HttpResponseBase = canary.respond(request) or await self.get_response(request)
        await sync_to_async(guard.end)(request, response, since)
        return response


class CachePolicyMiddleware(_Middleware):
    """Place it directly inside CacheTagMiddleware, outside whatever may set a cookie or turn a 200 into a 304."""

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self.get_response(request)
        policy.apply(request, response)
        return response

    async def _respond_async(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)
        await sync_to_async(policy.apply)(request, response)
        return response
