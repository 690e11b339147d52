"""openapi.json: described as it is, and held against every answer by schemathesis."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, get_type_hints

import pytest
from django.test import Client

from invalidation.contrib.ninja.answering import openapi
from invalidation.contrib.ninja.answering.endpoints import api
from invalidation.models import Event
from invalidation.status.documents import EventDocument, Overview
from invalidation.status.forecast import ForecastDocument
from tests.fixtures.servers import ROOT as PROJECT
from tests.unit.api.conftest import ROOT

pytestmark = pytest.mark.takes(60)


@pytest.mark.timeout(600)
def test_every_request_is_answered_as_it_is_described() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "tests/unit/api/described.py"]
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout


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


def test_what_the_description_gives_as_an_example_is_accepted(unlimited: str) -> None:
    schemas = openapi.description(api, ROOT)["components"]["schemas"]
    for path, name, status in (("previews", "PreviewRequest", 200), ("purges", "PurgeRequest", 202)):
        [example] = schemas[name]["examples"]
        body, headers = json.dumps(example), {"Authorization": f"Bearer {unlimited}"}
        assert Client().post(ROOT + path, body, "application/json", headers=headers).status_code == status
    assert Event.objects.get().targets == {"tags": example["tags"]}
