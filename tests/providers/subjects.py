"""What the contract suite needs to know about a product: how to fill it, how to look into it."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

from deploy.local import Nginx as NginxServer
from deploy.local import Varnish as VarnishServer
from invalidation.providers.base import Provider
from invalidation.providers.http import Location
from invalidation.providers.memory import Memory
from invalidation.providers.nginx import Nginx
from invalidation.providers.varnish import Varnish
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit, visit, warm


class Subject(abc.ABC):
    """One product under the contract."""

    product: type[Provider]
    node: str

    def provider(self, *, node: str | None = None, secret: str = SECRET, **options: Any) -> Provider:
        """A provider for the product's node, or for another."""
        return self.product("tier", self.node if node is None else node, {"SECRET": secret, **options})

    @abc.abstractmethod
    def store(self, url: str, *tags: str) -> None:
        """Make the cache hold a response."""

    @abc.abstractmethod
    def holds(self, url: str) -> bool:
        """Would the cache answer by itself? Asking may store the page anew."""

    @abc.abstractmethod
    def hang(self) -> None:
        """Let the node accept calls and not answer."""

    @abc.abstractmethod
    def recover(self) -> None:
        """Let it answer again."""


@dataclass
class MemorySubject(Subject):
    """The double."""

    product = Memory
    node = "memory"

    def __post_init__(self) -> None:
        Memory.caches.clear()
        self.cache = Memory.caches[self.node]
        self.cache.secret = SECRET

    def store(self, url: str, *tags: str) -> None:
        self.cache.store(url, *tags)

    def holds(self, url: str) -> bool:
        return url in self.cache.responses

    def hang(self) -> None:
        self.cache.answering.clear()

    def recover(self) -> None:
        self.cache.answering.set()


@dataclass
class ProxySubject(Subject):
    """A real proxy before the origin."""

    product: type[Provider]
    server: NginxServer | VarnishServer
    origin: Origin

    @property
    def node(self) -> str:  # type: ignore[override]
        return self.server.url

    def store(self, url: str, *tags: str) -> None:
        self.origin.pages[Location.of(url).target].headers["xkey"] = " ".join(tags)
        warm(self.server, url)

    def holds(self, url: str) -> bool:
        return is_hit(visit(self.server, url))

    def hang(self) -> None:
        self.server.freeze()

    def recover(self) -> None:
        self.server.thaw()


def varnish(server: VarnishServer, origin: Origin) -> ProxySubject:
    return ProxySubject(Varnish, server, origin)


def nginx(server: NginxServer, origin: Origin) -> ProxySubject:
    return ProxySubject(Nginx, server, origin)
