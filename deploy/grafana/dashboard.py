"""Composes `invalidation.json`, a dashboard to import into Grafana: what hurts first, then why.

`python -m deploy.grafana.dashboard` writes it. Values that are asked of servers are the same from each process, hence
`max`; counted ones belong to the process that counted, hence `sum`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("invalidation.json")
#: Grafana's grid is 24 wide: three panels in a row.
WIDTH, HEIGHT, PER_ROW = 8, 7, 3
SOURCE = {"type": "prometheus", "uid": "${source}"}
LATENCY = (
    "histogram_quantile({share}, sum by (tier, le)"
    " (rate(invalidation_commit_to_purged_seconds_bucket[$__rate_interval])))"
)

#: Title, unit, and for each line its name and expression.
PANELS: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("Oldest work, by lane", "s", [("{{lane}}", "max by (lane) (invalidation_oldest_pending_seconds)")]),
    ("Dead letters", "short", [("{{tier}}", "max by (tier) (invalidation_dead_letters)")]),
    ("Nodes left alone", "short", [("{{tier}} {{node}}", "max by (tier, node) (invalidation_breaker_open)")]),
    ("Commit to purged, half of all", "s", [("{{tier}}", LATENCY.format(share=0.5))]),
    ("Commit to purged, 95 of 100", "s", [("{{tier}}", LATENCY.format(share=0.95))]),
    (
        "Stale pages among those asked for",
        "percentunit",
        [
            (
                "{{tier}}",
                "sum by (tier) (rate(invalidation_stale_total[$__rate_interval]))"
                " / sum by (tier) (rate(invalidation_verified_total[$__rate_interval]))",
            )
        ],
    ),
    (
        "Events",
        "ops",
        [("{{lane}} {{source}}", "sum by (lane, source) (rate(invalidation_events_total[$__rate_interval]))")],
    ),
    (
        "Events merged into one batch",
        "short",
        [
            (
                "{{lane}}",
                "sum by (lane) (rate(invalidation_merged_events_total[$__rate_interval]))"
                " / sum by (lane) (rate(invalidation_batches_total[$__rate_interval]))",
            )
        ],
    ),
    ("Events that nobody has claimed", "short", [("{{lane}}", "max by (lane) (invalidation_pending_events)")]),
    (
        "Calls",
        "ops",
        [("{{tier}} {{outcome}}", "sum by (tier, outcome) (rate(invalidation_calls_total[$__rate_interval]))")],
    ),
    (
        "Attempts that did not purge",
        "ops",
        [
            (
                "{{tier}} {{node}} {{outcome}}",
                'sum by (tier, node, outcome) (rate(invalidation_attempts_total{outcome!="purged"}[$__rate_interval]))',
            )
        ],
    ),
    (
        "Quota",
        "short",
        [
            ("{{tier}} {{quota}} left", "max by (tier, quota) (invalidation_quota_left)"),
            ("{{tier}} {{quota}} paused, seconds", "max by (tier, quota) (invalidation_quota_paused_seconds)"),
        ],
    ),
    ("Messages that wait", "short", [("{{queue}}", "max by (queue) (invalidation_queue_messages)")]),
    ("Beat silent for", "s", [("beat", "max(invalidation_beat_age_seconds)")]),
    (
        "Pages with a short life, or none",
        "ops",
        [
            ("{{reason}}", "max by (reason) (rate(invalidation_degraded_total[$__rate_interval]))"),
            ("outdated while rendered", "max(rate(invalidation_guard_refused_total[$__rate_interval]))"),
        ],
    ),
    ("Tag index, pages", "short", [("pages", "max(invalidation_index_pages)")]),
    ("Tag index, size", "bytes", [("bytes", "max(invalidation_index_bytes)")]),
    ("Servers that answer", "short", [("{{part}}", "min by (part) (invalidation_up)")]),
]


def dashboard() -> dict[str, Any]:
    """As Grafana imports it; the data source is chosen there."""
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "uid": "django-invalidation",
        "title": "Cache invalidation",
        "tags": ["django", "cache"],
        "timezone": "browser",
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [source]},
        "panels": [panel(place, *what) for place, what in enumerate(PANELS)],
    }


def panel(place: int, title: str, unit: str, lines: list[tuple[str, str]]) -> dict[str, Any]:
    """A chart at its place, counted row by row."""
    row, column = divmod(place, PER_ROW)
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "gridPos": {"x": WIDTH * column, "y": HEIGHT * row, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "legendFormat": name, "expr": expression}
            for number, (name, expression) in enumerate(lines)
        ],
    }


def text() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
