"""What an editor does to what pages show, and to sites: nothing stays stale."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from wagtail.contrib.redirects.models import Redirect
from wagtail.images.forms import get_image_form
from wagtail.images.models import Image
from wagtail.images.views.serve import generate_image_url
from wagtail.models import Collection, CollectionViewRestriction, Locale, PageViewRestriction, Site

from tests.integration.wagtail.editor.magazine import Magazine, document, image, page, picture
from tests.integration.wagtail.editor.reader import Reader
from tests.integration.wagtail.editor.test_pages import SITE, branch, publish
from tests.integration.wagtail.magazine.models import ArticlePage, Author, Masthead

ARTICLE = f"{SITE}/travel/trains/"


def test_11_edit_a_snippet(magazine: Magazine, reader: Reader) -> None:
    reader.read()
    author = Author.objects.get(name="Ada")
    author.name = "Ada Lovelace"
    author.save_revision().publish()
    assert ARTICLE in reader.differs()
    assert f"{SITE}/culture/" in reader.hits
    author.unpublish()
    assert ARTICLE in reader.differs()
    author.save_revision().publish()
    assert ARTICLE in reader.differs()


def _uploaded(one: Any, colour: str, name: str) -> None:
    """By Wagtail's form, which deletes the old file and what was made of it."""
    form = get_image_form(Image)(
        {"title": one.title, "collection": one.collection_id},
        {"file": picture(colour, name)},
        instance=Image.objects.get(pk=one.pk),
    )
    assert form.is_valid(), form.errors
    form.save()


def test_12_replace_the_file_of_an_image(magazine: Magazine, reader: Reader) -> None:
    one = page(magazine.article).picture
    served = f"{SITE}{generate_image_url(one, 'width-30')}"
    reader.read(served)
    assert served in reader.hits
    old = {f"{SITE}{row.file.url}" for row in (one, *one.renditions.all())}
    assert len(old) == 3
    _uploaded(one, "green", "another.png")
    assert reader.differs() >= {*old, served, ARTICLE, f"{SITE}/travel/"}


def test_12_replace_the_file_of_an_image_that_a_snippet_shows(magazine: Magazine, reader: Reader) -> None:
    reader.read()
    _uploaded(Author.objects.get().portrait, "yellow", "portrait.png")
    assert ARTICLE in reader.differs()


def test_12_delete_an_image(magazine: Magazine, reader: Reader) -> None:
    publish(page(magazine.neighbour), picture=image("harbour"))
    reader.work()
    reader.read()
    one = page(magazine.neighbour).picture
    old = {f"{SITE}{row.file.url}" for row in (one, *one.renditions.all())}
    one.delete()
    assert reader.differs() >= {*old, f"{SITE}/travel/ferries/", f"{SITE}/travel/"}


def test_13_replace_and_delete_a_document(magazine: Magazine, reader: Reader) -> None:
    reader.read()
    one = page(magazine.article).download
    old = f"{SITE}{one.url}"
    one.file = ContentFile(b"second", "timetable.txt")
    one.title = "Summer timetable"
    one.save()
    new = {f"{SITE}{one.url}", f"{SITE}{one.file.url}"}
    assert reader.differs() >= {old, *new, ARTICLE}
    reader.read()
    one.delete()
    assert reader.differs() >= {*new, ARTICLE}


def test_14_write_change_and_delete_a_redirect(magazine: Magazine, reader: Reader) -> None:
    asked = {f"{SITE}/straße", f"{SITE}/straße/"}
    reader.read(*asked)
    written = Redirect.add_redirect("/straße/", redirect_to=page(magazine.article))
    assert reader.differs() >= asked
    reader.read()
    written.redirect_page = page(magazine.neighbour)
    written.save()
    assert reader.differs() >= asked
    reader.read()
    written.delete()
    assert reader.differs() >= asked


def test_14_a_redirect_leads_to_where_its_page_is_now(magazine: Magazine, reader: Reader) -> None:
    outer, inner, _ = branch(magazine, "radio")
    Redirect.add_redirect("/fm", redirect_to=inner)
    reader.work()
    reader.read()
    publish(outer, slug="podcasts")
    assert reader.differs() >= {f"{SITE}/fm", f"{SITE}/fm/"}


