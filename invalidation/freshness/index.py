"""The tag index: which cached URLs carry which tag or lie in which folder, for tiers that can't purge by either.

Each page is stored once; the sets of tags and folders hold digits that stand for it. All of it is written by scripts,
hence atomically; a Redis Cluster is not supported, and the doctor names one.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nlargest
from itertools import islice, zip_longest
from typing import Any

import redis
from redis.client import Pipeline

from invalidation import conf
from invalidation.freshness import raw_commands, scripts
from invalidation.freshness.scripts import (
    BELOW_KEY,
    BYTES_KEY,
    DIGITS,
    EXPIRY_KEY,
    FOLDERS,
    OVERFLOW_KEY,
    PAGES_KEY,
    REFUSED_KEY,
    TAG_KEY,
)

#: The first part of the name that the index gets when it is first asked, and which nodes were emptied under which name.
NAME_KEY = "invalidation:index-name"
WHOLE_KEY = "invalidation:index-whole"
#: A longer address is not worth its place: pages that people link to have shorter ones.
MAX_ADDRESS_BYTES = 1024
#: A letter, a digit, or one of `-._~` as no browser sends it (RFC 3986, 2.3).
PLAIN_ENCODED_PATTERN = re.compile("%(?:2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)", re.IGNORECASE)
#: First line of a page's entry.
ENTRY_PATTERN = re.compile(r"\d+ \d+ \d")
#: Pages, or sets of pages, per call, so that none holds the server for longer than some milliseconds: reading 5000 took
#: up to 10 ms, and a script takes ten times as long for each.
PAGE = 1000
PAGES_PER_SCRIPT = 100
TAGS_PER_CALL = 100
REFUSED_SECONDS = 3600
_REGISTER = raw_commands.Script(scripts.REGISTER)
_LOOK = raw_commands.Script(scripts.LOOK)
_COUNT = raw_commands.Script(scripts.COUNT)
_REFUSE = raw_commands.Script(scripts.REFUSE)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index knows of one page."""

    tags: frozenset[str]
    """All that it was rendered with since it is known."""

    registered_at: datetime
    """When it was rendered last, by the clock of Redis."""

    is_refused: bool
    """Was that rendering outdated before it was sent, so that nobody may store it?"""


def register(pipeline: Pipeline, url: str, tags: Iterable[str], shared_seconds: int) -> None:
    """Queue the command that records a response which caches may keep for `shared_seconds`.

    Its answer begins with 0 or 1. 0: the index is full, so that nobody could find the copies again.
    """
    pipeline.eval(scripts.REGISTER, 0, *_registration(url, tags, shared_seconds))


def registered(
    client: redis.Redis, url: str, tags: Iterable[str], shared_seconds: int, watched: Sequence[str]
) -> tuple[bool, list[str | None]]:
    """Record a response and then read the keys `watched`, in one round trip: was there room, and their values."""
    known, *values = raw_commands.run(client, _REGISTER, watched, _registration(url, tags, shared_seconds))
    return bool(known), values


def is_indexable(url: str) -> bool:
    """May the index hold this address? One that spells a page's plain letters as `%62` is one of many for the page."""
    return len(url.encode()) <= MAX_ADDRESS_BYTES and url.isprintable() and not PLAIN_ENCODED_PATTERN.search(url)


def _registration(url: str, tags: Iterable[str], shared_seconds: int) -> tuple[str | int, ...]:
    settings = conf.settings()
    lifetime = max(settings.index.ttl_seconds, shared_seconds) + round(settings.longest_render_seconds)
    limits = (settings.index.max_urls_per_tag, settings.index.max_urls, settings.index.max_bytes)
    return (digits(url), url, " ".join(sorted(tags)), lifetime, *limits)


def digits(address: str) -> str:
    """What stands for a page or a folder."""
    return hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()[:DIGITS]


def folder(prefix: str) -> str:
    """The deepest folder whose pages the index keeps together and which all that starts with the prefix lies in."""
    path = prefix.partition("?")[0]
    origin_end = path.find("/", len("https://"))
    parts = path[origin_end + 1 :].split("/")[:-1][: FOLDERS - 1]
    return path[: origin_end + 1] + "".join(f"{part}/" for part in parts)


def name(client: redis.Redis) -> str:
    """Of this index; one that was lost, or that another run of a server has loaded, comes back under another name.

    What a server has loaded (its own file, a snapshot, what a replica had of its primary) may be older than the newest
    page, and nothing in it tells.
    """
    return str(client.eval(scripts.NAME, 1, NAME_KEY, uuid.uuid4().hex))


def knows_all_of(client: redis.Redis, nodes: Sequence[str]) -> bool:
    """Were these emptied since the index has its name? Else one may hold pages that an earlier index knew."""
    pipeline = client.pipeline(transaction=False)
    pipeline.eval(scripts.NAME, 1, NAME_KEY, uuid.uuid4().hex)
    pipeline.hmget(WHOLE_KEY, nodes)
    named, emptied = pipeline.execute()
    return set(emptied) == {named}


