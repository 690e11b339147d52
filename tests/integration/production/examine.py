"""Run in a process with the production settings: uses the site for a while and prints what it saw, as JSON."""

from __future__ import annotations

import json
import os
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402 (after the set-up)
from django.contrib.staticfiles.storage import staticfiles_storage  # noqa: E402
from django.core.cache import caches  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

import invalidation  # noqa: E402
from invalidation import monitor  # noqa: E402


def pages(client: Client) -> dict[str, Any]:
    home = client.get("/", secure=True)
    return {
        "home": {"status": home.status_code, "headers": dict(home.headers)},
        "plain": client.get("/").status_code,
    }


def sessions() -> dict[str, bool]:
    """Is somebody signed in, before and after the sessions' cache has lost everything?"""
    with invalidation.suspend("the reference site shows its users as authors"):
        user = User.objects.create_user("grace", is_staff=True)
    client = Client()
    client.force_login(user)
    before = client.get("/admin/password_change/", secure=True).status_code
    caches["sessions"].clear()
    after = client.get("/admin/password_change/", secure=True).status_code
    return {"before": before == 200, "after": after == 200}


def stored() -> dict[str, Any]:
    """A model instance in the compressed cache; the size of what Redis holds of a long text."""
    default: Any = caches["default"]
    default.set("user", User(username="ada"))
    default.set("text", "word " * 2000)
    server = default.client.get_client(write=True)
    return {
        "bytes": server.strlen(default.make_key("text")),
        "key": str(default.make_key("text")),
        "user": server.exists(default.make_key("user")),
    }


def address() -> str:
    """Path of a static file on the site itself."""
    return urlsplit(staticfiles_storage.url("admin/css/base.css")).path


def main() -> None:
    call_command("check", deploy=True, fail_level="WARNING")
    pool: Any = getattr(connection, "pool", None)
    facts = {
        "pages": pages(Client()),
        "sessions": sessions(),
        "stored": stored(),
        "report": monitor.look().document(),
        "vendor": connection.vendor,
        "pool": pool and pool.max_size,
        "static": staticfiles_storage.url("admin/css/base.css"),
        "static_headers": dict(Client().get(address(), secure=True).headers),
        "removed": [name for name in REMOVED if hasattr(import_module(os.environ["DJANGO_SETTINGS_MODULE"]), name)],
    }
    print("FACTS " + json.dumps(facts, default=str))  # noqa: T201


#: Settings that Django 5 doesn't read any more.
REMOVED = ("USE_ETAGS", "USE_LAST_MODIFIED", "STATICFILES_STORAGE", "DEFAULT_FILE_STORAGE", "USE_L10N")

if __name__ == "__main__":
    main()
