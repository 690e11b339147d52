"""A magazine made with Wagtail, as its how-to sets it up: two languages, and a second site in the tests."""

from __future__ import annotations

from typing import Any

SECRET_KEY = "tests-only-" + "0" * 50
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.integration.wagtail.magazine.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "ATOMIC_REQUESTS": False}}
DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LANGUAGE_CODE = "en"
LANGUAGES = WAGTAIL_CONTENT_LANGUAGES = [("en", "English"), ("de", "Deutsch")]
WAGTAIL_I18N_ENABLED = True
WAGTAIL_SITE_NAME = "Magazine"
WAGTAILADMIN_BASE_URL = "http://testserver"
WAGTAILFRONTENDCACHE = {"default": {"BACKEND": "invalidation.contrib.wagtail.FrontendCache"}}

INSTALLED_APPS = [
    "tests.integration.wagtail.magazine",
    "wagtail.contrib.frontend_cache",
    "wagtail.contrib.redirects",
    "wagtail.contrib.settings",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "invalidation",
    "invalidation.contrib.wagtail",
]
MIDDLEWARE = [
    "invalidation.middleware.CacheTagMiddleware",
    "invalidation.middleware.CachePolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "wagtail.contrib.redirects.middleware.RedirectMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "wagtail.contrib.settings.context_processors.settings",
            ]
        },
    }
]
#: The first migrations of Wagtail take longer than the tests; the rows that they write are written by a fixture.
MIGRATION_MODULES: dict[str, Any] = dict.fromkeys(
    (
        *("wagtailcore", "wagtailimages", "wagtaildocs", "wagtailredirects", "wagtailembeds", "wagtailusers"),
        *("wagtailsearch", "wagtailadmin", "taggit", "auth", "contenttypes", "sessions", "magazine", "invalidation"),
    )
)
PUBLIC = {"PATHS": ["^/"], "CACHE_CONTROL": "public, max-age=0, s-maxage=600"}
INVALIDATION: dict[str, Any] = {"SITES": ["http://testserver"], "TIERS": {}, "PAGES": {"POLICY": [PUBLIC]}}
