"""Puts the whole system on one machine: Redis, the Procfile's processes, Varnish over them, Nginx over Varnish."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import requests
from honcho.environ import parse_procfile

from deploy.local import nginx, varnish
from deploy.local.nginx import Nginx
from deploy.local.processes import Service, ServiceFailed, free_port, wait_for
from deploy.local.redis import Redis
from deploy.local.varnish import Varnish
from invalidation.proxies.templates import TAG_HEADERS, Value
from invalidation.targets.parameters import Parameters
from project.settings.policy import QUERY_PARAMETERS

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
COMMAND_SECONDS = 120
#: What the program that plays Cloudflare answers to.
EDGE_ZONE_ID = "023e105f4ecef8ad9ca31a8372d0c353"
EDGE_API_TOKEN = "cloudflare-token-of-the-tests"  # noqa: S105 (it opens nothing but a program on this machine)
#: Processes that must not start before the tables and the static files are there.
NEED_THE_DATABASE = ("web", "beat")
#: What these write once they are ready; the others answer a request.
SAYINGS = {"worker": " ready.", "beat": "beat: Starting"}


def _port(variable: str) -> int:
    """The port that the environment names, else a free one."""
    return int(os.environ.get(variable) or free_port())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where everything listens, on 127.0.0.1 only."""

    web: int = field(default_factory=partial(_port, "WEB_PORT"))
    varnish: int = field(default_factory=partial(_port, "VARNISH_PORT"))
    nginx: int = field(default_factory=partial(_port, "NGINX_PORT"))
    flower: int = field(default_factory=partial(_port, "FLOWER_PORT"))
    redis: int = field(default_factory=partial(_port, "REDIS_PORT"))
    edge: int = field(default_factory=lambda: int(os.environ.get("EDGE_PORT") or 0))
    """Of the program that plays the CDN; 0 for none."""

    edge_api: int = field(default_factory=free_port)


def _installed(binary: Callable[[], str]) -> bool:
    try:
        return bool(binary())
    except ServiceFailed:
        return False


def _answers(url: str, account: tuple[str, str] | None = None) -> bool:
    try:
        return requests.get(url, timeout=2, auth=account).ok
    except requests.RequestException:
        return False


def _address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


