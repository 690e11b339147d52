"""Verification: nodes are asked for what was purged; what is stale is purged again, and reported when it stays so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import redis
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import CommandError, call_command
from django.db.models import F
from django.db.models.functions import Now
from structlog.testing import capture_logs

import invalidation
from deploy.local import Nginx as NginxServer
from deploy.local import Varnish as VarnishServer
from invalidation import conf
from invalidation.emission.api import stored
from invalidation.exceptions import TransientError
from invalidation.freshness import index
from invalidation.models import Batch, Event, Verification
from invalidation.pipeline.aftercare import rebound, verify
from invalidation.pipeline.delivery import breaker
from invalidation.pipeline.intake import drain
from invalidation.providers.answers.reply import Probe
from invalidation.signals import event_recorded, stale_twice, verified
from invalidation.status import documents
from tests.fixtures.servers import SECRET
from tests.integration.freshness.conftest import NAIVE, PROVIDERS, Application, Behind, Declare, let_pass
from tests.integration.freshness.pages import state
from tests.integration.freshness.test_in_flight import race
from tests.unit.pipeline.chain import Chain, Node, Queue

SITE = "http://testserver"
INNER, LEFT, RIGHT = "http://inner", "http://left", "http://right"

pytestmark = pytest.mark.django_db


class Asked(Chain):
    """A chain whose nodes answer with a sequence that the test sets."""

    supports_fetch: bool = True
    sequences: ClassVar[dict[str, int | None]] = {}
    codes: ClassVar[dict[str, int]] = {}
    asked: ClassVar[list[tuple[str, str]]] = []

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Probe:
        self.asked.append((self.node, url.removeprefix(SITE)))
        if self.node in self.sequences and self.sequences[self.node] == 0:
            raise TransientError("frozen")
        return Probe(self.codes.get(self.node, 200), self.sequences.get(self.node), "HIT")


@pytest.fixture(autouse=True)
def _chain(declare: Declare) -> None:
    provider = "tests.integration.freshness.test_verify.Asked"
    declare(
        {
            "outer": {"PROVIDER": provider, "FILLS_FROM": ["inner"], "NODES": [LEFT, RIGHT]},
            "inner": {"PROVIDER": provider, "NODES": [INNER]},
        }
    )
    Chain.nodes.clear()
    Chain.nodes.update({name: Node() for name in (INNER, LEFT, RIGHT)})
    Asked.sequences.clear()
    Asked.codes.clear()
    Asked.asked.clear()


def purge(queue: Queue, **targets: Any) -> Batch:
    """Purged and rebounded."""
    Event.objects.create(source="code", targets={name: list(values) for name, values in targets.items()})
    batch = Batch.objects.get(pk=drain.drain().batches[-1])
    queue.run()
    let_pass(timedelta(minutes=1))
    rebound.rebound("default")
    queue.run()
    batch.refresh_from_db()
    return batch


def pause_passed() -> None:
    """Whatever was asked was asked a while ago."""
    Verification.objects.update(checked_at=F("checked_at") - verify.PAUSE)
    Batch.objects.update(rebounded_at=F("rebounded_at") - verify.PAUSE)


def test_each_url_is_asked_for_through_every_node_from_the_inside_out(queue: Queue) -> None:
    batch = purge(queue, urls=["/a/"])
    assert verify.verify("default").requests == 3
    assert Asked.asked == [(INNER, "/a/"), (LEFT, "/a/"), (RIGHT, "/a/")]
    rows = batch.verifications.order_by("id")
    assert [(row.node, row.status_code, row.cache_status, row.stale) for row in rows] == [
        (node, 200, "HIT", False) for node in (INNER, LEFT, RIGHT)
    ]


def test_a_batch_is_verified_once_and_its_rebound_is_not(queue: Queue) -> None:
    purge(queue, urls=["/a/"])
    assert verify.verify("default").batches == 1
    assert verify.verify("default").batches == 0


def test_nothing_is_verified_before_the_rebound_is_over(queue: Queue) -> None:
    Event.objects.create(source="code", targets={"urls": ["/a/"]})
    drain.drain()
    queue.run()
    assert verify.verify("default").batches == 0


def test_nothing_is_verified_while_a_purge_outlasts_its_rebound(queue: Queue) -> None:
    batch = purge(queue, urls=["/a/"])
    Batch.objects.filter(pk=batch.pk).update(status="running")
    assert verify.verify("default").batches == 0


def test_without_rebound_the_purge_itself_is_verified(queue: Queue, settings: Any, declare: Declare) -> None:
    tiers = settings.INVALIDATION["TIERS"]
    declare({name: {**tier, "REBOUND_SECONDS": 0} for name, tier in tiers.items()})
    Event.objects.create(source="code", targets={"urls": ["/a/"]})
    drain.drain()
    queue.run()
    assert verify.verify("default").batches == 1


def test_the_tag_index_names_urls_where_the_batch_names_none(queue: Queue, freshness_redis: redis.Redis) -> None:
    pipeline = freshness_redis.pipeline()
    for number in range(9):
        index.register(pipeline, f"{SITE}/{number}/", ["a"], 60)
    pipeline.execute()
    batch = purge(queue, tags=["a"])
    assert len(set(verify.sample(batch, 3))) == 3
    assert len(set(verify.sample(purge(queue, prefixes=["/1"]), 3))) == 1
    assert len(set(verify.sample(batch, 100))) == 9


@pytest.mark.parametrize(("rendered", "stale"), [(1, True), (None, False), (2**60, False)])
def test_what_was_rendered_before_the_batch_is_stale_and_what_says_nothing_is_not(
    rendered: int | None, stale: bool, queue: Queue
) -> None:
    batch = purge(queue, urls=["/a/"])
    Asked.sequences[LEFT] = rendered
    verify.verify("default")
    assert batch.verifications.get(node=LEFT).stale is stale


def test_a_stale_page_is_purged_again_by_its_url_and_its_tags(queue: Queue, freshness_redis: redis.Redis) -> None:
    pipeline = freshness_redis.pipeline()
    index.register(pipeline, f"{SITE}/a/", ["a"], 60)
    pipeline.execute()
    purge(queue, urls=["/a/", "/b/"], tags=["a", "b"])
    Asked.sequences[LEFT] = 1
    assert verify.verify("default").stale == 2
    events = Event.objects.filter(source="verify").order_by("id")
    assert sorted((event.targets for event in events), key=str) == [
        {"tags": ["a"], "urls": [f"{SITE}/a/"]},
        {"urls": [f"{SITE}/b/"]},
    ]


def test_a_page_that_is_stale_twice_is_reported_and_not_purged_a_third_time(queue: Queue) -> None:
    told: list[Verification] = []

    def receive(*, verification: Verification, **_: Any) -> None:
        told.append(verification)

    stale_twice.connect(receive)
    Asked.sequences[LEFT] = 1
    purge(queue, urls=["/a/"])
    verify.verify("default")
    assert told == []
    drain.drain()
    queue.run()
    let_pass(timedelta(minutes=1))
    rebound.rebound("default")
    queue.run()
    with capture_logs() as logs:
        verify.verify("default")
    stale_twice.disconnect(receive)
    assert [row.url for row in told] == [f"{SITE}/a/"]
    assert [(line["event"], line["log_level"]) for line in logs] == [("stale_twice", "error")]
    assert Event.objects.filter(source="verify").count() == 1


def test_a_node_that_does_not_answer_is_asked_once_and_called_neither_fresh_nor_stale(queue: Queue) -> None:
    batch = purge(queue, urls=["/a/", "/b/"])
    Asked.sequences[LEFT] = 0
    verify.verify("default")
    row = batch.verifications.get(node=LEFT)
    assert (row.status_code, row.stale, row.error) == (None, False, "could not be asked: frozen")
    assert batch.verifications.filter(node=RIGHT).count() == 2


@pytest.mark.parametrize("code", [500, 502, 503, 504, 429, 403, 401, 407, 408])
def test_f28_an_answer_that_is_none_proves_nothing_and_is_counted_apart(code: int, queue: Queue) -> None:
    batch = purge(queue, urls=["/a/"])
    Asked.codes[LEFT] = code
    done = verify.verify("default")
    assert (done.requests, done.stale, done.unasked) == (3, 0, 1)
    assert "1 could not be asked" in str(done)
    row = batch.verifications.get(node=LEFT)
    assert (row.status_code, row.stale, row.error) == (code, False, f"could not be asked: it answered {code}")
    assert batch.verifications.exclude(error="").count() == 1


@pytest.mark.parametrize("code", [200, 301, 304, 404, 410])
def test_a_page_that_is_gone_or_has_moved_is_an_answer(code: int, queue: Queue) -> None:
    purge(queue, urls=["/a/"])
    Asked.codes[LEFT] = code
    assert verify.verify("default").unasked == 0


def test_an_old_copy_is_stale_whatever_its_code(queue: Queue) -> None:
    purge(queue, urls=["/a/"])
    Asked.sequences[LEFT], Asked.codes[LEFT] = 1, 503
    assert verify.verify("default").stale == 1


def test_f28_what_could_not_be_asked_is_asked_again_alone_until_it_answers(queue: Queue) -> None:
    batch = purge(queue, urls=["/a/"])
    Asked.codes[LEFT] = 502
    verify.verify("default")
    assert Batch.objects.get(pk=batch.pk).verified_at is None
    assert verify.verify("default").batches == 0, "not at once"
    Asked.codes.clear()
    Asked.asked.clear()
    pause_passed()
    done = verify.verify("default")
    assert (done.batches, done.unasked) == (1, 0)
    assert Asked.asked == [(LEFT, "/a/")]
    assert Batch.objects.get(pk=batch.pk).verified_at
    pause_passed()
    assert verify.verify("default").batches == 0


def test_what_a_person_asked_before_the_last_pass_answers_nothing_after_it(queue: Queue) -> None:
    batch = purge(queue, urls=["/a/"])
    verify.check("default", batch, [f"{SITE}/a/"])
    pause_passed()
    Batch.objects.update(rebounded_at=Now())
    assert verify.verify("default").requests == 3


def test_f28_a_node_that_is_away_for_good_is_asked_so_often_and_no_more(queue: Queue) -> None:
    batch = purge(queue, urls=["/a/"])
    Asked.sequences[LEFT] = 0
    for _ in range(verify.TIMES + 2):
        verify.verify("default")
        pause_passed()
    assert batch.verifications.filter(node=LEFT).count() == verify.TIMES
    assert batch.verifications.filter(node=RIGHT).count() == 1
    assert Batch.objects.get(pk=batch.pk).verified_at


def test_f28_a_node_that_is_left_alone_by_its_breaker_could_not_be_asked(queue: Queue) -> None:
    batch = purge(queue, urls=["/a/"])

    def fail() -> None:
        raise TransientError("down")

    for _ in range(conf.settings().retry.breaker_failures):
        with contextlib.suppress(TransientError):
            breaker.guarded("outer", LEFT, fail)
    verify.verify("default")
    row = batch.verifications.get(node=LEFT)
    assert (row.status_code, "left alone" in row.error) == (None, True)
    assert (LEFT, "/a/") not in Asked.asked


def test_the_budget_bounds_the_requests_and_what_is_beyond_it_is_left_out_for_good(
    queue: Queue, settings: Any, declare: Declare
) -> None:
    declare(settings.INVALIDATION["TIERS"], VERIFY_REQUESTS_PER_MINUTE=3)
    older, newer = purge(queue, urls=["/a/"]), purge(queue, urls=["/b/"])
    done = verify.verify("default")
    assert (done.batches, done.left_out) == (1, 1)
    assert newer.verifications.count() == 3
    assert not older.verifications.exists()
    assert verify.verify("default").left_out == 0


def test_receivers_are_told(queue: Queue) -> None:
    told: list[int] = []

    def receive(*, verifications: list[Verification], **_: Any) -> None:
        told.append(len(verifications))

    verified.connect(receive)
    purge(queue, urls=["/a/"])
    verify.verify("default")
    verified.disconnect(receive)
    assert told == [3]


def test_the_status_document_shows_the_proof(queue: Queue) -> None:
    batch = purge(queue, urls=["/a/"])
    Asked.sequences[INNER] = batch.sequence
    verify.verify("default")
    proof = documents.document(batch.events.get())["verifications"][0]
    assert (proof["node"], proof["url"], proof["stale"]) == (INNER, f"{SITE}/a/", False)
    assert proof["sequence"] == batch.sequence


@pytest.mark.parametrize("kind", ["varnish", "nginx"])
def test_a_copy_that_slipped_in_during_the_purge_is_found_on_a_real_cache_and_gone_after(
    kind: str, behind: Behind, queue: Queue
) -> None:
    cached = behind(kind, middleware=NAIVE)
    batch = race(cached, queue, {"urls": ["/page/"]}).batch
    assert batch
    rows = verify.check("default", batch, [f"{cached.site}/page/"])
    assert [(row.cache_status, row.stale) for row in rows] == [("HIT", True)]
    drain.drain()
    queue.run()
    again = verify.check("default", batch, [f"{cached.site}/page/"])
    assert [(row.cache_status, row.stale) for row in again] == [("MISS", False)]
    assert cached.get() == "version 2"


@pytest.mark.parametrize("kind", ["varnish", "nginx"])
def test_verification_warms_the_page(kind: str, behind: Behind, queue: Queue) -> None:
    cached = behind(kind)
    event = stored(invalidation.invalidate(urls=["/page/"]))
    drain.drain()
    queue.run()
    event.refresh_from_db()
    assert event.batch
    for expected in ("MISS", "HIT"):
        (row,) = verify.check("default", event.batch, [f"{cached.site}/page/"])
        assert (row.cache_status, row.stale) == (expected, False)
        assert (row.sequence or 0) >= (event.batch.sequence or 0) > 0
    state.version = 2
    assert cached.get() == "version 1", "the visitor gets the warm copy"


@pytest.fixture
def chain(application: Application, tmp_path: Path, declare: Declare) -> Iterator[VarnishServer]:
    """An Nginx that fills from a Varnish of this test's own, which is given."""
    options: dict[str, Any] = {"public_port": ""}
    with (
        VarnishServer(tmp_path, [application.address], SECRET, options=options) as inner,
        NginxServer(tmp_path, [f"127.0.0.1:{inner.port}"], SECRET, options=options) as outer,
    ):
        secret = {"OPTIONS": {"SECRET": SECRET}}
        varnish = {"PROVIDER": PROVIDERS["varnish"], "NODES": [inner.url], **secret}
        nginx = {"PROVIDER": PROVIDERS["nginx"], "NODES": [outer.url], "FILLS_FROM": ["varnish"], **secret}
        declare({"varnish": varnish, "nginx": nginx}, SITES=["http://stopped.test"])
        application.handler = WSGIHandler()
        yield inner


