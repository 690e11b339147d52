"""F27: a cache that each process has for itself, behind a tier: a worker must not call that of the site purged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import caches
from django.core.checks import run_checks
from pytest_django import Settings

from invalidation import doctor
from invalidation.exceptions import RejectedError
from invalidation.providers.answers.reply import Reply
from invalidation.providers.redis import Redis as CacheTier
from invalidation.targets.values import CacheKey

BACKENDS = "django.core.cache.backends"
ALONE = [f"{BACKENDS}.locmem.LocMemCache", f"{BACKENDS}.dummy.DummyCache"]


@pytest.fixture(params=ALONE)
def alone(request: pytest.FixtureRequest, settings: Settings) -> None:
    """A site whose tier is such a cache."""
    settings.CACHES = {"default": {"BACKEND": request.param}}
    settings.INVALIDATION = {"TIERS": {"cache": {"PROVIDER": "invalidation.providers.redis.Redis"}}}


def test_f27_a_tier_that_the_worker_does_not_share_is_refused_by_a_check(alone: None) -> None:
    found = [message for message in run_checks(tags=["invalidation"]) if message.id == "invalidation.E007"]
    assert "each process has its own" in found[0].msg
    assert found[0].is_serious()


def test_f27_the_doctor_names_such_a_tier(alone: None) -> None:
    assert any("invalidation.E007" in finding.detail for finding in doctor.examine().findings)


def test_f27_the_provider_refuses_to_purge_it(alone: None) -> None:
    tier = CacheTier("cache", "", {})
    purges: list[Callable[[], Reply]] = [
        lambda: tier.purge_tags(["a"]),
        lambda: tier.purge_keys([CacheKey("a")]),
        tier.purge_everything,
    ]
    for purge in purges:
        with pytest.raises(RejectedError, match="each process has for itself"):
            purge()


def test_f27_the_provider_claims_no_number_where_the_cache_counts_nothing(cache_aliases: None) -> None:
    for alias in ("file", "memcached", "redis"):
        caches[alias].set("key", 1)
        reply = CacheTier("cache", "", {"CACHES": [alias]}).purge_keys([CacheKey("key", alias), CacheKey("no", alias)])
        assert reply.removed is None
        assert caches[alias].get("key") is None
