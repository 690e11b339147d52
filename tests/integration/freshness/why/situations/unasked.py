"""Situations in which a node tells nothing of the page."""

from __future__ import annotations

import socket

from deploy.local import free_port
from invalidation.status.why.codes import Code
from tests.integration.freshness.pages import state
from tests.integration.freshness.why.stage import Stage, situation
from tests.providers.cdn.products import PRODUCTS


@situation("nobody listens at the node", Code.UNREACHABLE, "could not be asked", "can't be reached", remedy="start")
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish(f"http://127.0.0.1:{free_port()}"))


@situation("the node is frozen", Code.UNREACHABLE, "did not answer within 0.2 seconds", remedy="frozen")
def _(stage: Stage) -> None:
    silent = stage.running.enter_context(socket.create_server(("127.0.0.1", 0)))
    stage.stand(varnish=stage.varnish(f"http://127.0.0.1:{silent.getsockname()[1]}", TIMEOUT_SECONDS=0.2))


@situation("workers leave the node alone", Code.LEFT_ALONE, "leave it alone", remedy="start the server")
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish(f"http://127.0.0.1:{free_port()}"), BREAKER_FAILURES=1)
    stage.purge()


@situation("the application fails, and there is no copy", Code.FAILED, "answered 500", remedy="log says why")
def _(stage: Stage) -> None:
    state.status = 500
    stage.stand(nginx=stage.nginx())


@situation("the application does not answer the probe", Code.UNHEALTHY, "health probe", remedy="with 200")
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish(stage.servers.sick().url))


@situation("only some may see it", Code.REFUSED, "answered 403", remedy="everybody may see")
def _(stage: Stage) -> None:
    state.status = 403
    stage.stand(varnish=stage.varnish())


@situation("the node does not know the site's host", Code.WRONG_HOST, "no site of that host", remedy="server_names")
def _(stage: Stage) -> None:
    stage.stand(nginx=stage.nginx(stage.servers.of_another_site().url))


@situation("no purge of it is known at a CDN", Code.NOT_ASKED, "no purge of this page is known", remedy="EDGE")
def _(stage: Stage) -> None:
    product = PRODUCTS["fastly"]()
    stage.stand(fastly={"PROVIDER": "invalidation.providers.fastly.Fastly", "OPTIONS": product.options})


@situation("the CDN proved its purge", Code.NOT_ASKED, "it proved the last purge at")
def _(stage: Stage) -> None:
    product = PRODUCTS["fastly"]()
    stage.stand(fastly={"PROVIDER": "invalidation.providers.fastly.Fastly", "OPTIONS": product.options})
    with product.vendor:
        stage.purge()


@situation("the CDN refused its purge", Code.NOT_ASKED, "is a dead letter", remedy="replay")
def _(stage: Stage) -> None:
    product = PRODUCTS["fastly"]()
    stage.stand(fastly={"PROVIDER": "invalidation.providers.fastly.Fastly", "OPTIONS": product.options})
    with product.vendor:
        product.vendor.fail("unauthorized")
        stage.purge()
