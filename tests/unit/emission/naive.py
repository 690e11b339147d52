"""The textbook emitter: a task from `post_save` and `post_delete`, sent at once, with the address of the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models.signals import post_delete, post_save

from tests.fixtures.library.models import Book


@contextmanager
def naive_emitter() -> Iterator[set[str]]:
    """What its tasks were asked to purge."""
    asked: set[str] = set()

    def enqueue(instance: Book, **_: Any) -> None:
        if instance.public:
            asked.add(instance.get_absolute_url())

    post_save.connect(enqueue, sender=Book)
    post_delete.connect(enqueue, sender=Book)
    yield asked
    post_save.disconnect(enqueue, sender=Book)
    post_delete.disconnect(enqueue, sender=Book)
