"""What the bridge stores, and what it leaves alone: events, apart from any cache."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.test import Client
from wagtail.contrib.frontend_cache.utils import PurgeBatch
from wagtail.models import Page, ReferenceIndex, Site
from wagtail.models.sites import SITE_ROOT_PATHS_CACHE_KEY, SITE_ROOT_PATHS_CACHE_VERSION

import invalidation
from invalidation.contrib.wagtail import register_pages
from invalidation.emission import registry
from invalidation.models import Event
from invalidation.testing import page_tags
from tests.fixtures.servers import ROOT
from tests.integration.wagtail.editor.magazine import Magazine, image, page
from tests.integration.wagtail.editor.test_pages import branch
from tests.integration.wagtail.magazine.models import ArticlePage, Author

FRONTEND_CACHE = "invalidation.contrib.wagtail.FrontendCache"


def _stored(kind: str = "urls") -> set[str]:
    return {target for event in Event.objects.all() for target in event.targets.get(kind, ())}


@pytest.fixture(autouse=True)
def _nothing_stored(magazine: Magazine) -> None:
    Event.objects.all().delete()


def test_a_draft_stores_no_event(magazine: Magazine) -> None:
    one = page(magazine.article)
    one.title = "Nobody knows yet"
    one.slug = "nobody-knows"
    one.save_revision()
    picture = page(magazine.article).picture
    draft = ArticlePage(title="Draft", slug="draft", picture=picture, live=False)
    draft = page(magazine.section).add_child(instance=draft)
    draft.delete()
    author = Author.objects.get()
    author.name = "Nobody"
    author.save_revision()
    assert not Event.objects.exists()


def test_a_rendition_that_is_made_while_a_page_is_rendered_is_no_event(magazine: Magazine) -> None:
    image("fresh").get_rendition("width-11")
    Event.objects.all().delete()
    assert page(magazine.article).picture.get_rendition("width-12")
    assert not Event.objects.exists()


def test_a_page_that_is_rolled_back_stores_nothing(magazine: Magazine) -> None:
    with transaction.atomic():
        page(magazine.section).add_child(instance=ArticlePage(title="Undone", slug="undone"))
        transaction.set_rollback(True)
    assert not Event.objects.exists()


@pytest.mark.parametrize("descendants", [1, 30])
def test_what_a_moved_subtree_costs_does_not_grow_with_it(
    magazine: Magazine, descendants: int, django_assert_max_num_queries: Any
) -> None:
    _, inner, _ = branch(magazine, "large")
    for number in range(descendants):
        inner.add_child(instance=ArticlePage(title=f"Leaf {number}", slug=f"leaf-{number}"))
    with django_assert_max_num_queries(100), transaction.atomic():
        page(inner.pk).move(page(magazine.section), pos="last-child")
    assert _stored() >= {f"/travel/inner/leaf-{descendants - 1}/", f"/large/inner/leaf-{descendants - 1}/"}


def test_the_admins_own_views_move_and_publish(magazine: Magazine) -> None:
    _, inner, _ = branch(magazine, "clicked")
    User.objects.create_superuser("editor", password="editor")
    editor = Client()
    assert editor.login(username="editor", password="editor")
    Event.objects.all().delete()
    answer = editor.post(f"/admin/pages/{inner.pk}/move/{magazine.section}/confirm/")
    assert answer.status_code == 302, answer.content
    assert _stored() >= {"/clicked/inner/leaf/", "/travel/inner/leaf/"}
    assert "editor" in set(Event.objects.values_list("actor", flat=True))


def test_a_page_whose_references_cannot_be_read_is_served_and_kept_for_a_short_time(
    magazine: Magazine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    known = Client().get("/travel/trains/", headers={"host": "magazine.test"})
    assert "s-maxage=600" in known["Cache-Control"]
    monkeypatch.setattr(ReferenceIndex, "_extract_references_from_object", broken)
    answer = Client().get("/travel/trains/", headers={"host": "magazine.test"})
    assert answer.status_code == 200
    assert "s-maxage=10" in answer["Cache-Control"].split(", ")


def test_a_page_carries_the_tags_of_what_it_refers_to(magazine: Magazine) -> None:
    one = page(magazine.article)
    answer = Client().get("/travel/trains/", headers={"host": "magazine.test"})
    shown = {f"magazine.author:{one.author_id}", f"wagtailimages.image:{one.picture_id}", f"wagtailcore.page:{one.pk}"}
    assert page_tags(answer) >= {*shown, f"wagtaildocs.document:{one.download_id}", "wagtail.menu"}


def test_what_frontend_cache_purges_is_an_event_of_the_open_transaction() -> None:
    batch = PurgeBatch(["http://magazine.test/print/", "http://magazine.test/feed/"])
    with transaction.atomic():
        batch.purge()
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    batch.purge()
    assert _stored() == {"http://magazine.test/print/", "http://magazine.test/feed/"}
    assert set(Event.objects.values_list("reason", flat=True)) == {"frontend_cache"}


def test_an_address_that_frontend_cache_cannot_purge_keeps_no_other_back() -> None:
    batch = PurgeBatch(["http://elsewhere.example/", "http://magazine.test/a b", "http://magazine.test/feed/"])
    batch.purge(backend_settings={"default": {"BACKEND": FRONTEND_CACHE, "TIERS": ["varnish"]}})
    assert _stored() == {"http://magazine.test/feed/"}
    assert Event.objects.get().tiers == "varnish"


def test_snippets_that_wagtail_has_not_found_yet_are_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = ["invalidation", *(label for label in apps.app_configs if label != "invalidation")]
    monkeypatch.setattr(apps, "app_configs", {label: apps.app_configs[label] for label in labels})
    with pytest.raises(ImproperlyConfigured, match=r"move 'invalidation' below 'wagtail\.snippets'"):
        register_pages()


def test_a_site_s_own_rules_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(invalidation.Rules):
        pass

    known = registry.registered()[Author]
    invalidation.register(Author, rules=Own)
    register_pages()
    assert type(registry.registered()[Author]) is Own
    invalidation.register(Author, rules=type(known))


def test_the_addresses_of_sites_are_forgotten_again_after_the_commit(magazine: Magazine) -> None:
    site = Site.objects.get()
    before = Site.get_site_root_paths()
    with transaction.atomic():
        site.hostname = "new.test"
        site.save()
        # Another process, which sees what is committed, remembers it for an hour.
        caches["default"].set(SITE_ROOT_PATHS_CACHE_KEY, before, version=SITE_ROOT_PATHS_CACHE_VERSION)
    assert {root.root_url for root in Site.get_site_root_paths()} == {"http://new.test"}


def _blocks() -> list[str]:
    return re.findall(
        r"^ *```python\n(.*?)^ *```", (ROOT / "docs/how-to/wagtail.md").read_text(), re.DOTALL | re.MULTILINE
    )


def test_the_how_to_registers_what_the_magazine_does() -> None:
    [block] = [textwrap.dedent(block) for block in _blocks() if block.strip().startswith("# blog/invalidations.py")]
    shown = (ROOT / "tests/integration/wagtail/magazine/invalidations.py").read_text()
    assert block.partition("\n")[2].strip() == shown.partition("annotations")[2].strip()


def test_the_how_to_s_setting_is_the_magazine_s() -> None:
    [block] = [block for block in _blocks() if block.startswith("WAGTAILFRONTENDCACHE")]
    assert block in (ROOT / "tests/integration/wagtail/magazine/settings.py").read_text()


def test_the_how_to_s_own_rules_for_pages_add_an_address(magazine: Magazine) -> None:
    [block] = [block for block in _blocks() if "register_pages(rules=Pages)" in block]
    known = registry.registered()[Page]
    registry.unregister(Page)
    try:
        exec(block, {})
        page(magazine.article).save()
        assert _stored() >= {"/feed/", "/travel/trains/", "/travel/trains/print/"}
    finally:
        invalidation.register(Page, rules=type(known))
