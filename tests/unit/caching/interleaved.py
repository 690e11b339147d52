"""What happens at once when a row is changed: its writer and worker, an early reader, readers within readers, a page.

Each run has tags and keys of its own, so that nothing needs to be emptied in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import redis
from django_redis.cache import RedisCache

from invalidation import caching
from invalidation.caching import ABSENT, TaggedCache
from invalidation.freshness import sequence
from invalidation.freshness.sequence import Verdict
from invalidation.providers.redis import Redis as CacheTier
from tests.unit.caching.orders import Actor, orders, point, run

OLD, NEW = 1, 2
#: A unit of work of its own.
unit: Callable[[], Any] = getattr(caching, "fresh_start", nullcontext)


class PointedCache(RedisCache):  # type: ignore[misc]  # django-redis has no types
    """Halts its reader before each of its operations, where `is_fine`."""

    is_fine = False


def _pointed(name: str) -> Callable[..., Any]:
    plain = getattr(RedisCache, name)

    def operation(self: PointedCache, *args: Any, **kwargs: Any) -> Any:
        if PointedCache.is_fine:
            point()
        return plain(self, *args, **kwargs)

    return operation


for _name in ("set", "add", "get_many", "delete_many"):
    setattr(PointedCache, _name, _pointed(_name))


@dataclass
class World:
    """One row, the values that show it, and what was found wrong."""

    server: redis.Redis
    number: int
    row: int = OLD
    done_at: int | None = None
    """The number of the batch, once it is complete."""

    pages: list[tuple[int, int]] = field(default_factory=list)
    """Sequence and content of what caches outside have stored."""

    @property
    def inner_tag(self) -> str:
        return f"inner:{self.number}"

    @property
    def outer_tag(self) -> str:
        return f"outer:{self.number}"

    @property
    def tags(self) -> list[str]:
        return [self.inner_tag, self.outer_tag]

    def load(self) -> int:
        """As a query would."""
        return self.row

    def inner(self, load: Callable[[], int]) -> int:
        """A cached value in another cache than the outer one."""
        return int(TaggedCache("second").get_or_set(f"inner:{self.number}", load, tags=self.inner_tag))

    def outer(self) -> int:
        """A cached value that is made of the inner one, whose tag it does not name."""

        def compute() -> int:
            point()
            found = self.inner(self.load)
            point()
            return found

        return int(TaggedCache().get_or_set(f"outer:{self.number}", compute, tags=self.outer_tag))

    # The programs.

    def commit(self) -> None:
        """The transaction ends."""
        self.row = NEW

    def stamp(self) -> None:
        """As a batch is when it is opened."""
        sequence.advance(self.server, self.tags)

    def remove(self, alias: str) -> None:
        """As the cache tier does."""
        CacheTier("cache", "", {"CACHES": [alias]}).purge_tags(self.tags)

    def replace(self) -> None:
        """As the process that committed does, where the caches lie beside the sequence."""
        from invalidation.caching import commit

        commit.replace(targets=[{"tags": self.tags}])

    def complete(self) -> None:
        """The second stamp, whose number is the batch's."""
        self.done_at = sequence.advance(self.server, self.tags)

    def write(self, *at_commit: Callable[[], object]) -> None:
        """The writer and then its worker; `at_commit` is what of the first comes through."""
        removals: list[Callable[[], object]] = [partial(self.remove, "default"), partial(self.remove, "second")]
        for step in (self.commit, *at_commit, self.stamp, *removals):
            step()
            point()
        self.complete()

    def early(self) -> None:
        """Loads its row, and shows it in a cached value later."""
        with unit():
            row = self.load()
            point()
            self.inner(lambda: row)

    def outermost(self) -> None:
        """A reader of the outer value."""
        with unit():
            point()
            self.outer()

    def page(self) -> None:
        """A page of the outer value, as the guard sees it."""
        with unit():
            since = sequence.current(self.server)
            point()
            found = self.outer()
            stamps: Any = self.server.mget(sequence.watched_keys([self.outer_tag], "/"))
            if sequence.verdict(stamps, since) is Verdict.CURRENT:
                self.pages.append((since, found))

    def faults(self) -> Iterator[str]:
        """What must not be, when all are done."""
        for since, found in self.pages:
            if self.done_at is not None and since >= self.done_at and found == OLD:
                yield "a page is older than the sequence it carries"
        for alias, key in (("default", f"outer:{self.number}"), ("second", f"inner:{self.number}")):
            if TaggedCache(alias).get(key, ABSENT) == OLD:
                yield f"{key.split(':')[0]} is stale for good"
        with unit():
            since = sequence.current(self.server)
            if self.outer() == OLD:
                yield f"a page that begins at {since} shows old data"


#: A program and its steps, at most.
Part = tuple[int, Callable[[], object]]
Cast = Callable[[World], Mapping[str, Part]]


def lost(world: World) -> Part:
    """A writer whose process dies at its commit."""
    return 5, world.write


def replaced(world: World) -> Part:
    """One that replaces the versions, all at one instant."""
    return 6, lambda: world.write(world.replace)


def apart(world: World) -> Part:
    """One whose caches lie on other servers than the sequence."""
    removals = [partial(world.remove, "default"), partial(world.remove, "second")]
    return 8, lambda: world.write(world.stamp, *removals)


WRITERS: dict[str, Callable[[World], Part]] = {
    "lost at commit": lost,
    "replaced at once": replaced,
    "one after another": apart,
}
#: Readers beside the writer, with their steps.
READERS: dict[str, dict[str, int]] = {
    "early": {"early": 2},
    "page": {"page": 3},
    "early and page": {"early": 2, "page": 3},
    "outer and page": {"outermost": 3, "page": 3},
}


def cast_of(writer: str, readers: Mapping[str, int]) -> Cast:
    """These together."""
    return lambda world: {
        "w": WRITERS[writer](world),
        **{name: (steps, getattr(world, name)) for name, steps in readers.items()},
    }


def faulty(server: Any, cast: Cast, *, filled: bool = False, every: int = 1) -> tuple[int, dict[str, list[str]]]:
    """How many orders were tried, one of `every` so many, and those that went wrong, by what did."""
    lengths = {name: length for name, (length, _) in cast(World(server, 0)).items()}
    actors, found, count = {name: Actor() for name in lengths}, dict[str, list[str]](), 0
    for count, order in enumerate(islice(orders(lengths), 0, None, every), 1):  # noqa: B007 (told at the end)
        world = World(server, sequence.advance(server, ()))
        if filled:
            with unit():
                world.outer()
        run(order, {name: program for name, (_, program) in cast(world).items()}, actors)
        for fault in world.faults():
            found.setdefault(fault.split(" at ")[0], []).append(" ".join(order))
    return count, found
