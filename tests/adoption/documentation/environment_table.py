"""Turns what reads the process environment into docs/reference/environment.md.

`python -m tests.adoption.documentation.environment_table` writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.adoption.documentation.commands import ROOT
from tests.adoption.documentation.environment_reads import Read, reads

PAGE = ROOT / "docs/reference/environment.md"
BEGINNING = """# Environment

Every variable that the reference site, its processes and the files that start them read. A project of yours has
settings of its own: of these it knows those alone that [Django and the libraries](#django-and-the-libraries) read. A
variable that is empty counts as unset.

This page is generated: `python -m tests.adoption.documentation.environment_table`.
"""
#: Set by the system or the shell, for everybody.
OF_THE_SYSTEM = frozenset({"PATH", "MAINPID"})
LOCAL = "deploy/local/"
#: What reads it, by the beginning of the file's name; the first that fits.
WHO = {
    "project/settings/development.py": "",
    "project/settings/test.py": "",
    "project/settings/": "every process",
    "project/": "web",
    "manage.py": "commands",
    "workers/metrics.py": "worker",
    "workers/flower.py": "Flower",
    "workers/": "worker, beat, Flower",
    "invalidation/contrib/prometheus/": "whoever serves `/metrics`",
    "invalidation/": "every process",
    "deploy/containers/": "containers",
    "deploy/setup.sh": "`make`",
    LOCAL: "`make up`, `make demo`",
}
#: Where the code's own default is an expression, or stands for something.
DEFAULTS = {
    "DJANGO_SETTINGS_MODULE": "`project.settings.production`; of commands `project.settings.development`",
    "ALLOWED_HOSTS": "hosts of `SITE_URLS`",
    "DATABASE_URL": "SQLite in the project's folder",
    "CELERY_BROKER_URL": "database 0 of `REDIS_URL`",
    "FRESHNESS_REDIS_URL": "database 1 of it",
    "CACHE_REDIS_URL": "database 2 of it",
    "SESSION_REDIS_URL": "database 3 of it",
    "TEMPORARY_REDIS_URL": "database 4 of it",
    "CLOUDFLARE_API_URL": "Cloudflare's",
    "STATIC_ROOT": "`staticfiles/`",
    "MEDIA_ROOT": "`media/`",
    "LOG_JSON": "`True`; in development `False`",
    "PYTHON": "`python3.11`, `python3`",
    "REDIS_SERVER": "`redis-server` or `valkey-server` of PATH",
}
#: Without which something can't be had that production means to have, though the code starts.
NEEDED = {
    "SITE_URLS": "yes, or nothing can be purged by address",
    "REDIS_URL": "yes, or the three below",
    "DATABASE_URL": "yes: SQLite is no server",
    "PURGE_SECRET": "with Varnish or Nginx",
    "CLOUDFLARE_API_TOKEN": "with `CLOUDFLARE_ZONE_ID`",
    "FLOWER_BASIC_AUTH": "for Flower",
    "METRICS_TOKEN": "where Prometheus is another machine",
}
SITE = {
    "DJANGO_SETTINGS_MODULE": "Which settings.",
    "SECRET_KEY": "Django's; 50 or more random characters.",
    "SITE_URLS": "Origins that visitors use, with commas; a path in a purge stands for all of them.",
    "ALLOWED_HOSTS": "Further hosts, with commas.",
    "HTTPS": "`false` only where the whole chain is plain HTTP.",
    "HSTS_SUBDOMAINS": "Does HSTS hold for subdomains, and may browsers preload it?",
    "DATABASE_URL": "`postgres://user:password@host/name`.",
    "DATABASE_POOL_SIZE": "PostgreSQL connections of each process; 0 for no pool.",
    "REDIS_URL": "One Redis for queue, freshness and caches.",
    "CELERY_BROKER_URL": "The queue.",
    "FRESHNESS_REDIS_URL": "Sequence, tag stamps, tag index; must not evict.",
    "CACHE_REDIS_URL": "Django's cache; development without one keeps nothing: no worker could reach its memory.",
    "CACHE_REPLICA_URLS": "Replicas of that Redis, with commas: they are read from, and never written to.",
    "SESSION_REDIS_URL": "Cache of sessions.",
    "TEMPORARY_REDIS_URL": "Cache of what is worth little.",
    "RELEASE": "Name of the deployed code, part of every ETag: new templates make new pages.",
    "VARNISH_NODES": "Base URLs, with commas; without any the tier is not declared.",
    "NGINX_NODES": "Base URLs, with commas; without any the tier is not declared.",
    "PURGE_SECRET": "What the proxies ask for: 16 or more of A-Z a-z 0-9 _ -",
    "CLOUDFLARE_ZONE_ID": "The zone in front of the site; without one the tier is not declared.",
    "CLOUDFLARE_API_TOKEN": "A token that may purge it.",
    "CLOUDFLARE_PLAN": "Its plan, such as `pro`: limits and quotas.",
    "CLOUDFLARE_API_URL": "Another address of its API, such as a stand-in's.",
    "CLOUDFLARE_EDGE": "Where doctor and verification ask it for pages: `site`, as visitors do, or an edge's URL.",
    "MONITOR_VARNISH": "What [`cache_monitor`](../how-to/monitor-caches.md) reads of Varnish, with commas.",
    "MONITOR_NGINX": "Addresses of Nginx' status, with commas.",
    "MONITOR_NGINX_LOGS": "Its logs of cache results, with commas.",
    "STATIC_ROOT": "Folder of collected static files.",
    "STATIC_CDN_URL": "What their addresses start with.",
    "MEDIA_ROOT": "Folder for uploads, without a bucket.",
    "MEDIA_BUCKET": "Bucket for uploads; credentials as boto3 finds them.",
    "MEDIA_REGION": "Its region.",
    "MEDIA_ENDPOINT_URL": "Of a store that is not Amazon's.",
    "MEDIA_CDN_HOST": "Host that uploads are read from.",
    "ADMIN_USERNAME": "Superuser that `seed_blog` creates.",
    "ADMIN_PASSWORD": "Its password; without either there is none.",
    "METRICS_TOKEN": "Bearer token for `/metrics`; without one they are told to this machine alone, through no proxy.",
    "TRUST_REQUEST_ID": "`true` where a proxy in front sets `X-Request-ID`, whatever a visitor sent, as the shipped"
    " Nginx does: lines of the log and events have that id.",
    "TRACES": "Has the site the app for [traces](../how-to/traces.md)?",
    "LOG_LEVEL": "Of what is logged, the least level.",
    "LOG_JSON": "One JSON document a line, for machines.",
}
PROCESSES = {
    "WEB_PORT": "Where it listens, on 127.0.0.1.",
    "FLOWER_PORT": "Where it listens, on 127.0.0.1.",
    "FLOWER_BASIC_AUTH": "`name:password`; without an account it does not start in production.",
    "FLOWER_AUTH": "Its accounts by another way, as Flower documents it.",
    "STATE_DIR": "Folder of beat's schedule.",
    "WORKER_METRICS_PORT": "Where a worker serves its own [metrics](../how-to/metrics.md), on 127.0.0.1.",
    "DATABASE_PASSWORD": "Of the database that `compose.yml` starts.",
}
LIBRARIES = {
    "DJANGO_ALLOW_ASYNC_UNSAFE": "Django's: lets a coroutine wait for the database, `invalidate()` included.",
    "PROMETHEUS_MULTIPROC_DIR": "Of prometheus-client: folder in which the processes behind one address keep"
    " [what they count](../how-to/metrics.md).",
}
MACHINE = {
    "WEB_PORT": "Of the application.",
    "VARNISH_PORT": "Of Varnish.",
    "NGINX_PORT": "Of Nginx.",
    "FLOWER_PORT": "Of Flower.",
    "REDIS_PORT": "Of Redis.",
    "EDGE_PORT": "Of the program that plays Cloudflare, which `make demo` always starts.",
    "STATE_DIR": "Folder that is kept, with its database; of `make up`.",
    "ADMIN_USERNAME": "Who may sign in.",
    "ADMIN_PASSWORD": "With which password.",
    "PURGE_SECRET": "What the proxies ask for.",
    "REDIS_SERVER": "The program.",
    "PYTHON": "Interpreter that the virtual environment is made from.",
}
#: Of one machine, where nothing is said: ports are free ones, folders are temporary, passwords are made.
MADE = {
    "PORT": "a free one",
    "EDGE": "none",
    "DIR": "a temporary one",
    "USERNAME": "`admin`",
    "PASSWORD": "made",
    "SECRET": "made",
}
Belongs = Callable[[Read], bool]


def is_local(read: Read) -> bool:
    """Is it for one machine alone?"""
    return read.file.startswith((LOCAL, "deploy/setup.sh"))


SECTIONS: tuple[tuple[str, dict[str, str], Belongs], ...] = (
    ("The site", SITE, lambda read: not is_local(read)),
    ("Processes", PROCESSES, lambda read: not is_local(read)),
    ("Django and the libraries", LIBRARIES, lambda read: not is_local(read)),
    ("make up, make demo", MACHINE, is_local),
)


def known() -> list[Read]:
    """What is read and not the system's, nor of development and tests alone."""
    return [read for read in reads() if read.name not in OF_THE_SYSTEM and who([read])]


def page(found: Iterable[Read]) -> str:
    """All tables."""
    read = list(found)
    return BEGINNING + "".join(
        f"\n## {title}\n{_table(names, filter(belongs, read))}" for title, names, belongs in SECTIONS
    )


def _table(meanings: dict[str, str], found: Iterable[Read]) -> str:
    by_name: dict[str, list[Read]] = {name: [] for name in meanings}
    for read in found:
        if read.name in by_name:
            by_name[read.name].append(read)
    rows = [f"| `{name}` | {meanings[name]} | {default(places)} | {who(places)} |" for name, places in by_name.items()]
    if meanings is MACHINE:
        return "\n".join(["| variable | meaning | default | read by |", "|---|---|---|---|", *rows]) + "\n"
    required = [f"{row} {needed(places)} |" for row, places in zip(rows, by_name.values(), strict=True)]
    head = ["| variable | meaning | default | read by | required in production |", "|---|---|---|---|---|"]
    return "\n".join([*head, *required]) + "\n"


def default(places: Iterable[Read]) -> str:
    """What counts where it is unset, in production before anything else."""
    ordered = sorted(places, key=lambda read: "production" not in read.file)
    name = ordered[0].name
    if is_local(ordered[0]) and (name.partition("_")[0] in MADE or name.rpartition("_")[2] in MADE):
        return MADE.get(name.partition("_")[0]) or MADE[name.rpartition("_")[2]]
    given = next((read.default for read in ordered if read.default), "")
    return DEFAULTS.get(name) or (f"`{given}`" if given else "none")


def who(places: Iterable[Read]) -> str:
    """The processes, each once."""
    named = [
        read.process or next((who for start, who in WHO.items() if read.file.startswith(start)), "") for read in places
    ]
    return ", ".join(dict.fromkeys(part for part in named if part))


def needed(places: Iterable[Read]) -> str:
    """Can production do without it? What `compose.yml` insists on is said beside it."""
    read = list(places)
    if any(one.required and one.file.startswith("project/settings/") for one in read):
        return "yes"
    told = NEEDED.get(read[0].name, "")
    insisted = any(one.required for one in read)
    return "; ".join(filter(None, [told, "in containers" if insisted else ""])) or "no"


if __name__ == "__main__":
    PAGE.write_text(page(known()))
