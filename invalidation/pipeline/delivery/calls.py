"""One turn of a delivery at its node: calls in order, jobs followed to their ends, until it is done or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.utils import timezone

from invalidation.models import Delivery
from invalidation.pipeline.delivery import lease, quota
from invalidation.pipeline.delivery.idempotency_key import reference
from invalidation.pipeline.delivery.slowness import slowness
from invalidation.pipeline.outcome import Outcome, defer
from invalidation.pipeline.planning import index_coverage
from invalidation.pipeline.planning.plan import Step, requests
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Provider
from invalidation.rows.states import Action
from invalidation.signals import call_ended, tell

#: A delivery with calls left gives its worker back after this long, so that a takedown need not wait for a long plan;
#: well below every task time limit and lease.
TURN_SECONDS = 5.0
#: One that holds up others gives way much sooner, and goes on as a delivery of its own.
SHORT_TURN_SECONDS = 0.2
#: Progress is stored at least this often: what a killed worker did since is done again.
PROGRESS_SECONDS = 1.0
MAX_REPLY_CHARACTERS = 2000
#: In the document of a step, the vendor's name for the job that it has started.
JOB = "job"


class Turn:
    """Makes the calls that are left and forgets those that are done.

    A step whose call started a job carries the job's name. Where jobs may run at once it goes behind the calls that
    are still to be made, so that the first step is always what comes next: a call, or the job to ask for.
    """

    def __init__(self, delivery: Delivery, node: Provider, keep: Callable[[Delivery], None] | None) -> None:
        """`keep` stores progress; without it the turn is short instead."""
        self.delivery = delivery
        self.node = node
        self.keep = keep
        self.replies: list[str] = []
        self.started = self.stored = time.monotonic()

    def run(self) -> Outcome:
        """Until no step is left, a job has to be waited for, or the turn is over; what a call raises ends it too."""
        while self._steps:
            job = self._steps[0].get(JOB, "")
            reply = self._told("poll", 0, partial(self.node.poll, job)) if job else self._call()
            self._note(reply)
            if not reply.accepted:
                self._forget_step()
            elif job or not self._follow_later(reply):
                return self._accepted()
            if self._steps and time.monotonic() - self.started > self._seconds:
                return self._pause()
        return Outcome(Action.PROVE, external_id=self.delivery.external_id, reply=self._reply)

    @property
    def _steps(self) -> list[dict[str, Any]]:
        return self.delivery.steps or []

    @property
    def _seconds(self) -> float:
        return TURN_SECONDS if self.keep else SHORT_TURN_SECONDS

    @property
    def _reply(self) -> str:
        return "\n".join(dict.fromkeys(self.replies))[:MAX_REPLY_CHARACTERS]

    def _call(self) -> Reply:
        step = Step.from_document(self._steps[0])
        quota.spend(self.node, step)
        verb = getattr(self.node, step.verb)
        named = {"reference": reference(self.delivery, step)} if self.node.needs_reference else {}
        noted, calls = index_coverage.noted(step, *self.delivery.place), requests([step], self.node)
        with noted, quota.heeding(self.node, step), slowness.asked(self.delivery.place, calls):
            items = (step.items,) if step.items else ()
            reply = self._told(step.verb, len(step.items), partial(verb, *items, **named))
        self.delivery.calls += calls
        return reply

    def _told(self, verb: str, targets: int, ask: Callable[[], Reply]) -> Reply:
        """The answer; whoever traces hears of it, and of what was raised instead."""
        facts = {"delivery": self.delivery, "verb": verb, "targets": targets, "started_at": timezone.now()}
        try:
            reply = ask()
        except Exception as error:
            tell(call_ended, "call_receiver_failed", reply=None, error=error, **facts)
            raise
        tell(call_ended, "call_receiver_failed", reply=reply, error=None, **facts)
        return reply

    def _note(self, reply: Reply) -> None:
        self.delivery.external_id = reply.external_id or self.delivery.external_id
        if reply.raw and len(self.replies) < MAX_REPLY_CHARACTERS:
            self.replies.append(reply.raw)
        if reply.removed is not None:
            self.delivery.removed = (self.delivery.removed or 0) + reply.removed

    def _follow_later(self, reply: Reply) -> bool:
        """Name the job that was started; true where another call may be made before it has ended."""
        self._steps[0][JOB] = reply.external_id
        if not self.node.jobs_at_once:
            return False
        self._steps.append(self._steps.pop(0))
        self._keep_progress()
        return JOB not in self._steps[0]

    def _accepted(self) -> Outcome:
        """Jobs are under way. To ask for them consumes no attempt, but has an end too."""
        budget = lease.budget(self.delivery)
        outcome = Outcome(
            Action.ACCEPT,
            external_id=self.delivery.external_id,
            reply=self._reply,
            wait_seconds=self.node.poll_seconds,
            consumes_attempt=self.delivery.attempts <= 1,
        )
        return outcome if budget.left_seconds > 0 else defer(_unended(outcome), budget)

    def _forget_step(self) -> None:
        self._steps.pop(0)
        if self._steps:
            self._keep_progress()

    def _keep_progress(self) -> None:
        if self.keep and (self.node.costs_money or time.monotonic() - self.stored > PROGRESS_SECONDS):
            self.keep(self.delivery)
            self.stored = time.monotonic()

    def _pause(self) -> Outcome:
        """The end of a turn whose time is up: the next goes on from here. It is no attempt, for calls were made."""
        sentence = f"{len(self._steps)} calls left; goes on after what is more urgent."
        return Outcome(Action.DEFER, reply=self._reply, error=sentence, consumes_attempt=False)


def _unended(outcome: Outcome) -> Outcome:
    """An accepted job that the vendor never ends."""
    return Outcome(
        outcome.action, external_id=outcome.external_id, reply=outcome.reply, error="The vendor's job never ended."
    )
