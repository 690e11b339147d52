"""Development: errors are shown, static files are served from the source tree, nothing needs to be set."""

from __future__ import annotations

from project.settings import environment
from project.settings.base import *  # noqa: F403
from project.settings.base import ALLOWED_HOSTS

DEBUG = environment.flag("DEBUG", default=True)
SECRET_KEY = environment.text("SECRET_KEY", "development-only-" + "0" * 50)
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "localhost", ".localhost", "127.0.0.1", "[::1]"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 0
