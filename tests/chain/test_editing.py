"""An editor saves, and every tier serves the new page; with Redis away, as soon as it is back.

What a save waits for a Redis that is away is held to its bound where nothing else runs:
tests/unit/caching/test_commit.py and tests/integration/workers/test_announcer.py.
"""

from __future__ import annotations

import requests

from deploy.local.processes import wait_for
from deploy.local.stack import Stack
from deploy.local.tiers import HttpTier
from tests.chain.conftest import WAITS_FOR_OPEN_WORK, Article
from tests.stand_ins.visitor import visit

#: A lost announcement is found by the sweep, and a worker needs a few seconds to come back to a lost broker.
RECOVERY_SECONDS = 60


def all_fresh(tiers: list[HttpTier], seconds: float) -> None:
    """Wait until every tier serves the new content."""
    for tier in tiers:
        wait_for(tier.is_fresh, seconds, f"{tier.name} to serve the new title")


def test_an_edit_in_the_admin_reaches_every_tier(article: Article) -> None:
    tiers = article.warm("Edited in the admin")
    article.retitle("Edited in the admin")
    all_fresh(tiers, 10)


def test_saving_succeeds_while_redis_is_frozen_and_the_purge_follows_by_itself(stack: Stack, article: Article) -> None:
    tiers = article.warm("Edited while Redis was frozen")
    stack.redis.freeze()
    try:
        article.retitle("Edited while Redis was frozen")
        assert not any(tier.is_fresh() for tier in tiers)
    finally:
        stack.redis.thaw()
    all_fresh(tiers, RECOVERY_SECONDS)


def test_saving_succeeds_while_redis_is_stopped_and_the_purge_follows_by_itself(stack: Stack, article: Article) -> None:
    tiers = article.warm("Edited while Redis was stopped")
    stack.redis.stop()
    try:
        article.retitle("Edited while Redis was stopped")
        assert not any(tier.is_fresh() for tier in tiers)
    finally:
        stack.redis.start()
    all_fresh(tiers, RECOVERY_SECONDS)


def test_an_event_of_a_killed_worker_is_delivered_by_the_next_one(stack: Stack, article: Article) -> None:
    tiers = article.warm("Edited without a worker")
    stack.worker.kill()
    try:
        article.retitle("Edited without a worker")
        assert not any(tier.is_fresh() for tier in tiers)
    finally:
        stack.worker.start()
    all_fresh(tiers, RECOVERY_SECONDS)


#: Ends once what was to be fetched again has been, after the rebound too: that is looked for first, for between the two
#: looks it may have been made, and have left pages to be fetched.
WAITS_FOR_REFRESHES = """
from deploy.local.processes import wait_for
from invalidation.models import Batch
from invalidation.rows.batches import OVER

def is_over():
    to_refresh = Batch.objects.filter(wants_refresh=True, refreshed_at=None)
    return not (Batch.objects.exclude(OVER).exists() or to_refresh.exists())

wait_for(is_over, 60, "every refresh")
"""


def said(stack: Stack, script: str) -> None:
    """Run it in a process of the site."""
    done = stack.manage("shell", "--no-imports", "--command", script)
    assert done.returncode == 0, done.stderr


def test_a_purge_that_refreshes_leaves_every_tier_with_a_new_copy_for_the_first_visitor(
    stack: Stack, article: Article
) -> None:
    said(stack, WAITS_FOR_OPEN_WORK)  # a rebound of what another test edited would purge the page once more
    article.warm(article.values["title"][0])
    purged = stack.manage("purge", "--url", article.path, "--mode", "refresh", "--wait", "30")
    assert purged.returncode == 0, purged.stdout + purged.stderr
    said(stack, WAITS_FOR_REFRESHES)
    assert stack.nginx
    first = visit(stack.nginx, f"{stack.site_url}{article.path}")
    lines = [line for line in stack.worker.log.read_text(errors="replace").splitlines() if '"refresh' in line]
    assert (first.status, first.headers["X-Cache-Status"]) == (200, "HIT"), (dict(first.headers), lines[-5:])


def test_flower_shows_each_task_by_name_and_no_secret(stack: Stack, article: Article) -> None:
    tiers = article.warm("Seen in Flower")
    article.retitle("Seen in Flower")
    all_fresh(tiers, 10)
    wait_for(lambda: f"blog.post:{article.pk}" in ask_flower(stack).text, 15, "Flower to show what was purged")
    assert "invalidation.drain" in tasks(stack)
    shown = ask_flower(stack).text
    assert stack.secret not in shown
    assert stack.password not in shown


def test_flower_finds_a_purge_by_object_tag_tier_node_and_request(stack: Stack, article: Article) -> None:
    article.retitle("Looked for in Flower")
    wait_for(lambda: found_in_flower(stack, f"blog.post:{article.pk}"), 15, "Flower to find what was purged")
    assert stack.nginx
    [one, *_] = found_in_flower(stack, f"blog.post:{article.pk}").values()
    request = str(one["kwargs"]).partition("correlation_id': '")[2].partition("'")[0]
    for words in ("blog.post", "varnish", stack.nginx.url, request, "state:SUCCESS"):
        assert found_in_flower(stack, words), words
    assert not found_in_flower(stack, "blog.post:987654321")


def test_flower_shows_nothing_without_a_login(stack: Stack) -> None:
    answer = requests.get(f"{stack.flower_url}/api/tasks", timeout=10)
    assert answer.status_code == requests.codes.unauthorized


def ask_flower(stack: Stack) -> requests.Response:
    """Everything Flower knows of the tasks."""
    return requests.get(f"{stack.flower_url}/api/tasks", auth=(stack.username, stack.password), timeout=10)


def found_in_flower(stack: Stack, words: str) -> dict[str, dict[str, object]]:
    """The tasks that its search finds."""
    asked = {"search": words, "limit": "100"}
    url, account = f"{stack.flower_url}/api/tasks", (stack.username, stack.password)
    found: dict[str, dict[str, object]] = requests.get(url, asked, auth=account, timeout=10).json()
    return found


def tasks(stack: Stack) -> set[str]:
    """Names of the tasks that Flower knows to have succeeded."""
    return {task["name"] for task in ask_flower(stack).json().values() if task["state"] == "SUCCESS"}
