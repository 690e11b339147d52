"""How many inputs are made up: a few beside the other tests; by `make fuzz` as many as FUZZ_EXAMPLES says."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES") or 40)
#: A request takes a hundred times as long as a parser.
REQUESTS = max(20, EXAMPLES // 20)

_common = settings(deadline=None, suppress_health_check=(HealthCheck.too_slow,))
parsing = settings(_common, max_examples=EXAMPLES)
asking = settings(_common, max_examples=REQUESTS)
