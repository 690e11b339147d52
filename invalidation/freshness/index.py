"""The tag index: which cached URLs carry which tag, for tiers that can't purge by tag or prefix.

Three kinds of sorted sets: the URLs of each tag and all URLs, scored by the second in which they are forgotten, and
all URLs in the order of their letters, which finds those below a prefix. All keys are written by one script, hence
atomically; a Redis Cluster is not supported, and the doctor names one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import redis
from redis.client import Pipeline

from invalidation import conf

TAG_KEY = "invalidation:index:"
OVERFLOW_KEY = "invalidation:overflow:"
ALL_KEY = "invalidation:urls"
SORTED_KEY = "invalidation:urls-sorted"
#: A name that the index gets when it is first asked, and which nodes hold nothing from before it had that name.
NAME_KEY = "invalidation:index-name"
WHOLE_KEY = "invalidation:index-whole"
#: URLs, or sets of URLs, per call when reading.
PAGE = 5000
TAGS_PER_CALL = 100

#: KEYS: all URLs, the sorted URLs, then for each tag its set and its overflow mark.
#: ARGV: URL, lifetime in seconds, most URLs per tag, most URLs.
#: Returns 0 and writes nothing where there is no room for another URL. Expired members make room first.
REGISTER = """
local url, lifetime = ARGV[1], tonumber(ARGV[2])
local now = tonumber(redis.call('TIME')[1])
local forgotten = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
if #forgotten > 0 then
  redis.call('ZREM', KEYS[1], unpack(forgotten))
  redis.call('ZREM', KEYS[2], unpack(forgotten))
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) and not redis.call('ZSCORE', KEYS[1], url) then return 0 end
local function keep(key)
  if redis.call('TTL', key) < lifetime then redis.call('EXPIRE', key, lifetime) end
end
redis.call('ZADD', KEYS[1], 'GT', now + lifetime, url)
redis.call('ZADD', KEYS[2], 0, url)
keep(KEYS[1])
keep(KEYS[2])
for place = 3, #KEYS, 2 do
  local set, mark = KEYS[place], KEYS[place + 1]
  redis.call('ZREMRANGEBYSCORE', set, '-inf', now)
  if redis.call('ZCARD', set) >= tonumber(ARGV[3]) and not redis.call('ZSCORE', set, url) then
    redis.call('SET', mark, '1', 'KEEPTTL')
    keep(mark)
  else
    redis.call('ZADD', set, 'GT', now + lifetime, url)
    keep(set)
  end
