"""An Nginx with every switch of its site on, and visitors of it."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from deploy.local import Nginx, free_port
from invalidation.providers.nginx import Nginx as Provider
from invalidation.proxies.templates import Value
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import Origin

NAME = "example.com"
SITE, SECURE_SITE = f"http://{NAME}", f"https://{NAME}"
#: The site is reached from here by somebody who may not purge and whom nobody trusts.
STRANGER = ("127.0.0.2", 0)
POLICY = "default-src 'self'"
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
HASHED, UNHASHED = "/static/css/base.0123456789ab.css", "/static/css/base.css"
STYLE = "p { margin: 0 }\n" * 100
#: An example of each location of the site that answers a visitor.
LOCATIONS = {
    "= /__purge": "/purged/",
    "= /__everything": "/",
    "/static/": HASHED,
    "/media/": "/media/photo.svg",
    "= /metrics": "/metrics",
    "= /__status": "/__status",
    "/": "/a/",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Static files, compressed beforehand with other contents than their own, and an upload."""
    folder = tmp_path_factory.mktemp("files")
    for path in (HASHED, UNHASHED, "/media/photo.svg"):
        (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (folder / path[1:]).write_text(STYLE)
    (folder / f"{HASHED[1:]}.gz").write_bytes(gzip.compress(b"compressed beforehand"))
    return folder


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Value]:
    """A self-signed one, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
    ]
    about = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    made = ["-out", str(folder / "certificate.pem"), "-keyout", str(folder / "key.pem")]
    subprocess.run([*new, *about, *made], check=True, capture_output=True)
    return {"tls_certificate": made[1], "tls_key": made[3]}


@pytest.fixture(scope="module")
def full(
    state_folder: Path, origin_server: Origin, files: Path, certificate: dict[str, Value]
) -> Iterator[tuple[Nginx, int]]:
    """The site with every switch on, and its port with TLS."""
    plain, secure = free_port(), free_port()
    options: dict[str, Value] = {
        **certificate,
        "listen": f"127.0.0.1:{secure}",
        "plain_listen": f"127.0.0.1:{plain}",
        "server_names": NAME,
        "public_port": "",
        "hsts_seconds": "31536000",
        "content_security_policy": POLICY,
        "static_folder": str(files / "static"),
        "media_folder": str(files / "media"),
        "api_paths": ["/api/"],
        "api_requests_per_second": "1",
        "api_burst": "3",
        "login_paths": ["/admin/login/"],
        "login_attempts_per_minute": "1",
        "login_burst": "3",
    }
    with Nginx(state_folder, [origin_server.address], SECRET, name="full", port=plain, options=options) as server:
        yield server, secure


@pytest.fixture
def server(full: tuple[Nginx, int], origin: Origin) -> Nginx:
    """That Nginx, empty, before an origin without memory."""
    for path in LOCATIONS.values():
        for site in (SITE, SECURE_SITE):
            Provider("nginx", full[0].url, {"SECRET": SECRET}).purge_urls([site + path])
    return full[0]


def browser(port: int, certificate: dict[str, Value], **options: Any) -> urllib3.HTTPSConnectionPool:
    """It checks the certificate."""
    return urllib3.HTTPSConnectionPool(
        "127.0.0.1",
        port,
        headers={"Host": NAME},
        ca_certs=str(certificate["tls_certificate"]),
        server_hostname=NAME,
        assert_hostname=NAME,
        retries=False,
        **options,
    )


@pytest.fixture
def over_tls(full: tuple[Nginx, int], certificate: dict[str, Value]) -> Iterator[urllib3.HTTPSConnectionPool]:
    """A visitor from an address that may purge."""
    with browser(full[1], certificate) as visitor:
        yield visitor


@pytest.fixture
def stranger_over_tls(full: tuple[Nginx, int], certificate: dict[str, Value]) -> Iterator[urllib3.HTTPSConnectionPool]:
    """A visitor from an address that nobody knows."""
    with browser(full[1], certificate, source_address=STRANGER) as visitor:
        yield visitor


@pytest.fixture
def stranger(full: tuple[Nginx, int]) -> Iterator[urllib3.HTTPConnectionPool]:
    """The same without TLS."""
    with urllib3.HTTPConnectionPool(
        "127.0.0.1", full[0].port, headers={"Host": NAME}, retries=False, source_address=STRANGER
    ) as visitor:
        yield visitor
