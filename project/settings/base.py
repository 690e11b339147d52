"""What every environment shares; each value that differs comes from the process environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from project.settings import environment, logs, stores
from project.settings.policy import POLICY, QUERY_PARAMETERS, UNHASHED_SECONDS
from project.settings.tiers import tiers
from project.settings.workers import *  # noqa: F403

BASE_DIR = Path(__file__).resolve().parent.parent.parent

SITE_URLS = environment.words("SITE_URLS")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS") + [urlsplit(url).hostname or "" for url in SITE_URLS]
# A proxy may change the Host that Django compares the form's origin with; these are the site's names outside.
CSRF_TRUSTED_ORIGINS = SITE_URLS

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.sitemaps",
    "django.contrib.staticfiles",
    "django_structlog",
    "invalidation",
    "invalidation.contrib.prometheus",
    "invalidation.contrib.celery",
    "invalidation.contrib.ninja",
    "project.blog",
]

if environment.flag("TRACES", default=False):
    INSTALLED_APPS.append("invalidation.contrib.opentelemetry")

MIDDLEWARE = [
    "project.request_ids.request_ids",
    "django_structlog.middlewares.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "project.static.StaticFiles",
    # Outside everything that may still add a cookie or a Vary, so that it judges the response that leaves.
    "invalidation.middleware.CacheTagMiddleware",
    "invalidation.middleware.CachePolicyMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
ASGI_APPLICATION = "project.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASE_URL = environment.text("DATABASE_URL", f"sqlite:///{BASE_DIR / 'blog.sqlite3'}")
DATABASES = {"default": stores.database(DATABASE_URL) | {"ATOMIC_REQUESTS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One Redis serves three purposes, each with its own database and its own setting: a deployment that evicts
# cache entries moves the other two to an instance that doesn't.
REDIS_URL = environment.text("REDIS_URL")
CELERY_BROKER_URL = environment.text("CELERY_BROKER_URL", stores.redis_database(REDIS_URL, 0) or "memory://")
FRESHNESS_REDIS_URL = environment.text("FRESHNESS_REDIS_URL", stores.redis_database(REDIS_URL, 1))
CACHE_REDIS_URL = environment.text("CACHE_REDIS_URL", stores.redis_database(REDIS_URL, 2))
CACHES = {"default": stores.cache(CACHE_REDIS_URL)}
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True

INVALIDATION: dict[str, Any] = {
    "TIERS": tiers(
        redis=bool(CACHE_REDIS_URL),
        varnish=environment.words("VARNISH_NODES"),
        nginx=environment.words("NGINX_NODES"),
        secret=environment.text("PURGE_SECRET"),
        cloudflare={
            name: environment.text(f"CLOUDFLARE_{name}") for name in ("ZONE_ID", "API_TOKEN", "PLAN", "API_URL", "EDGE")
        },
    ),
    "SITES": SITE_URLS,
    "REDIS_URL": FRESHNESS_REDIS_URL,
    "PAGES": {
        "AUTOMATIC_TAGS": True,
        "POLICY": POLICY,
        "QUERY_PARAMETERS": QUERY_PARAMETERS,
        "RELEASE": environment.text("RELEASE"),
    },
    "MONITOR": {name: environment.words(f"MONITOR_{name}") for name in ("VARNISH", "NGINX", "NGINX_LOGS")},
}

# Each proxy of ours appends who asked it; the outermost is asked by the caller.
INVALIDATION_API = {"PROXIES": sum(bool(environment.words(name)) for name in ("VARNISH_NODES", "NGINX_NODES"))}

LOGIN_URL = "admin:login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Whoever sends it as a bearer token may read /metrics; without one, only this machine with no proxy between.
METRICS_TOKEN = environment.text("METRICS_TOKEN")

# The superuser that `seed_blog` creates; none where either is empty.
ADMIN_USERNAME = environment.text("ADMIN_USERNAME")
ADMIN_PASSWORD = environment.text("ADMIN_PASSWORD")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
WHITENOISE_MAX_AGE = UNHASHED_SECONDS

LOG_LEVEL = environment.text("LOG_LEVEL", "INFO")
LOGGING = logs.logging(json=environment.flag("LOG_JSON", default=False), level=LOG_LEVEL)
# One id follows a change from the request to the last purge. The user's name is asked for where an event is
# recorded, not on every request.
DJANGO_STRUCTLOG_USER_ID_FIELD = ""
# A visitor who chose it could hide among the lines of others: only where a proxy overwrites X-Request-ID.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = environment.flag("TRUST_REQUEST_ID", default=False)
