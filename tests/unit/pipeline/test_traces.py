"""An event keeps its request's trace, a batch links to the traces it merged, each call to a node is a span (O9)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.db import connections, transaction
from django.test import RequestFactory
from django.utils import timezone
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer, format_trace_id

import invalidation
from deploy.local import Redis, wait_for
from invalidation import context, pipeline
from invalidation.contrib.celery import configure
from invalidation.contrib.opentelemetry import places, spans
from invalidation.emission import instants
from invalidation.exceptions import RejectedError, Throttled, TransientError
from invalidation.models import Batch, Event, EventStatus, ScheduledEvent
from invalidation.pipeline.intake import claim, drain
from invalidation.providers.answers.reply import Reply
from tests.fixtures.servers import ROOT
from tests.unit.pipeline.chain import EDGE, LEFT, RIGHT, Chain, Queue, fails
from tests.unit.pipeline.conftest import Dirty

pytestmark = [pytest.mark.databases, pytest.mark.django_db(transaction=True, databases=["default", "other"])]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADER = f"00-{TRACE}-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PROVIDER = TracerProvider()


class Spans:
    """What was exported, oldest first."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        PROVIDER.add_span_processor(SimpleSpanProcessor(self._exporter))

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name == name]

    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def batch(self) -> ReadableSpan:
        [span] = self.named("invalidation.batch")
        return span

    def calls(self) -> list[ReadableSpan]:
        return [span for span in self.all() if span.kind is SpanKind.CLIENT]


@pytest.fixture
def tracer() -> Tracer:
    """Of an application that traces itself."""
    return PROVIDER.get_tracer("site")


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """With `invalidation.contrib.opentelemetry` among the apps, and an SDK."""
    monkeypatch.setattr(spans, "tracer", PROVIDER.get_tracer("invalidation"))
    spans.connect()
    yield Spans()
    spans.disconnect()


