"""What the tag index does inside Redis: each script is one step that no other writer can come in between.

A page is one field of a hash: the µs of its registration, the second until which its sets are kept, and 1 if its tags
ever changed; then a line each for its address and its tags. Its sets hold digits for it, so its address is stored once.
"""

from __future__ import annotations

PAGES_KEY = "invalidation:pages"
EXPIRY_KEY = "invalidation:pages-expiry"
BYTES_KEY = "invalidation:pages-bytes"
TAG_KEY = "invalidation:index:"
BELOW_KEY = "invalidation:below:"
OVERFLOW_KEY = "invalidation:overflow:"
#: Beside a page whose newest rendering nobody may store: the instant of that rendering, as the page's entry has it.
REFUSED_KEY = "invalidation:refused:"
DIGITS = 24
#: A prefix that goes deeper is looked for among the pages below the last of these.
FOLDERS = 8
#: What a page takes beside its address and tags, and in each of its sets: rather more than was measured.
PAGE_BYTES, SET_BYTES = 400, 120
#: Expired pages that one call removes: each takes some 30 µs, and nobody else is served meanwhile.
TIDIED = 100
#: Sets are kept for so much longer than their pages that a page which is rendered again need not renew them at once.
SLACK_SECONDS = 3600

_COMMON = f"""
local pages, expiry, bytes = '{PAGES_KEY}', '{EXPIRY_KEY}', '{BYTES_KEY}'
local clock = redis.call('TIME')
local now, micros = tonumber(clock[1]), string.format('%.0f', clock[1] * 1000000 + clock[2])

local function read(id)
  local page = redis.call('HGET', pages, id)
  if not page then return nil end
  local registered, kept, mixed, url, tags = string.match(page, '^(%d+) (%d+) (%d)\\n([^\\n]*)\\n(.*)$')
  return {{registered = registered, kept = tonumber(kept), mixed = mixed, url = url, tags = tags}}
end

local function sets(page)
  local found = {{}}
  for tag in string.gmatch(page.tags, '%S+') do found[#found + 1] = '{TAG_KEY}' .. tag end
  local tagged, path = #found, string.match(page.url, '^[^?]*')
  local slash = string.find(path, '/', 9, true)
  while slash and #found - tagged < {FOLDERS} do
    found[#found + 1] = '{BELOW_KEY}' .. string.sub(redis.sha1hex(string.sub(path, 1, slash)), 1, {DIGITS})
    slash = string.find(path, '/', slash + 1, true)
  end
  return found, tagged
end

local function size(page, places) return #page.url + #page.tags + {PAGE_BYTES} + {SET_BYTES} * places end

local function remove(id)
  local page = read(id)
  redis.call('ZREM', expiry, id)
  if not page then return 0 end
  local places = sets(page)
  for _, place in ipairs(places) do redis.call('SREM', place, id) end
  redis.call('HDEL', pages, id)
  redis.call('DECRBY', bytes, size(page, #places))
  return 1
end

local function tidy(most)
  local expired = redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, most)
  for _, id in ipairs(expired) do remove(id) end
  return #expired
end

local function keep(key, seconds)
  if redis.call('TTL', key) < seconds then redis.call('EXPIRE', key, seconds) end
end
"""

