"""Situations in which a node has no copy of what it may keep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from invalidation.providers.registry import provider
from invalidation.status.why.codes import Code
from tests.integration.freshness.pages import PUBLIC, state
from tests.integration.freshness.why.stage import Stage, situation


@situation("nobody ever asked for it", Code.NEVER, "nobody had asked for it")
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish())


@situation("nobody ever asked for it at Nginx", Code.NEVER, "nobody had asked for it")
def _(stage: Stage) -> None:
    stage.stand(nginx=stage.nginx())


@situation("it was purged by its address, and nobody came since", Code.PURGED, "purged at", named_by="its address")
def _(stage: Stage) -> None:
    stage.visited()
    stage.purge()


@situation("it was purged by a tag, and nobody came since", Code.PURGED, "purged at", named_by="tag page:1")
def _(stage: Stage) -> None:
    stage.visited()
    stage.purge(tags=["page:1", "page:2"])


@situation("it was purged by a tag at Nginx, which knows none", Code.PURGED, "purged at", named_by="tag page:1")
def _(stage: Stage) -> None:
    stage.stand(nginx=stage.nginx())
    stage.visit(stage.servers.nginx.url)
    stage.purge(tags=["page:1"])


@situation("its folder was purged, and nobody came since", Code.PURGED, "purged at", named_by="prefix http")
def _(stage: Stage) -> None:
    stage.path = "/news/today/"
    stage.visited()
    stage.purge(prefixes=["/news/"])


@situation("everything was purged, and nobody came since", Code.PURGED, "purged at", named_by="everything")
def _(stage: Stage) -> None:
    stage.visited()
    stage.purge(everything=True)


@situation("it is to be fetched again after its purge", Code.PURGED, "a worker is to fetch it again")
def _(stage: Stage) -> None:
    stage.visited()
    stage.purge(mode="refresh")


@situation("what was rendered during its purge was refused", Code.OUTDATED, "outdated already, and refused")
def _(stage: Stage) -> None:
    stage.visited()
    stage.purge()
    stage.invalidate_during_render(["page:1"])
    assert stage.visit(stage.servers.varnish.url).headers["Cache-Control"] == "no-store"


@situation("its life was over, and nobody came since", Code.EXPIRED, "had expired")
def _(stage: Stage) -> None:
    state.headers = {"Cache-Control": "public, max-age=0, s-maxage=1"}
    stage.stand(nginx=stage.nginx())
    stage.visit(stage.servers.nginx.url)
    stage.pass_time(2.1)


@situation("somebody purged it without an event", Code.GONE, "purged by somebody else", remedy="who else purges")
def _(stage: Stage) -> None:
    stage.visited()
    provider("varnish", stage.servers.varnish.url).purge_urls([f"http://{stage.host}{stage.path}"])


@situation("it was purged, filled again, and then purged by somebody else", Code.GONE, "lives until")
def _(stage: Stage) -> None:
    stage.visited()
    stage.purge()
    stage.visit(stage.servers.varnish.url)
    provider("varnish", stage.servers.varnish.url).purge_everything()


@situation("it was asked for at the tier inside alone", Code.GONE, "nobody asked this node", at="nginx")
def _(stage: Stage) -> None:
    stage.chain()
    stage.visit(stage.servers.varnish.url)


@situation("it varies by what Nginx does not tell apart", Code.NOT_KEPT, "Accept-Language", remedy="VARIANTS")
def _(stage: Stage) -> None:
    state.headers = {"Cache-Control": PUBLIC, "Vary": "Accept-Language"}
    stage.stand(nginx=stage.nginx())


@situation("the node that is named is the application", Code.NOT_A_CACHE, "is it a cache", remedy="NODES")
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish(f"http://{stage.application.address}"))


@situation(
    "nobody asked for it, while Redis is away", Code.SHORT_LIFE, "nobody had asked", "Redis", remark="can't be read"
)
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish(), REDIS_URL="redis://127.0.0.1:1/0")


@situation("the index can't be read from here alone", Code.UNKNOWN, "can't be read", remark="can't be read")
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish(), REDIS_URL="redis://127.0.0.1:1/0")
    stage.application.handler = _stamped


def _stamped(_: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """A page of a host whose Redis is well."""
    start_response("200 OK", [("Cache-Control", PUBLIC), ("X-Cache-Sequence", str(time.time_ns() // 1000))])
    return [b"a page"]
