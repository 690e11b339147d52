"""Development: errors are shown, static files are served from the source tree, nothing needs to be set."""

from __future__ import annotations

from project.settings import environment
from project.settings.base import *  # noqa: F403
from project.settings.base import ALLOWED_HOSTS, CACHE_REDIS_URL

DEBUG = environment.flag("DEBUG", default=True)
SECRET_KEY = environment.text("SECRET_KEY", "development-only-" + "0" * 50)
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "localhost", ".localhost", "127.0.0.1", "[::1]"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 0

if not CACHE_REDIS_URL:
    # What a process keeps in its own memory, no worker can make stale.
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
