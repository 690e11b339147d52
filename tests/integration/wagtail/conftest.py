"""Wagtail's apps are loaded by no other test: those in `editor` run in a process with settings of their own."""

from __future__ import annotations

from django.conf import settings

collect_ignore = [] if settings.SETTINGS_MODULE == "tests.integration.wagtail.magazine.settings" else ["editor"]
