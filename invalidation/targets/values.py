"""Frozen values that every layer speaks in: targets, cache keys, lanes and modes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeGuard, TypeVar
from urllib.parse import SplitResult, urlsplit

from django.db.models import TextChoices
from django.utils.functional import Promise

from invalidation.exceptions import InvalidTarget

Checked = TypeVar("Checked")

TAG_PATTERN = re.compile(r"[a-z0-9_.:-]{1,128}")
#: Longest path CloudFront takes, the shortest such limit of the tiers (its developer guide,
#: "Specifying the objects to invalidate").
MAX_URL_CHARACTERS = 4000
#: Bytes that would end a request line or a header early.
#: Most URLs are plain paths, and a backlog holds many; only the others are taken apart.
PLAIN_PATH_PATTERN = re.compile(r"/(?:[A-Za-z0-9_.~%-][A-Za-z0-9_.~%/?=&+,-]{0,1000})?")
CONTROL_PATTERN = re.compile(r"[\x00-\x20\x7f]")


class Lane(TextChoices):
    """Priority of an event: a takedown overtakes editorial work, which overtakes bulk imports."""

    TAKEDOWN = "takedown"
    EDITORIAL = "editorial"
    BULK = "bulk"


class Source(TextChoices):
    """What recorded an event."""

    SIGNAL = "signal"  # a write of a registered model
    TRIGGER = "trigger"  # a write that went past Django, seen by the database
    TIME = "time"  # an instant that a rule or a caller named has come
    CODE = "code"  # `invalidate()` in the project's code
    COMMAND = "command"  # `manage.py purge`
    ADMIN = "admin"  # the purge form, or a row's action
    API = "api"  # a request to the HTTP API
    DEPLOYMENT = "deployment"  # `manage.py cache_deploy`
    VERIFY = "verify"  # verification found a copy that is still old
    RECHECK = "recheck"  # an answer took so long to be sent that it was old by then


class CachePlace(NamedTuple):
    """A node of a tier, by their names; the node's is its address, empty where a tier has no nodes of its own."""

    tier: str
    node: str = ""

    def __str__(self) -> str:
        return f"{self.tier} {self.node}".strip()


_URGENCY = {lane: place for place, lane in enumerate(Lane.values)}


def most_urgent(lanes: Iterable[str], default: str = Lane.BULK) -> str:
    """The lane that overtakes the others."""
    return min(lanes, key=_URGENCY.__getitem__, default=default)


class Mode(TextChoices):
    """What a purge means by going; the least thorough first."""

    INVALIDATE = "invalidate"  # the outermost tier may show the old copy once more, while it fetches a new one
    DELETE = "delete"  # copies are gone, and whoever asks next waits for a new one
    REFRESH = "refresh"  # they are gone, and what was there is fetched again before a visitor asks


_THOROUGHNESS = {mode: place for place, mode in enumerate(Mode.values)}


class Manner(NamedTuple):
    """The lane and the mode of an event."""

    lane: str = Lane.EDITORIAL
    mode: str = Mode.DELETE

    def check(self) -> None:
        """Raise InvalidTarget where the two contradict each other, or one is unknown."""
        for value, known in ((self.lane, Lane), (self.mode, Mode)):
            if value not in known.values:
                raise InvalidTarget(
                    f"{value!r} is not a {known.__name__.lower()}; use one of {', '.join(known.values)}."
                )
        if (self.lane, self.mode) == (Lane.TAKEDOWN, Mode.INVALIDATE):
            raise InvalidTarget(
                'A takedown can\'t be mode="invalidate", which shows the old copy once more; leave the mode out.'
            )


def joined(manners: Iterable[tuple[str, str]], default: Manner = Manner()) -> Manner:  # noqa: B008 (frozen)
    """The manner that does for all: the most urgent lane, the most thorough mode; `default` for none. Pure."""
    known = list(manners)
    if not known:
        return default
    lane = most_urgent(lane for lane, _ in known)
    mode = max((mode for _, mode in known), key=lambda mode: _THOROUGHNESS[mode])
    return Manner(lane, Mode.DELETE if (lane, mode) == (Lane.TAKEDOWN, Mode.INVALIDATE) else mode)


