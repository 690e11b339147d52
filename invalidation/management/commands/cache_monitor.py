"""`manage.py cache_monitor`: statistics, latency and health of every cache."""

from __future__ import annotations

import json
import time
from argparse import ArgumentTypeError
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from invalidation import monitor
from invalidation.management.output import FAILED, add_format, print_fields, print_json, print_table
from invalidation.monitor.report import Alias, Freshness, Percentiles, Proxy, rate

CACHES = ("cache", "kind", "health", "hits", "recent hits", "entries", "memory", "evictions", "clients", "servers")
LATENCIES = ("cache", *(f"{verb} {name} ms" for verb in ("set", "get", "delete") for name in ("p50", "p95", "p99")))
PROXIES = ("proxy", "name", "health", "hits", "recent hits", "requests", "connections", "entries", "evictions")


def interval(text: str) -> float:
    """Seconds, more than zero."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of seconds above zero")
    return seconds


class Command(BaseCommand):
    """Exit codes: 0 every cache is healthy, 1 one is not; with --continuous, at the last look before ctrl-C."""

    help = "Show hit rates, memory, evictions, clients, latency and health of every cache, and of the proxies."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Format and repetition."""
        add_format(parser)
        parser.add_argument("--continuous", action="store_true", help="Look again and again, until ctrl-C.")
        parser.add_argument("--interval", type=interval, default=5.0, metavar="SECONDS", help="Between two looks.")
        parser.add_argument("--looks", type=int, metavar="NUMBER", help="With --continuous: end after so many.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, show, perhaps again."""
        report = monitor.look()
        try:
            self._show(report, options)
            remaining = options["looks"] or float("inf")
            while options["continuous"] and remaining > 1:
                time.sleep(options["interval"])
                report = monitor.look()
                self._show(report, options)
                remaining -= 1
        except KeyboardInterrupt:
            self.stderr.write("")
        if not report.is_healthy:
            raise CommandError("\n".join(report.problems), returncode=FAILED)

    def _show(self, report: monitor.Report, options: Mapping[str, Any]) -> None:
        """JSON of a continuous run stands on one line per look, so that a program can read it as it comes."""
        if options["format"] == "table":
            self._tables(report)
        elif options["continuous"]:
            self.stdout.write(json.dumps(report.document()))
        else:
            print_json(self.stdout, report.document())
        self.stdout.flush()

    def _tables(self, report: monitor.Report) -> None:
        print_table(self.stdout, f"Caches at {report.looked_at}", CACHES, map(_alias_row, report.aliases))
        print_table(self.stdout, "Latency", LATENCIES, map(_latency_row, report.aliases))
        if report.proxies:
            print_table(self.stdout, "Proxies", PROXIES, map(_proxy_row, report.proxies))
        print_fields(self.stdout, _freshness(report.freshness))


def _alias_row(one: Alias) -> tuple[Any, ...]:
    counters = one.counters
    return (
        one.alias,
        one.kind,
        _health(one.problems),
        _share(rate(counters.hits, counters.misses)),
        _share(one.recent_hit_rate),
        counters.entries,
        _memory(counters.memory_bytes, counters.memory_limit_bytes),
        counters.evictions,
        counters.clients,
        "\n".join(f"{server.name} {server.role}".strip() for server in one.servers),
    )


def _latency_row(one: Alias) -> tuple[str, ...]:
    calls = [one.latency.get(verb) for verb in ("set", "get", "delete")]
    return (one.alias, *(text for call in calls for text in _milliseconds(call)))


def _milliseconds(call: Percentiles | None) -> tuple[str, ...]:
    return ("", "", "") if call is None else tuple(f"{value:.2f}" for value in (call.p50, call.p95, call.p99))


def _proxy_row(one: Proxy) -> tuple[Any, ...]:
    shares = _share(rate(one.hits, one.misses)), _share(one.recent_hit_rate)
    counts = one.requests, one.connections, one.entries, one.evictions
    return one.kind, one.name, _health(one.problems), *shares, *counts


def _freshness(state: Freshness) -> dict[str, Any]:
    if not state.is_configured:
        return {"freshness": "not configured"}
    return {
        "freshness": _health(state.problems),
        "sequence": state.sequence,
        "newest invalidation": state.sequence_age_seconds and f"{state.sequence_age_seconds:.0f} s ago",
        "tag index": f"{state.indexed_urls or 0} URLs of {state.indexed_urls_limit}",
        "its size": f"{state.indexed_bytes or 0} bytes of {state.indexed_bytes_limit}",
        "short-lived pages": ", ".join(f"{reason} {count}" for reason, count in state.degraded_pages.items() if count),
    }


def _health(problems: Any) -> str:
    return "unhealthy" if problems else "healthy"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _memory(used: int | None, limit: int | None) -> str:
    """Binary megabytes."""
    if used is None:
        return ""
    return f"{used / 2**20:.1f} MiB" + (f" of {limit / 2**20:.0f}" if limit else "")
