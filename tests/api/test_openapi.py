"""openapi.json: described as it is, and held against every answer by schemathesis."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any, get_type_hints

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from invalidation.contrib.ninja.answering import openapi
from invalidation.contrib.ninja.answering.endpoints import api
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.rows import tokens
from invalidation.contrib.ninja.secrets import mint
from invalidation.models import Event
from invalidation.status.documents import EventDocument, Overview
from invalidation.status.forecast import ForecastDocument
from tests.api.conftest import EVERY_SCOPE, ROOT

pytestmark = pytest.mark.takes(60)
EXAMPLES = 60
TIERS = ("cache", "outer")
schema = schemathesis.openapi.from_dict(json.loads(json.dumps(openapi.description(api, ROOT))))
schema.app = get_wsgi_application()


@pytest.fixture(autouse=True)
def _unlimited(settings: Any) -> None:
    settings.INVALIDATION_API = {"REQUESTS_PER_MINUTE": 0, "ADDRESS_REQUESTS_PER_MINUTE": 0}


@pytest.fixture
def text(transactional_db: None) -> str:
    """A token that may do everything. The application closes its connections, and so would end an open transaction."""
    minted = mint()
    made = Token(name="schemathesis", identifier=minted.identifier, digest=minted.digest, scopes=list(EVERY_SCOPE))
    tokens.insert(made)
    return minted.text


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
def test_every_request_is_answered_as_it_is_described(case: Any, text: str) -> None:
    fit(case)
    case.call_and_validate(headers={"Authorization": f"Bearer {text}"}, checks=CHECKS.get_all())


def test_the_description_is_told_to_everybody_and_names_its_own_addresses() -> None:
    answered = Client().get(ROOT + "openapi.json")
    described = json.loads(answered.content)
    assert answered.status_code == 200
    assert {(path, method) for path, methods in described["paths"].items() for method in methods} == {
        (f"{ROOT}purges", "post"),
        (f"{ROOT}previews", "post"),
        (f"{ROOT}purges", "get"),
        (f"{ROOT}purges/{{purge_id}}", "get"),
        (f"{ROOT}purges/{{purge_id}}", "delete"),
        (f"{ROOT}tiers", "get"),
        (f"{ROOT}health", "get"),
    }


@pytest.mark.parametrize("document", [EventDocument, ForecastDocument, Overview])
def test_what_is_described_is_the_document_that_the_status_gives(document: type[Any]) -> None:
    described = openapi.description(api, ROOT)["components"]["schemas"][document.__name__]
    assert set(described["properties"]) == set(described["required"]) == set(get_type_hints(document))


def test_every_operation_describes_its_refusals_as_problems() -> None:
    for operations in openapi.description(api, ROOT)["paths"].values():
        for operation in operations.values():
            assert operation["security"]
            refused = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
            assert {401, 403, 429, 503} <= set(map(int, refused))
            assert all(list(answer["content"]) == ["application/problem+json"] for answer in refused.values())


def test_what_the_description_gives_as_an_example_is_accepted(text: str) -> None:
    schemas = openapi.description(api, ROOT)["components"]["schemas"]
    for path, name, status in (("previews", "PreviewRequest", 200), ("purges", "PurgeRequest", 202)):
        [example] = schemas[name]["examples"]
        body, headers = json.dumps(example), {"Authorization": f"Bearer {text}"}
        assert Client().post(ROOT + path, body, "application/json", headers=headers).status_code == status
    assert Event.objects.get().targets == {"tags": example["tags"]}