KEY_TYPES = {"key": str, "alias": str, "version": int, "pattern": bool}


@dataclass(frozen=True, slots=True, order=True)
class CacheKey:
    """One key of a Django cache, or a pattern of keys; a version of -1 means the alias' own default."""

    key: str
    alias: str = "default"
    version: int = -1
    pattern: bool = False
    """Is `key` a pattern as of Redis' SCAN? See `invalidation.keys`."""

    def __post_init__(self) -> None:
        """Keys are sorted and stored together, so each must be of the declared types.

        Raises:
            InvalidTarget: a value that no cache could be asked for.
        """
        for name, kind in KEY_TYPES.items():
            if type(value := getattr(self, name)) is not kind and not (kind is str and isinstance(value, str)):
                raise InvalidTarget(f"The {name} of a cache key is {value!r}; give a value of type {kind.__name__}.")

    @classmethod
    def of(cls, value: Any) -> CacheKey:
        """Accept `"key"`, a CacheKey, or the mapping that `document()` gives."""
        if isinstance(value, CacheKey):
            return value
        if not isinstance(value, str) and not (isinstance(value, Mapping) and {"key"} <= set(value) <= set(KEY_TYPES)):
            raise InvalidTarget(f"{value!r} is not a cache key; give its name, a CacheKey, or {list(KEY_TYPES)}.")
        key = cls(value) if isinstance(value, str) else cls(**value)
        if not key.key:
            raise InvalidTarget("A cache key can't be empty; name the key to delete.")
        if (legible(key.key), legible(key.alias)) != (key.key, key.alias):
            raise InvalidTarget(f"The cache key {key.key!r} is no text that can be stored; name a key that is.")
        return key

    def document(self) -> str | dict[str, Any]:
        """JSON form: the bare key where everything else is the default."""
        if (self.alias, self.version, self.pattern) == ("default", -1, False):
            return self.key
        document = {"key": self.key, "alias": self.alias, "version": self.version}
        return document | {"pattern": True} if self.pattern else document


def is_tag(tag: object) -> TypeGuard[str]:
    """Is it inside the alphabet that every tier can carry?"""
    return isinstance(tag, str) and TAG_PATTERN.fullmatch(tag) is not None


def checked_tag(tag: object) -> str:
    """Return `tag`, or raise InvalidTarget if it is outside the alphabet that every tier can carry."""
    if not is_tag(tag):
        raise InvalidTarget(
            f"{tag!r} is not a tag; use 1 to 128 characters of a-z, 0-9, '_', '.', ':' and '-', such as 'blog.post:42'."
        )
    return tag


def checked_url(url: object) -> str:
    """Return `url`: an absolute http(s) URL, or a path that stands for every configured site."""
    if not isinstance(url, str):
        raise InvalidTarget(f"{url!r} is not a URL; give a string.")
    if PLAIN_PATH_PATTERN.fullmatch(url):
        return url
    parts = parts_of(url)
    if parts is None:
        raise InvalidTarget(f"{url!r} can't be read as a URL; look at its host and port, and percent-encode the rest.")
    absolute = parts.scheme in ("http", "https") and parts.netloc
    if not absolute and (not url.startswith("/") or url.startswith("//")):
        raise InvalidTarget(f"{url!r} is not a URL; give a path such as '/blog/' or a URL that starts with http(s)://.")
    if CONTROL_PATTERN.search(url) or parts.fragment or "@" in parts.netloc:
        raise InvalidTarget(f"{url!r} has spaces, control characters, a fragment or credentials; percent-encode it.")
    if len(url) > MAX_URL_CHARACTERS:
        raise InvalidTarget(f"A URL of {len(url)} characters is above the limit of {MAX_URL_CHARACTERS}.")
    # One name for the front page: `https://example.com?z=1` is asked for as `/?z=1`, and so is it purged and stamped.
    return url if parts.path else f"{parts.scheme}://{parts.netloc}/{url.partition(parts.netloc)[2]}"