class LoggingService(Service):
    """A service that says in its log that it is ready."""

    def __init__(self, *arguments: Any, says: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.says = says
        self._start = 0

    def prepare(self) -> None:
        """Remember where the log of this run begins."""
        self._start = self.log.stat().st_size if self.log.exists() else 0

    def is_ready(self) -> bool:
        """Has it said so since it was started?"""
        return self.says.encode() in self.log.read_bytes()[self._start :]


class Stack:
    """The system; a context manager that starts it and ends it, however the block is left.

    Tiers whose programs are not installed are left out and named in `missing`. `nginx_options` go to Nginx,
    where `{"purge_location": ""}` breaks it on purpose. The program that plays the CDN is there `with_edge`, or
    where EDGE_PORT names its port.
    """

    #: Further options of the program that plays the CDN.
    edge_limits: tuple[str, ...] = ("--plan", "pro")

    def __init__(
        self,
        state_folder: Path,
        *,
        database_url: str = "",
        nginx_options: dict[str, Value] | None = None,
        with_edge: bool = False,
    ) -> None:
        self.state_folder = Path(state_folder).resolve()
        self.ports = Ports(edge=_port("EDGE_PORT")) if with_edge and _installed(nginx.binary) else Ports()
        self.database_url = database_url or f"sqlite:///{self.state_folder / 'blog.sqlite3'}"
        self.username = os.environ.get("ADMIN_USERNAME") or "admin"
        self.password = os.environ.get("ADMIN_PASSWORD") or secrets.token_urlsafe(12)
        self.secret = os.environ.get("PURGE_SECRET") or secrets.token_urlsafe(24)
        self.redis = Redis(self.state_folder, port=self.ports.redis)
        self.varnish = self._varnish() if _installed(varnish.binary) else None
        self.nginx = self._nginx(nginx_options) if _installed(nginx.binary) else None
        self.edge = self._edge() if self.ports.edge and self.nginx else None
        self.processes = self._processes()
        self._running = ExitStack()

    def _varnish(self) -> Varnish:
        proxy_port = self.ports.nginx if _installed(nginx.binary) else self.ports.varnish
        public_port = self.ports.edge or proxy_port
        backends = [f"127.0.0.1:{self.ports.web}"]
        return Varnish(
            self.state_folder,
            backends,
            self.secret,
            port=self.ports.varnish,
            public_port=public_port,
            options=self._site_options(),
        )

    def _nginx(self, options: dict[str, Value] | None) -> Nginx:
        upstream = self.ports.varnish if self.varnish else self.ports.web
        # Any other name would be stored where no purge looks for it.
        named: dict[str, Value] = {"server_names": "127.0.0.1", **self._site_options(), **(options or {})}
        if self.varnish:
            named["lock_milliseconds"] = "100"
        return Nginx(self.state_folder, [f"127.0.0.1:{upstream}"], self.secret, port=self.ports.nginx, options=named)

    def _site_options(self) -> dict[str, Value]:
        """Tags are for the caches: what an edge further out reads is left for it to take away."""
        hidden = [name for name in TAG_HEADERS if name != "Cache-Tag" or not self.ports.edge]
        return {"hidden_headers": hidden, "query_parameters": Parameters.of(QUERY_PARAMETERS).declared}

    def _edge(self) -> Service:
        """The program that plays Cloudflare: its API, and an edge before Nginx."""
        options = {"--port": self.ports.edge_api, "--edge-port": self.ports.edge}
        command = [sys.executable, "-m", "tests.stand_ins.cloudflare", "--origin", _address(self.ports.nginx)]
        command += self.edge_limits
        command += [word for name, value in options.items() for word in (name, str(value))]
        ready = partial(_answers, f"{_address(self.ports.edge_api)}/__control/log")
        return Service("edge", self.state_folder, command, ready=ready, working_folder=ROOT)

    def _processes(self) -> dict[str, Service]:
        """One service for each line of the Procfile but the first, which ends: it is run before any of them starts."""
        commands = dict(parse_procfile((ROOT / "Procfile").read_text()).processes)
        del commands["release"]
        return {name: self._process(name, ["sh", "-c", f"exec {command}"]) for name, command in commands.items()}

    def _process(self, name: str, command: list[str]) -> Service:
        """Ready when its page answers, or when its log says so."""
        pages = {"web": f"{self.web_url}/health/", "flower": f"{self.flower_url}/healthcheck"}
        place: dict[str, Any] = {"environment": self.environment, "working_folder": ROOT}
        if name in SAYINGS:
            return LoggingService(name, self.state_folder, command, says=SAYINGS[name], **place)
        ready = partial(_answers, pages[name], (self.username, self.password))
        return Service(name, self.state_folder, command, ready=ready, **place)

    @property
    def environment(self) -> dict[str, str]:
        """What the site's settings and the Procfile read."""
        return {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "project.settings.production",
            "HTTPS": "false",
            "SECRET_KEY": f"local-{self.secret}",
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "STATIC_ROOT": str(self.state_folder / "static"),
            "STATE_DIR": str(self.state_folder),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis.url(),
            "SITE_URLS": self.site_url,
            "VARNISH_NODES": self.varnish.url if self.varnish else "",
            "NGINX_NODES": self.nginx.url if self.nginx else "",
            "TRUST_REQUEST_ID": str(bool(self.nginx)),
            "MONITOR_VARNISH": str(self.varnish.work_folder) if self.varnish else "",
            "MONITOR_NGINX": self.nginx.status_url if self.nginx else "",
            "MONITOR_NGINX_LOGS": str(self.nginx.cache_log) if self.nginx else "",
            "CLOUDFLARE_ZONE_ID": EDGE_ZONE_ID if self.edge else "",
            "CLOUDFLARE_API_TOKEN": EDGE_API_TOKEN,
            "CLOUDFLARE_PLAN": "pro",
            "CLOUDFLARE_API_URL": _address(self.ports.edge_api),
            "CLOUDFLARE_EDGE": "site",
            "PURGE_SECRET": self.secret,
            "ADMIN_USERNAME": self.username,
            "ADMIN_PASSWORD": self.password,
            "WEB_PORT": str(self.ports.web),
            "FLOWER_PORT": str(self.ports.flower),
            "FLOWER_BASIC_AUTH": f"{self.username}:{self.password}",
        }

    @property
    def web(self) -> Service:
        """Gunicorn with the site."""
        return self.processes["web"]

    @property
    def worker(self) -> Service:
        """The Celery worker."""
        return self.processes["worker"]

    @property
    def web_url(self) -> str:
        """The application itself, behind every cache."""
        return _address(self.ports.web)

    @property
    def site_url(self) -> str:
        """The site as visitors see it: the outermost tier, whose address is the site's own name."""
        outermost = self.nginx or self.varnish
        return self.edge_url or (outermost.url if outermost else self.web_url)

    @property
    def edge_url(self) -> str:
        """The edge of the program that plays Cloudflare; "" where it is left out."""
        return _address(self.ports.edge) if self.edge else ""

    @property
    def admin_url(self) -> str:
        """The Django admin, through every tier."""
        return f"{self.site_url}/admin/"

    @property
    def flower_url(self) -> str:
        """Flower; signs in with `username` and `password`."""
        return _address(self.ports.flower)

    @property
    def missing(self) -> list[str]:
        """Tiers that are left out, because their programs are not installed."""
        return [name for name, tier in (("varnish", self.varnish), ("nginx", self.nginx)) if tier is None]

    @property
    def services(self) -> list[Service]:
        """Everything that runs, in the order of starting."""
        tiers: list[Service] = [tier for tier in (self.varnish, self.nginx, self.edge) if tier]
        return [self.redis, *self.processes.values(), *tiers]

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` with these arguments against the running system."""
        return self._run("manage.py", *arguments)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def _prepare(self) -> None:
        result = self._run("-m", "deploy.local.prepare")
        if result.returncode:
            raise ServiceFailed(f"The site could not be prepared:\n{result.stdout}{result.stderr}")

    def _launch(self, services: list[Service], starting: ExitStack) -> None:
        for service in services:
            starting.callback(service.stop)
            service.launch()

    def __enter__(self) -> Self:
        """Start everything; what needs no tables starts while they are created.

        Raises:
            ServiceFailed: something did not start; the message ends with its log.
        """
        late = [self.processes[name] for name in NEED_THE_DATABASE]
        early = [service for service in self.services[1:] if service not in late]
        self.state_folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as starting:
            starting.enter_context(self.redis)
            self._launch(early, starting)
            self._prepare()
            self._launch(late, starting)
            for service in self.services[1:]:
                service.wait_until_ready(START_SECONDS)
            # Varnish was there before the application, and asks a few times before it believes in it.
            wait_for(
                lambda: _answers(f"{self.site_url}/health/"), START_SECONDS, "the site to answer through its tiers"
            )
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """All but Redis end side by side; the others may need that until they have."""
        for service in self.services[1:]:
            service.dismiss()
        self._running.close()
