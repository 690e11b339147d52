"""The app of the magazine."""

from __future__ import annotations

from django.apps import AppConfig


class MagazineConfig(AppConfig):
    name = "tests.wagtail.magazine"
    label = "magazine"
