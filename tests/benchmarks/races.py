"""`python -m tests.benchmarks.races [ROUNDS]`: stale reads of each subject, then of other libraries in their own venv.

The libraries are installed into a temporary folder and removed with it; nothing of the project depends on them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
RIVALS = ("cacheops", "cachalot")
PACKAGES = ("django-cacheops", "django-cachalot", "django-redis", "hiredis")


def prepare() -> None:
    """Django with the race's cache and one row in a database in memory."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.test")
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.CACHES = {"default": {"BACKEND": "tests.benchmarks.subjects.PausingCache", "LOCATION": "race"}}
    settings.DATABASES["default"]["NAME"] = ":memory:"
    django.setup()
    call_command("migrate", verbosity=0)
    from project.blog.models import Author, Category, Post

    category = Category.objects.create(name="c", slug="c")
    Post.objects.create(title="x", slug="x", category=category, author=Author.objects.create(username="a"))


def ours(rounds: int) -> None:
    """Print the stale reads of every subject."""
    prepare()
    from invalidation.caching import store
    from tests.benchmarks import subjects

    store.PATIENCE_SECONDS = 0  # type: ignore[misc]
    for name in subjects.SUBJECTS:
        report(name, subjects.run(name, rounds), rounds)


def report(name: str, stale: int, rounds: int) -> None:
    """One line."""
    sys.stdout.write(f"{name:16} {stale:6} stale reads in {rounds} rounds\n")
    sys.stdout.flush()


def rivals(rounds: int) -> None:
    """The same race on other libraries, each in a process of its own, on a Redis of its own."""
    from deploy.local import Redis

    with tempfile.TemporaryDirectory() as folder, Redis(Path(folder)) as server:
        environment = Path(folder) / "venv"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        for name in RIVALS:
            script = HERE / "rivals.py"
            subprocess.run([python, script, name, server.url(0), str(rounds)], check=True, cwd=folder)


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    ours(wanted)
    rivals(wanted)
