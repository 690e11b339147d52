"""A purge of a large share of the known URLs: a person is asked first, code is not, and both can be seen later."""

from __future__ import annotations

import io

import pytest
import redis
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

import invalidation
from invalidation import conf
from invalidation.conf import parse
from invalidation.freshness import index
from invalidation.models import Delivery, Event
from invalidation.pipeline.intake import drain
from invalidation.pipeline.planning.impact import Reach, reach, wide_reach
from invalidation.pipeline.planning.resolve import plan_targets
from invalidation.status.previews import preview
from invalidation.targets.values import CachePlace, Targets
from project.settings import base
from tests.fixtures.grouped import grouped
from tests.integration.freshness.conftest import Declare
from tests.unit.operators.conftest import UNREADABLE_URLS

SITE, OTHER = "http://testserver", "http://other.example"
MEMORY = {"PROVIDER": "invalidation.providers.memory.Memory", "OPTIONS": {"SECRET": "never-sent-anywhere"}}
NGINX = {
    "PROVIDER": "invalidation.providers.nginx.Nginx",
    "NODES": ["http://127.0.0.1:1"],
    "OPTIONS": {"SECRET": "never-sent-anywhere"},
}
WIDE = {"WIDE_URLS": 5, "WIDE_SHARE": 0.5}


@pytest.fixture(autouse=True)
def _known(declare: Declare, freshness_redis: redis.Redis) -> None:
    """Twenty pages: all are posts, five are news."""
    declare({"memory": MEMORY}, SITES=[SITE], **WIDE)
    pipeline = freshness_redis.pipeline(transaction=False)
    for number in range(20):
        path = f"/news/{number}" if number < 5 else f"/blog/{number}"
        index.register(pipeline, SITE + path, ["post", f"post:{number}"], 60)
    pipeline.execute()


def test_the_reach_is_counted_by_tags_and_prefixes() -> None:
    assert reach(Targets.of(tags=["post:1"], prefixes=["/news/"])) == Reach(6, 20)
    assert reach(Targets.of(tags=["post"], prefixes=["/news/"])) == Reach(20, 20)
    assert wide_reach(Targets.of(prefixes=["/news/"])) is None
    assert wide_reach(Targets.of(prefixes=["/blog/"])) == Reach(15, 20)
    assert wide_reach(Targets.of(everything=True)) is None


def test_few_urls_are_never_wide(declare: Declare) -> None:
    declare({"memory": MEMORY}, SITES=[SITE])
    assert wide_reach(Targets.of(tags=["post"])) is None


@pytest.mark.django_db
def test_the_command_asks_for_a_flag() -> None:
    with pytest.raises(CommandError, match="up to 20 URLs, of 20 known; add --confirm-wide") as refused:
        call_command("purge", "--tag", "post")
    assert refused.value.returncode == 2
    assert not Event.objects.exists()
    call_command("purge", "--tag", "post", "--confirm-wide", stdout=io.StringIO())
    call_command("purge", "--tag", "post:1", stdout=io.StringIO())
    assert Event.objects.count() == 2


@pytest.mark.django_db
def test_the_admin_asks_for_the_number(settings: Settings) -> None:
    settings.ROOT_URLCONF, settings.MIDDLEWARE = base.ROOT_URLCONF, base.MIDDLEWARE
    with invalidation.suspend("the reference site shows its users as authors"):
        browser = Client()
        browser.force_login(User.objects.create_superuser("ada"))
    form = {"tags": "post", "lane": "editorial"}
    address = reverse("admin:invalidation_event_purge")
    for button in ("preview", "confirm"):
        shown = browser.post(address, {**form, button: "1"}).content.decode()
        assert "up to 20 URLs, of 20 known" in shown
        assert 'name="confirm_wide"' in shown
    assert not Event.objects.exists()
    assert browser.post(address, {**form, "confirm": "1", "confirm_wide": "20"}).status_code == 302
    assert "confirm_wide" not in browser.post(address, {**form, "tags": "post:1", "preview": "1"}).content.decode()