def test_row_10_the_error_page_of_a_cache_whose_inner_one_is_stopped_proves_nothing(
    chain: VarnishServer, queue: Queue
) -> None:
    batch = purge(queue, urls=["/page/"])
    chain.stop()
    done = verify.verify("default")
    assert (done.stale, done.unasked) == (0, 2)
    row = batch.verifications.get(tier="nginx")
    assert (row.status_code, row.error) == (502, "could not be asked: it answered 502")
    chain.start()
    pause_passed()
    assert verify.verify("default").unasked == 0
    assert not batch.verifications.filter(stale=True).exists()


@pytest.mark.django_db(transaction=True)
def test_purge_with_verify_fails_when_a_node_serves_an_old_copy(
    queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(**_: Any) -> None:
        drain.drain()
        queue.run()

    event_recorded.connect(work)
    try:
        Asked.sequences[RIGHT] = 1
        with pytest.raises(CommandError, match="before the purge"):
            call_command("purge", "--url", "/a/", "--wait", "5", "--verify")
        assert "HIT" in capsys.readouterr().out
        Asked.sequences[RIGHT] = None
        Asked.codes[RIGHT] = 502
        with pytest.raises(CommandError, match="1 could not be asked") as unproved:
            call_command("purge", "--url", "/a/", "--wait", "5", "--verify")
        assert "before the purge" not in str(unproved.value)
        Asked.codes.clear()
        call_command("purge", "--url", "/a/?fresh", "--wait", "5", "--verify")
    finally:
        event_recorded.disconnect(work)


def test_verify_needs_wait() -> None:
    with pytest.raises(CommandError, match="--wait"):
        call_command("purge", "--url", "/a/", "--verify")
