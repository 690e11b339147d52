"""What every provider promises, shown on the real product, or on the stand-in that plays its vendor."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

import invalidation.providers
from deploy.local import wait_for
from invalidation.exceptions import (
    DeliveryError,
    RejectedError,
    Throttled,
    TransientError,
    Unrecognised,
    UnsupportedOperation,
)
from tests.providers.cdn.products import PRODUCTS
from tests.providers.conftest import LOCAL
from tests.providers.subjects import Subject

pytestmark = pytest.mark.takes(18)

#: A wrong secret is refused for good, or after it was tried a few times.
REFUSALS = (RejectedError, Unrecognised)


def test_every_provider_is_under_the_contract() -> None:
    folder = Path(invalidation.providers.__file__).parent
    found = {path.relative_to(folder) for path in folder.rglob("*.py") if "def purge_urls" in path.read_text()}
    assert {path.parts[0].removesuffix(".py") for path in found} - {"base"} == {*LOCAL, *PRODUCTS}


def test_a_purge_by_name_removes_that_page_and_no_other(subject: Subject, site: str) -> None:
    pages = [f"{site}/a/", f"{site}/b/", f"{site}/a/?page=2"]
    for page in pages:
        subject.store(page)
    provider = subject.provider()
    reply = subject.purge_names(provider, pages[0])
    assert reply.removed == 1 or not provider.counts_copies
    assert [subject.holds(page) for page in pages] == [False, True, True]


def test_the_same_purge_twice_is_harmless(subject: Subject, site: str) -> None:
    subject.store(f"{site}/a/")
    provider = subject.provider()
    removed = [subject.purge_names(provider, f"{site}/a/").removed for _ in range(3)]
    if provider.counts_copies:
        assert removed[0] == 1
        # Varnish counts a copy again for as long as somebody is being sent it.
        wait_for(lambda: subject.purge_names(provider, f"{site}/a/").removed == 0, 5, "nothing to be left")
    assert not subject.holds(f"{site}/a/")


def test_a_page_that_was_never_cached_may_be_purged(subject: Subject, site: str) -> None:
    provider = subject.provider()
    reply = subject.purge_names(provider, f"{site}/never/")
    assert reply.removed == 0 or not provider.counts_copies


def test_a_purge_by_tag_removes_every_page_that_carries_one_of_them(subject: Subject, site: str) -> None:
    provider = subject.provider()
    if not provider.supports_tags:
        with pytest.raises(UnsupportedOperation):
            provider.purge_tags(["blog.post"])
        return
    for page, carried in {"a": ("blog.post:1", "blog.post"), "b": ("blog.post:2",), "c": ("blog.post:3",)}.items():
        subject.store(f"{site}/{page}/", *(f"{tag}.{site[7:]}" for tag in carried))
    tags = [f"blog.post:1.{site[7:]}", f"blog.post:2.{site[7:]}"]
    for first in range(0, 2, provider.max_tags_per_call):
        subject.purge(provider, "purge_tags", tags[first : first + provider.max_tags_per_call])
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
    subject.purge(provider, "purge_prefixes", [f"{site}/blog/"])
    assert [subject.holds(page) for page in pages] == [False, False, True, subject.tells_hosts_apart]


def test_a_purge_of_everything_removes_every_page(subject: Subject, site: str) -> None:
    provider = subject.provider()
    if not provider.supports_everything:
        with pytest.raises(UnsupportedOperation):
            provider.purge_everything()
        return
    subject.store(f"{site}/a/")
    subject.store(f"{site}/b/", f"blog.post.{site[7:]}")
    subject.purge(provider, "purge_everything")
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
    subject.purge(provider, "purge_tags", tags)
    assert not subject.holds(f"{site}/first/")
    assert not subject.holds(f"{site}/last/")


def test_as_many_pages_and_prefixes_as_one_call_takes_are_taken(subject: Subject, site: str) -> None:
    provider = subject.provider()
    subject.purge_names(provider, *(f"{site}/{number}/" for number in range(provider.max_urls_per_call)))
    if provider.supports_prefixes:
        prefixes = [f"{site}/{number}/" for number in range(provider.max_prefixes_per_call)]
        subject.purge(provider, "purge_prefixes", prefixes)


def test_odd_urls_are_taken(subject: Subject, site: str) -> None:
    provider = subject.provider()
    for url in (f"{site}/ü/?q=ä", f"{site}/a%20b/", f"{site}/x?a=1&b=2", f"{site}/~user/[1]|2", site):
        subject.purge_names(provider, url)


def test_a_purge_with_the_wrong_secret_is_refused(subject: Subject, site: str) -> None:
    if not subject.secret_option:
        return
    subject.store(f"{site}/a/")
    with pytest.raises(REFUSALS):
        subject.purge_names(subject.intruder(), f"{site}/a/")
    assert subject.holds(f"{site}/a/")


def test_a_product_that_hangs_is_given_up_after_the_timeout(subject: Subject, site: str) -> None:
    provider = subject.provider(TIMEOUT_SECONDS=0.3)
    subject.hang()
    started_at = time.monotonic()
    try:
        with pytest.raises(TransientError):
            subject.purge_names(provider, f"{site}/a/")
    finally:
        subject.recover()
    assert time.monotonic() - started_at < 10


def test_a_product_that_is_down_is_worth_another_attempt(subject: Subject, site: str) -> None:
    with pytest.raises(TransientError) as failed:
        subject.purge_names(subject.lost(), f"{site}/a/")
    assert not isinstance(failed.value, Throttled)


def test_a_secret_is_in_no_repr_and_no_error(subject: Subject, site: str) -> None:
    for provider, secret in subject.refused():
        with pytest.raises(DeliveryError) as refused:
            subject.purge_names(provider, f"{site}/a/")
        told = f"{provider!r} {refused.value!r} {refused.value} {refused.value.reply} {refused.value.__cause__!r}"
        assert secret not in told


def test_an_unknown_option_is_named(subject: Subject) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRTE"):
        subject.provider(SECRTE="misspelt")


def test_a_missing_secret_is_named(subject: Subject) -> None:
    if subject.secret_option and subject.needs_secret:
        with pytest.raises(ImproperlyConfigured, match=subject.secret_option):
            subject.provider(**{subject.secret_option: ""})


def test_a_secret_that_no_header_can_carry_is_refused_unseen(subject: Subject) -> None:
    if subject.secret_option and subject.secret_in_header:
        with pytest.raises(ImproperlyConfigured) as refused:
            subject.provider(**{subject.secret_option: "two\nlines"})
        assert "two" not in str(refused.value)


@pytest.mark.parametrize("secret", ['quote" and \\ and $ and ;', "snowman ☃", "x" * 500])
def test_a_secret_may_hold_anything_that_a_header_carries(subject: Subject, site: str, secret: str) -> None:
    if subject.secret_option and subject.secret_in_header:
        with pytest.raises(REFUSALS):
            subject.purge_names(subject.provider(**{subject.secret_option: secret}), f"{site}/a/")
