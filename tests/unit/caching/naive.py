"""Textbook versions of a query cache, reconstructed small: what they get wrong is what the real one is tested for."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.cache import cache
from django.db.models import Model, QuerySet
from django.db.models.signals import post_save

from project.blog.models import Post


def key_of_query(queryset: QuerySet[Any]) -> str:
    """From the text of the query, which Django writes for people."""
    return f"query:{queryset.query}"


def key_of_lookups(lookups: dict[str, Any], **options: Any) -> str:
    """From the lookups as JSON; `default=str` among the options is the usual repair."""
    text = json.dumps(lookups, sort_keys=True, **options)
    return "get:" + hashlib.sha256(text.encode()).hexdigest()


def get(**lookups: Any) -> Post | None:
    """None where there is no such row, and from the cache where it knows nothing."""
    key = key_of_lookups(lookups)
    row: Post | None = cache.get(key)
    if row is None:
        row = Post.objects.filter(**lookups).first()
        cache.set(key, row)
    return row


def store(key: str, value: Any, tag: str, meanwhile: Callable[[], object] = int) -> None:
    """Under each tag the set of keys to delete; `meanwhile` runs between its reading and writing, as another would."""
    cache.set(key, value)
    keys = cache.get(f"keys-of-{tag}") or set()
    meanwhile()
    cache.set(f"keys-of-{tag}", keys | {key})


def invalidate(tag: str) -> None:
    """Delete what the set names."""
    cache.delete_many(cache.get(f"keys-of-{tag}") or set())


@contextmanager
def receiver_of_every_model() -> Iterator[None]:
    """Gives a model a new version whenever a row of any model is saved."""

    def renew(sender: type[Model], **_: Any) -> None:
        cache.set(f"version-of-{sender._meta.label}", uuid.uuid4().hex)

    post_save.connect(renew)
    yield
    post_save.disconnect(renew)
