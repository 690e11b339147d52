"""One model of each kind: related, joined, proxied, inherited, generic, with a key of its own, atomic."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models

from invalidation.managers import InvalidatingManager
from invalidation.models import AtomicSaveMixin


class Author(models.Model):
    """Related to other authors in both ways that a model can be to itself."""

    slug = models.SlugField()
    friends = models.ManyToManyField("self", blank=True)
    influences = models.ManyToManyField("self", symmetrical=False, related_name="influenced", blank=True)

    objects: ClassVar[models.Manager[Author]] = InvalidatingManager()

    def get_absolute_url(self) -> str:
        return f"/authors/{self.slug}/"


class Genre(models.Model):
    """The far end of a plain relation."""

    slug = models.SlugField()

    def get_absolute_url(self) -> str:
        return f"/genres/{self.slug}/"


class Shelf(models.Model):
    """The far end of a relation with an explicit join model."""

    slug = models.SlugField()

    def get_absolute_url(self) -> str:
        return f"/shelves/{self.slug}/"


class Book(models.Model):
    """The model with rules of its own; its base manager sees `author.books.add()` too."""

    title = models.CharField(max_length=80, blank=True)
    slug = models.SlugField(unique=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    genres = models.ManyToManyField(Genre, related_name="books")
    shelves = models.ManyToManyField(Shelf, through="Placement", related_name="books")
    public = models.BooleanField(default=True)
    views = models.PositiveIntegerField(default=0)
    notes = models.JSONField(default=dict)
    scan = models.FileField(blank=True)
    reviews = GenericRelation("Review")

    objects: ClassVar[models.Manager[Book]] = InvalidatingManager()

    class Meta:
        base_manager_name = "objects"

    def get_absolute_url(self) -> str:
        return f"/books/{self.slug}/"


class Bestseller(Book):
    """A proxy that isn't registered: what it writes are books."""

    class Meta:
        proxy = True


class Placement(models.Model):
    """An explicit join model, which nobody registers."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE)
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE)
    position = models.IntegerField(default=0)


class Review(models.Model):
    """About anything."""

    text = models.CharField(max_length=80)
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    subject = GenericForeignKey()


class Document(models.Model):
    """A multi-table parent."""

    slug = models.SlugField()

    objects: ClassVar[models.Manager[Any]] = InvalidatingManager()

    def get_absolute_url(self) -> str:
        return f"/documents/{self.slug}/"


class Report(Document):
    """A multi-table child with a page of its own."""

    year = models.IntegerField(default=2000)

    def get_absolute_url(self) -> str:
        return f"/reports/{self.year}/{self.slug}/"


class Memoir(Document):
    """A multi-table child with a primary key of its own."""

    number = models.IntegerField(primary_key=True)
    document = models.OneToOneField(Document, models.CASCADE, parent_link=True)

    def get_absolute_url(self) -> str:
        return f"/memoirs/{self.number}/{self.slug}/"


class Person(models.Model):
    """A concrete model that isn't registered, behind a proxy that is."""

    name = models.SlugField()


class Patron(Person):
    """The proxy, which alone knows the address."""

    class Meta:
        proxy = True

    def get_absolute_url(self) -> str:
        return f"/patrons/{self.name}/"


class Ticket(models.Model):
    """Makes its own key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    slug = models.SlugField(default="ticket")


class Loan(AtomicSaveMixin):
    """Saved in a transaction with its event, whoever saves it."""

    slug = models.SlugField()


class Draft(models.Model):
    """Its address can't always be told."""

    slug = models.SlugField(blank=True)

    def get_absolute_url(self) -> str:
        if not self.slug:
            raise ValueError("no slug, no page")
        return f"/drafts/{self.slug}/"


class Magazine(models.Model):
    """Its table has the trigger."""

    slug = models.SlugField()
    reads = models.PositiveIntegerField(default=0)


class Page(models.Model):
    """A node of a tree that keeps its path, as django-treebeard's and django-mptt's do."""

    slug = models.SlugField()
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")

    objects: ClassVar[models.Manager[Page]] = InvalidatingManager()

    def get_absolute_url(self) -> str:
        """By a query over the tree as it stands: asked after a move it gives the new path, whatever `self` holds."""
        row = Page.objects.filter(pk=self.pk).first()
        return (row.parent.get_absolute_url() if row.parent else "/pages/") + f"{row.slug}/" if row else "/pages/gone/"

    def move(self, parent: Page | None) -> None:
        """As those libraries do it: behind the back of every signal."""
        with connection.cursor() as cursor:
            key = parent.pk if parent else None
            cursor.execute("UPDATE library_page SET parent_id = %s WHERE id = %s", [key, self.pk])


class Notice(models.Model):
    """Shown from one instant to another."""

    slug = models.SlugField()
    opens_at = models.DateTimeField(null=True)
    closes_at = models.DateTimeField(null=True)
    shelf = models.ForeignKey(Shelf, on_delete=models.SET_NULL, null=True)

    objects: ClassVar[models.Manager[Notice]] = InvalidatingManager()

    def get_absolute_url(self) -> str:
        return f"/notices/{self.slug}/"


from tests.library import kinds  # noqa: E402, F401 (its models belong to this app)
