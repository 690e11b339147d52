"""The tagged cache on the alias `default`, as functions; TaggedCache(alias) serves the others."""

from __future__ import annotations

from invalidation.caching.values.store import ABSENT, TaggedCache

default = TaggedCache()
get = default.get
get_many = default.get_many
get_or_set = default.get_or_set
set = default.set  # noqa: A001 (the name that Django's caches give it)
stamps = default.stamps
look = default.look
invalidate = default.invalidate
aget = default.aget
aget_many = default.aget_many
aget_or_set = default.aget_or_set
aset = default.aset
ainvalidate = default.ainvalidate

__all__ = [
    "ABSENT",
    "aget",
    "aget_many",
    "aget_or_set",
    "ainvalidate",
    "aset",
    "default",
    "get",
    "get_many",
    "get_or_set",
    "invalidate",
    "look",
    "set",
    "stamps",
]
