"""The delivery machine under arbitrary interleavings of writes, reads, faults, deaths, lost and repeated messages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from pytest_django import Settings

from invalidation.exceptions import RejectedError, Throttled, TransientError, Unproven
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event, EventStatus
from invalidation.pipeline.aftercare import replay, sweep
from invalidation.pipeline.delivery import deliver, fan_out, slowness
from invalidation.pipeline.intake import drain
from invalidation.rows.states import FINAL
from tests.unit.pipeline.chain import APPLICATION, EDGE, LEFT, RIGHT, SITE, Chain, Node, Queue, fails
from tests.unit.pipeline.conftest import declared

pytestmark = pytest.mark.takes(38)

URLS = ["/a/", "/b/", "/c/"]
NODES = [APPLICATION, LEFT, RIGHT, EDGE]
#: More than any backlog of theirs takes once the faults have ended.
ROUNDS = 12
#: Time passes by the rule of that name alone: what also depended on the machine's speed could not be repeated.
LONG = 1800.0
TROUBLES = [None, TransientError("down"), Unproven("no marker"), Throttled("slow down"), RejectedError("forbidden")]


class Killed(BaseException):
    """SIGKILL: nothing after it runs."""


def die() -> None:
    raise Killed


class Machine(RuleBasedStateMachine):
    """Writers, readers, workers, and everything that can go wrong between them."""

    def __init__(self) -> None:
        super().__init__()
        for model in (Event, Batch):
            model.objects.all().delete()
        Chain.nodes.update({name: Node() for name in NODES})
        self.committed = dict.fromkeys(URLS, 0)
        self.ended: dict[int, str] = {}
        self.queue = Queue()
        self.queue.connect()
        self.read_everything()

    @rule(url=st.sampled_from(URLS))
    def write(self, url: str) -> None:
        """A transaction commits; nobody is told, which the sweep makes good."""
        self.committed[url] += 1
        Event.objects.create(source="code", targets={"urls": [url]})

    @rule(url=st.sampled_from(URLS), inner=st.sampled_from([LEFT, RIGHT]))
    def read(self, url: str, inner: str) -> None:
        """Every cache on the way keeps what it fills from."""
        version = self.committed[url]
        for name in (APPLICATION, inner, EDGE):
            version = Chain.nodes[name].copies.setdefault(SITE + url, version)

    @rule()
    def read_everything(self) -> None:
        for url in URLS:
            for inner in (LEFT, RIGHT):
                self.read(url, inner)

    @rule()
    def work_off(self) -> None:
        """Workers that nothing happens to."""
        drain.drain()
        self.queue.run()

    @rule(killed=st.booleans())
    def drain(self, killed: bool) -> None:
        if killed:
            self.queue.on_announcement.append(die)
        self._survive(drain.drain)
        self.queue.on_announcement.clear()

    @rule(
        tiers=st.sampled_from([("application",), ("application", "inner"), ("application", "inner", "edge")]),
        killed=st.sampled_from([None, "before", "after", "settled"]),
        name=st.sampled_from(NODES),
    )
    def carry(self, tiers: tuple[str, ...], killed: str | None, name: str) -> None:
        """A worker that goes on by itself, and may be killed at a node, or when everything is written."""
        if killed == "settled":
            self.queue.on_announcement.append(die)
        elif killed:
            getattr(Chain.nodes[name], killed).append(die)
        self._survive(lambda: drain.drain(inline_tiers=tiers))
        self.queue.on_announcement.clear()
        for node in Chain.nodes.values():
            node.before.clear()
            node.after.clear()

    @precondition(lambda self: self.queue.deliveries)
    @rule(
        place=st.integers(0, 1000), repeated=st.booleans(), killed=st.sampled_from([None, "before", "after", "settled"])
    )
    def deliver(self, place: int, repeated: bool, killed: str | None) -> None:
        """A worker gets any of the messages, and may be killed at each stage."""
        place %= len(self.queue.deliveries)
        message = self.queue.deliveries[place] if repeated else self.queue.deliveries.pop(place)
        if killed == "settled":
            self.queue.on_announcement.append(die)
        elif killed:
            for node in Chain.nodes.values():
                getattr(node, killed).append(die)
        self._survive(lambda: deliver.deliver("default", message))
        self.queue.on_announcement.clear()
        for node in Chain.nodes.values():
            node.before.clear()
            node.after.clear()

    @rule(url=st.sampled_from(URLS), name=st.sampled_from(NODES), hook=st.sampled_from(["before", "after"]))
    def outlive_a_lease(self, url: str, name: str, hook: str) -> None:
        """While a worker is inside its call, its lease runs out, another takes over, and the page changes again."""
        self.write(url)
        node = Chain.nodes[name]

        def meanwhile() -> None:
            running = Delivery.objects.filter(node=name, status=DeliveryStatus.RUNNING).latest("started_at")
            self.time_passes()
            deliver.deliver("default", running.pk)
            self.write(url)
            self.read_everything()
            node.trouble = fails(TransientError("reset"))

        getattr(node, hook).append(meanwhile)
        self.work_off()
        node.before.clear()
        node.after.clear()
        node.trouble = None

    @precondition(lambda self: self.queue.deliveries)
    @rule(place=st.integers(0, 1000))
    def lose(self, place: int) -> None:
        self.queue.deliveries.pop(place % len(self.queue.deliveries))

    @rule(name=st.sampled_from(NODES), trouble=st.sampled_from(TROUBLES))
    def change_the_weather(self, name: str, trouble: Exception | None) -> None:
        Chain.nodes[name].trouble = fails(trouble) if trouble else None

    @rule()
    def sweep(self) -> None:
        sweep.sweep("default")

    @rule()
    def replay(self) -> None:
        for pk in Delivery.objects.filter(status__in=["dead", "rejected"]).values_list("pk", flat=True):
            self.ended.pop(pk, None)
        replay.replay_all("default", actor="ada")

    @rule()
    def time_passes(self) -> None:
        """Longer than any lease or wait."""
        hour = timedelta(hours=1)
        Event.objects.update(created_at=F("created_at") - hour)
        Batch.objects.update(created_at=F("created_at") - hour)
        Delivery.objects.update(
            available_at=F("available_at") - hour, started_at=F("started_at") - hour, swept_at=F("swept_at") - hour
        )

    def _survive(self, work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except Killed:
            return

    @invariant()
    def final_states_are_never_left(self) -> None:
        statuses = dict(Delivery.objects.values_list("pk", "status"))
        assert {pk: statuses[pk] for pk in self.ended} == self.ended
        self.ended = {pk: status for pk, status in statuses.items() if status in FINAL}

    @invariant()
    def events_end_only_when_every_delivery_has(self) -> None:
        ended = Event.objects.filter(status__in=[EventStatus.DONE, EventStatus.DEAD])
        assert not ended.exclude(batch__deliveries=None).exclude(batch__deliveries__status__in=FINAL).exists()
        done = Batch.objects.filter(status=BatchStatus.DONE)
        assert not done.filter(deliveries__status__in=set(DeliveryStatus) - {DeliveryStatus.PURGED}).exists()

    def teardown(self) -> None:
        """The faults end, a person replays what is dead: now every copy of every page is the committed one."""
        self.queue.on_announcement.clear()
        for node in Chain.nodes.values():
            node.trouble = None
        for _ in range(ROUNDS):
            self.replay()
            self.time_passes()
            sweep.sweep("default")
            drain.drain()
            self.queue.run()
            if self.has_ended():
                break
        self.queue.disconnect()
        assert set(Event.objects.values_list("status", flat=True)) <= {EventStatus.DONE}
        assert set(Batch.objects.values_list("status", flat=True)) <= {BatchStatus.DONE}
        for name, node in Chain.nodes.items():
            stale = {url: held for url, held in node.copies.items() if held != self.committed[url.removeprefix(SITE)]}
            assert not stale, f"{name or 'application'} still holds {stale} of {self.committed}"

    def has_ended(self) -> bool:
        """Is everything done? Then no further round would touch a copy."""
        waiting = Batch.objects.exclude(status=BatchStatus.DONE), Event.objects.exclude(status=EventStatus.DONE)
        return not any(rows.exists() for rows in waiting)


@pytest.mark.databases
@pytest.mark.django_db
@pytest.mark.timeout(300)
def test_every_committed_change_reaches_every_tier_whatever_happens(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, seconds in ((fan_out, "PATIENCE", LONG), (slowness, "SLOW", LONG)):
        monkeypatch.setattr(module, f"{name}_SECONDS", seconds)
    limits = {"MAX_ATTEMPTS": 3, "BREAKER_FAILURES": 3, "BREAKER_RESET_SECONDS": 0}
    settings.INVALIDATION = declared(**limits, LEASE_SECONDS=LONG, SWEEP_AFTER_SECONDS=LONG)
    run_state_machine_as_test(Machine, settings=PROFILE)


PROFILE = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