def emptied_under(client: redis.Redis, nodes: Sequence[str], named: str) -> bool:
    """Were all of these emptied when the index had this name?"""
    return not nodes or set(client.hmget(WHOLE_KEY, nodes)) == {named}


def note_emptied(client: redis.Redis, node: str, named: str) -> None:
    """`node` was emptied when the index had this name."""
    client.hset(WHOLE_KEY, node, named)


def urls_of(client: redis.Redis, tags: Iterable[str]) -> tuple[set[str], list[str]]:
    """URLs that carry any of the tags, and the tags among them that had more URLs than the index keeps.

    One round trip where they are few: a purge waits for this.
    """
    wanted = sorted(tags)
    if len(wanted) <= TAGS_PER_CALL and (looked := raw_commands.run(client, _LOOK, (), (PAGES_PER_SCRIPT, *wanted))):
        too_many, addresses = looked
        return set(addresses), too_many
    return _many_of(client, wanted)


def _many_of(client: redis.Redis, wanted: Sequence[str]) -> tuple[set[str], list[str]]:
    too_many = overflowing(client, wanted)
    return set(_addresses(client, _members(client, [TAG_KEY + tag for tag in wanted]))), too_many


def urls_below(client: redis.Redis, prefixes: Iterable[str]) -> set[str]:
    """Known URLs that start with any of the absolute prefixes; "" stands for all."""
    return {url for prefix in prefixes for url in _below(client, prefix)}


def _below(client: redis.Redis, prefix: str) -> Iterator[str]:
    _tidy(client)
    if not prefix:
        return (_address(page) for _, page in client.hscan_iter(PAGES_KEY, count=PAGE))
    known = _addresses(client, _members(client, [BELOW_KEY + digits(folder(prefix))]))
    return (url for url in known if url.startswith(prefix))


def _tidy(client: redis.Redis) -> None:
    while client.eval(scripts.TIDY, 0):
        pass


def _members(client: redis.Redis, keys: Sequence[str]) -> list[str]:
    """Of all these sets, each once; in pages, because a million in one answer would hold the server."""
    _tidy(client)
    members_so_far: set[str] = set()
    for chunk in _chunks(keys, TAGS_PER_CALL):
        pipeline = client.pipeline(transaction=False)
        for key in chunk:
            pipeline.sscan(key, 0, count=PAGE)
        for key, (cursor, members) in zip(chunk, pipeline.execute(), strict=True):
            members_so_far.update(members, _rest(client, key, cursor))
    return sorted(members_so_far)


def _rest(client: redis.Redis, key: str, cursor: int) -> Iterator[str]:
    """What a scan gives after its first answer."""
    while cursor:
        answer: Any = client.sscan(key, cursor, count=PAGE)
        cursor = answer[0]
        yield from answer[1]


def _addresses(client: redis.Redis, ids: Sequence[str]) -> Iterator[str]:
    """Of the pages that are still known."""
    return map(_address, _pages(client, ids))


def _pages(client: redis.Redis, ids: Sequence[str]) -> Iterator[str]:
    for chunk in _chunks(ids, PAGE):
        yield from (str(page) for page in client.hmget(PAGES_KEY, chunk) if page)


def _address(page: Any) -> str:
    return str(page).split("\n")[1]


def _chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def sample(client: redis.Redis, *, tags: Iterable[str], prefixes: Iterable[str], limit: int) -> set[str]:
    """A few known URLs that carry the tags or start with the prefixes: at most `limit` for each."""
    pipeline = client.pipeline(transaction=False)
    keys = [TAG_KEY + tag for tag in sorted(tags)[:TAGS_PER_CALL]]
    starts = ["" for _ in keys] + sorted(prefixes)[:TAGS_PER_CALL]
    for key, start in zip_longest(keys, starts):
        if key or start:
            pipeline.srandmember(key or BELOW_KEY + digits(folder(start)), PAGE if start else limit)
        else:
            pipeline.hrandfield(PAGES_KEY, limit)
    urls: set[str] = set()
    for start, ids in zip(starts, pipeline.execute(), strict=True):
        urls.update(islice((url for url in _addresses(client, ids) if url.startswith(start)), limit))
    return urls


def latest(
    client: redis.Redis, *, tags: Iterable[str], urls: Iterable[str], prefixes: Iterable[str], limit: int
) -> list[str]:
    """Known URLs among these, that carry the tags or start with the prefixes ("" for all): the last rendered first."""
    wanted, named, starts = set(tags), set(urls), tuple(prefixes)
    rendered_at: dict[str, int] = {}
    for page in _pages(client, _candidates(client, wanted, named, starts, limit)):
        marks, url, carried = page.split("\n")
        if url in named or url.startswith(starts) or not wanted.isdisjoint(carried.split()):
            rendered_at[url] = int(marks.split()[0])
    return nlargest(limit, rendered_at, key=rendered_at.__getitem__)


