"""A probe for systemd and containers: `python -m workers.health` exits 1, and says why, while messages lie unread.

With `--json` it prints a document instead: `status`, which is `ready` or `failing`, and `reasons`. It asks what the
doctor asks of queues, workers and beat, and nothing of the caches: a node that is away is no reason to start a worker
anew. Nor is the pool that it was started with.
"""

from __future__ import annotations

import json
import sys

#: The option.
JSON = "--json"


def faults() -> list[str]:
    """What keeps messages from being worked off; empty while nothing does."""
    from invalidation.contrib.celery import health
    from invalidation.doctor import Fault

    return [str(finding) for finding in health.findings() if finding.fault is not Fault.WORKER_POOL]


def main() -> int:
    """0 where workers consume every queue and beat is at work."""
    import django

    import workers.app  # noqa: F401 (the application whose broker is asked)

    django.setup()
    found = faults()
    if JSON in sys.argv[1:]:
        sys.stdout.write(json.dumps({"status": "failing" if found else "ready", "reasons": found}) + "\n")
    else:
        sys.stderr.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
