"""The cache policy of the blog, page by page, in every tier of the running system (C9, D5)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest
import requests

from deploy.local.forms import Admin
from deploy.local.processes import wait_for
from deploy.local.stack import Stack
from deploy.local.tiers import HttpTier
from project.settings import policy
from tests.stand_ins.copies import Copies
from tests.stand_ins.edge import Edge

#: It needs a system at rest, so it comes before those that change something.
pytestmark = [pytest.mark.takes(65), pytest.mark.first]

#: From the inside out, with the header by which each says whether it answered from its store.
TIERS = {"varnish": "X-Cache", "nginx": "X-Cache-Status", "edge": "CF-Cache-Status"}
PUBLIC = "public, max-age=0, s-maxage=86400, stale-while-revalidate=60, stale-if-error=86400"
SHORT = "s-maxage=10"
PRIVATE = ["/admin/login/", "/health/", "/metrics", "/blog/no-such-post/", "/blog/?page=999", "/api/posts/none/"]


@dataclass(frozen=True)
class Chain:
    """The tiers before the running site, and an example of each kind of page."""

    tiers: dict[str, HttpTier]
    pages: dict[str, str]

    def ask(self, tier: str, path: str, **headers: str) -> requests.Response:
        """A visitor of one tier; without a jar, so that a cookie is sent by nobody who does not name it."""
        asked = self.tiers[tier]
        return requests.get(
            asked.url + path, headers={"Host": asked.host, **headers}, timeout=20, allow_redirects=False
        )

    def status(self, tier: str, path: str, **headers: str) -> str:
        """What the tier says of its store."""
        return self.ask(tier, path, **headers).headers.get(TIERS[tier], "")

    def is_public(self, tier: str, path: str) -> bool:
        """Does it answer with the page that is for everybody?"""
        return self.ask(tier, path).headers["Cache-Control"] == PUBLIC

    def holds(self, tier: str, path: str) -> bool:
        """Does it answer from its store?"""
        return self.status(tier, path) == "HIT"

    def kept(self, tier: str, path: str) -> requests.Response | None:
        """The copy that it answers with for its whole life; none while it holds one of few seconds.

        That is what a page gets whose rendering had to wait for Redis for too long.
        """
        answer = self.ask(tier, path)
        whole = SHORT not in answer.headers["Cache-Control"].split(", ")
        return answer if whole and answer.headers.get(TIERS[tier]) == "HIT" else None


@pytest.fixture(scope="module")
def chain(quiet_stack: Stack) -> Iterator[Chain]:
    """Varnish, Nginx and an edge as a CDN runs it."""
    stack = quiet_stack
    assert stack.varnish
    assert stack.nginx
    with Edge(stack.nginx.url, copies=Copies()) as edge:
        urls = {"varnish": stack.varnish.url, "nginx": stack.nginx.url, "edge": edge.url}
        tiers = {name: HttpTier(name, urls[name], TIERS[name], stack.site_url, []) for name in TIERS}
        yield Chain(tiers, pages(stack))


def pages(stack: Stack) -> dict[str, str]:
    """By the names of their views, so that a new public view is missed here."""
    [post, *_] = requests.get(f"{stack.web_url}/api/posts/", timeout=20).json()["results"]
    return {
        "blog:home": "/",
        "blog:about": "/about/",
        "blog:posts": f"/blog/?tag={post['tags'][0]}",
        "blog:category": f"/blog/category/{post['category']}/",
        "blog:author": f"/blog/author/{post['author']}/",
        "blog:post": f"/blog/{post['slug']}/",
        "blog:api-posts": "/api/posts/?page=2",
        "blog:api-post": f"/api/posts/{post['slug']}/",
        "blog:sitemap": "/sitemap.xml",
    }


@pytest.fixture(scope="module")
def session(admin: Admin) -> dict[str, str]:
    """The header of a browser that is signed in."""
    return {"Cookie": f"sessionid={admin.session.cookies['sessionid']}"}


def test_every_public_view_is_among_those_looked_at(chain: Chain) -> None:
    assert set(chain.pages) == set(policy.PUBLIC_VIEWS)


@pytest.mark.parametrize("view", policy.PUBLIC_VIEWS)
def test_every_page_is_kept_by_every_tier_as_the_policy_says(chain: Chain, view: str) -> None:
    path = chain.pages[view]
    for tier in TIERS:
        answer = wait_for(partial(chain.kept, tier, path), 30, f"{tier} to hold {path}")
        assert answer
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == PUBLIC
        assert int(answer.headers["X-Cache-Sequence"]) > 0
        assert not {"Set-Cookie", "xkey", "Cache-Tag", "Surrogate-Key"} & set(answer.headers)
        assert "cookie" not in answer.headers.get("Vary", "").lower()


@pytest.mark.parametrize("view", policy.PUBLIC_VIEWS)
def test_every_tier_tells_a_browser_that_nothing_changed(chain: Chain, view: str) -> None:
    for tier in TIERS:
        again = partial(asked_again, chain, tier, chain.pages[view])
        told = wait_for(again, 20, "an answer about the version that was asked for")
        assert told
        assert told.status_code == 304
        assert not told.content


def asked_again(chain: Chain, tier: str, path: str) -> requests.Response | None:
    """The answer to a browser that has the page; none while somebody edits the blog."""
    etag = chain.ask(tier, path).headers["ETag"]
    again = chain.ask(tier, path, **{"If-None-Match": etag})
    return again if again.headers.get("ETag") == etag else None


@pytest.mark.parametrize("view", policy.PUBLIC_VIEWS)
def test_no_tier_stores_what_somebody_who_is_signed_in_is_sent(
    chain: Chain, session: dict[str, str], view: str
) -> None:
    path = chain.pages[view]
    for tier in TIERS:
        for _ in range(2):
            answer = chain.ask(tier, path, **session)
            assert answer.status_code == 200
            assert "public" not in answer.headers["Cache-Control"]
            assert "HIT" not in {answer.headers.get(header) for header in TIERS.values()}
    for tier in TIERS:
        # What was made for somebody says "private", and would be kept for longer than this waits.
        wait_for(partial(chain.is_public, tier, path), 20, f"{tier} to answer a stranger with the public page")


@pytest.mark.parametrize("view", policy.PUBLIC_VIEWS)
def test_no_tier_answers_somebody_who_is_signed_in_from_its_store(
    chain: Chain, session: dict[str, str], view: str
) -> None:
    path = chain.pages[view]
    for tier in TIERS:
        wait_for(partial(chain.holds, tier, path), 20, f"{tier} to hold {path}")
    for tier in TIERS:
        answer = chain.ask(tier, path, **session)
        assert "HIT" not in {answer.headers.get(header) for header in TIERS.values()}
        token = chain.ask(tier, path, Authorization="Bearer x")
        assert "HIT" not in {token.headers.get(header) for header in TIERS.values()}


@pytest.mark.parametrize("path", PRIVATE)
def test_no_tier_keeps_the_admin_the_probes_or_an_error(chain: Chain, path: str) -> None:
    for tier in TIERS:
        for _ in range(3):
            answer = chain.ask(tier, path)
            assert "public" not in answer.headers["Cache-Control"]
            assert "HIT" not in {answer.headers.get(header) for header in TIERS.values()}


def test_the_admin_of_an_editor_is_kept_by_nobody(chain: Chain, session: dict[str, str]) -> None:
    for tier in TIERS:
        answers = [chain.ask(tier, "/admin/blog/post/", **session) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        stranger = chain.ask(tier, "/admin/blog/post/")
        assert (stranger.status_code, "HIT" in stranger.headers.values()) == (302, False)


def test_a_hashed_file_is_kept_for_a_year_and_another_for_a_minute(chain: Chain, stack: Stack) -> None:
    page = requests.get(f"{stack.web_url}/", timeout=20).text
    hashed = page.partition('href="/static/blog/blog.')[2].partition('"')[0]
    lifetimes = {
        f"/static/blog/blog.{hashed}": f"max-age={policy.HASHED_SECONDS}, public, immutable",
        "/static/blog/blog.css": f"max-age={policy.UNHASHED_SECONDS}, public",
    }
    for path, lifetime in lifetimes.items():
        for tier in TIERS:
            chain.ask(tier, path)
            answer = chain.ask(tier, path)
            assert (answer.headers["Cache-Control"], answer.headers[TIERS[tier]]) == (lifetime, "HIT")


def test_the_monitor_tells_the_hit_rate_of_every_proxy(chain: Chain, stack: Stack) -> None:
    watched = stack.manage("cache_monitor", "--format", "json")
    assert watched.returncode == 0, watched.stderr
    proxies = {one["kind"]: one for one in json.loads(watched.stdout)["proxies"]}
    assert set(proxies) == {"varnish", "nginx", "nginx cache"}
    assert 0 < proxies["varnish"]["hit_rate"] < 1
    assert 0 < proxies["nginx cache"]["hit_rate"] < 1
    assert proxies["nginx"]["requests"] > proxies["nginx cache"]["requests"] > 0
