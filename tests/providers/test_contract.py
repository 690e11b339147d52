"""What every provider promises, shown on the real product."""

from __future__ import annotations

import time

import pytest
from django.core.exceptions import ImproperlyConfigured

from deploy.local import free_port
from invalidation.exceptions import DeliveryError, RejectedError, TransientError, UnsupportedOperation
from tests.providers.subjects import Subject

WRONG_SECRET = "not-the-secret-at-all"


def test_a_purge_by_url_removes_that_page_and_no_other(subject: Subject, site: str) -> None:
    subject.store(f"{site}/a/")
    subject.store(f"{site}/b/")
    reply = subject.provider().purge_urls([f"{site}/a/"])
    assert reply.removed == 1
    assert not subject.holds(f"{site}/a/")
    assert subject.holds(f"{site}/b/")


def test_the_same_purge_twice_is_harmless(subject: Subject, site: str) -> None:
    subject.store(f"{site}/a/")
    provider = subject.provider()
    assert [provider.purge_urls([f"{site}/a/"]).removed for _ in range(3)] == [1, 0, 0]


def test_a_page_that_was_never_cached_may_be_purged(subject: Subject, site: str) -> None:
    assert subject.provider().purge_urls([f"{site}/never/"]).removed == 0


def test_a_purge_by_tag_removes_every_page_that_carries_one_of_them(subject: Subject, site: str) -> None:
    provider = subject.provider()
    if not provider.supports_tags:
        with pytest.raises(UnsupportedOperation):
            provider.purge_tags(["blog.post"])
        return
    for page, tags in {"a": ("blog.post:1", "blog.post"), "b": ("blog.post:2",), "c": ("blog.post:3",)}.items():
        subject.store(f"{site}/{page}/", *(f"{tag}.{site[7:]}" for tag in tags))
    reply = provider.purge_tags([f"blog.post:1.{site[7:]}", f"blog.post:2.{site[7:]}"])
    assert reply.removed == 2
    assert [subject.holds(f"{site}/{page}/") for page in "abc"] == [False, False, True]


def test_a_purge_by_prefix_removes_what_starts_with_it(subject: Subject, site: str) -> None:
    provider = subject.provider()
    if not provider.supports_prefixes:
        with pytest.raises(UnsupportedOperation):
            provider.purge_prefixes([f"{site}/blog/"])
        return
    pages = [f"{site}/blog/a/", f"{site}/blog/b/?page=2", f"{site}/about/blog/", f"{site.replace('//', '//x')}/blog/a/"]
    for page in pages:
        subject.store(page)
    provider.purge_prefixes([f"{site}/blog/"])
    assert [subject.holds(page) for page in pages] == [False, False, True, True]


def test_a_purge_of_everything_removes_every_page(subject: Subject, site: str) -> None:
    provider = subject.provider()
    if not provider.supports_everything:
        with pytest.raises(UnsupportedOperation):
            provider.purge_everything()
        return
    subject.store(f"{site}/a/")
    subject.store(f"{site}/b/")
    provider.purge_everything()
    assert not subject.holds(f"{site}/a/")
    assert not subject.holds(f"{site}/b/")


def test_as_many_tags_as_one_call_takes_are_all_purged(subject: Subject, site: str) -> None:
    provider = subject.provider()
    if not provider.supports_tags:
        return
    tags = [f"{number:04}.{site[7:]}" for number in range(provider.max_tags_per_call)]
    tags = tags[: provider.max_tag_bytes_per_call // (len(tags[0]) + 1)]
    subject.store(f"{site}/first/", tags[0])
    subject.store(f"{site}/last/", tags[-1])
    assert provider.purge_tags(tags).removed == 2


def test_a_purge_with_the_wrong_secret_is_refused(subject: Subject, site: str) -> None:
    subject.store(f"{site}/a/")
    with pytest.raises(RejectedError):
        subject.provider(secret=WRONG_SECRET).purge_urls([f"{site}/a/"])
    assert subject.holds(f"{site}/a/")


def test_a_node_that_hangs_is_given_up_after_the_timeout(subject: Subject, site: str) -> None:
    provider = subject.provider(TIMEOUT_SECONDS=0.3)
    subject.hang()
    started_at = time.monotonic()
    try:
        with pytest.raises(TransientError):
            provider.purge_urls([f"{site}/a/"])
    finally:
        subject.recover()
    assert time.monotonic() - started_at < 10


def test_a_node_that_is_down_is_worth_another_attempt(proxy: Subject, site: str) -> None:
    with pytest.raises(TransientError):
        proxy.provider(node=f"http://127.0.0.1:{free_port()}").purge_urls([f"{site}/a/"])


def test_a_secret_is_in_no_repr_and_no_error(subject: Subject, site: str) -> None:
    provider = subject.provider(secret=WRONG_SECRET)
    with pytest.raises(DeliveryError) as refused:
        provider.purge_urls([f"{site}/a/"])
    assert WRONG_SECRET not in f"{provider!r} {refused.value!r} {refused.value} {refused.value.reply}"


def test_an_unknown_option_is_named(subject: Subject) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRTE"):
        subject.provider(SECRTE="misspelt")


def test_a_secret_that_no_header_can_carry_is_refused_unseen(subject: Subject) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        subject.provider(secret="two\nlines")
    assert "two" not in str(refused.value)


@pytest.mark.parametrize("secret", ['quote" and \\ and $ and ;', "snowman ☃", "x" * 500])
def test_a_secret_may_hold_anything_that_a_header_carries(proxy: Subject, site: str, secret: str) -> None:
    with pytest.raises(RejectedError):
        proxy.provider(secret=secret).purge_urls([f"{site}/a/"])
