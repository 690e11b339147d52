"""What is Cloudflare's alone: its envelope, selectors, plans, and rules."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from pytest_django import Settings

from invalidation.exceptions import RejectedError, TransientError, Unproven
from tests.providers.cdn.pipeline import SITE, declare
from tests.providers.cdn.products import Product
from tests.stand_ins.cloudflare import Cloudflare

RULES = Path(__file__).resolve().parents[3] / "deploy" / "cloudflare" / "cache-rules.json"


def selectors(product: Product) -> list[tuple[str, Any]]:
    return [(purge["verb"], purge["items"]) for purge in product.vendor.log]


def test_f5_success_false_with_status_200_is_no_success(cloudflare: Product) -> None:
    cloudflare.vendor.fail("partial")
    with pytest.raises(TransientError, match="part"):
        cloudflare.provider().purge_tags(["a"])
    cloudflare.vendor.fail("garbage")
    with pytest.raises(Unproven):
        cloudflare.provider().purge_tags(["a"])


def test_one_selector_goes_into_a_request(cloudflare: Product) -> None:
    provider = cloudflare.provider()
    provider.purge_prefixes([f"{SITE}/blog/", f"{SITE.replace('https', 'http')}/blog/"])
    provider.purge_prefixes([SITE])
    provider.purge_everything()
    cloudflare.provider(HOSTS=["example.com"]).purge_everything()
    assert selectors(cloudflare) == [
        ("prefixes", ["example.com/blog/"]),
        ("hosts", ["example.com"]),
        ("purge_everything", []),
        ("hosts", ["example.com"]),
    ]


def test_every_declared_variant_of_a_url_is_purged(cloudflare: Product) -> None:
    mobile = {"CF-Device-Type": "mobile"}
    provider = cloudflare.provider(PLAN="pro", VARIANTS=[{}, mobile])
    cloudflare.vendor.copies.store(f"{SITE}/a/")
    cloudflare.vendor.copies.store(f"{SITE}/a/", variant="cf-device-type=mobile")
    provider.purge_urls([f"{SITE}/a/"])
    assert cloudflare.vendor.copies.urls() == []
    assert provider.max_urls_per_call == 15


@pytest.mark.parametrize(("plan", "urls"), [("free", 30), ("pro", 30), ("business", 30), ("enterprise", 500)])
def test_the_plan_decides_the_limits(cloudflare: Product, plan: str, urls: int) -> None:
    assert cloudflare.provider(PLAN=plan).max_urls_per_call == urls
    assert cloudflare.provider(PLAN=plan, MAX_FILES_PER_CALL=100).max_urls_per_call == 100
    with Cloudflare(plan=plan) as vendor:
        provider = cloudflare.provider(PLAN=plan, API_URL=vendor.url)
        provider.purge_urls([f"{SITE}/{number}/" for number in range(urls)])
        with pytest.raises(RejectedError):
            provider.purge_urls([f"{SITE}/{number}/" for number in range(urls + 1)])


def test_an_unknown_plan_is_named(cloudflare: Product) -> None:
    with pytest.raises(ImproperlyConfigured, match="PLAN"):
        cloudflare.provider(PLAN="gold")


def test_a_prefix_that_is_too_deep_is_refused_before_it_is_sent(cloudflare: Product) -> None:
    with pytest.raises(RejectedError, match="31"):
        cloudflare.provider().purge_prefixes([SITE + "/a" * 40])


def rules(*arguments: str) -> Any:
    printed = io.StringIO()
    call_command("cloudflare_rules", *arguments, "--format", "json", stdout=printed)
    return json.loads(printed.getvalue())


@pytest.fixture
def zone(cloudflare: Product, settings: Settings) -> Cloudflare:
    declare(settings, cloudflare)
    assert isinstance(cloudflare.vendor, Cloudflare)
    return cloudflare.vendor


def test_f20_our_rules_are_added_changed_and_removed_beside_those_of_others(zone: Cloudflare, tmp_path: Path) -> None:
    others = {"action": "set_cache_settings", "expression": "true", "description": "somebody else's", "ref": "theirs"}
    assert rules("list") == []
    assert {row["change"] for row in rules("apply", "--rules", str(RULES))} == {"add"}
    zone.rulesets.rules.insert(0, {"id": "1", **others})
    assert rules("apply", "--rules", str(RULES)) == []
    changed = json.loads(RULES.read_text())[:1]
    changed[0]["enabled"] = False
    (tmp_path / "rules.json").write_text(json.dumps(changed))
    made = [("remove", "django_invalidation_private"), ("update", "django_invalidation_pages")]
    for dry in (["--dry-run"], []):
        found = rules("apply", "--rules", str(tmp_path / "rules.json"), *dry)
        assert [(row["change"], row["rule"]) for row in found] == made
    assert [rule["enabled"] for rule in zone.rulesets.rules[1:]] == [False]
    assert [row["change"] for row in rules("remove")] == ["remove"]
    assert zone.rulesets.rules == [{"id": "1", **others}]
    assert zone.rulesets.replaced == 0


def test_rules_that_cloudflare_refuses_end_with_its_words(zone: Cloudflare) -> None:
    zone.fail("unauthorized")
    with pytest.raises(CommandError, match="Authentication error") as refused:
        rules("list")
    assert refused.value.returncode == 1


def test_a_file_that_holds_no_rules_is_named(zone: Cloudflare, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('[{"name": "a"}]')
    with pytest.raises(CommandError, match=r"rules\.json"):
        rules("apply", "--rules", str(tmp_path / "rules.json"))
