"""The three phases of a deployment; each may be repeated, and tells by its report whether it held."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import invalidation
from invalidation import conf, monitor
from invalidation.deployment import declared, urls
from invalidation.deployment.warm import warm
from invalidation.emission.api import stored
from invalidation.exceptions import DeliveryError
from invalidation.freshness import generation
from invalidation.freshness.clients import patient_client
from invalidation.models import Event, EventStatus
from invalidation.providers.answers.reply import Probe
from invalidation.providers.base import Provider
from invalidation.providers.filling import nodes, served
from invalidation.status import documents
from invalidation.targets.values import Source

#: In the freshness Redis: what the newest deployment has done, for the phase that verifies it.
KEY = "invalidation:deployment"
#: How often a node is asked again for a page until it answers with its copy.
TIMES = 2


@dataclass
class Outcome:
    """What one phase did and found wrong."""

    phase: str
    release: str
    problems: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "phase": self.phase,
            "release": self.release,
            "succeeded": not self.problems,
            "problems": self.problems,
            **self.facts,
        }


def run(phase: str, release: str, wait_seconds: float) -> Outcome:
    """One phase of the deployment of `release`; a purge is waited for `wait_seconds` at most."""
    outcome = Outcome(phase, release)
    PHASES[phase](outcome, wait_seconds)
    return outcome


def _pre(outcome: Outcome, _wait_seconds: float) -> None:
    """Is every cache healthy, and does every tier bring every critical page? Before anything is changed."""
    outcome.problems += monitor.look().problems
    _warm(outcome)


def _deploy(outcome: Outcome, wait_seconds: float) -> None:
    """Start a generation, purge what is declared once it is in force, then warm: what was warm before is gone."""
    server = patient_client()
    if server is None:
        outcome.problems.append("INVALIDATION['REDIS_URL'] is not set: there is no generation without it")
        return
    started = generation.bump(server, outcome.release)
    outcome.facts["generation"] = started.number
    time.sleep(max(0.0, started.switches_at - time.time()))
    event = _purge(outcome, wait_seconds)
    sequence = event.batch.sequence if event and event.batch else 0
    outcome.facts["sequence"] = sequence
    left: dict[Any, Any] = {"release": outcome.release, "generation": started.number, "sequence": sequence or 0}
    server.hset(KEY, mapping=left | {"purge": str(event.uid) if event else ""})
    if not outcome.problems:
        _warm(outcome)


def _purge(outcome: Outcome, wait_seconds: float) -> Event | None:
    """One event for everything that the settings declare, followed to its end; None where they declare nothing."""
    targets, database = declared.targets(), conf.settings().databases[0]
    if not targets:
        return None
    reason = f"deployment of {outcome.release}" if outcome.release else "deployment"
    event = stored(
        invalidation.invalidate(**targets.arguments(), reason=reason, source=Source.DEPLOYMENT, using=database)
    )
    end = documents.wait(event.uid, database, wait_seconds)
    outcome.facts["purge"] = {"id": str(event.uid), "status": end.value}
    if end != EventStatus.DONE:
        outcome.problems.append(f"purge {event.uid} is {end.value} after {wait_seconds:g} s, not done")
    event.refresh_from_db(using=database)
    return event


def _warm(outcome: Outcome) -> None:
    warmed = warm(urls.critical())
    outcome.facts["warmed"] = warmed.document()
    outcome.problems += [f"{one.tier} {one.node} {one.url}: {one.error}" for one in warmed.failures]


def _post(outcome: Outcome, wait_seconds: float) -> None:
    """Every critical page at every node that serves it: 200, a hit when asked again, rendered since the deployment.

    A page that was under way when it was purged is there until the rebound: that is waited for before it is blamed.
    """
    deployed = _deployed()
    outcome.facts |= {"generation": deployed.get("generation"), "pages": []}
    if deployed.get("release") != outcome.release:
        outcome.problems.append(
            f"the newest deployment is of {deployed.get('release')!r}: run --phase deploy for {outcome.release!r} first"
        )
        return
    sequence, purge = int(deployed["sequence"]), deployed.get("purge")
    pages = _proved_everywhere(sequence)
    if purge and any(_is_old(page, sequence) for page in pages):
        database = conf.settings().databases[0]
        outcome.facts["rebounded"] = documents.wait_for_rebound(purge, database, wait_seconds)
        pages = _proved_everywhere(sequence)
    outcome.facts["pages"] = pages
    for page in pages:
        outcome.problems += [f"{page['tier']} {page['node']} {page['url']}: {problem}" for problem in page["problems"]]


def _proved_everywhere(sequence: int) -> list[dict[str, Any]]:
    return [_proved(node, url, sequence) for node in nodes() for url in served(node, urls.critical())]


def _is_old(page: Mapping[str, Any], sequence: int) -> bool:
    rendered = page.get("sequence")
    return rendered is not None and rendered < sequence


def _deployed() -> dict[str, str]:
    """What the deploy phase left; empty where there was none."""
    server = patient_client()
    return server.hgetall(KEY) if server else {}  # type: ignore[return-value]  # redis-py's type has the async form


def _proved(node: Provider, url: str, sequence: int) -> dict[str, Any]:
    """Ask again, because the first request may fill the node; and once more, because a purge may come in between."""
    page: dict[str, Any] = {"tier": node.tier, "node": node.node, "url": url}
    try:
        probe = node.fetch(url)
        for _ in range(TIMES):
            started_at = time.perf_counter()
            probe = node.fetch(url)
            page["milliseconds"] = round((time.perf_counter() - started_at) * 1000, 2)
            if _is_hit(probe):
                break
    except DeliveryError as error:
        return page | {"problems": [str(error)]}
    facts = {"status_code": probe.status_code, "cache_status": probe.cache_status, "sequence": probe.sequence}
    return page | facts | {"problems": judged(probe, sequence)}


def _is_hit(answer: Probe) -> bool:
    return "HIT" in answer.cache_status.upper()


def judged(answer: Probe, deployed_at: int) -> list[str]:
    """What is wrong with the last answer. Pure."""
    problems = []
    if answer.status_code != HTTPStatus.OK:
        problems.append(f"answered {answer.status_code}")
    if not _is_hit(answer):
        problems.append(f"was no hit when asked again ({answer.cache_status or 'no word of the cache'})")
    if answer.sequence is None:
        problems.append("has no sequence: nothing proves that it is fresh")
    elif answer.sequence < deployed_at:
        problems.append(f"was rendered at {answer.sequence}, before the deployment at {deployed_at}")
    return problems


PHASES: Mapping[str, Callable[[Outcome, float], None]] = {"pre": _pre, "deploy": _deploy, "post": _post}
