"""The whole system, started once: Nginx over Varnish over gunicorn over the blog, with worker, beat and Flower."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.local.forms import Admin
from deploy.local.processes import wait_for
from deploy.local.stack import Stack
from deploy.local.tiers import HttpTier, Look, Page


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The system; tests that stop a part of it start it again."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        assert not running.missing, "the chain tests need Varnish and Nginx"
        yield running


@pytest.fixture(scope="package")
def admin(stack: Stack) -> Admin:
    """An editor who is signed in."""
    return Admin(stack.admin_url, stack.username, stack.password)


#: A rebound comes after the longest render, and beat looks for it each second.
QUIET_SECONDS = 60
#: Ends once no purge and no rebound is still to come. What is made of the other is looked at last: between the two
#: looks an event may become a batch.
WAITS_FOR_OPEN_WORK = f"""
from deploy.local.processes import wait_for
from invalidation.models import Batch, Event, EventStatus
from invalidation.rows.batches import OVER

def is_quiet():
    return not (Event.objects.filter(status=EventStatus.PENDING).exists() or Batch.objects.exclude(OVER).exists())

wait_for(is_quiet, {QUIET_SECONDS}, "every purge and every rebound to be over")
"""


@pytest.fixture(scope="module")
def quiet_stack(stack: Stack) -> Stack:
    """The system once nothing is left to purge: a page that is purged while it renders is sent as nobody may keep it.

    For modules that change nothing, and say what each tier does with a page.
    """
    waited = stack.manage("shell", "--no-imports", "--command", WAITS_FOR_OPEN_WORK)
    assert waited.returncode == 0, waited.stderr
    return stack


@dataclass
class Article:
    """A sample post whose page every tier holds."""

    stack: Stack
    admin: Admin
    pk: int
    values: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values = self.admin.form(self.form_path).values

    @property
    def form_path(self) -> str:
        """Its form in the admin."""
        return f"blog/post/{self.pk}/change/"

    @property
    def path(self) -> str:
        """Its page."""
        return f"/blog/{self.values['slug'][0]}/"

    def tiers(self, stale: Look, fresh: Look) -> list[HttpTier]:
        """The tiers that hold its page."""
        assert self.stack.varnish
        assert self.stack.nginx
        pages, site = [Page(self.path, stale, fresh)], self.stack.site_url
        return [
            HttpTier("varnish", self.stack.varnish.url, "X-Cache", site, pages),
            HttpTier("nginx", self.stack.nginx.url, "X-Cache-Status", site, pages),
        ]

    def warm(self, title: str) -> list[HttpTier]:
        """Fill every tier with the page; `title` is the one that it will have."""
        tiers = self.tiers(Look(shows=self.values["title"][0]), Look(shows=title))
        for tier in tiers:
            wait_for(tier.warm, 15, f"{tier.name} to hold {self.path}")
        return tiers

    def retitle(self, title: str) -> None:
        """Save it with another title. Sends one request: the form was read before."""
        self.admin.send(self.form_path, self.values | {"title": [title]})


@pytest.fixture
def article(stack: Stack, admin: Admin, request: pytest.FixtureRequest) -> Article:
    """A post that no other test edits; every twelfth is a draft."""
    number = request.session.stash.setdefault(NUMBERS, 1) + 1
    request.session.stash[NUMBERS] = number
    return Article(stack, admin, number)


NUMBERS = pytest.StashKey[int]()


@pytest.fixture
def demo_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a demo keeps its state folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path