def test_15_publish_a_translation(magazine: Magazine, reader: Reader) -> None:
    german = Locale.objects.get(language_code="de")
    page(magazine.section).copy_for_translation(german).save_revision().publish()
    reader.work()
    reader.read(f"{SITE}/de/travel/zuege/")
    translated = page(magazine.article).copy_for_translation(german)
    publish(translated, title="Züge", slug="zuege")
    assert reader.differs() >= {ARTICLE, f"{SITE}/de/travel/", f"{SITE}/de/travel/zuege/"}
    reader.read()
    publish(translated.specific, title="Nachtzüge")
    assert reader.differs() >= {ARTICLE, f"{SITE}/de/travel/zuege/"}


def test_15_an_alias_follows_its_page(magazine: Magazine, reader: Reader) -> None:
    outer, _, leaf = branch(magazine, "books")
    reader.work()
    reader.read(f"{SITE}/travel/mirror/")
    leaf.create_alias(parent=page(magazine.section), update_slug="mirror")
    assert f"{SITE}/travel/mirror/" in reader.differs()
    reader.read()
    publish(page(leaf.pk), title="Novels")
    assert reader.differs() >= {f"{SITE}/travel/mirror/", f"{SITE}/books/inner/leaf/"}
    outer.delete()
    reader.differs()


def test_16_make_pages_private(magazine: Magazine, reader: Reader) -> None:
    outer, _, leaf = branch(magazine, "inside")
    leaf.create_alias(parent=page(magazine.section), update_slug="insight")
    reader.work()
    reader.read()
    restriction = PageViewRestriction.objects.create(page=outer, restriction_type="login")
    assert reader.differs() >= {f"{SITE}/inside/", f"{SITE}/inside/inner/leaf/", f"{SITE}/inside/inner/leaf/?page=2"}
    restriction.delete()
    reader.read()
    PageViewRestriction.objects.create(page=leaf, restriction_type="login")
    assert reader.differs() >= {f"{SITE}/travel/insight/", f"{SITE}/inside/inner/leaf/"}


def test_16_make_a_collection_of_documents_private(magazine: Magazine, reader: Reader) -> None:
    collection = Collection.get_first_root_node().add_child(name="Board")
    minutes = document("minutes")
    minutes.collection = collection.add_child(name="Minutes")
    minutes.save()
    reader.work()
    reader.read()
    CollectionViewRestriction.objects.create(collection=collection, restriction_type="login")
    assert f"{SITE}{minutes.url}" in reader.differs()


def test_16_move_a_collection_into_a_private_one(magazine: Magazine, reader: Reader) -> None:
    root = Collection.get_first_root_node()
    private = root.add_child(name="Board")
    CollectionViewRestriction.objects.create(collection=private, restriction_type="login")
    moved = Collection.get_first_root_node().add_child(name="Minutes")
    minutes = document("minutes")
    minutes.collection = moved.add_child(name="May")
    minutes.save()
    reader.work()
    reader.read()
    Collection.objects.get(pk=moved.pk).move(Collection.objects.get(pk=private.pk), "sorted-child")
    assert f"{SITE}{minutes.url}" in reader.differs()


def test_17_change_what_stands_on_every_page(magazine: Magazine, reader: Reader) -> None:
    reader.read()
    masthead = Masthead.objects.get()
    masthead.motto = f"{masthead.motto}!"
    masthead.save()
    assert reader.differs() >= {f"{SITE}/", ARTICLE, f"{SITE}/de/"}


@pytest.fixture
def second_site(magazine: Magazine) -> Any:
    """A site of its own beside the default one, whose pages are also pages of that."""
    outer, _, _ = branch(magazine, "second")
    return Site.objects.create(hostname="second.test", port=80, root_page=outer)


def test_17_pages_of_several_sites_are_purged_where_they_are(
    magazine: Magazine, second_site: Any, reader: Reader
) -> None:
    reader.read(f"{SITE}/second/inner/leaf/")
    leaf = ArticlePage.objects.get(title="Leaf second")
    publish(leaf, title="Second thoughts")
    differing = reader.differs()
    assert {"http://second.test/inner/leaf/", f"{SITE}/second/inner/leaf/"} <= differing
    assert f"{SITE}/culture/" in reader.hits


def test_17_change_the_root_page_and_the_name_of_a_site(magazine: Magazine, second_site: Any, reader: Reader) -> None:
    reader.read("http://second.test/", "http://second.test/travel/")
    second_site.root_page = page(magazine.section)
    second_site.save()
    assert "http://second.test/" in reader.differs()
    reader.read("http://second.test/", "http://second.test/travel/")
    second_site.hostname = "third.test"
    second_site.save()
    assert "http://second.test/" in reader.differs()
