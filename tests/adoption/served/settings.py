"""Settings of the site; where everything is stands in the environment."""

from __future__ import annotations

import os

SECRET_KEY = "nobody signs in here"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.adoption.served.urls"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "invalidation",
    "invalidation.contrib.celery",
    "tests.adoption.served",
]
MIDDLEWARE = ["invalidation.middleware.CacheTagMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["SERVED_DATABASE"],
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL"},
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"{os.environ['SERVED_REDIS']}/2",
    }
}
CELERY_BROKER_URL = os.environ["SERVED_BROKER"]
INVALIDATION = {
    "TIERS": {
        "cache": {"PROVIDER": "invalidation.providers.redis.Redis", "OPTIONS": {"CACHES": ["default"]}},
        "varnish": {
            "PROVIDER": "invalidation.providers.varnish.Varnish",
            "FILLS_FROM": ["cache"],
            "NODES": [os.environ["SERVED_VARNISH"]],
            "OPTIONS": {"SECRET": os.environ["SERVED_SECRET"]},
        },
    },
    "SITES": [os.environ["SERVED_VARNISH"]],
    "REDIS_URL": f"{os.environ['SERVED_REDIS']}/1",
    # So that a broker may stand still for longer than a server takes to end, and be there again in time.
    "WORKERS": {"ANNOUNCE_TIMEOUT_SECONDS": 4},
}
