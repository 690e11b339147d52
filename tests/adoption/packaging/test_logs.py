"""What the app says goes where the site's LOGGING sends it, and nothing to standard output."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.fixtures.servers import ROOT

#: A site that has configured `logging` alone, and meets a complaint of the app.
SITE = """
import json, sys
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "invalidation"],
    INVALIDATION={"SITES": ["https://example.com"]},
    LOGGING=json.loads(sys.argv[1]),
)
import django
django.setup()
from invalidation import lazy, suspend
logger = lazy.Logger("invalidation.http")
logger.warning("origin_not_in_sites", origin="http://other.test", name="a fact of any name")
logger.info("detail", count=1)
logger.log(30, "settled", status="purged")
try:
    raise ValueError("broken")
except ValueError:
    logger.exception("failed", database="default")
assert "structlog" not in sys.modules
print(json.dumps({"sound": True}))
"""


def run(**logging: Any) -> subprocess.CompletedProcess[str]:
    """Start the site with these LOGGING."""
    command = [sys.executable, "-c", SITE, json.dumps(logging)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)


def test_without_a_handler_warnings_go_to_standard_error_and_nothing_to_standard_output() -> None:
    done = run()
    assert json.loads(done.stdout) == {"sound": True}
    assert "origin_not_in_sites origin='http://other.test' name='a fact of any name'" in done.stderr
    assert "settled status='purged'" in done.stderr
    assert "ValueError: broken" in done.stderr
    assert "detail" not in done.stderr


def test_the_sites_own_handlers_and_levels_decide() -> None:
    done = run(
        version=1,
        formatters={"line": {"format": "%(levelname)s %(name)s %(funcName)s %(message)s"}},
        handlers={"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        loggers={"invalidation": {"handlers": ["console"], "level": "INFO", "propagate": False}},
    )
    assert json.loads(done.stdout) == {"sound": True}
    assert "INFO invalidation.http <module> detail count=1" in done.stderr
    assert "ERROR invalidation.http <module> failed database='default'" in done.stderr
