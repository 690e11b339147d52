"""What can be wrong, each in words with its remedy; and the report that names it. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any


class Fault(Enum):
    """A misconfiguration. `code` is stable; `words` say what happens, `remedy` what to do about it."""

    SETTINGS = "settings", "The settings can't be used.", "Correct what the message names."
    UNREACHABLE = "unreachable", "The node does not answer.", "Start it, or correct its address in NODES."
    SOURCE_AWAY = (
        "source-away",
        "The node is there, but what it fills from is away, or fails.",
        "Look at what it fills from first: once that answers, this one is well.",
    )
    PROBE = (
        "probe",
        "The node takes the application for ill, because the page that it probes doesn't answer 200; visitors get 503.",
        "Let that page answer 200 to the probe, or render without one (`manage.py invalidation_proxy varnish`).",
    )
    NOT_SERVED = (
        "not-served",
        "The node does not bring the canary.",
        "Add CacheTagMiddleware to MIDDLEWARE, and use one SECRET_KEY in web and worker processes.",
    )
    HOST_MISMATCH = (
        "host-mismatch",
        "The node or the application knows the site under another name.",
        "Let SITES, ALLOWED_HOSTS and the names in the proxy agree, and let the proxy pass the Host of visitors.",
    )
    NOT_STORED = (
        "not-stored",
        "The node does not keep a page that it may keep.",
        "Let it store what has s-maxage, or take the tier out of TIERS.",
    )
    PURGE_FORWARDED = (
        "purge-forwarded",
        "The node passes PURGE on to what is behind it and keeps its own copy.",
        "Configure the purge as `manage.py invalidation_proxy` does; PURGE must not reach the application.",
    )
    NO_MARKER = (
        "no-marker",
        "The node purges, but does not say so.",
        "Let it answer a purge with the header X-Purged-By; without it nobody can tell a purge from a page.",
    )
    SECRET = (
        "secret",
        "The node refuses the secret.",
        "Give OPTIONS['SECRET'] and the configuration of the node the same value.",
    )
    ADDRESS = (
        "address",
        "The node does not let this address purge.",
        "Add the address of the workers to purge_addresses of the node.",
    )
    REFUSED = (
        "refused",
        "The node refuses to purge.",
        "Compare the secret and the addresses that may purge.",
    )
    UNGUARDED = (
        "unguarded",
        "The node purges for whoever asks, without the secret.",
        "Let it ask for the secret and for the address, as what `manage.py invalidation_proxy` renders does.",
    )
    SCRIPT_NAME = (
        "script-name",
        "The application believes a visitor's SCRIPT_NAME: links of his choice end in everybody's page.",
        "Remove that header in the proxy, and start gunicorn with --forwarder-headers ''.",
    )
    CRASH = (
        "crash",
        "The node breaks the connection on PURGE: its purge module crashes the worker process.",
        "Purge in an internal location of its own; proxy_cache_purge in the location that proxies crashes version 2.3.",
    )
    PURGE_FAILED = "purge-failed", "The purge failed.", "See what the node said."
    WRONG_KEY = (
        "wrong-key",
        "The purge succeeds and the page stays: pages are stored under another key than the one that is purged.",
        "Use one key expression for both, of scheme, host and the target as it was sent ($request_uri in Nginx).",
    )
    SLICE = (
        "slice",
        "The node stores pages in slices, each under a key of its own, and the purge names none of them.",
        "Take `slice` out of locations whose pages are purged.",
    )
    VARIANTS = (
        "variants",
        "A purge leaves variants of a page (Vary) behind.",
        "In Nginx ignore Vary, put the dimension into the key and declare it in OPTIONS['VARIANTS'].",
    )
    HOST_SPELLING = (
        "host-spelling",
        "A Host in other letters makes a copy of its own, which a purge leaves behind.",
        "Bring the Host into lower case before pages are looked up and purged.",
    )
    TAGS_UNREAD = (
        "tags-unread",
        "A purge by tag succeeds and the page stays: the node does not know its tags.",
        "Let the tag header of the application reach the node, and let it read that header.",
    )
    TAG_HEADER_TRUNCATED = (
        "tag-header-truncated",
        "The node loses tags of a page that has many.",
        "Raise its header limits (http_resp_hdr_len, http_resp_size and workspace_backend in Varnish, "
        "proxy_buffer_size in Nginx), and cut no tag header on the way.",
    )
    PREFIX = (
        "prefix",
        "A purge by prefix succeeds and the page stays.",
        "Ban by scheme, host and path, as what `manage.py invalidation_proxy` renders does.",
    )
    NOT_INDEXED = (
        "not-indexed",
        "The tag index does not know the page, so that this tier can't be purged by tag or prefix.",
        "Give web and worker processes the same REDIS_URL, and list the origin of the page in SITES.",
    )
    WRONG_ORDER = (
        "wrong-order",
        "FILLS_FROM does not say which cache fills from which, so that tiers are purged in the wrong order.",
        "Correct FILLS_FROM: each tier names the tiers that it gets its pages from.",
    )
    REDIS_AWAY = "redis-away", "The Redis of the sequence does not answer.", "Start it, or correct REDIS_URL."
    REDIS_EVICTS = (
        "redis-evicts",
        "The Redis of the sequence may evict tag stamps and the tag index when it is full.",
        "Set maxmemory-policy noeviction, or give the cache a Redis of its own.",
    )
    REDIS_CLUSTER = (
        "redis-cluster",
        "The Redis of the sequence is part of a Redis Cluster, where no script can write keys of several nodes.",
        "Let REDIS_URL name a Redis of its own; caches may live on a cluster.",
    )
    CLOCK = (
        "clock",
        "Clocks disagree.",
        "Run a time service on both machines; a sequence from the future hides later invalidations for as long.",
    )
    BROKER_AWAY = "broker-away", "The broker does not answer.", "Start it, or correct CELERY_BROKER_URL."
    NO_WORKER = "no-worker", "No worker answers.", "Start one: `celery -A <project> worker`."
    QUEUE_NOT_CONSUMED = (
        "queue-not-consumed",
        "No worker consumes this queue.",
        "Start a worker without -Q, or name the queue in one's -Q.",
    )
    WORKER_POOL = (
        "worker-pool",
        "A worker runs one task in each process and keeps none free: while nodes are slow, takedowns wait behind them.",
        "Start it with --pool threads --concurrency 8; one for other tasks, without our queues in its -Q.",
    )
    BEAT_SILENT = (
        "beat-silent",
        "Beat has sent nothing for a while: lost announcements, retries and rebounds wait.",
        "Start it: `celery -A <project> beat`.",
    )

    def __init__(self, code: str, words: str, remedy: str) -> None:
        self.code = code
        self.words = words
        self.remedy = remedy


def sentence(text: str) -> str:
    """With its full stop: what follows is another sentence."""
    return f"{text}." if text and text[-1] not in ".!?" else text


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault where it was found."""

    fault: Fault
    tier: str = ""
    node: str = ""
    detail: str = ""
    """What was seen, in words; never a secret."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.fault.words, sentence(self.detail))))

    def document(self) -> dict[str, str]:
        """JSON form."""
        where = {"tier": self.tier, "node": self.node}
        return {"code": self.fault.code, **where, "words": str(self), "remedy": self.fault.remedy}


@dataclass(frozen=True, slots=True)
class Report:
    """One examination."""

    examined_at: datetime
    findings: tuple[Finding, ...] = ()
    examined: tuple[str, ...] = ()
    """What the canary went through, and what else was looked at."""

    notes: tuple[str, ...] = ()
    """What could not be looked at, and why."""

    def document(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "examined_at": self.examined_at.isoformat(),
            "sound": not self.findings,
            "findings": [finding.document() for finding in self.findings],
            "examined": list(self.examined),
            "notes": list(self.notes),
        }
