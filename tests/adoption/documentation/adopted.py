"""The blog with nothing installed of the app but what an adopter needs: who only watches enters no file."""

from __future__ import annotations

from project.settings.test import *  # noqa: F403
from project.settings.test import INSTALLED_APPS

INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "invalidation.contrib.prometheus"]
