"""Production: refuses to start without its secrets, serves hashed static files, trusts the proxy in front."""

from __future__ import annotations

from project.settings import environment, logs, stores
from project.settings.base import *  # noqa: F403
from project.settings.base import BASE_DIR, CACHE_REDIS_URL, CACHES, DATABASES, INVALIDATION, LOG_LEVEL, REDIS_URL

DEBUG = False
SECRET_KEY = environment.required("SECRET_KEY")

HTTPS = environment.flag("HTTPS", default=True)
"""False only where the whole chain is plain HTTP, as on one machine without certificates."""
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = environment.flag("HSTS_SUBDOMAINS", default=True)
# The probes of the proxies come in plain HTTP from inside.
SECURE_REDIRECT_EXEMPT = [r"^health/(ready/)?$", r"^metrics$"]
# Nginx in front overwrites this header, so a client can't set it.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

DATABASES["default"] = stores.pooled(DATABASES["default"], int(environment.text("DATABASE_POOL_SIZE", "10")))

CACHE_REPLICA_URLS = environment.words("CACHE_REPLICA_URLS")
CACHES = stores.caches(
    CACHES["default"],
    CACHE_REDIS_URL,
    replica_urls=CACHE_REPLICA_URLS,
    sessions_url=environment.text("SESSION_REDIS_URL", stores.redis_database(REDIS_URL, 3) or CACHE_REDIS_URL),
    temporary_url=environment.text("TEMPORARY_REDIS_URL", stores.redis_database(REDIS_URL, 4) or CACHE_REDIS_URL),
)
# In the database too: a cache may evict, and nobody should be signed out by that.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_CACHE_ALIAS = "sessions"

LOGGING = logs.logging(json=environment.flag("LOG_JSON", default=True), level=LOG_LEVEL)

INVALIDATION["DEPLOY"] = {
    "CRITICAL_URLS": ["/", "/blog/", "/about/", "/api/posts/", "/sitemap.xml"],
    # A new release may render every page anew.
    "PREFIXES": ["/"],
}
if CACHE_REPLICA_URLS:
    # A page may be rendered from a replica that has not heard of the purge yet; the rebound waits for so long more.
    INVALIDATION["FRESHNESS"] = {"REPLICA_LAG_SECONDS": 1.0}

STATIC_URL = f"{environment.text('STATIC_CDN_URL').rstrip('/')}/static/"
STATIC_ROOT = environment.text("STATIC_ROOT", str(BASE_DIR / "staticfiles"))
MEDIA_ROOT = environment.text("MEDIA_ROOT", str(BASE_DIR / "media"))
STORAGES = {
    "default": stores.media(
        bucket=environment.text("MEDIA_BUCKET"),
        region=environment.text("MEDIA_REGION"),
        endpoint_url=environment.text("MEDIA_ENDPOINT_URL"),
        cdn_host=environment.text("MEDIA_CDN_HOST"),
    ),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
