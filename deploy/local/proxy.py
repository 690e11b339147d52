"""What the proxies that are run here share: a port, what they fill from, the secret, a folder of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deploy.local.processes import Service, ask, free_port
from invalidation.proxies.templates import Value


class Proxy(Service):
    """A caching proxy on a port of 127.0.0.1 before `origins` (host:port each)."""

    default_name = ""

    def __init__(
        self,
        state_folder: Path,
        origins: Sequence[str],
        secret: str,
        *,
        name: str = "",
        port: int | None = None,
        public_port: int | None = None,
        options: dict[str, Value] | None = None,
    ) -> None:
        """`public_port` is the port that visitors use, its own unless something stands in front.

        `options` overrides any placeholder of the site's template.
        """
        super().__init__(name or self.default_name, state_folder)
        self.port = port or free_port()
        self.public_port = public_port or self.port
        self.origins = list(origins)
        self.secret = secret
        self.options = options or {}

    @property
    def url(self) -> str:
        """Address to reach it by, for visitors and as a node of the tier."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """Configuration, and whatever it keeps."""
        return self.state_folder / self.name

    def is_ready(self) -> bool:
        """Does it refuse a PURGE without the secret (or, without the purge, answer anything)?"""
        return ask(self.port, b"PURGE / HTTP/1.0\r\n\r\n").startswith(b"HTTP/")
