"""One model of every kind that Django knows, with the same fields: what `tests.emission.test_every_write` writes."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.functions import Upper

from invalidation.managers import InvalidatingManager


class Thing(models.Model):
    """The abstract parent of all of them."""

    slug = models.SlugField(unique=True)
    note = models.CharField(max_length=80, blank=True)

    objects: ClassVar[models.Manager[Any]] = InvalidatingManager()

    class Meta:
        abstract = True

    def get_absolute_url(self) -> str:
        return f"/{self._meta.model_name}/{self.slug}/"


class Plain(Thing):
    """Nothing but a row."""


class Proxied(Plain):
    """The same rows by another name."""

    class Meta:
        proxy = True


class Parent(Thing):
    """A multi-table parent."""


class Child(Parent):
    """Its rows are in two tables."""

    year = models.IntegerField(default=2000)


class Token(Thing):
    """Makes its own key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)


class Pair(Thing):
    """Has a key of two columns."""

    pk = models.CompositePrimaryKey("room", "number")
    room = models.IntegerField()
    number = models.IntegerField()


class Computed(Thing):
    """The database writes some of its columns."""

    loud = models.GeneratedField(
        expression=Upper("slug"), output_field=models.CharField(max_length=80), db_persist=True
    )
    rank = models.IntegerField(db_default=1)

    def get_absolute_url(self) -> str:
        return f"/computed/{self.loud}/{self.rank}/"


class Visible(InvalidatingManager[Any]):
    """A default manager that hides rows."""

    def get_queryset(self) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = super().get_queryset()
        return rows.exclude(note="hidden")


class Veiled(Thing):
    """Has a manager of its own."""

    objects: ClassVar[models.Manager[Any]] = Visible()


class ForeignQuerySet(models.QuerySet[Any]):
    """As a package would have it."""

    def noted(self) -> models.QuerySet[Any]:
        return self.exclude(note="")


class ForeignManager(models.Manager.from_queryset(ForeignQuerySet)):  # type: ignore[misc]
    """With a name, by which migrations may know it."""


class Foreign(Thing):
    """Has a manager that nobody here can change."""

    objects: ClassVar[models.Manager[Any]] = ForeignManager()


class Adopted(Thing):
    """Has one too; the rules name it."""

    objects: ClassVar[models.Manager[Any]] = ForeignManager()


class Owner(Thing):
    """The end of a foreign key."""


class Owned(Thing):
    """Loses its owner when that is deleted."""

    owner = models.ForeignKey(Owner, on_delete=models.SET_NULL, null=True, related_name="owned")


class Node(Thing):
    """Belongs to another of its kind, and knows others."""

    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")
    friends = models.ManyToManyField("self")


class Group(Thing):
    """The far end of an automatic join table."""


class Member(Thing):
    """The near end of it."""

    groups = models.ManyToManyField(Group, related_name="members")


class Right(Thing):
    """The far end of an explicit join table."""


class Left(Thing):
    """The near end of it."""

    rights = models.ManyToManyField(Right, through="Joint", related_name="lefts")


class Joint(models.Model):
    """An explicit join row, which nobody registers."""

    left = models.ForeignKey(Left, on_delete=models.CASCADE)
    right = models.ForeignKey(Right, on_delete=models.CASCADE)
    note = models.CharField(max_length=80, blank=True)

    objects: ClassVar[models.Manager[Joint]] = InvalidatingManager()


class Remark(Thing):
    """About anything."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, null=True)
    object_id = models.PositiveBigIntegerField(null=True)
    subject = GenericForeignKey()


class Remarked(Thing):
    """Something to be remarked upon."""

    remarks = GenericRelation(Remark)
