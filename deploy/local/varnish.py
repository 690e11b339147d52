"""Runs Varnish with the site of deploy/varnish."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from deploy.local.processes import ServiceFailed
from deploy.local.proxy import Proxy
from invalidation.proxies.templates import PRIVATE_COOKIES, TAG_HEADERS, Value, parameters, render, write_private

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


class Varnish(Proxy):
    """A Varnish on a port of 127.0.0.1 that caches its origins.

    `options` overrides any placeholder of the site; purge_branch="" takes the purge out.
    """

    default_name = "varnish"
    template = "varnish/site.vcl.template"

    @property
    def work_folder(self) -> Path:
        """What varnishd and varnishstat are given as -n."""
        return self.folder / "work"

    def values(self) -> dict[str, Value]:
        """The placeholders of the site."""
        defaults: dict[str, Value] = {
            "backends": [(host, port) for host, _, port in (backend.rpartition(":") for backend in self.origins)],
            "probe_path": "/health/",
            "probe_host": "127.0.0.1",
            "probe_seconds": "0.5",
            "public_port": f":{self.public_port}",
            "secret": self.secret,
            "purge_addresses": LOCAL,
            "trusted_proxies": LOCAL,
            "private_cookies": PRIVATE_COOKIES,
            "query_parameters": [],
            "hidden_headers": TAG_HEADERS,
            "purge_branch": "yes",
        }
        return {**defaults, **self.options}

    def prepare(self) -> None:
        """Render the VCL."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_private(self.folder / "site.vcl", render(self.template, self.values()))

    def command(self) -> list[str]:
        """The manager in the foreground; it keeps its user, so that the state folder may be private."""
        where = ["-n", str(self.work_folder), "-f", str(self.folder / "site.vcl")]
        listen = ["-a", f"127.0.0.1:{self.port}", "-T", "none", "-s", "malloc,64m", "-j", "none"]
        return [binary(), "-F", *where, *listen, *parameters()]
