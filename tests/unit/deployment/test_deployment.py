"""cache_deploy and warm_cache on real caches (D3, F19)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
import redis
from django.core.cache import caches
from django.core.management import CommandError, call_command
from pytest_django import Settings

from deploy.local import Redis, free_port, wait_for
from invalidation.deployment.phases import _proved, judged
from invalidation.deployment.warm import Pace
from invalidation.freshness import generation, index
from invalidation.pipeline.aftercare import rebound
from invalidation.providers.answers.reply import Probe
from invalidation.providers.filling import nodes
from tests.fixtures.grouped import grouped
from tests.stand_ins.origin import CACHEABLE, Origin
from tests.unit.deployment import naive
from tests.unit.deployment.conftest import cache
from tests.unit.pipeline.chain import Chain, Queue


def run(command: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    output, code = StringIO(), 0
    try:
        call_command(command, "--format", "json", *arguments, stdout=output)
    except CommandError as error:
        code = error.returncode
    return code, json.loads(output.getvalue())


def phase(name: str, release: str = "r1") -> tuple[int, dict[str, Any]]:
    return run("cache_deploy", "--phase", name, "--release", release, "--wait", "20")


def switched(started: generation.Generation) -> None:
    wait_for(lambda: generation.active() == started.number, 5, "the generation to take effect")


@pytest.mark.usefixtures("site")
def test_f19_the_caches_read_the_generation(server: redis.Redis) -> None:
    default = caches["default"]
    default.set("key", "of the old release")
    naive.bump(default)
    assert default.get("key") == "of the old release"
    switched(generation.bump(server, "r1"))
    assert default.get("key") is None
    default.set("key", "of the new release")
    assert default.get("key") == "of the new release"


@pytest.mark.usefixtures("site")
def test_f19_two_deployments_at_once_draw_two_generations(server: redis.Redis) -> None:
    default = caches["default"]
    inner: list[int] = []
    assert naive.bump(default, lambda: inner.append(naive.bump(default))) == inner[0]
    assert generation.bump(server, "one").number != generation.bump(server, "other").number


@pytest.mark.usefixtures("site")
def test_the_same_release_keeps_its_generation(server: redis.Redis) -> None:
    assert generation.bump(server, "r1") == generation.bump(server, "r1")
    assert generation.bump(server, "").number + 1 == generation.bump(server, "").number


def test_a_generation_takes_effect_at_its_moment_and_not_before() -> None:
    announced = generation.Generation(7, 100.0)
    assert (announced.active(99.9), announced.active(100.0)) == (6, 7)


@pytest.mark.usefixtures("site")
def test_keys_of_a_generation_can_be_listed_and_removed_by_pattern() -> None:
    default: Any = caches["default"]
    default.set("summary:1", "text")
    default.set("other", "text")
    assert list(default.iter_keys("summary:*")) == ["summary:1"]
    assert default.delete_pattern("summary:*") == 1
    assert default.get("other") == "text"


@pytest.mark.usefixtures("site")
def test_with_redis_away_a_generation_is_remembered_and_never_guessed(settings: Settings, redis_server: Redis) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    settings.INVALIDATION = settings.INVALIDATION | {"REDIS_URL": away}
    settings.CACHES = {"default": cache(redis_server.url(9))}
    assert generation.active() is None
    assert generation.cache_key("key", "deployed", 1) == "deployed:g?:1:key"


@pytest.mark.usefixtures("site", "worker")
def test_a_deployment_from_its_check_to_its_proof(origin: Origin, site: str) -> None:
    code, report = phase("pre")
    assert (code, report["problems"]) == (0, [])
    for path in ("/", "/blog/"):
        origin.change(path)
        origin.pages[path].headers = {**CACHEABLE, "X-Cache-Sequence": "9999999999999999"}
    code, report = phase("deploy")
    assert (code, report["problems"], report["generation"]) == (0, [], 1)
    assert report["purge"]["status"] == "done"
    code, report = phase("post")
    assert (code, report["problems"]) == (0, [])
    assert [(page["tier"], page["cache_status"]) for page in report["pages"]] == [
        *[("varnish", "HIT")] * 2,
        *[("nginx", "HIT")] * 2,
    ]
    again, report = phase("deploy")
    assert (again, report["generation"]) == (0, 1)
    assert phase("post")[0] == 0


@pytest.mark.usefixtures("site", "worker")
def test_f19_keys_are_cleared_by_pattern_where_the_naive_script_stops_the_server_and_finds_none(
    settings: Settings, redis_server: Redis
) -> None:
    plain = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis_server.url(9)}
    settings.CACHES = {"default": plain | {"KEY_PREFIX": "without-generation"}}
    tiers = settings.INVALIDATION["TIERS"] | {"cache": {"PROVIDER": "invalidation.providers.redis.Redis"}}
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "TIERS": tiers, "DEPLOY_PATTERNS": ["summary:*"]})
    default: Any = caches["default"]
    default.set_many({"summary:1": "text", "other": "text"})
    before = calls_of_keys(default)
    assert (naive.clear(default, "summary:*"), calls_of_keys(default)) == (0, before + 1)
    assert default.get("summary:1") == "text"
    code, report = phase("deploy")
    assert (code, report["problems"], calls_of_keys(default)) == (0, [], before + 1)
    assert default.get_many(["summary:1", "other"]) == {"other": "text"}


def calls_of_keys(cache: Any) -> int:
    """How often the server has looked at every key at once, while everybody waited."""
    statistics = cache.client.get_client().info("commandstats")
    return int(statistics.get("cmdstat_keys", {}).get("calls", 0))


@pytest.mark.usefixtures("worker")
def test_f19_visitors_find_new_pages_warm_where_the_naive_script_warms_before_it_purges(
    origin: Origin, site: str
) -> None:
    pages = [f"{site}/", f"{site}/blog/"]
    naive.warm_and_purge(nodes(), pages)
    assert [nodes()[-1].fetch(url).cache_status for url in pages] == ["MISS", "MISS"]
    for path in ("/", "/blog/"):
        origin.pages[path].headers = {**CACHEABLE, "X-Cache-Sequence": "2"}
    assert phase("deploy")[0] == 0
    visited = [nodes()[-1].fetch(url) for url in pages]
    assert [(page.cache_status, page.sequence) for page in visited] == [("HIT", 2), ("HIT", 2)]


@pytest.mark.usefixtures("site", "worker")
def test_the_report_can_be_read_by_people() -> None:
    output = StringIO()
    call_command("cache_deploy", "--phase", "deploy", "--release", "r1", stdout=output)
    with pytest.raises(CommandError, match="before the deployment"):
        call_command("cache_deploy", "--phase", "post", "--release", "r1", stdout=output)
    assert "2 pages, 4 requests" in output.getvalue()
    assert "HIT" in output.getvalue()


@pytest.mark.usefixtures("site", "worker")
def test_f19_a_page_from_before_the_deployment_fails_the_last_phase() -> None:
    phase("deploy")
    code, report = phase("post")
    assert code == 1
    assert "was rendered at 1, before the deployment" in report["problems"][0]


@pytest.mark.usefixtures("site")
def test_the_last_phase_waits_for_the_rebound_before_it_blames_a_page_that_was_under_way(
    origin: Origin, settings: Settings, worker: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiers = {name: tier | {"REBOUND_SECONDS": 0.1} for name, tier in settings.INVALIDATION["TIERS"].items()}
    settings.INVALIDATION = settings.INVALIDATION | {"TIERS": tiers}
    phase("deploy")
    for path in ("/", "/blog/"):
        origin.change(path)
        origin.pages[path].headers = {**CACHEABLE, "X-Cache-Sequence": "9999999999999999"}

    def beat(_seconds: float) -> None:
        rebound.rebound("default")
        worker.run()

    with monkeypatch.context() as waiting:
        waiting.setattr("time.sleep", beat)
        code, report = phase("post")
    assert (code, report["problems"], report["rebounded"]) == (0, [], True)


@pytest.mark.usefixtures("site", "db")
def test_f19_a_purge_that_nobody_carries_out_fails_the_phase() -> None:
    code, report = run("cache_deploy", "--phase", "deploy", "--release", "r1", "--wait", "0.1")
    assert code == 1
    assert report["purge"]["status"] == "pending"


@pytest.mark.usefixtures("site")
def test_f19_a_broken_page_fails_the_first_phase(origin: Origin) -> None:
    def broken() -> None:
        raise RuntimeError

    assert naive.run(broken) == 0
    origin.pages["/blog/"].status = 500
    code, report = phase("pre")
    assert code == 1
    assert any("/blog/: answered 500" in problem for problem in report["problems"])


@pytest.mark.usefixtures("site")
def test_the_last_phase_of_a_release_that_was_not_deployed_fails() -> None:
    code, report = phase("post", "r2")
    assert code == 1
    assert "run --phase deploy" in report["problems"][0]


@pytest.mark.usefixtures("site", "worker")
def test_f19_a_page_that_takes_no_time_is_proved_where_the_naive_script_divides_by_zero(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ZeroDivisionError):
        naive.speedup(0.1, 0.0)
    for path in ("/", "/blog/"):
        origin.pages[path].headers = {**CACHEABLE, "X-Cache-Sequence": "9999999999999999"}
    phase("deploy")
    monkeypatch.setattr("time.perf_counter", lambda: 100.0)
    code, report = phase("post")
    assert (code, report["problems"]) == (0, [])
    assert {page["milliseconds"] for page in report["pages"]} == {0.0}


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"status_code": 301}, "answered 301"),
        ({"cache_status": "MISS"}, "no hit"),
        ({"cache_status": ""}, "no word"),
        ({"sequence": None}, "no sequence"),
        ({"sequence": 4}, "before the deployment"),
    ],
)
def test_what_is_wrong_with_an_answer_is_named(answer: dict[str, Any], word: str) -> None:
    good: dict[str, Any] = {"status_code": 200, "cache_status": "HIT", "sequence": 5}
    [problem] = judged(Probe(**{**good, **answer}), 5)
    assert word in problem


@dataclass
class Asked(Chain):
    """Answers in this order, then nothing."""

    answers: list[str]
    tier: str = "chain"
    node: str = ""

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Probe:
        return Probe(200, 5, self.answers.pop(0))


@pytest.mark.parametrize(
    ("answers", "problems"), [(["MISS", "HIT"], 0), (["HIT", "MISS", "HIT"], 0), (["MISS", "MISS", "MISS"], 1)]
)
def test_a_page_is_asked_for_once_more_where_it_was_purged_between_two_requests(
    answers: list[str], problems: int
) -> None:
    assert len(_proved(Asked(answers), "http://blog.test/", 5)["problems"]) == problems
    assert answers == []


def test_pages_of_the_sitemap_are_warm_in_every_tier(
    site: str, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = "".join(f"<url><loc>{url}</loc></url>" for url in (f"{site}/listed/", "http://elsewhere.test/"))
    body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>'
    monkeypatch.setattr(origin, "body", lambda _page, _headers: body)
    code, report = run("warm_cache")
    assert (code, report["urls"], report["requests"], report["failures"]) == (0, 3, 6, [])
    before = len(origin.seen("GET"))
    assert run("warm_cache", "--critical-only")[1]["requests"] == 4
    assert len(origin.seen("GET")) == before


def test_pages_that_the_tag_index_knows_are_warm_too(site: str, server: redis.Redis, origin: Origin) -> None:
    pipeline = server.pipeline()
    index.register(pipeline, f"{site}/known/", ["blog.post"], 600)
    pipeline.execute()
    code, report = run("warm_cache", "--sitemap", "")
    assert (code, report["urls"], report["failures"]) == (0, 3, [])
    assert [request.target for request in origin.seen("GET")].count("/known/") == 1


@pytest.mark.usefixtures("site")
def test_a_sitemap_that_is_none_and_a_page_that_fails_end_in_an_exit_code(origin: Origin, settings: Settings) -> None:
    code, report = run("warm_cache")
    assert code == 1
    assert "no XML" in report["problems"][0]
    origin.pages["/broken/"].status = 503
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "CRITICAL_URLS": ["/broken/"]})
    assert run("warm_cache", "--sitemap", "", "--critical-only")[0] == 1


def test_a_rate_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    pace = Pace(4)
    for _ in range(3):
        pace.wait()
    assert waited == [0.0, 0.25, 0.5]
