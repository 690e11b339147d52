"""Runs Varnish with the site of deploy/varnish."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from deploy.local.processes import Service, ServiceFailed, ask, free_port
from deploy.local.templates import FOLDER, PRIVATE_COOKIES, TAG_HEADERS, Value, render

LOCAL = ('"127.0.0.1"',)


def binary() -> str:
    """Varnish' program.

    Raises:
        ServiceFailed: it is not installed.
    """
    found = shutil.which("varnishd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found:
        return found
    raise ServiceFailed("Install the Debian packages varnish and varnish-modules.")


class Varnish(Service):
    """A Varnish on a port of 127.0.0.1 that caches `backends` (host:port each).

    `options` overrides any placeholder of the site; purge_branch="" takes the purge out.
    """

    template = "varnish/site.vcl.template"

    def __init__(
        self,
        state_folder: Path,
        backends: Sequence[str],
        secret: str,
        *,
        name: str = "varnish",
        port: int | None = None,
        public_port: int | None = None,
        options: dict[str, Value] | None = None,
    ) -> None:
        """`public_port` is the port that visitors use, its own unless something stands in front."""
        super().__init__(name, state_folder)
        self.port = port or free_port()
        self.public_port = public_port or self.port
        self.backends = list(backends)
        self.secret = secret
        self.options = options or {}

    @property
    def url(self) -> str:
        """Address to reach it by, for visitors and as a node of the tier."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """Configuration and working files."""
        return self.state_folder / self.name

    def values(self) -> dict[str, Value]:
        """The placeholders of the site."""
        defaults: dict[str, Value] = {
            "backends": [(host, port) for host, _, port in (backend.rpartition(":") for backend in self.backends)],
            "probe_path": "/health/",
            "probe_host": "127.0.0.1",
            "probe_seconds": "0.5",
            "public_port": f":{self.public_port}",
            "secret": self.secret,
            "purge_addresses": LOCAL,
            "trusted_proxies": LOCAL,
            "private_cookies": PRIVATE_COOKIES,
            "hidden_headers": TAG_HEADERS,
            "purge_branch": "yes",
        }
        return {**defaults, **self.options}

    def prepare(self) -> None:
        """Render the VCL."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "site.vcl").write_text(render(self.template, self.values()))

    def command(self) -> list[str]:
        """The manager in the foreground; it keeps its user, so that the state folder may be private."""
        where = ["-n", str(self.folder / "work"), "-f", str(self.folder / "site.vcl")]
        listen = ["-a", f"127.0.0.1:{self.port}", "-T", "none", "-s", "malloc,64m", "-j", "none"]
        return [binary(), "-F", *where, *listen, *parameters()]

    def is_ready(self) -> bool:
        """Does it refuse a PURGE without the secret (or, without the purge, answer anything)?"""
        return ask(self.port, b"PURGE / HTTP/1.0\r\n\r\n").startswith(b"HTTP/")


def parameters() -> list[str]:
    """What deploy/varnish/parameters sets, as arguments."""
    lines = (FOLDER / "varnish/parameters").read_text().splitlines()
    return [part for line in lines if line and not line.startswith("#") for part in ("-p", line)]
