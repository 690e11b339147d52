"""Inside Django's TestCase, whose transaction never commits, an adopter's test sees every change."""

from __future__ import annotations

from django.db import transaction
from django.test import TestCase

from invalidation.models import Event
from tests.fixtures.library.models import Genre


class Changes(TestCase):
    genre: Genre

    @classmethod
    def setUpTestData(cls) -> None:
        cls.genre = Genre.objects.create(slug="prose")

    def setUp(self) -> None:
        Event.objects.all().delete()

    def save(self) -> None:
        self.genre.save()

    def test_each_of_two_equal_saves_is_an_event(self) -> None:
        self.save()
        self.save()
        assert Event.objects.count() == 2

    def test_each_of_two_equal_transactions_is_an_event(self) -> None:
        save_atomically = transaction.atomic(self.save)
        save_atomically()
        save_atomically()
        assert Event.objects.count() == 2

    def test_equal_saves_of_one_transaction_are_one_event(self) -> None:
        with transaction.atomic():
            self.save()
            self.save()
        assert Event.objects.count() == 1

    def test_hooks_that_a_test_runs_find_the_events_stored(self) -> None:
        with self.captureOnCommitCallbacks(execute=True), transaction.atomic():
            self.save()
        assert Event.objects.count() == 1