def _candidates(
    client: redis.Redis, tags: Iterable[str], urls: Iterable[str], prefixes: Sequence[str], limit: int
) -> Sequence[str]:
    """Pages among which they are; of all that are known those that stay for longest, for they were rendered last."""
    if "" in prefixes:
        return list(map(str, client.zrevrange(EXPIRY_KEY, 0, limit - 1)))
    sets = [TAG_KEY + tag for tag in sorted(tags)] + [BELOW_KEY + digits(folder(prefix)) for prefix in prefixes]
    return sorted({*_members(client, sets), *map(digits, urls)})


def counts(client: redis.Redis, *, tags: Iterable[str], prefixes: Iterable[str]) -> tuple[list[int], int]:
    """How many URLs carry each tag, how many lie in the folder of each absolute prefix, and how many are known."""
    places = [TAG_KEY + tag for tag in sorted(tags)]
    places += [BELOW_KEY + digits(folder(prefix)) for prefix in sorted(prefixes) if prefix]
    known, sizes = 0, list[int]()
    for chunk in list(_chunks(places, PAGE)) or [()]:
        known, *counted = raw_commands.run(client, _COUNT, chunk, ())
        sizes += counted
    return sizes + [known for prefix in prefixes if not prefix], known


def size(client: redis.Redis) -> tuple[int, int]:
    """Pages, and the bytes that they are reckoned with."""
    return client.hlen(PAGES_KEY), int(client.get(BYTES_KEY) or 0)


def tags_of(client: redis.Redis, url: str, candidates: Iterable[str]) -> set[str]:
    """Those of the candidates that `url` was rendered with."""
    return set(candidates) & page_tags(client, url)


def page_tags(client: redis.Redis, url: str) -> frozenset[str]:
    """All that it was rendered with since the index knows it; none for what it doesn't."""
    found = entry(client, url)
    return found.tags if found else frozenset()


def entry(client: redis.Redis, url: str) -> Entry | None:
    """What is known of a page; None where nothing is."""
    pipeline = client.pipeline(transaction=False)
    pipeline.hget(PAGES_KEY, digits(url))
    pipeline.get(REFUSED_KEY + digits(url))
    page, refused = pipeline.execute()
    if not page:
        return None
    marks, _, tags = str(page).split("\n")
    registered = marks.split()[0]
    registered_at = datetime.fromtimestamp(int(registered) / 1e6, UTC)
    return Entry(frozenset(tags.split()), registered_at, is_refused=registered == refused)


def note_refused(client: redis.Redis, url: str) -> None:
    """Remember that nobody may store what was registered last, for who asks why there is no copy."""
    raw_commands.run(client, _REFUSE, (), (digits(url), REFUSED_SECONDS))


def overflowing(client: redis.Redis, tags: Sequence[str]) -> list[str]:
    """Those of the tags that had more URLs than the index keeps."""
    marks: list[Any] = []
    for chunk in _chunks(tags, TAGS_PER_CALL):
        marks += client.mget([OVERFLOW_KEY + tag for tag in chunk])
    return [tag for tag, mark in zip(tags, marks, strict=True) if mark]


def every_page(client: redis.Redis, most: int) -> Iterator[tuple[str, frozenset[str]] | None]:
    """Known pages with their tags, at most so many, read in portions; None for an entry that this version can't read.

    `client` answers in bytes, which are shown as far as they are text: other programs write to a Redis too.
    """
    _tidy(client)
    for _, page in islice(client.hscan_iter(PAGES_KEY, count=PAGE), most):
        lines = page.decode(errors="replace").split("\n")
        yield (lines[1], frozenset(lines[2].split())) if ENTRY_PATTERN.fullmatch(lines[0]) and lines[2:] else None


def every_tag(client: redis.Redis, most_keys: int) -> Iterator[str | None]:
    """Tags that some page carries, found among at most so many keys of the server; at the end None if it has more.

    `client` answers in bytes.
    """
    cursor, looked_at = 0, 0
    while not looked_at or cursor:
        if looked_at >= most_keys:
            yield None
            return
        answer: Any = client.scan(cursor, match=TAG_KEY + "*", count=PAGE)
        cursor, looked_at = answer[0], looked_at + PAGE
        yield from (key.decode(errors="replace").removeprefix(TAG_KEY) for key in answer[1])


def retire(client: redis.Redis, tags: Iterable[str], urls: Iterable[str], *, before: int, within_seconds: int) -> None:
    """Let pages with these tags or addresses expire soon that were not rendered since the sequence stood at `before`.

    Not those whose tags have changed: a cache that purges by itself may hold a copy that does not carry the tag.
    """
    pages = sorted({*_members(client, [TAG_KEY + tag for tag in sorted(tags)]), *map(digits, urls)})
    expiry = int(client.time()[0]) + within_seconds
    for chunk in _chunks(pages, PAGES_PER_SCRIPT):
        client.eval(scripts.RETIRE, 0, before, expiry, *chunk)


def forget(client: redis.Redis, urls: Iterable[str], tags: Iterable[str]) -> None:
    """Drop these URLs, and what is remembered of these tags."""
    for chunk in _chunks(list(map(digits, urls)), PAGES_PER_SCRIPT):
        client.eval(scripts.REMOVE, 0, *chunk)
    if marks := [OVERFLOW_KEY + tag for tag in tags]:
        client.unlink(*marks)
