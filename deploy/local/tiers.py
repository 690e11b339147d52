"""What a reader sees of one page in one tier, asked of the tier itself."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import redis
import requests
from django.core.cache import cache

from invalidation.providers.http import Node
from invalidation.providers.wire.answer import Answer

TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Look:
    """How a page looks to a reader: its status, a text that it shows, a text that it doesn't."""

    status: int = 200
    shows: str = ""
    hides: str = ""

    def matches(self, answer: Answer) -> bool:
        """Does the answer look so?"""
        hidden = not self.hides or self.hides not in answer.text
        return answer.status == self.status and self.shows in answer.text and hidden


@dataclass(frozen=True, slots=True)
class Page:
    """A page that a change makes stale: its path, and how it looks before and after."""

    path: str
    stale: Look
    fresh: Look


@dataclass(frozen=True, slots=True)
class Entry:
    """A cache entry that a change makes stale: its key in Redis, a text in it before and after.

    A page fills it; the path is another one after the change, or "" where the page is gone.
    """

    key: str
    stale: str
    fresh: str
    path_before: str
    path_after: str


class Tier(abc.ABC):
    """One tier, watched for what it serves."""

    name: str
    proof_of_stale = ""
    """What `warm` has seen, in a word."""

    @abc.abstractmethod
    def warm(self) -> bool:
        """Fill it; true once it serves the old content from its store."""

    @abc.abstractmethod
    def looks(self) -> list[Callable[[], bool]]:
        """For each thing that the change made stale: does it serve the new content?"""

    def is_fresh(self) -> bool:
        """Does it serve all of the new content?"""
        return all(look() for look in self.looks())

    def is_stale(self) -> bool:
        """Asked once: does it serve any of the old content?"""
        return not self.is_fresh()


class HttpTier(Tier):
    """A cache of pages at `url`, asked by the site's own name; `header` says whether it answered from its store."""

    proof_of_stale = "HIT"

    def __init__(self, name: str, url: str, header: str, site_url: str, pages: Sequence[Page]) -> None:
        self.name = name
        self.url = url
        self.header = header
        self.host = urlsplit(site_url).netloc
        self.pages = list(pages)
        self.node = Node(name, url, TIMEOUT_SECONDS)

    def get(self, path: str) -> Answer:
        """The page, as a reader without cookies gets it from this tier; lean, for whoever watches takes time away."""
        return self.node.send("GET", path, {"Host": self.host})

    def warm(self) -> bool:
        """Every page looks old; those that exist come from the store."""
        return all(self._is_warm(page) for page in self.pages)

    def _is_warm(self, page: Page) -> bool:
        answer = self.get(page.path)
        stored = answer.headers.get(self.header) == "HIT" or page.stale.status != requests.codes.ok
        return stored and page.stale.matches(answer)

    def looks(self) -> list[Callable[[], bool]]:
        """One for each page."""
        return [partial(self._is_new, page) for page in self.pages]

    def _is_new(self, page: Page) -> bool:
        return page.fresh.matches(self.get(page.path))


class RedisTier(Tier):
    """The Django cache in Redis at `url`, which the application fills when it renders a page."""

    proof_of_stale = "held"

    def __init__(self, name: str, url: str, entry: Entry, application: HttpTier) -> None:
        self.name = name
        self.client = redis.Redis.from_url(url)
        self._cache: Any = cache
        self.entry = entry
        self.application = application
        self.expires_at: object = None

    def warm(self) -> bool:
        """The entry is there with its old content; remember which writing of it this is."""
        self._fill(self.entry.path_before)
        self.expires_at = self.client.pexpiretime(self.entry.key)
        return self._holds(self.entry.stale)

    def looks(self) -> list[Callable[[], bool]]:
        """One, for the entry."""
        return [self._is_new]

    def _is_new(self) -> bool:
        """It was written again since, with the new content; or it is gone, with the page that fills it."""
        if not self.entry.path_after:
            return not self.client.exists(self.entry.key)
        self._fill(self.entry.path_after)
        return self.client.pexpiretime(self.entry.key) != self.expires_at and self._holds(self.entry.fresh)

    def is_stale(self) -> bool:
        """Does it hold the old content? Empty is not old: who meets the purge of an earlier step stores nothing."""
        self._fill(self.entry.path_after)
        return self._holds(self.entry.stale)

    def _fill(self, path: str) -> None:
        """Do what the next reader does to a missing entry."""
        if not self.client.exists(self.entry.key):
            self.application.get(path)

    def _holds(self, text: str) -> bool:
        stored = self.client.get(self.entry.key)
        return stored is not None and text in str(self._cache.client.decode(stored))
