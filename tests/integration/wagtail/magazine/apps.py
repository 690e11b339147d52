"""The app of the magazine."""

from __future__ import annotations

from django.apps import AppConfig


class MagazineConfig(AppConfig):
    name = "tests.integration.wagtail.magazine"
    label = "magazine"
