"""Creates the tables, the sample posts, the administrator and the collected static files, in one process."""

from __future__ import annotations

import django
from django.core.management import call_command

if __name__ == "__main__":
    django.setup()
    call_command("migrate", interactive=False)
    call_command("seed_blog")
    call_command("collectstatic", interactive=False)
