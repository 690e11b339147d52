"""Runs Nginx with the site of deploy/nginx."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.processes import ServiceFailed
from deploy.local.proxy import Proxy
from invalidation.proxies.templates import PRIVATE_COOKIES, TAG_HEADERS, Value, render, write_private

MODULES = Path("/usr/lib/nginx/modules")
PURGE = MODULES / "ngx_http_cache_purge_module.so"
#: Compress anew, and serve what was compressed before; on Debian packages of their own, which nothing here needs.
BROTLI = [MODULES / "ngx_http_brotli_filter_module.so", MODULES / "ngx_http_brotli_static_module.so"]
LOCAL = ("127.0.0.1",)
#: Placeholders that a server on one machine leaves empty.
UNUSED = [
    "variant_header",
    "variant_variable",
    "variants",
    "plain_listen",
    "api_paths",
    "api_requests_per_second",
    "api_burst",
    "login_paths",
    "login_attempts_per_minute",
    "login_burst",
    "content_security_policy",
    "static_folder",
    "media_folder",
    "tls_certificate",
    "tls_key",
    "hsts_seconds",
]


def binary() -> str:
    """Nginx' program.

    Raises:
        ServiceFailed: Nginx or its purge module is not installed.
    """
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found and PURGE.exists():
        return found
    raise ServiceFailed("Install the Debian packages nginx and libnginx-mod-http-cache-purge.")


def modules() -> list[Path]:
    """What is installed of the modules that the site can use."""
    return [PURGE, *(BROTLI if all(module.exists() for module in BROTLI) else [])]


class Nginx(Proxy):
    """An Nginx on a port of 127.0.0.1 that caches its origins.

    `options` overrides any placeholder of the site; purge_location="" takes the purge out.
    """

    default_name = "nginx"
    template = "nginx/site.conf.template"
    stop_signal = signal.SIGQUIT

    @property
    def status_url(self) -> str:
        """Where its stub_status is read."""
        return f"{self.url}/__status"

    @property
    def cache_log(self) -> Path:
        """What it answered from the cache, and what not."""
        return self.folder / "cache.log"

    def values(self) -> dict[str, Value]:
        """The placeholders of the site."""
        defaults: dict[str, Value] = {
            "listen": f"127.0.0.1:{self.port}",
            "server_names": "_",
            "public_port": f":{self.public_port}",
            "upstreams": self.origins,
            "cache_folder": str(self.folder / "cache"),
            "epoch_folder": str(self.folder / "epoch"),
            "cache_size": "64m",
            "secret": self.secret,
            "purge_addresses": LOCAL,
            "trusted_proxies": LOCAL,
            "private_cookies": PRIVATE_COOKIES,
            "query_parameters": [],
            "hidden_headers": TAG_HEADERS,
            "lock_milliseconds": "5000",
            "requests_per_second": "10000",
            "burst": "30000",
            "inside_paths": ["/metrics"],
            "status_path": urlsplit(self.status_url).path,
            "cache_log": str(self.cache_log),
            "access_log": str(self.folder / "access.log"),
            "brotli": "yes" if set(BROTLI) <= set(modules()) else "",
            "purge_location": "yes",
        }
        return {**dict.fromkeys(UNUSED, ""), **defaults, **self.options}

    def prepare(self) -> None:
        """Render both files; the cache starts empty."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        site = self.folder / "site.conf"
        write_private(site, render(self.template, self.values()))
        main: dict[str, Value] = {
            "modules": [str(module) for module in modules()],
            "user": "root" if os.geteuid() == 0 else "",
            "workers": "1",
            "state_folder": str(self.folder),
            "mime_types": "/etc/nginx/mime.types",
            "site": str(site),
        }
        (self.folder / "nginx.conf").write_text(render("nginx/nginx.conf.template", main))

    def command(self) -> list[str]:
        """The master in the foreground."""
        return [binary(), "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
