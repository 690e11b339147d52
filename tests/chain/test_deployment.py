"""A deployment of the running system, by the commands that a deploy script calls (D3)."""

from __future__ import annotations

import json

from deploy.local.stack import Stack


def test_each_phase_holds_and_may_be_repeated(stack: Stack) -> None:
    for phase in ("pre", "deploy", "post", "deploy", "post"):
        done = stack.manage("cache_deploy", "--phase", phase, "--release", "one", "--format", "json")
        assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["generation"], report["problems"]) == ("1", [])
    assert {page["cache_status"] for page in report["pages"]} == {"HIT"}
    assert {page["tier"] for page in report["pages"]} == {"varnish", "nginx"}


def test_all_pages_can_be_warmed_and_every_cache_is_healthy(stack: Stack) -> None:
    warmed = stack.manage("warm_cache", "--limit", "20")
    assert (warmed.returncode, "40" in warmed.stdout) == (0, True), warmed.stdout + warmed.stderr
    watched = stack.manage("cache_monitor", "--format", "json")
    assert watched.returncode == 0, watched.stderr
    assert json.loads(watched.stdout)["freshness"]["indexed_urls"] >= 20
