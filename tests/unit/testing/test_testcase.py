"""The test kit in Django's own TestCase: every change is seen, and no server is asked, although both are away."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.test import TestCase, TransactionTestCase, override_settings

import invalidation
from invalidation.caching import tagged
from invalidation.exceptions import InvalidTarget
from invalidation.signals import event_recorded
from invalidation.testing import assert_invalidates, assert_not_invalidates, offline, page_tags, recorded
from project.settings.policy import POLICY
from tests.fixtures.library.models import Genre


@contextmanager
def listening() -> Iterator[tuple[str, list[Any]]]:
    """A server that notes who connects, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        seen: list[Any] = []
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0", seen
        try:
            seen.append(server.accept()[1])
        except BlockingIOError:
            seen.append(None)


@override_settings(INVALIDATION={"SITES": ["https://example.com", "http://testserver"]})
class Kit(TestCase):
    genre: Genre

    @classmethod
    def setUpTestData(cls) -> None:
        cls.genre = Genre.objects.create(slug="prose")

    def test_what_a_save_invalidates_is_seen(self) -> None:
        with recorded() as recording:
            self.genre.save()
        assert recording.tags == {"library.genre", f"library.genre:{self.genre.pk}"}
        assert [event.source for event in recording.events] == ["signal"]

    def test_what_was_recorded_before_the_block_is_not(self) -> None:
        self.genre.save()
        with recorded() as recording:
            pass
        assert not recording.events

    def test_a_rolled_back_change_is_not_seen(self) -> None:
        with assert_not_invalidates(), transaction.atomic():
            self.genre.save()
            transaction.set_rollback(True)

    def test_a_hook_that_runs_on_commit_is_run_once_and_seen(self) -> None:
        ran = []

        def hook() -> None:
            ran.append(True)
            invalidation.invalidate(tags=["from:hook"], reason="on commit")

        with assert_invalidates(tags=["from:hook"]), transaction.atomic():
            transaction.on_commit(hook)
            assert not ran
        with self.captureOnCommitCallbacks(execute=True):
            pass
        assert ran == [True]

    def test_what_was_missed_is_named_beside_what_was_recorded_and_why(self) -> None:
        with (
            self.assertRaisesMessage(
                AssertionError, "Not invalidated: tags other; urls /x/. Recorded:\n  code (because): tags one"
            ),
            assert_invalidates(tags=["one", "other"], urls=["/x/"]),
        ):
            invalidation.invalidate(tags=["one"], reason="because")

    def test_a_change_that_was_to_be_none_is_named(self) -> None:
        with (
            self.assertRaisesMessage(AssertionError, "Nothing was to be invalidated. Recorded:"),
            assert_not_invalidates(),
        ):
            self.genre.save()
        with (
            self.assertRaisesMessage(AssertionError, "Invalidated: tags library.genre."),
            assert_not_invalidates(tags=["library.genre", "another"]),
        ):
            self.genre.save()

    def test_a_wider_target_counts(self) -> None:
        with assert_invalidates(urls=["/shelf/7/"]):
            invalidation.invalidate(prefixes=["/shelf/"])
        with assert_invalidates(urls=["/shelf/7/"], tags=["library.genre"]):
            invalidation.invalidate(everything=True)
        with assert_not_invalidates(urls=["/other/"]):
            invalidation.invalidate(prefixes=["/shelf/"])

    def test_a_path_and_its_address_are_the_same(self) -> None:
        with assert_invalidates(urls=["https://example.com/shelf/"]):
            invalidation.invalidate(urls=["/shelf/"])
        with assert_invalidates(urls=["/shelf/"]):
            invalidation.invalidate(urls=["https://example.com/shelf/"])

    def test_an_assertion_that_names_nothing_is_refused(self) -> None:
        with self.assertRaisesMessage(InvalidTarget, "needs a target"):
            assert_invalidates()

    def test_a_worker_is_told_of_nothing(self) -> None:
        told: list[Any] = []

        def listen(**facts: Any) -> None:
            told.append(facts)

        event_recorded.connect(listen)
        try:
            with recorded(), transaction.atomic():
                self.genre.save()
            assert not told
        finally:
            event_recorded.disconnect(listen)

    def test_no_redis_is_asked(self) -> None:
        with listening() as (address, seen):
            tiers = {"cache": {"PROVIDER": "invalidation.providers.redis.Redis", "OPTIONS": {"CACHES": ["default"]}}}
            caches = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": address}}
            with (
                override_settings(INVALIDATION={"REDIS_URL": address, "TIERS": tiers}, CACHES=caches),
                assert_invalidates(tags=["library.genre"]),
            ):
                self.genre.save()
        assert seen == [None]

    def test_a_value_of_the_tests_own_cache_is_stale_after_the_block(self) -> None:
        tiers = {"cache": {"PROVIDER": "invalidation.providers.redis.Redis", "OPTIONS": {"CACHES": ["default"]}}}
        memory = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "kit"}}
        with override_settings(INVALIDATION={"TIERS": tiers}, CACHES=memory):
            tagged.set("named", "old", tags=["library.genre"])
            with assert_invalidates(tags=["library.genre"]):
                self.genre.save()
            assert tagged.get("named") is None
            cache.clear()


class Committing(TransactionTestCase):
    def test_a_change_that_commits_is_seen_too(self) -> None:
        with assert_invalidates(tags=["library.genre"]), transaction.atomic():
            Genre.objects.create(slug="verse")


@override_settings(INVALIDATION={"SITES": ["http://testserver"], "PAGES": {"POLICY": POLICY, "AUTOMATIC_TAGS": True}})
class Pages(TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.enterClassContext(offline())

    def test_a_page_shows_its_tags_and_whether_a_change_reaches_it(self) -> None:
        page = self.client.get("/blog/")
        assert "blog.post" in page_tags(page)
        with recorded() as recording:
            invalidation.invalidate(tags=["blog.post"])
        assert recording.reaches(page)
        with recorded() as other:
            invalidation.invalidate(tags=["blog.other"])
        assert not other.reaches(page)

    def test_a_page_keeps_the_lifetime_that_it_has_on_a_site_with_redis(self) -> None:
        assert "s-maxage=86400" in self.client.get("/about/").headers["Cache-Control"]

    async def test_an_async_test_sees_the_same(self) -> None:
        page = await self.async_client.get("/blog/")
        async with recorded() as recording:
            await invalidation.ainvalidate(urls=["/blog/"])
        assert recording.reaches(page)
