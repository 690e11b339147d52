"""Situations in which a node has a copy that is older than the last purge."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F

import invalidation
from invalidation.models import Delivery
from invalidation.pipeline import replay
from invalidation.pipeline.delivery import lease
from invalidation.rows import deliveries
from invalidation.status.why.codes import Code
from tests.integration.freshness.why.stage import Stage, situation
from tests.stand_ins import cloudfront

WRONG = "another-secret-of-nobody"


@situation("no worker claimed its event", Code.OLD_UNCLAIMED, "was claimed by no worker", remedy="workers")
def _(stage: Stage) -> None:
    stage.visited()
    invalidation.invalidate(urls=[stage.path])


@situation("its purge waits for a free worker", Code.OLD_WAITS, "waits for a free worker", remedy="workers")
def _(stage: Stage) -> None:
    stage.visited()
    stage.claim()


@situation("its purge waits for the tier inside", Code.OLD_WAITS_INSIDE, "varnish", "was not asked yet", at="nginx")
def _(stage: Stage) -> None:
    stage.visit(stage.chain())
    stage.claim()


@situation("a worker is purging it", Code.OLD_RUNNING, "is under way since")
def _(stage: Stage) -> None:
    stage.visited()
    stage.claim()
    assert lease.take("default", stage.queue.deliveries.pop())


@situation("the worker that purged it died", Code.OLD_ABANDONED, "a worker that died", remedy="takes it over")
def _(stage: Stage) -> None:
    stage.visited()
    stage.claim()
    assert lease.take("default", stage.queue.deliveries.pop())
    Delivery.objects.update(started_at=F("started_at") - timedelta(days=1))


@situation("the node fails at purges", Code.OLD_RETRIED, "is tried again at", "status 503", remedy="log says why")
def _(stage: Stage) -> None:
    stage.behind_toll().fails()
    stage.purge()


@situation("the node asks for a pause", Code.OLD_PUT_OFF, "is put off until", "asks for a pause", remedy="by itself")
def _(stage: Stage) -> None:
    stage.behind_toll().fails(429, {"Retry-After": "30"})
    stage.purge()


@situation("the node's breaker is open", Code.OLD_PUT_OFF, "Left alone", "status 503", remedy="log says why")
def _(stage: Stage) -> None:
    stage.behind_toll(BREAKER_FAILURES=1).fails()
    stage.purge()
    stage.purge()


@situation("the node knows another secret", Code.OLD_DEAD_LETTER, "403", remedy="Compare SECRET")
def _(stage: Stage) -> None:
    stage.visited()
    stage.stand(varnish=stage.varnish(SECRET=WRONG))
    stage.purge()


@situation("every attempt failed", Code.OLD_DEAD_LETTER, "is a dead letter", "status 503", remedy="log says why")
def _(stage: Stage) -> None:
    stage.behind_toll(MAX_ATTEMPTS=1).fails()
    stage.purge()


@situation("the node does not purge at all", Code.OLD_DEAD_LETTER, "without X-Purged-By", remedy="invalidation_doctor")
def _(stage: Stage) -> None:
    stage.behind_toll(MAX_ATTEMPTS=1).fails(200, {})
    stage.purge()


@situation("its dead letter was replayed", Code.OLD_WAITS, "since ada replayed it", remedy="workers")
def _(stage: Stage) -> None:
    stage.visited()
    stage.stand(varnish=stage.varnish(SECRET=WRONG))
    stage.purge()
    replay(deliveries.dead_letters("default"), actor="ada")


@situation("the vendor's job still runs", Code.OLD_JOB, "a job of the vendor's, I000", "that still runs")
def _(stage: Stage) -> None:
    vendor = cloudfront.CloudFront(seconds=3600)
    names = ("DISTRIBUTION_ID", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
    options = {name: getattr(cloudfront, name) for name in names}
    options |= {"ENDPOINT_URL": vendor.url, "EDGE": stage.servers.varnish.url}
    stage.stand(edge={"PROVIDER": "invalidation.providers.cloudfront.CloudFront", "OPTIONS": options})
    stage.visit(stage.servers.varnish.url)
    with vendor:
        stage.purge()


@situation("its purge was meant for another tier", Code.OLD_OTHER_TIERS, "meant for nginx alone", at="varnish")
def _(stage: Stage) -> None:
    stage.visit(stage.chain())
    stage.purge(tiers=["nginx"])


@situation("the node was given it by the tier inside", Code.OLD_HANDED, "was given it by", "varnish", at="nginx")
def _(stage: Stage) -> None:
    stage.visit(stage.chain())
    stage.purge(tiers=["nginx"])


@situation("the node joined after its purge", Code.OLD_NEW_NODE, "knew of no such node", remedy="Purge the page again")
def _(stage: Stage) -> None:
    stage.visited()
    stage.claim()
    stage.stand(varnish=stage.varnish(stage.servers.varnish.url.replace("127.0.0.1", "localhost")))


@situation("it was purged softly", Code.OLD_SOFT, "as was meant", remedy="Ask again")
def _(stage: Stage) -> None:
    stage.stand(varnish=stage.varnish() | {"MODE": "invalidate"})
    stage.visit(stage.servers.varnish.url)
    stage.purge()


@situation("it was purged by the mode that shows it once more", Code.OLD_SOFT, "as was meant", remedy="Ask again")
def _(stage: Stage) -> None:
    stage.visited()
    stage.purge(mode="invalidate")


@situation(
    "it was filled again from a tier that could not be purged",
    Code.OLD_FROM_INSIDE,
    "filled again from varnish",
    "is a dead letter",
    at="nginx",
    remedy="Compare SECRET",
)
def _(stage: Stage) -> None:
    outside = stage.chain(secret=WRONG)
    stage.visit(outside)
    stage.purge()
    stage.visit(outside)


@situation("it was taken up again, and the rebound is to come", Code.OLD_REBOUND, "purged once more at")
def _(stage: Stage) -> None:
    stage.behind_toll().lies()
    stage.purge()


@situation("its second purge failed", Code.OLD_SECOND_PURGE, "the second purge", "status 503", remedy="log says why")
def _(stage: Stage) -> None:
    toll = stage.behind_toll()
    toll.lies()
    stage.purge()
    toll.fails()
    stage.make_second_purge()


@situation("it is old after both purges", Code.OLD_TWICE, "after the one that followed", remedy="TRANSFER_SECONDS")
def _(stage: Stage) -> None:
    stage.behind_toll().lies()
    stage.purge()
    stage.make_second_purge()


@situation("one of its variants was never purged", Code.OLD_REBOUND, "taken up again", at="Accept-Language: de")
def _(stage: Stage) -> None:
    variants = [{"Accept-Language": "en"}, {"Accept-Language": "de"}]
    node = stage.servers.in_two_languages().url
    stage.stand(nginx=stage.nginx(node, VARIANTS=variants[:1]))
    stage.visit(node, **{"Accept-Language": "de"})
    stage.purge()
    stage.stand(nginx=stage.nginx(node, VARIANTS=variants))
