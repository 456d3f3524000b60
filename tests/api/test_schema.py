"""The OpenAPI document describes what the API does: a generated client may rely on it."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from config.api import api
from tests.api.conftest import program
from tests.web.conftest import completed, failed, waiting
from workflows import engine

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
EXAMPLES = 12  # of each operation


def document() -> dict[str, Any]:
    return dict(Client().get("/api/v1/openapi.json").json())


def test_the_document_is_openapi_3_1_and_open_to_all(db: None) -> None:
    found = document()
    assert found["openapi"].startswith("3.1.")
    assert Client().get("/api/v1/docs").status_code == 404


def test_every_operation_says_its_scope_its_answers_and_its_problems(db: None) -> None:
    found = document()
    operations = [one for path in found["paths"].values() for one in path.values()]
    assert len(operations) == len(list(api.declared())) == 40
    for one in operations:
        assert all(door["Bearer"] for door in one["security"])
        assert one["x-permissions"]
        assert {"400", "401", "403"} <= set(one["responses"])
        for status, told in one["responses"].items():
            wanted = ["application/problem+json"] if int(status) >= 400 else list(told["content"])
            assert list(told["content"]) == wanted


@pytest.mark.django_db(transaction=True)
def test_generated_requests_find_no_server_error_and_no_departure_from_the_document() -> None:
    execution, _broken, asked = completed(), failed(key="broken"), waiting()
    engine.start_workflow("flow", {"x": 1})
    batch = engine.create_batch("pause", {"workflow": "broken"}, by=None)
    real = {
        "execution_id": execution.pk,
        "approval_id": asked.pk,
        "batch_id": batch.pk,
        "key": "flow",
        "name": "ping",
    }
    everything = program("root")
    everything.user.is_superuser = True
    everything.user.save()
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    headers = {"Authorization": f"Bearer {everything.text}"}

    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), is_real=st.booleans())
        def holds(case: Any, is_real: bool) -> None:
            for name in set(real) & set(case.path_parameters or {}):
                if is_real:  # a thing that exists, so that more than 404 is answered
                    case.path_parameters[name] = real[name]
            case.call_and_validate(headers=headers, checks=CHECKS)

        holds()
