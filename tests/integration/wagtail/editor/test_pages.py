"""What an editor does to pages: afterwards a cache holds what the application shows, and still holds the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.utils import timezone
from wagtail.models import Page, Revision

from tests.integration.wagtail.editor.magazine import Magazine, image, page
from tests.integration.wagtail.editor.reader import Reader
from tests.integration.wagtail.magazine.models import ArticlePage, SectionPage

SITE = "http://magazine.test"


def publish(one: Any, **values: Any) -> None:
    """As the button does."""
    for name, value in values.items():
        setattr(one, name, value)
    one.save_revision().publish()


def branch(magazine: Magazine, slug: str, **values: Any) -> tuple[Any, Any, Any]:
    """A section with a section with an article of its own, published below the home page."""
    outer = page(magazine.home).add_child(instance=SectionPage(title=slug, slug=slug, **values))
    inner = outer.add_child(instance=SectionPage(title=f"Inner {slug}", slug="inner"))
    leaf = inner.add_child(instance=ArticlePage(title=f"Leaf {slug}", slug="leaf", picture=image(slug)))
    return outer, inner, leaf


def test_1_publish_a_new_page(magazine: Magazine, reader: Reader) -> None:
    reader.read(f"{SITE}/travel/trams/")
    draft = page(magazine.section).add_child(instance=ArticlePage(title="Trams", slug="trams", live=False))
    publish(draft)
    assert reader.differs() >= {f"{SITE}/", f"{SITE}/travel/", f"{SITE}/travel/?page=2", f"{SITE}/travel/trams/"}
    assert f"{SITE}/culture/" in reader.hits


def test_2_edit_a_page_and_publish_it(magazine: Magazine, reader: Reader) -> None:
    reader.read()
    publish(page(magazine.article), title="Night trains")
    shown = {f"{SITE}/", f"{SITE}/travel/", f"{SITE}/travel/trains/", f"{SITE}/travel/ferries/"}
    assert reader.differs() >= shown
    assert f"{SITE}/culture/" in reader.hits


def test_2_a_new_title_is_new_in_the_menu_and_below_it(magazine: Magazine, reader: Reader) -> None:
    outer, _, _ = branch(magazine, "food", show_in_menus=True)
    reader.work()
    reader.read()
    publish(outer, title="Drinks")
    assert reader.differs() >= {f"{SITE}/culture/", f"{SITE}/food/inner/leaf/", f"{SITE}/travel/trains/"}


def test_2_a_text_that_is_shown_nowhere_else_costs_no_other_page(magazine: Magazine, reader: Reader) -> None:
    reader.read()
    publish(page(magazine.neighbour), body="<p>Rough seas</p>")
    assert {url for url in reader.differs() if "?" not in url} == {f"{SITE}/travel/ferries/"}
    assert reader.hits >= {f"{SITE}/culture/", f"{SITE}/travel/trains/"}


def test_2_a_draft_purges_nothing(magazine: Magazine, reader: Reader) -> None:
    reader.read()
    held = set(reader.hits)
    one = page(magazine.article)
    one.title = "Nobody knows yet"
    one.save_revision()
    page(magazine.section).add_child(
        instance=ArticlePage(title="Secret", slug="secret", picture=one.picture, live=False)
    )
    assert reader.differs() == {f"{SITE}/travel/secret/"}
    assert reader.hits >= held


def test_3_unpublish_a_page(magazine: Magazine, reader: Reader) -> None:
    _, inner, leaf = branch(magazine, "gone")
    reader.work()
    reader.read()
    leaf.unpublish()
    assert reader.differs() >= {f"{SITE}/gone/inner/", f"{SITE}/gone/inner/leaf/"}
    inner.unpublish()
    assert reader.differs() >= {f"{SITE}/gone/", f"{SITE}/gone/inner/"}


def _let_come() -> None:
    """What was scheduled is due; Wagtail's command, which cron starts, does it."""
    past = timezone.now() - timedelta(seconds=1)
    Revision.objects.filter(approved_go_live_at__isnull=False).update(approved_go_live_at=past)
    for revision in Revision.objects.filter(approved_go_live_at=past):
        revision.content["go_live_at"] = past.isoformat()
        revision.save()
    Page.objects.filter(expire_at__isnull=False).update(expire_at=past)
    call_command("publish_scheduled")


