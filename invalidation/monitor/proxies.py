"""Reads the counters of Varnish (varnishstat) and Nginx (stub_status, a log), where the settings name them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from invalidation.exceptions import DeliveryError
from invalidation.monitor.report import Proxy
from invalidation.providers.http import ask

TIMEOUT_SECONDS = 5.0
#: https://nginx.org/en/docs/http/ngx_http_stub_status_module.html
STATUS = re.compile(
    r"Active connections: ([0-9]{1,18})\s+server accepts handled requests\s+[0-9]+ [0-9]+ ([0-9]{1,18})"
)

#: Values of $upstream_cache_status, one a line. BYPASS is neither: the request was not one for the cache.
HITS = (b"HIT\n", b"STALE\n", b"UPDATING\n", b"REVALIDATED\n")
MISSES = (b"MISS\n", b"EXPIRED\n")


def varnish(instance: str) -> Proxy:
    """`instance` is what varnishd was given as -n; empty for its default."""
    try:
        counters = _varnish_counters(instance)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return Proxy("varnish", instance, problems=[f"varnishstat tells nothing: {type(error).__name__}"])
    return Proxy(
        "varnish",
        instance,
        requests=counters.get("MAIN.client_req"),
        hits=counters.get("MAIN.cache_hit"),
        misses=counters.get("MAIN.cache_miss"),
        connections=counters.get("MAIN.sess_conn"),
        entries=counters.get("MAIN.n_object"),
        evictions=counters.get("MAIN.n_lru_nuked"),
        problems=[] if "MAIN.uptime" in counters else ["its child process does not run"],
    )


def _varnish_counters(instance: str) -> Mapping[str, int]:
    program = shutil.which("varnishstat") or "/usr/bin/varnishstat"
    where = ["-n", instance] if instance else []
    answer = subprocess.run(
        [program, *where, "-j", "-t", "1"], capture_output=True, check=True, timeout=TIMEOUT_SECONDS, text=True
    )
    document: dict[str, Any] = json.loads(answer.stdout)
    # Varnish 6.5 moved the counters below a name of their own.
    counters = document.get("counters", document)
    return {name: int(one["value"]) for name, one in counters.items() if isinstance(one, dict)}


def nginx(url: str) -> Proxy:
    """`url` answers with stub_status, which knows requests and connections but nothing of the cache."""
    try:
        answer = ask(url, TIMEOUT_SECONDS)
        match = STATUS.search(answer.text) if answer.status == HTTPStatus.OK else None
    except DeliveryError as error:
        return Proxy("nginx", url, problems=[f"does not answer: {type(error).__name__}"])
    if match is None:
        return Proxy("nginx", url, problems=["answers, but not with stub_status"])
    connections, answered = map(int, match.groups())
    return Proxy("nginx", url, requests=answered, connections=connections)


def nginx_log(path: str) -> Proxy:
    """The log at `path`: the only place where Nginx says what it answered from its cache, since the log was begun."""
    try:
        with Path(path).open("rb") as log:
            lines = Counter(log)
    except OSError as error:
        return Proxy("nginx cache", path, problems=[f"its log can't be read: {type(error).__name__}"])
    hits, misses = (sum(lines[status] for status in statuses) for statuses in (HITS, MISSES))
    return Proxy("nginx cache", path, requests=hits + misses, hits=hits, misses=misses)
