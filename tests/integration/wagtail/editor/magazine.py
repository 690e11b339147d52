"""What the magazine holds before an editor comes: two languages, a section with articles, and all that they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile
from wagtail.documents.models import Document
from wagtail.images.models import Image
from wagtail.images.tests.utils import get_test_image_file
from wagtail.models import Collection, Locale, Page, Site

from tests.integration.wagtail.magazine.models import ArticlePage, Author, HomePage, Masthead, Reading, SectionPage


@dataclass
class Magazine:
    """Its pages by name; each is read anew where it is used."""

    home: int
    section: int
    article: int
    neighbour: int
    german_home: int


def page(key: int) -> Any:
    """As it is stored."""
    return Page.objects.get(pk=key).specific


def picture(colour: str, name: str = "picture.png") -> Any:
    """A file of one colour."""
    file = get_test_image_file(name, colour, (40, 30))
    file.seek(0)
    return file


def image(title: str, colour: str = "red") -> Any:
    return Image.objects.create(title=title, file=picture(colour, f"{title}.png"))


def document(title: str, content: bytes = b"first") -> Any:
    return Document.objects.create(title=title, file=ContentFile(content, f"{title}.txt"))


def furnish() -> Magazine:
    """Rows that Wagtail's own migrations write, and those of the magazine."""
    english, german = (Locale.objects.create(language_code=code) for code in ("en", "de"))
    Collection.add_root(name="Root")
    root = Page.add_root(title="Root", slug="root", locale=english)
    home = root.add_child(instance=HomePage(title="Home", slug="home", locale=english))
    Site.objects.create(hostname="magazine.test", port=80, root_page=home, is_default_site=True)
    Masthead.objects.create()
    section = home.add_child(instance=SectionPage(title="Travel", slug="travel", show_in_menus=True))
    home.add_child(instance=SectionPage(title="Culture", slug="culture", show_in_menus=True))
    author = Author.objects.create(name="Ada", portrait=image("ada", "blue"))
    article = section.add_child(
        instance=ArticlePage(
            title="Trains", slug="trains", author=author, picture=image("trains"), download=document("timetable")
        )
    )
    neighbour = section.add_child(instance=ArticlePage(title="Ferries", slug="ferries"))
    Reading.objects.create(article=neighbour, page=article)
    german_home = home.copy_for_translation(german)
    german_home.save_revision().publish()
    return Magazine(home.pk, section.pk, article.pk, neighbour.pk, german_home.pk)
