"""Turns the fields of invalidation.conf.Settings and their docstrings into docs/reference/settings.md and the README.

`python -m tests.documentation.settings_table` writes both.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from typing import Any

from invalidation import conf
from tests.documentation.commands import ROOT

README = ROOT / "README.md"
PAGE = ROOT / "docs/reference/settings.md"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"
#: Those that a project thinks about before its first purge, which the README shows.
FIRST = ("tiers", "sites", "databases", "redis_url", "longest_render_seconds")
#: Every other one, by who asks for it.
GROUPS = {
    "What a path stands for": ("language_prefixes", "trailing_slash_twins", "query_variants", "query_parameters"),
    "Pages: policy, lifetimes, validators": ("policy", "release", "degraded_ttl_seconds"),
    "Freshness: what keeps old pages out": (
        *("transfer_seconds", "replica_lag_seconds", "rebound_interval_seconds"),
        *("redis_timeout_seconds", "redis_pause_seconds"),
    ),
    "Proxies and CDNs without tags: the tag index": (
        *("index_ttl_seconds", "index_max_urls_per_tag", "index_max_urls", "index_max_bytes"),
    ),
    "Proxies and CDNs: how much one batch may ask": ("plan_calls_limit", "plan_cheaper_calls", "plan_price_limit_usd"),
    "Back pressure: what happens when much is pending": (
        *("claim_limit", "batch_targets_limit", "linger_milliseconds", "lowest_lane_every"),
        *("backlog_prefixes_depth", "backlog_everything_depth"),
    ),
    "Failures: retries, breakers, dead letters": (
        *("max_attempts", "backoff_base_seconds", "backoff_cap_seconds", "give_up_seconds"),
        *("breaker_failures", "breaker_reset_seconds", "lease_seconds"),
    ),
    "The broker, and what beat looks after": (
        *("announce_timeout_seconds", "announce_pause_seconds", "sweep_after_seconds", "sweep_interval_seconds"),
        *("schedule_interval_seconds", "retention_days"),
    ),
    "Purges by hand": ("wide_share", "wide_urls"),
    "Proof and monitoring": (
        *("verify_urls_per_batch", "verify_requests_per_minute", "verify_interval_seconds"),
        *("canary_interval_seconds", "monitor_varnish", "monitor_nginx", "monitor_nginx_logs"),
    ),
    "Deployment": ("critical_urls", "deploy_tags", "deploy_urls", "deploy_prefixes", "deploy_patterns"),
    "Tests": ("offline",),
}
UNITS = {
    "milliseconds": "milliseconds",
    "seconds": "seconds",
    "days": "days",
    "usd": "US dollars",
    "bytes": "bytes",
    "share": "share, 0 to 1",
    "minute": "number a minute",
}
KINDS = {
    "str": "text",
    "bool": "`True` or `False`",
    "int": "number",
    "float": "number",
    "tuple[str, ...]": "list of texts",
    "tuple[PolicyRule, ...]": "list of dictionaries",
    "Parameters": "list, or dictionary of lists",
    "Mapping[str, Tier]": "dictionary of dictionaries",
}
BEGINNING = """# Settings

Everything stands in the dictionary `settings.INVALIDATION`. Only `TIERS` has no default. A misspelt name or a value of
the wrong kind is refused when the site starts. What must differ from one machine to the next comes from the
environment: [environment.md](environment.md).

This page is generated: `python -m tests.documentation.settings_table`.

## First
"""
TIER = """
`TIERS` has one entry for each cache, under a name of your choice:

| name in the entry | takes | meaning |
|---|---|---|
| `PROVIDER` | text | Dotted path of the class that purges this kind of cache. The only one that is required. |
| `FILLS_FROM` | list of texts | Names of the tiers that this one fetches from: those are purged before it. |
| `NODES` | list of texts | Base URLs of its nodes, without user names and passwords. |
| `OPTIONS` | dictionary | Handed to the provider, whose class names them; secrets belong here. |
| `SITES` | list of texts | Those of `SITES` that this cache serves; all of them where it is left out. |
| `REBOUND_SECONDS` | seconds | How long after a purge it is purged again, 0 for never; left out, the longest render. |
"""


def meanings() -> dict[str, str]:
    """The string below each field, on one line."""
    source = inspect.getsource(sys.modules[conf.Settings.__module__])
    declaration = next(node for node in ast.walk(ast.parse(source)) if _is_settings(node))
    assert isinstance(declaration, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(declaration.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _is_settings(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and node.name == conf.Settings.__name__


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "none: required"
    default = field.default
    if isinstance(default, tuple):
        return f"`{list(default)}`"
    return "`{}`" if str(field.type) == "Parameters" else f"`{default!r}`"


def _takes(field: Field[Any]) -> str:
    unit = UNITS.get(field.name.rpartition("_")[2]) if str(field.type) in ("int", "float") else None
    return unit or KINDS[str(field.type)]


def table(names: Iterable[str]) -> str:
    """Markdown, one row per setting."""
    explained, declared = meanings(), {field.name: field for field in fields(conf.Settings)}
    rows = [
        f"| `{name.upper()}` | {_default(declared[name])} | {_takes(declared[name])} | {explained[name]} |"
        for name in names
    ]
    return "\n".join(["| setting | default | takes | meaning |", "|---|---|---|---|", *rows]) + "\n"


def page() -> str:
    """The reference of all settings."""
    return BEGINNING + table(FIRST) + TIER + "".join(f"\n## {title}\n{table(names)}" for title, names in GROUPS.items())


def rendered(document: str) -> str:
    """The README with a fresh table of the first settings between its markers."""
    before, rest = document.split(BEGIN)
    return before + BEGIN + table(FIRST) + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))
    PAGE.write_text(page())
