"""Held against every answer by schemathesis: run by test_openapi.py in a process of its own.

What schemathesis derives from the description when this file is read takes seconds, and each process of the suite reads
every file of tests.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from invalidation.contrib.ninja.answering import openapi
from invalidation.contrib.ninja.answering.endpoints import api
from tests.unit.api.conftest import ROOT

EXAMPLES = 60
TIERS = ("cache", "outer")
schema = schemathesis.openapi.from_dict(json.loads(json.dumps(openapi.description(api, ROOT))))
schema.app = get_wsgi_application()


def fit(case: Any) -> None:
    """Names of tiers are the site's own; a key that was used may not be used for something else."""
    body, headers = case.body, case.headers or {}
    if isinstance(body, dict) and isinstance(body.get("tiers"), list):
        valid = all(isinstance(one, str) and 0 < len(one) <= 64 for one in body["tiers"])
        body["tiers"] = [TIERS[place % 2] for place, _ in enumerate(body["tiers"])] if valid else body["tiers"]
    if re.fullmatch("[!-~]{1,255}", str(headers.get("Idempotency-Key", ""))):
        headers["Idempotency-Key"] = str(uuid.uuid4())


@schema.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
def test_every_request_is_answered_as_it_is_described(case: Any, unlimited: str) -> None:
    fit(case)
    case.call_and_validate(headers={"Authorization": f"Bearer {unlimited}"}, checks=CHECKS.get_all())
