"""Tests: no debug output, cheap passwords; servers only where the environment names them."""

from __future__ import annotations

from project.settings import environment, stores
from project.settings.base import *  # noqa: F403
from project.settings.base import ALLOWED_HOSTS, DATABASES, INSTALLED_APPS

DEBUG = False
SECRET_KEY = environment.text("SECRET_KEY", "tests-only-" + "0" * 50)
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "testserver", "localhost", ".localhost", "127.0.0.1", "[::1]"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# Models of every kind that can be written, trees, and a second database beside the first.
INSTALLED_APPS = [*INSTALLED_APPS, "tests.fixtures.library", "tests.unit.trees"]
DATABASES = {**DATABASES, "other": stores.beside(DATABASES["default"])}