#: ARGV: the page's digits, address, tags, lifetime in seconds, most pages per tag, most pages, most bytes. KEYS are
#: read and returned behind 1, or behind 0 where there is no room for another page, of which then nothing is written.
REGISTER = (
    _COMMON
    + f"""
local id, url, tags, lifetime = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local most_per_tag, most, most_bytes = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local function merged(known, wanted)
  local found, union = {{}}, known
  for tag in string.gmatch(known, '%S+') do found[tag] = true end
  for tag in string.gmatch(wanted, '%S+') do
    if not found[tag] then union = union .. ' ' .. tag end
  end
  return union
end

local function place(page, keys, tagged)
  for number, key in ipairs(keys) do
    local full = number <= tagged and redis.call('SCARD', key) >= most_per_tag
    if full and redis.call('SISMEMBER', key, id) == 0 then
      local mark = '{OVERFLOW_KEY}' .. string.sub(key, {len(TAG_KEY) + 1})
      redis.call('SET', mark, micros, 'KEEPTTL')
      keep(mark, lifetime)
    else
      redis.call('SADD', key, id)
      keep(key, lifetime + {2 * SLACK_SECONDS})
    end
  end
end

local function register()
  tidy({TIDIED})
  local before = read(id)
  local page = {{url = url, tags = tags, mixed = '0', kept = now + lifetime + {SLACK_SECONDS}}}
  if before then
    page.mixed = before.mixed
    if before.tags ~= tags then page.tags, page.mixed = merged(before.tags, tags), '1' end
  end
  local same = before and before.tags == page.tags and now + lifetime <= before.kept
  if same then
    page.kept = before.kept
  else
    local keys, tagged = sets(page)
    local grown = size(page, #keys)
    if before then grown = grown - size(before, #(sets(before))) end
    local full = not before and redis.call('HLEN', pages) >= most
    if full or grown > 0 and (tonumber(redis.call('GET', bytes)) or 0) + grown > most_bytes then return 0 end
    redis.call('INCRBY', bytes, grown)
    place(page, keys, tagged)
  end
  local marks = table.concat({{micros, page.kept, page.mixed}}, ' ')
  redis.call('HSET', pages, id, marks .. '\\n' .. url .. '\\n' .. page.tags)
  redis.call('ZADD', expiry, 'GT', now + lifetime, id)
  if not same then
    for _, key in ipairs({{pages, expiry, bytes}}) do keep(key, lifetime + {2 * SLACK_SECONDS}) end
  end
  return 1
end

local known = register()
local values = {{known}}
if #KEYS > 0 then
  for number, value in ipairs(redis.call('MGET', unpack(KEYS))) do values[number + 1] = value end
end
return values
"""
)

#: ARGV: digits of a page that was just registered, and for how many seconds it matters that nobody may store it.
REFUSE = f"""
local page = redis.call('HGET', '{PAGES_KEY}', ARGV[1])
if page then redis.call('SET', '{REFUSED_KEY}' .. ARGV[1], string.match(page, '^%d+'), 'EX', ARGV[2]) end
"""

#: ARGV: digits of pages, which are removed whatever they say.
REMOVE = _COMMON + "for _, id in ipairs(ARGV) do remove(id) end"

#: KEYS: the name. ARGV: one for an index that has none. Returns it with the run of the server.
NAME = """
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1]) .. ' ' .. (string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or '')
"""

#: Removes a few of those that have expired; returns how many.
TIDY = _COMMON + f"return tidy({TIDIED})"

#: ARGV: most pages to look at; tags. Returns those of the tags that had too many pages, and the addresses of the pages
#: that carry any. Nothing where these are too many for one step, or more have expired than one step removes.
LOOK = (
    _COMMON
    + f"""
if tidy({TIDIED}) == {TIDIED} then return false end
local count = 0
for number = 2, #ARGV do count = count + redis.call('SCARD', '{TAG_KEY}' .. ARGV[number]) end
if count > tonumber(ARGV[1]) then return false end
local overflowing, addresses, seen = {{}}, {{}}, {{}}
for number = 2, #ARGV do
  if redis.call('EXISTS', '{OVERFLOW_KEY}' .. ARGV[number]) == 1 then overflowing[#overflowing + 1] = ARGV[number] end
  for _, id in ipairs(redis.call('SMEMBERS', '{TAG_KEY}' .. ARGV[number])) do
    local page = not seen[id] and redis.call('HGET', pages, id)
    seen[id] = true
    if page then addresses[#addresses + 1] = string.match(page, '\\n([^\\n]*)\\n') end
  end
end
return {{overflowing, addresses}}
"""
)

#: KEYS: sets of pages. Returns how many pages are known, and how many each set has.
COUNT = f"""
local counts = {{redis.call('HLEN', '{PAGES_KEY}')}}
for place, key in ipairs(KEYS) do counts[place + 1] = redis.call('SCARD', key) end
return counts
"""

#: ARGV: a moment in µs, a second, digits of pages. A page that was not rendered since that moment, and always with the
#: tags that it has now, expires in that second, unless it is rendered again before.
RETIRE = (
    _COMMON
    + """
local retired = 0
for number = 3, #ARGV do
  local page = read(ARGV[number])
  if page and page.mixed == '0' and tonumber(page.registered) < tonumber(ARGV[1]) then
    retired = retired + redis.call('ZADD', expiry, 'XX', 'LT', 'CH', ARGV[2], ARGV[number])
  end
end
return retired
"""
)
