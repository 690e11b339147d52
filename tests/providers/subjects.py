"""What the contract suite needs to know about a product: how to fill it, how to look into it, how to break it."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.cache import caches

from deploy.local import Nginx as NginxServer
from deploy.local import Redis as RedisServer
from deploy.local import Varnish as VarnishServer
from deploy.local import free_port
from invalidation.caching import tagged
from invalidation.caching.values.store import VERSION
from invalidation.exceptions import TransientError
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Provider
from invalidation.providers.http import Location
from invalidation.providers.memory import Memory
from invalidation.providers.nginx import Nginx
from invalidation.providers.redis import Redis
from invalidation.providers.varnish import Varnish
from invalidation.targets.values import CacheKey
from tests.fixtures.servers import SECRET
from tests.providers.cdn.products import Product
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit, visit, warm

WRONG_SECRET = "not-the-secret-at-all"


class Subject(abc.ABC):
    """One product under the contract."""

    product: type[Provider]
    node: str
    secret_option: str = "SECRET"
    """Where it keeps its secret; "" where it has none."""

    needs_secret: bool = True
    """Does it refuse to be made without one?"""

    secret_in_header: bool = True
    tells_hosts_apart: bool = True

    def provider(self, *, node: str | None = None, **options: Any) -> Provider:
        """A provider for the product's node, or for another, that has found out what it may."""
        made = self.product("tier", self.node if node is None else node, {"SECRET": SECRET, **options})
        made.learn()
        return made

    def intruder(self) -> Provider:
        """One with the wrong secret."""
        return self.provider(**{self.secret_option: WRONG_SECRET})

    def lost(self) -> Provider:
        """One that looks for the product where nobody is."""
        return self.provider(node=f"http://127.0.0.1:{free_port()}")

    def refused(self) -> Iterator[tuple[Provider, str]]:
        """Providers whose next call is refused, each with the secret that it must not tell."""
        yield self.intruder(), WRONG_SECRET

    def purge(self, provider: Provider, verb: str, *items: Any) -> Reply:
        """One call; a job that it starts is followed to its end."""
        reply: Reply = getattr(provider, verb)(*items)
        return reply

    def purge_names(self, provider: Provider, *names: str) -> Reply:
        """Purge what was stored under these names, by their names."""
        return self.purge(provider, "purge_urls", list(names))

    @abc.abstractmethod
    def store(self, name: str, *tags: str) -> None:
        """Make the cache hold a response (or a value) under this URL."""

    @abc.abstractmethod
    def holds(self, name: str) -> bool:
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
    needs_secret = False

    def __post_init__(self) -> None:
        Memory.caches.clear()
        self.cache = Memory.caches[self.node]
        self.cache.secret = SECRET

    def lost(self) -> Provider:
        self.cache.trouble = TransientError("down")
        return self.provider()

    def store(self, name: str, *tags: str) -> None:
        self.cache.store(name, *tags)

    def holds(self, name: str) -> bool:
        return name in self.cache.responses

    def hang(self) -> None:
        self.cache.answering.clear()

    def recover(self) -> None:
        self.cache.answering.set()


@dataclass
class RedisSubject(Subject):
    """Django's cache on Redis, with the tagged cache before it."""

    settings: Any
    server: RedisServer
    product = Redis
    node = ""
    secret_option = ""

    def __post_init__(self) -> None:
        self.declare(self.server.url(7))
        caches["default"].clear()

    def declare(self, location: str) -> None:
        """Put CACHES in force."""
        options = {"SOCKET_TIMEOUT": 1, "SOCKET_CONNECT_TIMEOUT": 1}
        backend = "django_redis.cache.RedisCache"
        self.settings.CACHES = {
            "default": {"BACKEND": backend, "LOCATION": location, "KEY_PREFIX": "contract", "OPTIONS": options}
        }

    def provider(self, *, node: str | None = None, **options: Any) -> Provider:
        """Its timeout is the cache's own."""
        options.pop("TIMEOUT_SECONDS", None)
        return Redis("tier", "", {"CACHES": ["default"], **options})

    def lost(self) -> Provider:
        self.declare(f"redis://127.0.0.1:{free_port()}/0")
        return self.provider()

    def refused(self) -> Iterator[tuple[Provider, str]]:
        yield from ()

    def purge_names(self, provider: Provider, *names: str) -> Reply:
        return provider.purge_keys([CacheKey(name, "default", VERSION) for name in names])

    def store(self, name: str, *tags: str) -> None:
        tagged.set(name, "page", tags=tags, reads_all=True)

    def holds(self, name: str) -> bool:
        return tagged.get(name) is not None

    def hang(self) -> None:
        self.server.freeze()

    def recover(self) -> None:
        self.server.thaw()


@dataclass
class ProxySubject(Subject):
    """A real proxy before the origin."""

    product: type[Provider]
    server: NginxServer | VarnishServer
    origin: Origin

    @property
    def node(self) -> str:  # type: ignore[override]
        return self.server.url

    def store(self, name: str, *tags: str) -> None:
        self.origin.pages[Location.of(name).target].headers["xkey"] = " ".join(tags)
        warm(self.server, name)

    def holds(self, name: str) -> bool:
        return is_hit(visit(self.server, name))

    def hang(self) -> None:
        self.server.freeze()

    def recover(self) -> None:
        self.server.thaw()


@dataclass
class CdnSubject(Subject):
    """A CDN's provider before the stand-in that plays its vendor."""

    made: Product

    def __post_init__(self) -> None:
        self.product = self.made.provider_class
        self.node = self.made.node
        self.secret_option = self.made.secret_option
        # boto3 finds credentials elsewhere too, and signs with them; a cache on an internal network may need none.
        self.needs_secret = self.made.name not in ("cloudfront", "generic")
        self.secret_in_header = self.tells_hosts_apart = self.made.name != "cloudfront"

    def provider(self, *, node: str | None = None, **options: Any) -> Provider:
        known = {"TAGS": True} if self.made.name == "cloudfront" else {}
        made = self.product("tier", self.node if node is None else node, {**self.made.options, **known, **options})
        made.learn()
        return made

    def lost(self) -> Provider:
        nowhere = f"http://127.0.0.1:{free_port()}"
        if self.node:
            return self.provider(node=nowhere)
        return self.provider(**{"ENDPOINT_URL" if self.made.name == "cloudfront" else "API_URL": nowhere})

    def refused(self) -> Iterator[tuple[Provider, str]]:
        """Also by answers that repeat our request, and by a vendor that has forgotten us."""
        yield from super().refused()
        for fault in ("echo", "unauthorized"):
            self.made.vendor.fail(fault)
            yield self.provider(), self.made.secret

    def purge(self, provider: Provider, verb: str, *items: Any) -> Reply:
        return self.made.purge(verb, *items, provider=provider)

    def store(self, name: str, *tags: str) -> None:
        self.made.vendor.copies.store(name, *tags)

    def holds(self, name: str) -> bool:
        return name in self.made.vendor.copies

    def hang(self) -> None:
        self.made.vendor.fail("hang")

    def recover(self) -> None:
        self.made.vendor.forget()


def varnish(server: VarnishServer, origin: Origin) -> ProxySubject:
    return ProxySubject(Varnish, server, origin)


def nginx(server: NginxServer, origin: Origin) -> ProxySubject:
    return ProxySubject(Nginx, server, origin)