@pytest.fixture
def _worker(redis_server: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real worker of this process, over a real broker."""
    for declared in connections.settings.values():  # Celery before 5.6 keeps what may be kept, and its thread ends here
        monkeypatch.setitem(declared, "CONN_MAX_AGE", 0)
    app = Celery(f"traces-{uuid4()}", broker=redis_server.url(6))
    app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
    configure(app)
    with start_worker(app, pool="solo", perform_ping_check=False):
        yield


def of(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(f"invalidation.{name}")


def trace_of(span: ReadableSpan) -> str:
    assert span.context
    return format_trace_id(span.context.trace_id)


def is_below(span: ReadableSpan, parent: ReadableSpan) -> bool:
    assert span.parent
    assert parent.context
    return (span.parent.trace_id, span.parent.span_id) == (parent.context.trace_id, parent.context.span_id)


def linked(span: ReadableSpan) -> set[str]:
    return {format_trace_id(link.context.trace_id) for link in span.links}


@pytest.mark.usefixtures("_worker")
def test_from_two_requests_through_a_real_worker_to_each_call_one_can_follow(exported: Spans, tracer: Tracer) -> None:
    causes = []
    with transaction.atomic():
        for page in ("/a-page-of-its-own/", "/another-page-of-its-own/"):
            with tracer.start_as_current_span("request") as span:
                invalidation.invalidate(urls=[page], tags=["a-tag-of-its-own"])
            causes.append(format_trace_id(span.get_span_context().trace_id))
    wait_for(lambda: exported.named("invalidation.batch"), 30, "the batch to be over")
    batch = exported.batch()
    assert linked(batch) == set(causes)
    assert trace_of(batch) not in causes
    assert (of(batch, "events"), of(batch, "status"), batch.kind) == (2, "done", SpanKind.CONSUMER)
    calls = exported.calls()
    assert {(of(call, "tier"), of(call, "node"), of(call, "outcome")) for call in calls} == {
        ("application", "", "purged"),
        ("inner", LEFT, "purged"),
        ("inner", RIGHT, "purged"),
        ("edge", EDGE, "purged"),
    }
    assert all(is_below(call, batch) for call in calls)
    assert Event.objects.get(traceparent__contains=causes[0]).status == EventStatus.DONE
    assert not [span for span in exported.all() if "of-its-own" in span.to_json()]


def test_what_one_trace_has_caused_goes_on_in_it(exported: Spans, queue: Queue) -> None:
    with context.serving(RequestFactory().get("/", headers={"traceparent": HEADER})):
        invalidation.invalidate(urls=["/a/"])
        invalidation.invalidate(urls=["/b/"])
    drain.drain()
    queue.run()
    assert {trace_of(span) for span in exported.all()} == {TRACE}
    assert linked(exported.batch()) == {TRACE}


@pytest.mark.parametrize("said", ["", "garbage", "00-" + "0" * 200, f"00-{TRACE.upper()}-00f067aa0ba902b7-01"])
def test_a_header_that_is_none_is_not_stored(exported: Spans, said: str) -> None:
    with context.serving(RequestFactory().get("/", headers={"traceparent": said})):
        invalidation.invalidate(urls=["/a/"])
    assert Event.objects.get().traceparent == ""


def test_rows_that_another_program_wrote_lose_their_links_and_nothing_else(
    exported: Spans, dirty: Dirty, queue: Queue
) -> None:
    for text in ("garbage", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", HEADER):
        Event.objects.filter(pk=dirty("/a/").pk).update(traceparent=text)
    drain.drain()
    queue.run()
    assert linked(exported.batch()) == {TRACE}
    Batch.objects.update(traceparent="garbage")
    assert not places.read("garbage").is_valid


def test_a_span_links_to_no_more_traces_than_an_exporter_keeps(exported: Spans, dirty: Dirty) -> None:
    for number in range(1, spans.MAX_LINKS + 20):
        Event.objects.filter(pk=dirty("/a/").pk).update(traceparent=f"00-{number:032x}-{number:016x}-01")
    drain.drain(inline_tiers=["application", "inner", "edge"])
    assert len(exported.batch().links) == spans.MAX_LINKS


def test_calls_that_fail_say_how_without_the_words_of_the_cache(exported: Spans, dirty: Dirty, queue: Queue) -> None:
    Chain.nodes[LEFT].trouble = fails(RejectedError("No such zone /a-page-of-its-own/"))
    Chain.nodes[RIGHT].trouble = fails(TransientError("Refused /a-page-of-its-own/"))
    dirty("/a-page-of-its-own/")
    drain.drain()
    queue.run()
    said = {of(call, "node"): (of(call, "outcome"), call.status.status_code) for call in exported.calls()}
    assert said[LEFT] == ("rejected", StatusCode.ERROR)
    assert said[RIGHT] == ("failed", StatusCode.ERROR)
    assert said[EDGE] == ("purged", StatusCode.UNSET)
    assert not [span for span in exported.all() if "of-its-own" in span.to_json()]


def test_a_batch_that_others_end_says_in_the_same_trace_how(exported: Spans, dirty: Dirty, queue: Queue) -> None:
    Chain.nodes[LEFT].trouble = fails(RejectedError("No such zone"))
    dirty("/a/")
    drain.drain()  # purges nothing itself
    assert of(exported.batch(), "status") == "running"
    queue.run()
    [rest] = exported.named("invalidation.batch.rest")
    assert is_below(rest, exported.batch())
    assert (of(rest, "status"), rest.status.status_code) == ("dead", StatusCode.ERROR)
    assert all(is_below(call, exported.batch()) for call in exported.calls())


def test_an_instant_keeps_the_trace_of_who_named_it(exported: Spans) -> None:
    with context.serving(RequestFactory().get("/", headers={"traceparent": OTHER})):
        invalidation.invalidate(urls=["/a/"], at=timezone.now() + timedelta(days=1))
    ScheduledEvent.objects.update(due_at=timezone.now())
    instants.fire("default")
    assert Event.objects.get().traceparent == OTHER


def test_a_rebound_links_to_the_batches_that_it_purges_again(exported: Spans, dirty: Dirty) -> None:
    tiers = ["application", "inner", "edge"]
    dirty("/a/")
    drain.drain(inline_tiers=tiers)
    first = Batch.objects.get()
    Batch.objects.update(rebound_at=timezone.now())
    pipeline.rebound("default", inline_tiers=tiers)
    _, again = exported.named("invalidation.batch")
    assert linked(again) == {first.traceparent.split("-")[1]}
    assert of(again, "events") == 0


def test_a_claim_that_is_rolled_back_leaves_no_span(exported: Spans, dirty: Dirty) -> None:
    dirty("/a/")
    with transaction.atomic():
        assert claim.claim("default")
        transaction.set_rollback(True)
    assert exported.all() == []


def test_where_nobody_traces_nothing_is_stored(dirty: Dirty, queue: Queue) -> None:
    with context.serving(RequestFactory().get("/", headers={"traceparent": HEADER})):
        invalidation.invalidate(urls=["/a/"])
    drain.drain()
    queue.run()
    assert Event.objects.get().traceparent == Batch.objects.get().traceparent == ""


def test_each_outcome_has_a_word() -> None:
    assert spans.outcome(Reply(), None) == "purged"
    assert spans.outcome(Reply(accepted=True), None) == "accepted"
    assert spans.outcome(None, Throttled("later")) == "throttled"
    assert spans.outcome(None, KeyError("x")) == "defect"


def test_the_app_without_its_library_names_the_command_that_installs_it() -> None:
    code = (
        "import sys, django; from django.conf import settings; sys.modules['opentelemetry'] = None\n"
        "settings.configure(INSTALLED_APPS=['invalidation.contrib.opentelemetry'])\n"
        "django.setup()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "pip install 'django-invalidation[opentelemetry]'" in done.stderr


def test_the_app_connects_itself() -> None:
    code = (
        "import django; from django.conf import settings\n"
        "settings.configure(INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth', 'invalidation',"
        " 'invalidation.contrib.opentelemetry'], INVALIDATION={'SITES': ['https://example.com']})\n"
        "django.setup()\n"
        "from invalidation.signals import call_ended; from invalidation import context\n"
        "assert call_ended.has_listeners() and context._tracers"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