end
return 1
"""


def register(pipeline: Pipeline, url: str, tags: Iterable[str], shared_seconds: int) -> None:
    """Queue the command that records a response which caches may keep for `shared_seconds`; its answer is 0 or 1.

    0: the index is full, so that nobody could find the copies again. The script travels with each call: its kilobyte
    costs less than the round trip by which a pipeline asks whether Redis knows its hash.
    """
    settings = conf.settings()
    lifetime = max(settings.index_ttl_seconds, shared_seconds) + round(settings.longest_render_seconds)
    places = [key for tag in sorted(tags) for key in (TAG_KEY + tag, OVERFLOW_KEY + tag)]
    limits = (settings.index_max_urls_per_tag, settings.index_max_urls)
    pipeline.eval(REGISTER, 2 + len(places), ALL_KEY, SORTED_KEY, *places, url, lifetime, *limits)


def name(client: redis.Redis) -> str:
    """Of this index; one that was lost comes back under another name."""
    client.set(NAME_KEY, uuid.uuid4().hex, nx=True)
    return str(client.get(NAME_KEY))


def knows_all_of(client: redis.Redis, node: str) -> bool:
    """Was `node` emptied since the index has its name? Else it may hold pages that an earlier index knew."""
    return client.hget(WHOLE_KEY, node) == name(client)


def note_emptied(client: redis.Redis, node: str, named: str) -> None:
    """`node` was emptied when the index had this name."""
    client.hset(WHOLE_KEY, node, named)


def urls_of(client: redis.Redis, tags: Iterable[str]) -> tuple[set[str], list[str]]:
    """URLs that carry any of the tags, and the tags among them that had more URLs than the index keeps."""
    found: set[str] = set()
    overflowing: list[str] = []
    wanted = sorted(tags)
    for chunk in (wanted[start : start + TAGS_PER_CALL] for start in range(0, len(wanted), TAGS_PER_CALL)):
        pipeline = client.pipeline(transaction=False)
        for tag in chunk:
            pipeline.zrangebyscore(TAG_KEY + tag, "-inf", "+inf")
        pipeline.mget([OVERFLOW_KEY + tag for tag in chunk])
        *members, marks = pipeline.execute()
        found.update(*members)
        overflowing += [tag for tag, mark in zip(chunk, marks, strict=True) if mark]
    return found, overflowing


def urls_below(client: redis.Redis, prefixes: Iterable[str]) -> set[str]:
    """Known URLs that start with any of the absolute prefixes; "" stands for all."""
    return {url for prefix in prefixes for url in _below(client, prefix)}


def _below(client: redis.Redis, prefix: str) -> Iterator[str]:
    """In pages: a million URLs in one answer would hold the server."""
    start: Any = f"[{prefix}" if prefix else "-"
    while page := client.zrangebylex(SORTED_KEY, start, _end(prefix), 0, PAGE):
        yield from map(str, page)
        start = f"({page[-1]!s}"


def _end(prefix: str) -> bytes:
    """What sorts behind everything that starts with the prefix: no URL holds this byte."""
    return b"(" + prefix.encode() + b"\xff"


def sample(client: redis.Redis, *, tags: Iterable[str], prefixes: Iterable[str], limit: int) -> set[str]:
    """A few known URLs that carry the tags or start with the prefixes: at most `limit` for each."""
    pipeline = client.pipeline(transaction=False)
    for tag in sorted(tags)[:TAGS_PER_CALL]:
        pipeline.zrandmember(TAG_KEY + tag, limit)
    for prefix in sorted(prefixes)[:TAGS_PER_CALL]:
        start: Any = f"[{prefix}" if prefix else "-"
        pipeline.zrangebylex(SORTED_KEY, start, _end(prefix), 0, limit)
    return set().union(*pipeline.execute())


def counts(client: redis.Redis, *, tags: Iterable[str], prefixes: Iterable[str]) -> tuple[list[int], int]:
    """How many URLs carry each tag or start with each absolute prefix, and how many are known at all."""
    pipeline = client.pipeline(transaction=False)
    pipeline.zcard(SORTED_KEY)
    for tag in sorted(tags):
        pipeline.zcard(TAG_KEY + tag)
    for prefix in sorted(prefixes):
        pipeline.zlexcount(SORTED_KEY, f"[{prefix}" if prefix else "-", _end(prefix))
    known, *found = pipeline.execute()
    return found, known


def tags_of(client: redis.Redis, url: str, candidates: Iterable[str]) -> set[str]:
    """Those of the candidates that `url` was rendered with."""
    tags: Sequence[str] = sorted(candidates)
    pipeline = client.pipeline(transaction=False)
    for tag in tags:
        pipeline.zscore(TAG_KEY + tag, url)
    return {tag for tag, score in zip(tags, pipeline.execute(), strict=True) if score is not None}


def forget(client: redis.Redis, urls: Iterable[str], tags: Iterable[str]) -> None:
    """Drop these URLs, and these tags with all theirs."""
    pipeline = client.pipeline(transaction=False)
    doomed = list(urls)
    pipeline.zrem(ALL_KEY, *doomed)
    pipeline.zrem(SORTED_KEY, *doomed)
    for tag in tags:
        pipeline.unlink(TAG_KEY + tag, OVERFLOW_KEY + tag)
    pipeline.execute()
