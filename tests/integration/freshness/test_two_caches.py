"""An Nginx that fills from a Varnish: whatever was read, edited, refused and lost, neither is stale once all is done.

The Varnish has tags, the Nginx asks the tag index, and each of them may be filled, or purged, without the other.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import product
from typing import Any, ClassVar

import pytest
import redis
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import setting_changed
from django.db.models import F
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

import invalidation
from deploy.local import Nginx, Redis, free_port
from invalidation.freshness.scripts import EXPIRY_KEY
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event, EventStatus
from invalidation.pipeline.aftercare import rebound, replay, sweep
from invalidation.pipeline.aftercare.retire import VERIFIED_WITHIN_SECONDS
from invalidation.pipeline.delivery import fan_out, slowness
from invalidation.pipeline.intake import drain
from tests.fixtures.grouped import grouped
from tests.fixtures.servers import SECRET
from tests.integration.freshness import content
from tests.integration.freshness.conftest import PROVIDERS, Application, Cached, Declare
from tests.unit.pipeline.chain import Queue

pytestmark = [pytest.mark.takes(30), pytest.mark.django_db(transaction=True), pytest.mark.timeout(0)]

PATHS = ("/blog/a/", "/blog/b/", "/about/")
TAGS = ("red", "green")
TIERS = ("varnish", "nginx")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "30"))
#: More than any backlog takes once every fault has ended.
ROUNDS = 12
HOUR = timedelta(hours=1)
#: Seconds: time passes by a rule alone. What also depended on the machine's speed could not be repeated.
LONG = 1800.0


class Site:
    """The two caches, and the faults that a test may cause."""

    def __init__(self, nodes: dict[str, str], server: redis.Redis, redis_url: str) -> None:
        self.nodes, self.redis, self.redis_url = nodes, server, redis_url
        self.begin()

    def begin(self) -> None:
        """Under a name that no cache has seen, with nothing in Redis and without a fault."""
        self.name, self.refusing, self.is_redis_away = f"http://{uuid.uuid4().hex}.test", "", False
        self.redis.flushdb()
        self.put_in_force()

    def put_in_force(self) -> None:
        """The settings, faults included: in place, for each change of them by name would lie above the one before."""
        values = {
            "TIERS": {name: self.tier(name) for name in TIERS},
            "SITES": [self.name],
            "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0" if self.is_redis_away else self.redis_url,
            "LINGER_MILLISECONDS": 0,
            "TRANSFER_SECONDS": 0,
            "MAX_ATTEMPTS": 3,
            "BREAKER_FAILURES": 100,
            "BREAKER_RESET_SECONDS": 0,
            "LEASE_SECONDS": LONG,
            "SWEEP_AFTER_SECONDS": LONG,
            "DEGRADED_TTL_SECONDS": 0,
            "LONGEST_RENDER_SECONDS": 0.001,  # else nothing is old enough to be retired
        }
        django_settings.INVALIDATION.clear()
        django_settings.INVALIDATION.update(grouped(values))
        setting_changed.send(sender=None, setting="INVALIDATION", value=django_settings.INVALIDATION, enter=True)

    def tier(self, name: str) -> dict[str, Any]:
        """As it is declared; one that refuses is told another secret."""
        options = {"SECRET": "another-secret-of-no-use" if name == self.refusing else SECRET}
        inner = {"FILLS_FROM": ["varnish"], "OPTIONS": {**options, "EVERYTHING": True}} if name == "nginx" else {}
        return {"PROVIDER": PROVIDERS[name], "NODES": [self.nodes[name]], "OPTIONS": options, **inner}

    def get(self, tier: str, path: str) -> str:
        """What a visitor of this cache reads."""
        return Cached(tier, self.nodes[tier], self.name).get(path)


class Machine(RuleBasedStateMachine):
    """Editors, visitors, workers, and what goes wrong between them."""

    site: ClassVar[Site]

    def __init__(self) -> None:
        super().__init__()
        for model in (Event, Batch):
            model.objects.all().delete()
        content.edits.clear()
        content.tags.update(zip(PATHS, map(frozenset, (TAGS[:1], TAGS[1:], TAGS)), strict=True))
        self.site.begin()
        self.queue = Queue()
        self.queue.connect()
        self.is_settled = True

    @rule(tiers=st.sampled_from([TIERS[:1], TIERS[1:]]), paths=st.sampled_from([PATHS[:1], PATHS]))
    def visit(self, tiers: Sequence[str], paths: Sequence[str]) -> None:
        """Caches are filled where they are empty; once all is done none is stale."""
        for tier, path in product(tiers, paths):
            read = self.site.get(tier, path)
            if self.is_settled:
                assert read == content.shown(path), f"{tier} is stale at {path}"

    @rule(tag=st.sampled_from(TAGS), at_once=st.booleans())
    def edit_what_bears_a_tag(self, tag: str, at_once: bool) -> None:
        content.edits[tag] += 1
        self.changed(at_once, tags=[tag])

    @rule(
        where=st.sampled_from([{"urls": PATHS[:1]}, {"prefixes": ["/blog/"]}, {"everything": True}]),
        at_once=st.booleans(),
    )
    def edit_addresses(self, where: dict[str, Any], at_once: bool) -> None:
        content.edits[PATHS[0]] += 1
        self.changed(at_once, **where)

    @rule(tags=st.sets(st.sampled_from(TAGS)), at_once=st.booleans())
    def give_a_page_other_tags(self, tags: set[str], at_once: bool) -> None:
        content.tags[PATHS[0]] = frozenset(tags)
        self.changed(at_once, urls=PATHS[:1])

    @rule(tier=st.sampled_from(TIERS), tag=st.sampled_from(TAGS), mode=st.sampled_from(["delete", "invalidate"]))
    def purge_one_cache_though_nothing_changed(self, tier: str, tag: str, mode: str) -> None:
        self.changed(at_once=True, tags=[tag], tiers=[tier], mode=mode)

    def changed(self, at_once: bool, **targets: Any) -> None:
        invalidation.invalidate(**targets)
        self.is_settled = False
        if at_once:
            self.mend_everything()

    @rule()
    def lose_what_redis_holds(self) -> None:
        self.site.redis.flushdb()

    @rule()
    def take_redis_away_or_bring_it_back(self) -> None:
        self.site.is_redis_away = not self.site.is_redis_away
        self.is_settled = False
        self.site.put_in_force()

    @rule(tier=st.sampled_from(["", *TIERS]))
    def let_one_cache_refuse(self, tier: str) -> None:
        self.site.refusing, self.is_settled = tier, False
        self.site.put_in_force()

    @rule()
    def work_off(self) -> None:
        """Workers that nothing happens to."""
        drain.drain()
        self.queue.run()

    @rule()
    def time_passes(self) -> None:
        """Long enough for every pause, and for the rebound."""
        Event.objects.update(created_at=F("created_at") - HOUR)
        Batch.objects.update(created_at=F("created_at") - HOUR, rebound_at=F("rebound_at") - HOUR)
        Delivery.objects.update(
            available_at=F("available_at") - HOUR,
            started_at=F("started_at") - HOUR,
            swept_at=F("swept_at") - HOUR,
            completed_at=F("completed_at") - HOUR,
        )
        sweep.sweep("default")
        rebound.rebound("default")

    @rule()
    def what_a_rebound_has_removed_leaves_the_index(self) -> None:
        """It ends, and the minute passes after which the pages go."""
        self.time_passes()
        self.mend_everything()
        server = self.site.redis
        now = int(server.time()[0])
        for page in server.zrangebyscore(EXPIRY_KEY, 0, now + VERIFIED_WITHIN_SECONDS):
            server.zadd(EXPIRY_KEY, {str(page): now - 1}, xx=True)

    @rule()
    def mend_everything(self) -> None:
        """The faults end, a person replays what is dead, and the workers come to an end."""
        self.site.is_redis_away, self.site.refusing = False, ""
        self.site.put_in_force()
        for _ in range(ROUNDS):
            replay.replay_all("default", actor="ada")
            self.work_off()
            if self.has_ended():
                break
            self.time_passes()
        assert self.has_ended(), list(Delivery.objects.exclude(status=DeliveryStatus.PURGED).values())
        self.is_settled = True

    def has_ended(self) -> bool:
        """Is everything done?"""
        waiting = Batch.objects.exclude(status=BatchStatus.DONE), Event.objects.exclude(status=EventStatus.DONE)
        return not any(rows.exists() for rows in waiting)

    def teardown(self) -> None:
        try:
            self.mend_everything()
            self.visit(tuple(reversed(TIERS)), PATHS)
        finally:
            self.queue.disconnect()


@pytest.fixture
def site(
    declare: Declare,
    application: Application,
    caches_before: dict[str, Any],
    nginx_over_varnish: Nginx,
    redis_server: Redis,
) -> Iterator[Site]:
    nodes = {"varnish": caches_before["varnish"].url, "nginx": nginx_over_varnish.url}
    declare()
    application.handler = WSGIHandler()
    with (
        override_settings(ROOT_URLCONF="tests.integration.freshness.content"),
        redis.Redis.from_url(redis_server.url(5), decode_responses=True) as server,
    ):
        yield Site(nodes, server, redis_server.url(5))


def test_neither_cache_is_stale_once_all_is_done_whatever_was_read_edited_refused_and_lost(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((fan_out, "PATIENCE"), (slowness, "SLOW")):
        monkeypatch.setattr(module, f"{name}_SECONDS", LONG)
    Machine.site = site
    run_state_machine_as_test(
        Machine,
        settings=profile(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