def parts_of(url: str) -> SplitResult | None:
    """Its parts, a port that is a number included; None for what has none, such as `http://[`, or can't be sent."""
    try:
        url.encode()
        parts = urlsplit(url)
        _ = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        return None
    return parts


def legible(text: str) -> str:
    """`text` as every database can store it: a question mark for what is no character, and for NUL."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def checked_prefix(prefix: object) -> str:
    """Return `prefix`: a URL or path without query; everything below it is meant."""
    if not isinstance(prefix, str) or "?" in prefix or "*" in prefix:
        raise InvalidTarget(f"{prefix!r} is not a prefix; give the path that the URLs start with, without '*' or '?'.")
    return checked_url(prefix)


def _checked(kind: str, values: Any, check: Callable[[Any], Checked]) -> frozenset[Checked]:
    if isinstance(values, tuple) and not values:  # the default of most kinds, in each of thousands of events
        return frozenset()
    if isinstance(values, str | bytes | dict | Promise) or not hasattr(values, "__iter__"):
        raise InvalidTarget(f"{kind} takes a list of strings; write {kind}=[{values!r}].")
    return frozenset(check(str(value) if isinstance(value, Promise) else value) for value in values)


@dataclass(frozen=True, slots=True)
class Targets:
    """What to invalidate. Build with `Targets.of`, which validates; combine with `|`."""

    tags: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    prefixes: frozenset[str] = frozenset()
    keys: frozenset[CacheKey] = frozenset()
    everything: bool = False

    @classmethod
    def of(
        cls,
        *,
        tags: Iterable[str] = (),
        urls: Iterable[str] = (),
        prefixes: Iterable[str] = (),
        keys: Iterable[str | CacheKey | Mapping[str, Any]] = (),
        everything: bool = False,
    ) -> Targets:
        """Validate and freeze; raise InvalidTarget for the first value that can't be purged."""
        return cls(
            _checked("tags", tags, checked_tag),
            _checked("urls", urls, checked_url),
            _checked("prefixes", prefixes, checked_prefix),
            _checked("keys", keys, CacheKey.of),
            bool(everything),
        )

    def __or__(self, other: Targets) -> Targets:
        if not other or self == other:
            return self
        return union((self, other)) if self else other

    def __bool__(self) -> bool:
        return bool(self.everything or self.tags or self.urls or self.prefixes or self.keys)

    def __len__(self) -> int:
        return len(self.tags) + len(self.urls) + len(self.prefixes) + len(self.keys) + self.everything

    def document(self) -> dict[str, Any]:
        """The JSON form that is stored and shown: empty kinds left out, lists sorted."""
        kinds: dict[str, Any] = {
            "tags": sorted(self.tags),
            "urls": sorted(self.urls),
            "prefixes": sorted(self.prefixes),
            "keys": [key.document() for key in sorted(self.keys)],
            "everything": self.everything,
        }
        return {kind: values for kind, values in kinds.items() if values}

    def arguments(self) -> dict[str, Any]:
        """As the arguments of `invalidate`."""
        return {kind: getattr(self, kind) for kind in ("tags", "urls", "prefixes", "keys", "everything")}

    @classmethod
    def from_document(cls, document: Any) -> Targets:
        """Inverse of `document()`; validates again, because a trigger or a person may have written the row.

        Raises:
            InvalidTarget: it can't be read.
        """
        if not isinstance(document, Mapping) or not KINDS.issuperset(document):
            raise InvalidTarget(f"{document!r:.200} are no targets; known are {sorted(KINDS)}.")
        return cls.of(**document)


KINDS = frozenset(field.name for field in fields(Targets))


def union(targets: Iterable[Targets]) -> Targets:
    """All of them as one, in time linear in their number."""
    parts = tuple(targets)
    if len(parts) == 1:
        return parts[0]
    return Targets(
        frozenset().union(*(one.tags for one in parts)),
        frozenset().union(*(one.urls for one in parts)),
        frozenset().union(*(one.prefixes for one in parts)),
        frozenset().union(*(one.keys for one in parts)),
        any(one.everything for one in parts),
    )
