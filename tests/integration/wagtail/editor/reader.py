"""Reads every address of the magazine through the cache and past it: what differs is stale."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

import requests
from wagtail.contrib.redirects.models import Redirect
from wagtail.documents.models import Document
from wagtail.images.models import Image, Rendition
from wagtail.models import Page, Site

from invalidation.models import Event
from invalidation.pipeline.intake import drain

#: Status, where it leads to, and the body.
Answer: TypeAlias = tuple[int, str, bytes]
#: Slugs of the pages that are read with a query too.
QUERIED = ("travel", "trains", "leaf")


def addresses() -> set[str]:
    """Every one that a reader could have in hand."""
    pages = [page for page in Page.objects.all() if page.full_url]
    found = {page.full_url for page in pages}
    found |= {f"{page.full_url}?page=2" for page in pages if page.slug in QUERIED}
    files = [*Image.objects.all(), *Rendition.objects.all(), *Document.objects.all()]
    paths = {row.file.url for row in files} | {document.url for document in Document.objects.all()}
    found |= {f"http://magazine.test{path}" for path in paths}
    for redirect in Redirect.objects.all():
        hosts = [redirect.site] if redirect.site else Site.objects.all()
        found |= {f"{site.root_url}{redirect.old_path}{slash}" for site in hosts for slash in ("", "/")}
    return found


@dataclass
class Reader:
    """Somebody who has every page open."""

    cache: str
    origin: str
    known: set[str] = field(default_factory=set)
    """Every address seen so far, gone ones included."""
    before: dict[str, Answer] = field(default_factory=dict)
    hits: set[str] = field(default_factory=set)
    """Those of the last reading that came out of the cache."""

    def work(self) -> None:
        """Let the worker do what there is to do."""
        drain.drain(inline_tiers=["varnish"])
        left = Event.objects.exclude(status="done").values_list("status", "targets")
        assert not list(left)

    def read(self, *more: str) -> None:
        """Twice: the second time out of the cache; rendering may make further files known."""
        for _ in range(2):
            self.known |= addresses() | set(more)
            self.before = {url: self._get(self.cache, url) for url in sorted(self.known)}
        self.work()
        assert self.hits, "nothing is cached"

    def differs(self) -> set[str]:
        """Addresses whose answers have changed since they were read, once all is fresh again.

        Raises:
            AssertionError: a cached answer isn't what the application answers.
        """
        self.work()
        self.known |= addresses()
        seen = {url: self._get(self.cache, url) for url in sorted(self.known)}
        kept = set(self.hits)
        true = {url: self._get(self.origin, url) for url in sorted(self.known)}
        stale = [(url, seen[url][:2], true[url][:2]) for url in sorted(self.known) if seen[url] != true[url]]
        assert stale == [], stale
        self.hits = kept
        return {url for url in self.known if true[url] != self.before.get(url)}

    def _get(self, node: str, url: str) -> Answer:
        parts = urlsplit(url)
        path = parts._replace(scheme="", netloc="").geturl()
        answer = requests.get(node + path, headers={"Host": parts.netloc}, allow_redirects=False, timeout=30)
        (self.hits.add if answer.headers.get("X-Cache") == "HIT" else self.hits.discard)(url)
        return answer.status_code, answer.headers.get("Location", ""), answer.content
