"""How the queues, the workers and beat are: plain figures, for the doctor and for metrics."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import redis
from kombu import Connection
from kombu.exceptions import ChannelError, OperationalError

from invalidation import conf
from invalidation.contrib.celery.host import application
from invalidation.contrib.celery.queues import queues
from invalidation.doctor import Fault, Finding
from invalidation.freshness.clients import UNAVAILABLE, client, patient_client
from invalidation.status.figures import Figure, Unavailable

BEAT_KEY = "invalidation:beat"
#: How long workers have to answer, which takes a few milliseconds; the later ones only where a queue has no worker so
#: far and somebody listens: one who is short of processor is not absent.
ANSWER_SECONDS = (1.0, 2.0, 4.0)
#: Beat may be late by a few of its own intervals.
SILENT_INTERVALS = 4
#: Bound on connecting to the broker.
CONNECT_SECONDS = 2


def note_beat() -> None:
    """Runs in beat's process whenever it sends its most frequent task."""
    server = client()
    with suppress(*UNAVAILABLE):
        if server is not None:
            server.set(BEAT_KEY, repr(time.time()))


def beat_age_seconds() -> float | None:
    """How long ago beat last sent something; infinite if never, None where there is no Redis to tell.

    Raises:
        redis.RedisError: it is away.
    """
    server = patient_client()
    if server is None:
        return None
    seen = server.get(BEAT_KEY)
    return time.time() - float(seen) if seen else float("inf")


def queue_depths(connection: Connection) -> dict[str, int]:
    """Messages that wait in each queue."""
    return {queue.name: _depth(connection, queue.name) for queue in queues()}


def _depth(connection: Connection, queue: str) -> int:
    """A queue that nobody has used yet doesn't exist on the broker, and is empty. RabbitMQ ends who asks for it."""
    opened: Any = connection.channel()
    try:
        with opened as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:
        return 0


def consumed_queues(connection: Connection, wanted: Collection[str]) -> dict[str, list[str]]:
    """Each worker that answers, with the queues that it consumes; asked again while one of those `wanted` has none.

    Celery's own pool may hold a connection from before the broker was restarted, which fails once.
    """
    consumed_by: dict[str, list[str]] = {}
    for seconds in ANSWER_SECONDS:
        answers = application().control.inspect(timeout=seconds, connection=connection).active_queues() or {}
        consumed_by |= {worker: [queue["name"] for queue in consumed] for worker, consumed in answers.items()}
        if set(wanted) <= {queue for own in consumed_by.values() for queue in own} or not _somebody_listens(connection):
            break
    return consumed_by


def pools(connection: Connection, workers: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What each of these workers runs its tasks in; one that does not answer in time is left out."""
    if not workers:
        return {}
    inspect = application().control.inspect(workers, timeout=ANSWER_SECONDS[0], connection=connection)
    answers: Mapping[str, Any] = inspect.stats() or {}  # which may be errors
    return {worker: stats["pool"] for worker, stats in answers.items() if "pool" in stats}


def _somebody_listens(connection: Connection) -> bool:
    """May a worker be there? On Redis, which alone tells, workers subscribe to what they are asked.

    Over a connection of its own: the first one still waits for answers.
    """
    with connection.clone() as own:
        server = getattr(own.default_channel, "client", None)
        return not isinstance(server, redis.Redis) or bool(server.pubsub_numpat())


def figures() -> Iterator[Figure]:
    """Messages that wait in each queue, and how long beat has been silent.

    Raises:
        Unavailable: the broker, or the Redis that beat writes to, is away.
    """
    try:
        with application().connection_for_read(connect_timeout=CONNECT_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, timeout=CONNECT_SECONDS)
            depths = queue_depths(connection)
        age_seconds = beat_age_seconds()
    except (OperationalError, *UNAVAILABLE) as error:
        raise Unavailable(type(error.__cause__ or error).__name__) from error
    for queue, depth in depths.items():
        yield Figure("queue_messages", "Messages that wait in a queue on the broker.", depth, {"queue": queue})
    if age_seconds is not None:
        yield Figure("beat_age_seconds", "Since beat last sent something; infinite where it never did.", age_seconds)


def findings() -> Iterator[Finding]:
    """What is wrong with broker, workers and beat."""
    with application().connection_for_read(connect_timeout=CONNECT_SECONDS) as connection:
        try:
            connection.ensure_connection(max_retries=1, timeout=CONNECT_SECONDS)
            depths = queue_depths(connection)
            consumed = consumed_queues(connection, depths)
            yield from unserved(depths, consumed)
            yield from lone(pools(connection, [worker for worker, own in consumed.items() if set(own) & set(depths)]))
        except (OperationalError, *UNAVAILABLE) as error:
            # The address without its password; kombu wraps the transport's own errors at some calls and not at others.
            detail = f"{connection.as_uri()}: {type(error.__cause__ or error).__name__}."
            yield Finding(Fault.BROKER_AWAY, detail=detail)
    with suppress(*UNAVAILABLE):  # the doctor looks at this Redis itself
        yield from silent(beat_age_seconds(), conf.settings().workers.sweep_interval_seconds)


def unserved(depths: Mapping[str, int], consumed: Mapping[str, Iterable[str]]) -> Iterator[Finding]:
    """Queues that no worker consumes, with what waits in them. Pure."""
    if not consumed:
        waiting = sum(depths.values())
        yield Finding(Fault.NO_WORKER, detail=f"{waiting} messages wait.")
        return
    served = {queue for own in consumed.values() for queue in own}
    for queue in sorted(set(depths) - served):
        yield Finding(Fault.QUEUE_NOT_CONSUMED, node=queue, detail=f"{depths[queue]} messages wait.")


def lone(pools: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Workers whose every process runs one task at a time, as those of prefork and solo do. Pure."""
    for worker, pool in sorted(pools.items()):
        if "processes" in pool or pool.get("max-concurrency") == 1:
            name = str(pool.get("implementation")).partition(":")[0].rpartition(".")[2]
            yield Finding(Fault.WORKER_POOL, node=worker, detail=f"Its pool is {name}.")


def silent(age_seconds: float | None, interval_seconds: float) -> Iterator[Finding]:
    """Has beat sent nothing for several of its intervals? Pure."""
    if age_seconds is None or age_seconds <= SILENT_INTERVALS * interval_seconds:
        return
    never = age_seconds == float("inf")
    yield Finding(Fault.BEAT_SILENT, detail="It never did." if never else f"The last was {age_seconds:.0f} s ago.")
