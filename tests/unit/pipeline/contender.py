"""A worker of its own: `python -m tests.unit.pipeline.contender` drains and delivers until nothing is pending."""

from __future__ import annotations

import django

django.setup()

from django.test import override_settings  # noqa: E402 (Django must be set up first)

from invalidation.pipeline.intake import drain  # noqa: E402
from tests.unit.pipeline.chain import APPLICATION, EDGE, LEFT, RIGHT, Chain, Node, Queue  # noqa: E402
from tests.unit.pipeline.conftest import declared  # noqa: E402


def main() -> None:
    """Print how many events this process claimed."""
    Chain.nodes.update({name: Node() for name in (APPLICATION, LEFT, RIGHT, EDGE)})
    queue = Queue()
    queue.connect()
    events = 0
    with override_settings(INVALIDATION=declared(CLAIM_LIMIT=20)):
        while drained := drain.drain(limit_batches=5).events:
            events += drained
            queue.run()
    print(events)  # noqa: T201 (read by the test)


if __name__ == "__main__":
    main()