@pytest.mark.django_db
def test_code_is_not_asked_but_the_delivery_says_so() -> None:
    invalidation.invalidate(tags=["post"])
    drain.drain()
    assert Delivery.objects.get().decisions == ["wide: reaches up to 20 URLs, of 20 known"]
    invalidation.invalidate(tags=["post:1"])
    drain.drain()
    assert Delivery.objects.latest("pk").decisions == []


def test_the_index_names_urls_on_the_tiers_own_sites_alone(declare: Declare, freshness_redis: redis.Redis) -> None:
    pipeline = freshness_redis.pipeline(transaction=False)
    index.register(pipeline, f"{OTHER}/there", ["post:1"], 60)
    pipeline.execute()
    tiers = {"own": {**NGINX, "SITES": [SITE]}, "other": {**NGINX, "SITES": [OTHER]}, "both": NGINX}
    declare(tiers, SITES=[SITE, OTHER])
    found = {
        name: {url for step in plan_targets(Targets.of(tags=["post:1"]), name).steps for url in step.items}
        for name in tiers
    }
    assert found == {
        "own": {f"{SITE}/news/1"},
        "other": {f"{OTHER}/there"},
        "both": {f"{SITE}/news/1", f"{OTHER}/there"},
    }


def test_an_entry_of_the_index_that_is_no_url_is_left_out(declare: Declare, freshness_redis: redis.Redis) -> None:
    declare({"own": NGINX}, SITES=[SITE])
    pipeline = freshness_redis.pipeline(transaction=False)
    for entry in (*UNREADABLE_URLS, "", "no URL", f"{SITE}/known"):
        index.register(pipeline, entry, ["post:1"], 60)
    pipeline.execute()
    found = {url for step in plan_targets(Targets.of(tags=["post:1"]), "own").steps for url in step.items}
    assert found == {f"{SITE}/news/1", f"{SITE}/known"}


def test_a_dear_plan_is_widened_and_the_preview_tells_the_price(declare: Declare, freshness_redis: redis.Redis) -> None:
    cloudfront = {
        "PROVIDER": "invalidation.providers.cloudfront.CloudFront",
        "OPTIONS": {"DISTRIBUTION_ID": "E1", "TAGS": False, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"},
    }
    declare({"cloudfront": cloudfront}, SITES=[SITE], **WIDE)
    [node] = conf.settings().tiers["cloudfront"].nodes
    index.note_emptied(freshness_redis, str(CachePlace("cloudfront", node)), index.name(freshness_redis))
    [exact] = preview(Targets.of(tags=["post"]))
    assert (len(exact.steps), exact.price_usd) == (1, 0.1)
    declare({"cloudfront": cloudfront}, SITES=[SITE], PLAN_PRICE_LIMIT_USD=0.05, **WIDE)
    [wide] = preview(Targets.of(tags=["post"]))
    assert wide.price_usd == pytest.approx(0.03)
    assert wide.decisions == ("$0.10 is above the limit of $0.05: 15 URLs widened to 1 prefixes",)


def test_a_path_is_purged_in_its_declared_variants(declare: Declare) -> None:
    declare({"memory": MEMORY}, SITES=[SITE], LANGUAGE_PREFIXES=["de"], TRAILING_SLASH_TWINS=True)
    [planned] = preview(Targets.of(urls=["/a"]))
    assert {url for step in planned.steps for url in step.items} == {
        f"{SITE}{path}" for path in ("/a", "/a/", "/de/a", "/de/a/")
    }


@pytest.mark.parametrize(
    "declared",
    [
        {"QUERY_VARIANTS": "print=1"},
        {"LANGUAGE_PREFIXES": [1]},
        {"TIERS": {"a": {"PROVIDER": "x", "SITES": [OTHER]}}},
        {"TIERS": {"a": {"PROVIDER": "x", "SITES": SITE}}},
        *({"SITES": [url]} for url in UNREADABLE_URLS),
    ],
)
def test_a_declaration_that_would_purge_nothing_is_refused(declared: dict[str, object]) -> None:
    with pytest.raises(Exception, match="INVALIDATION"):
        parse(grouped({"SITES": [SITE], **declared}))