def test_4_schedule_a_publication_and_it_comes(magazine: Magazine, reader: Reader) -> None:
    publish(page(magazine.neighbour))
    reader.work()
    reader.read()
    held = set(reader.hits)
    publish(page(magazine.neighbour), title="Fast ferries", go_live_at=timezone.now() + timedelta(hours=1))
    assert reader.differs() == set()
    assert reader.hits >= held
    _let_come()
    assert reader.differs() >= {f"{SITE}/", f"{SITE}/travel/", f"{SITE}/travel/ferries/"}


def test_4_schedule_an_expiry_and_it_comes(magazine: Magazine, reader: Reader) -> None:
    reader.read()
    soon = timezone.now() + timedelta(hours=1)
    offer = page(magazine.section).add_child(instance=ArticlePage(title="Offer", slug="offer", expire_at=soon))
    reader.work()
    reader.read()
    _let_come()
    assert reader.differs() >= {f"{SITE}/", f"{SITE}/travel/", f"{SITE}/travel/offer/"}
    offer.refresh_from_db()
    assert not offer.live


def test_5_change_the_slug_of_a_page(magazine: Magazine, reader: Reader) -> None:
    reader.read(f"{SITE}/travel/sleepers/")
    publish(page(magazine.article), slug="sleepers")
    old, new = f"{SITE}/travel/trains/", f"{SITE}/travel/sleepers/"
    assert reader.differs() >= {old, f"{old}?page=2", new, f"{SITE}/travel/", f"{SITE}/travel/ferries/"}
    reader.read()
    publish(page(magazine.article), slug="trains")
    assert reader.differs() >= {old, new}


def test_6_change_the_slug_of_a_page_with_pages_below_it(magazine: Magazine, reader: Reader) -> None:
    outer, _, _ = branch(magazine, "sport")
    reader.work()
    reader.read(f"{SITE}/games/inner/leaf/")
    publish(outer, slug="games")
    assert reader.differs() >= {
        *(f"{SITE}/sport/{rest}" for rest in ("", "inner/", "inner/leaf/", "inner/leaf/?page=2")),
        f"{SITE}/games/inner/leaf/",
    }


def test_7_move_a_page_with_all_below_it(magazine: Magazine, reader: Reader) -> None:
    _, inner, _ = branch(magazine, "music", show_in_menus=True)
    reader.work()
    reader.read(f"{SITE}/travel/inner/leaf/")
    inner.move(page(magazine.section), pos="last-child")
    old, new = f"{SITE}/music/", f"{SITE}/travel/"
    assert reader.differs() >= {old, f"{old}inner/", f"{old}inner/leaf/", new, f"{new}inner/leaf/"}


def test_8_reorder_pages(magazine: Magazine, reader: Reader) -> None:
    first = page(magazine.home).add_child(instance=SectionPage(title="Zoo", slug="zoo", show_in_menus=True))
    reader.work()
    reader.read()
    first.move(page(magazine.section), pos="left")
    assert reader.differs() >= {f"{SITE}/", f"{SITE}/culture/", f"{SITE}/travel/trains/"}
    reader.read()
    page(magazine.neighbour).move(page(magazine.article), pos="left")
    assert f"{SITE}/travel/" in reader.differs()
    assert f"{SITE}/culture/" in reader.hits


def test_9_copy_a_page_with_all_below_it(magazine: Magazine, reader: Reader) -> None:
    outer, _, _ = branch(magazine, "film")
    reader.work()
    reader.read(f"{SITE}/travel/cinema/inner/leaf/")
    outer.copy(recursive=True, to=page(magazine.section), update_attrs={"slug": "cinema", "title": "Cinema"})
    assert reader.differs() >= {f"{SITE}/", f"{SITE}/travel/", f"{SITE}/travel/cinema/inner/leaf/"}


def test_10_delete_a_page_with_all_below_it(magazine: Magazine, reader: Reader) -> None:
    outer, _, _ = branch(magazine, "over", show_in_menus=True)
    reader.work()
    reader.read()
    outer.delete()
    gone = {f"{SITE}/over/{rest}" for rest in ("", "inner/", "inner/leaf/", "inner/leaf/?page=2")}
    assert reader.differs() >= {*gone, f"{SITE}/", f"{SITE}/culture/"}
