"""The tag index: which cached URLs carry which tag, for tiers that can't purge by tag."""

from __future__ import annotations

import time
from collections.abc import Iterable

import redis
from redis.client import Pipeline

from invalidation import conf

TAG_KEY = "invalidation:index:"
OVERFLOW_KEY = "invalidation:overflow:"
#: Every URL the index knows, by the instant it is forgotten.
ALL_KEY = "invalidation:urls"

#: KEYS: the tag's set, its overflow mark. ARGV: URL, expiry instant, now, most URLs, lifetime.
#: Expired members make room first; only then does the tag overflow.
REGISTER = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('SET', KEYS[2], '1', 'EX', ARGV[5])
  return 0
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
"""


def register(pipeline: Pipeline, url: str, tags: Iterable[str]) -> None:
    """Queue commands that record `url` under each tag; one round trip with whatever else the pipeline holds."""
    settings = conf.settings()
    now = time.time()
    lifetime = settings.index_ttl_seconds
    for tag in tags:
        limit = settings.index_max_urls_per_tag
        pipeline.eval(REGISTER, 2, TAG_KEY + tag, OVERFLOW_KEY + tag, url, now + lifetime, now, limit, lifetime)
    pipeline.eval(REGISTER, 2, ALL_KEY, OVERFLOW_KEY, url, now + lifetime, now, settings.index_max_urls, lifetime)


def urls_of(client: redis.Redis, tags: Iterable[str]) -> tuple[set[str], bool]:
    """URLs that carry any of the tags, and whether that is all of them (False: a tag has overflowed)."""
    wanted = sorted(tags)
    if not wanted:
        return set(), True
    pipeline = client.pipeline(transaction=False)
    now = time.time()
    for tag in wanted:
        pipeline.zrangebyscore(TAG_KEY + tag, now, "+inf")
    pipeline.mget([OVERFLOW_KEY + tag for tag in wanted])
    *members, overflows = pipeline.execute()
    return set().union(*members), not any(overflows)


def urls_below(client: redis.Redis, prefixes: Iterable[str]) -> tuple[set[str], bool]:
    """Known URLs that start with any of the absolute prefixes ("" for all), and whether that is all of them."""
    starts = tuple(prefixes)
    if not starts:
        return set(), True
    known = {str(url) for url, _ in client.zscan_iter(ALL_KEY, count=1000)}
    return {url for url in known if url.startswith(starts)}, not client.exists(OVERFLOW_KEY)
