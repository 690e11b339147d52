"""One model of every kind of tree: each node's address is made of its ancestors'."""

from __future__ import annotations

from typing import Any

from django.db import models
from mptt.models import MPTTModel, TreeForeignKey
from treebeard.al_tree import AL_Node
from treebeard.mp_tree import MP_Node
from treebeard.ns_tree import NS_Node


class Place(models.Model):
    """What all of them have."""

    slug = models.SlugField()

    class Meta:
        abstract = True

    def get_absolute_url(self) -> str:
        """By a query over the tree as it stands."""
        ancestors: Any = self
        slugs = [*(node.slug for node in ancestors.get_ancestors()), self.slug]
        return f"/{self._meta.model_name}/{'/'.join(slugs)}/"


class Path(Place, MP_Node):  # type: ignore[django-manager-missing]
    """Treebeard's materialized path."""


class Nested(Place, NS_Node):  # type: ignore[django-manager-missing]
    """Treebeard's nested sets."""


class Adjacent(Place, AL_Node):  # type: ignore[django-manager-missing]
    """Treebeard's adjacency list."""

    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children_set")
    sib_order = models.PositiveIntegerField()


class Branch(Place, MPTTModel):  # type: ignore[django-manager-missing]
    """Mptt's nested sets."""

    parent = TreeForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")
