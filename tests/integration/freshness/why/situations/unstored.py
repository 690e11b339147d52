"""Situations in which no cache may keep the page."""

from __future__ import annotations

from invalidation.status.why.codes import Code
from tests.integration.freshness.pages import PUBLIC, state
from tests.integration.freshness.why.stage import Stage, situation


@situation("its view says that it is private", Code.PRIVATE, "Cache-Control says 'private", remedy="login_required")
def _(stage: Stage) -> None:
    state.headers = {"Cache-Control": "private, max-age=60"}
    stage.stand(varnish=stage.varnish())


@situation("its view forbids storing for the CDN", Code.PRIVATE, "Surrogate-Control says 'no-store'")
def _(stage: Stage) -> None:
    state.headers = {"Cache-Control": "max-age=0", "Surrogate-Control": "no-store"}
    stage.stand(nginx=stage.nginx())


@situation("nothing gives it a lifetime", Code.NO_LIFETIME, "neither its view nor a rule", remedy="PAGES['POLICY']")
def _(stage: Stage) -> None:
    state.headers = {}
    stage.stand(varnish=stage.varnish())


@situation("it sets a cookie", Code.COOKIE, "sets the cookie visits", remedy="public pages")
def _(stage: Stage) -> None:
    state.headers = {"Cache-Control": PUBLIC, "Set-Cookie": "visits=1; Path=/"}
    stage.stand(varnish=stage.varnish())


@situation("it varies by everything", Code.VARIES, "Vary: *")
def _(stage: Stage) -> None:
    state.headers = {"Cache-Control": PUBLIC, "Vary": "*"}
    stage.stand(nginx=stage.nginx())


@situation("it is not there", Code.ERROR, "answers 404", remedy="Is the address right")
def _(stage: Stage) -> None:
    state.status = 404
    stage.stand(varnish=stage.varnish())


@situation("it leads elsewhere", Code.REDIRECT, "leads to /elsewhere/", remedy="/elsewhere/")
def _(stage: Stage) -> None:
    state.status, state.headers = 302, {"Location": "/elsewhere/"}
    stage.stand(varnish=stage.varnish())


@situation("what it shows was purged while it was rendered", Code.OUTDATED, "outdated already", remedy="Ask again")
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish())
    stage.invalidate_during_render(["page:1"])


@situation("it has more tags than a tier keeps", Code.TOO_MANY_TAGS, "don't fit", remedy="too_many_tags")
def _(stage: Stage) -> None:
    state.tags = tuple(f"page:{number}" for number in range(2000))
    stage.stand(varnish=stage.varnish())


@situation("no middleware stamps it", Code.UNSTAMPED, "did not stamp it", remedy="CacheTagMiddleware")
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish(), middleware="invalidation.middleware.CachePolicyMiddleware")
