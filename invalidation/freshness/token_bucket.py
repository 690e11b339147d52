"""Token buckets on Redis' clock, shared by every worker: is there quota for a call, and if not, how long until?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import redis

BUCKET_KEY = "invalidation:bucket:"

#: KEYS: buckets. ARGV, three for each: tokens a second, burst, tokens wanted. Takes from all of them or from none;
#: returns the seconds until all of them have enough. A call dearer than the burst waits for a full bucket and leaves
#: a debt, or it could never be made.
TAKE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local wait, balances = 0, {}
for place = 1, #KEYS do
  local rate, burst, wanted = tonumber(ARGV[3 * place - 2]), tonumber(ARGV[3 * place - 1]), tonumber(ARGV[3 * place])
  local saved = redis.call('HMGET', KEYS[place], 'tokens', 'at', 'paused_until')
  local tokens = math.min(burst, (tonumber(saved[1]) or burst) + math.max(0, now - (tonumber(saved[2]) or now)) * rate)
  local missing = math.min(wanted, burst) - tokens
  local paused = math.max(0, (tonumber(saved[3]) or now) - now)
  if missing > 0.000001 or paused > 0 then wait = math.max(wait, paused + math.max(0, missing) / rate) end
  balances[place] = tokens - wanted
end
if wait == 0 then
  for place = 1, #KEYS do
    local rate, burst = tonumber(ARGV[3 * place - 2]), tonumber(ARGV[3 * place - 1])
    redis.call('HSET', KEYS[place], 'tokens', string.format('%.9g', balances[place]), 'at', string.format('%.6f', now))
    redis.call('EXPIRE', KEYS[place], math.ceil((burst - balances[place]) / rate) + 1)
  end
end
return string.format('%.6f', wait)
"""

#: KEYS as above. ARGV as above, then the seconds for which nothing is given. At the end of them each bucket holds what
#: was wanted, or less if it held less: the call that was refused may go, and the rest comes back at the usual rate.
PAUSE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local seconds = tonumber(ARGV[#ARGV])
for place = 1, #KEYS do
  local rate, burst, wanted = tonumber(ARGV[3 * place - 2]), tonumber(ARGV[3 * place - 1]), tonumber(ARGV[3 * place])
  local saved = redis.call('HMGET', KEYS[place], 'tokens', 'paused_until')
  if (tonumber(saved[2]) or 0) < now + seconds then
    local tokens, over = math.min(tonumber(saved[1]) or burst, wanted), string.format('%.6f', now + seconds)
    redis.call('HSET', KEYS[place], 'tokens', tokens, 'at', over, 'paused_until', over)
    redis.call('EXPIRE', KEYS[place], math.ceil(seconds + (burst - tokens) / rate) + 1)
  end
end
"""


@dataclass(frozen=True, slots=True)
class Draw:
    """Tokens wanted from one bucket."""

    bucket: str
    tokens_per_second: float
    burst: float
    tokens: float


def take(client: redis.Redis, draws: Sequence[Draw]) -> float:
    """Take all that is wanted and return 0, or take nothing and return the seconds until it can be had."""
    return float(client.eval(TAKE, len(draws), *_arguments(draws)))


def left(client: redis.Redis, buckets: Sequence[Draw]) -> list[tuple[float, float]]:
    """Of each bucket the tokens that it holds now, and the seconds for which it gives nothing. Takes none."""
    pipeline = client.pipeline(transaction=False)
    pipeline.time()
    for bucket in buckets:
        pipeline.hmget(BUCKET_KEY + bucket.bucket, "tokens", "at", "paused_until")
    (seconds, microseconds), *saved = pipeline.execute()
    now = seconds + microseconds / 1e6
    return [_standing(bucket, now, values) for bucket, values in zip(buckets, saved, strict=True)]


def _standing(bucket: Draw, now: float, saved: Sequence[str | None]) -> tuple[float, float]:
    tokens, at, paused_until = (None if value is None else float(value) for value in saved)
    held = bucket.burst if tokens is None else tokens
    gained = max(0.0, now - (now if at is None else at)) * bucket.tokens_per_second
    return min(bucket.burst, held + gained), max(0.0, (paused_until or now) - now)


def pause(client: redis.Redis, draws: Sequence[Draw], seconds: float) -> None:
    """Give nothing from these buckets for so long; a pause that is under way is never shortened."""
    client.eval(PAUSE, len(draws), *_arguments(draws), seconds)


def _arguments(draws: Sequence[Draw]) -> list[str | float]:
    """Keys, then the numbers of each draw."""
    keys = [BUCKET_KEY + draw.bucket for draw in draws]
    return [*keys, *(number for draw in draws for number in (draw.tokens_per_second, draw.burst, draw.tokens))]
