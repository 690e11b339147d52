"""Production: refuses to start without its secrets, serves hashed static files, trusts the proxy in front."""

from __future__ import annotations

from project.settings import environment
from project.settings.base import *  # noqa: F403
from project.settings.base import BASE_DIR

DEBUG = False
SECRET_KEY = environment.required("SECRET_KEY")

HTTPS = environment.flag("HTTPS", default=True)
"""False only where the whole chain is plain HTTP, as on one machine without certificates."""
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# The probes of the proxies come in plain HTTP from inside.
SECURE_REDIRECT_EXEMPT = [r"^health/$", r"^metrics$"]
# Nginx in front overwrites this header, so a client can't set it.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

STATIC_ROOT = environment.text("STATIC_ROOT", str(BASE_DIR / "staticfiles"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
