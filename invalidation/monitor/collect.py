"""Looks at every alias of CACHES, the freshness Redis and the proxies, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from django.conf import settings as django_settings
from django.core.cache import caches

from invalidation import conf
from invalidation.monitor import kinds, last_counters, proxies
from invalidation.monitor.freshness import freshness
from invalidation.monitor.probe import probe
from invalidation.monitor.report import Alias, Counters, Percentiles, Proxy, Report, rate_since


def look() -> Report:
    """Everything, compared with the last look, which is then this one.

    Counters are read before the first call of our own and after the last: aliases and the freshness Redis may share a
    server, and the next look compares with what the visitors did.
    """
    names = list(django_settings.CACHES)
    readings, seen = _readings(names), list(_proxies())
    before = last_counters.remembered()
    aliases = [_alias(name, readings[name], before) for name in names]
    state = freshness()
    counted = {_cache_name(name): _counted(reading.counters) for name, reading in _readings(names).items()}
    counted |= {_proxy_name(proxy): _counted(proxy) for proxy in seen}
    last_counters.remember({name: numbers for name, numbers in counted.items() if numbers})
    return Report(datetime.now(UTC).isoformat(), aliases, state, [_recent(proxy, before) for proxy in seen])


def _alias(name: str, reading: kinds.Reading, before: last_counters.Counted) -> Alias:
    counters = reading.counters
    recent = rate_since(before.get(_cache_name(name)), counters.hits, counters.misses)
    kind, latency, problems = _probed(name)
    return Alias(name, kind, counters, recent, latency, reading.servers, [*reading.problems, *problems])


def _probed(name: str) -> tuple[str, Mapping[str, Percentiles], Sequence[str]]:
    """The kind, the latency of each kind of call, and what is wrong."""
    try:
        kind = kinds.of(caches[name])
    except Exception as error:  # noqa: BLE001 (a backend that can't be built is the finding)
        return "unknown", {}, [f"can't be used: {type(error).__name__}"]
    return kind.name, *(probe(caches[name]) if kind.stores else ({}, []))


def _readings(names: Iterable[str]) -> dict[str, kinds.Reading]:
    return {name: _read(name) for name in names}


def _read(name: str) -> kinds.Reading:
    try:
        return kinds.of(caches[name]).read(caches[name])
    except Exception as error:  # noqa: BLE001 (whatever a client raises is the finding)
        return kinds.Reading(problems=[f"its counters can't be read: {type(error).__name__}"])


def _counted(one: Counters | Proxy) -> dict[str, int]:
    return {} if one.hits is None or one.misses is None else {"hits": one.hits, "misses": one.misses}


def _proxies() -> Iterable[Proxy]:
    settings = conf.settings()
    yield from map(proxies.varnish, settings.monitor.varnish)
    yield from map(proxies.nginx, settings.monitor.nginx)
    yield from map(proxies.nginx_log, settings.monitor.nginx_logs)


def _recent(proxy: Proxy, before: last_counters.Counted) -> Proxy:
    return replace(proxy, recent_hit_rate=rate_since(before.get(_proxy_name(proxy)), proxy.hits, proxy.misses))


def _cache_name(name: str) -> str:
    return f"cache {name}"


def _proxy_name(proxy: Proxy) -> str:
    return f"{proxy.kind} {proxy.name}"
