"""Situations in which a node has a copy that is not older than the last purge."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

import invalidation
from invalidation.emission import instants
from invalidation.status.why.codes import Code
from tests.fixtures.library.models import Notice
from tests.integration.freshness.pages import state
from tests.integration.freshness.why.stage import Stage, situation

SOON = "public, max-age=0, s-maxage=1"


@situation("a visitor has asked for it", Code.COPY, "no purge concerned it lately")
def _(stage: Stage) -> None:
    stage.visited()


@situation("a visitor has asked for it at Nginx", Code.COPY, "no purge concerned it lately")
def _(stage: Stage) -> None:
    stage.stand(nginx=stage.nginx())
    stage.visit(stage.servers.nginx.url)


@situation("another page was purged", Code.COPY, "no purge concerned it lately")
def _(stage: Stage) -> None:
    stage.visited()
    stage.purge(urls=["/another/"], tags=["page:2"])


@situation("it carries no tag, so that the purge of its tag did not mean it", Code.COPY, remark="It carries no tag")
def _(stage: Stage) -> None:
    state.tags = ()
    stage.visited()
    stage.purge(tags=["page:1"])


@situation("a tag of it has more pages than the index keeps", Code.COPY, remark="More pages carry page")
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish(), MAX_URLS_PER_TAG=1)
    stage.visit(stage.servers.varnish.url, "/another/")
    stage.visit(stage.servers.varnish.url)


@situation("a purge of it is scheduled", Code.COPY, "no purge concerned it lately")
def _(stage: Stage) -> None:
    stage.visited()
    invalidation.invalidate(urls=[stage.path], at=timezone.now() + timedelta(hours=1))


@situation("it was purged and filled again", Code.NEWER, "newer than the last purge", named_by="its address")
def _(stage: Stage) -> None:
    stage.visited()
    stage.purge()
    stage.visit(stage.servers.varnish.url)


@situation("it was purged and filled again in a chain", Code.NEWER, "newer than the last purge", at="nginx")
def _(stage: Stage) -> None:
    outside = stage.chain()
    stage.visit(outside)
    stage.purge()
    stage.visit(outside)


@situation("a purge waits for its claim, but the copy is from after the change", Code.COPY)
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish())
    invalidation.invalidate(urls=[stage.path])
    stage.visit(stage.servers.varnish.url)


@situation("one language was asked for, and the other was not", Code.COPY, at="Accept-Language: de")
def _(stage: Stage) -> None:
    variants = [{"Accept-Language": "en"}, {"Accept-Language": "de"}]
    node = stage.servers.in_two_languages().url
    stage.stand(nginx=stage.nginx(node, VARIANTS=variants))
    stage.visit(node, **{"Accept-Language": "de"})


@situation("the index has no room for it", Code.SHORT_LIFE, "the tag index was full", remedy="INDEX['MAX_URLS']")
def _(stage: Stage) -> None:
    stage.stand(nginx=stage.nginx(), MAX_URLS=1)
    stage.visit(stage.servers.nginx.url, "/another/")
    stage.visit(stage.servers.nginx.url)


@situation("Redis was away while it was rendered", Code.SHORT_LIFE, "10 s only", "Redis", remedy="Start that Redis")
def _(stage: Stage) -> None:
    stage.visited(REDIS_URL="redis://127.0.0.1:1/0")


@situation("its view added what is no tag", Code.SHORT_LIFE, "what is no tag", remedy="unusable_tags")
def _(stage: Stage) -> None:
    state.tags = ("not a tag", "page")
    stage.visited()


@situation(
    "it was asked for with a parameter that nobody declared",
    Code.SHORT_LIFE,
    "none that a purge could name",
    remark="The proxies file it as http",
)
def _(stage: Stage) -> None:
    stage.path = "/page/?utm_source=letter"
    stage.visited(QUERY_PARAMETERS=["page"])


@situation(
    "it has a parameter where none is declared",
    Code.SHORT_LIFE,
    "none that a purge could name",
    remark="where none are declared",
)
def _(stage: Stage) -> None:
    stage.path = "/page/?page=2"
    stage.visited(QUERY_PARAMETERS={"^/blog/": ["page"]})


@situation("its address is spelt as no link spells it", Code.SHORT_LIFE, "none that a purge could name", remark="%62")
def _(stage: Stage) -> None:
    stage.path = "/p%61ge/"
    stage.stand(varnish=stage.varnish())


@situation("its address is too long to be indexed", Code.SHORT_LIFE, "none that a purge could name", remark="too long")
def _(stage: Stage) -> None:
    stage.path = f"/{'x' * 1100}/"
    stage.visited()


@situation("the proxy tells the application another Host", Code.SHORT_LIFE, "another site", remedy="pass on the Host")
def _(stage: Stage) -> None:
    node = stage.servers.with_a_port().url
    stage.stand(varnish=stage.varnish(node))
    stage.visit(node)


@situation(
    "the application does not know that it is reached by https", Code.SHORT_LIFE, "another site", remedy="scheme"
)
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish(), SITES=[f"https://{stage.host}"])
    stage.visit(stage.servers.varnish.url, **{"X-Forwarded-Proto": "https"})


@situation("it shows what no tag stands for", Code.SHORT_LIFE, "what no tag stands for", remedy="why URL --reads")
def _(stage: Stage) -> None:
    stage.path = "/stream/"
    stage.visited(AUTOMATIC_TAGS=True)


@situation("something on it changes by itself in half a minute", Code.ENDS, "changes by itself when that life ends")
def _(stage: Stage) -> None:
    opens_at = timezone.now() + timedelta(seconds=30)
    notice = Notice.objects.create(opens_at=opens_at)
    state.tags = (f"library.notice:{notice.pk}",)
    # The page is rendered in a thread that can't see this transaction: the process remembers what it was told.
    named, now = instants.timed(state.tags), timezone.now()
    assert instants.next_instant(named, now, now + timedelta(hours=1)) == opens_at
    stage.visited()


@situation("its life was over, and Varnish shows it once more", Code.GRACE, "while it is fetched anew")
def _(stage: Stage) -> None:
    state.headers = {"Cache-Control": SOON}
    stage.visited()
    stage.pass_time(2.1)


@situation("its life was over while the application fails", Code.ON_ERROR, "the application does not answer")
def _(stage: Stage) -> None:
    state.headers = {"Cache-Control": SOON}
    stage.stand(nginx=stage.nginx())
    stage.visit(stage.servers.nginx.url)
    stage.pass_time(2.1)
    state.status = 500


@situation("no middleware stamped the copy", Code.UNSTAMPED_COPY, "nobody can tell its age", remedy="MIDDLEWARE")
def _(stage: Stage) -> None:
    stage.visited(middleware="invalidation.middleware.CachePolicyMiddleware")


@situation("the index was lost since it was rendered", Code.UNINDEXED, "the tag index does not know", remedy="empties")
def _(stage: Stage) -> None:
    stage.stand(nginx=stage.nginx())
    stage.visit(stage.servers.nginx.url)
    stage.redis.flushdb()
