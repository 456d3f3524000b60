"""BPMN over REST: imported bare or in a form, and read back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.api.conftest import Answer, Program, limited, read
from tests.bpmn.files import file, with_complex_gateway
from tests.factories import chain, register
from workflows.api import bodies
from workflows.models import LARGEST_DIAGRAM, Scope, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def send(who: Program, data: bytes, kind: str = "application/bpmn+xml", **query: Any) -> Answer:
    answer = Client(raise_request_exception=False).generic(
        "POST", "/api/v1/workflows", data, content_type=kind, query_params=query,
        headers={"Authorization": f"Bearer {who.text}"},
    )  # fmt: skip
    return read(answer)


def document(who: Program, **query: Any) -> bytes:
    answer = who.get("workflows/flow/bpmn", **query)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/bpmn+xml"
    return str(answer.body).encode()


@pytest.mark.parametrize("kind", ["application/xml", "text/xml", "application/bpmn+xml"])
def test_a_file_becomes_a_draft_and_is_read_back_byte_for_byte(
    modeller: Program, kind: str
) -> None:
    data = file()
    answer = send(modeller, data, kind)
    assert (answer.status, answer.headers["Location"]) == (201, "/api/v1/workflows/flow")
    assert (answer.body["version"], answer.body["revision"]) == (None, 1)
    assert answer.body["findings"] == answer.body["problems"] == []
    assert send(modeller, data, kind).status == 200
    assert document(modeller) == data


def test_a_file_in_a_form_is_published(modeller: Program) -> None:
    data = file()
    upload = SimpleUploadedFile("flow.bpmn", data, "application/xml")
    answer = read(
        Client().post(
            "/api/v1/workflows",
            {"file": upload},
            query_params={"publish": "true", "key": "other"},
            headers={"Authorization": f"Bearer {modeller.text}"},
        )
    )
    assert (answer.status, answer.body["key"], answer.body["version"]) == (201, "other", 1)
    assert answer.body["published_by"] == "linus"
    assert str(modeller.get("workflows/other/bpmn", version=1).body).encode() == data


def test_a_form_without_a_file_is_told_so(modeller: Program) -> None:
    answer = read(
        Client().post(
            "/api/v1/workflows", {"a": "b"}, headers={"Authorization": f"Bearer {modeller.text}"}
        )
    )
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "body.file")


def test_what_cannot_be_run_is_listed_as_a_problem(modeller: Program) -> None:
    data = with_complex_gateway(file())
    answer = send(modeller, data)
    [finding] = answer.body["findings"]
    assert (answer.status, finding["element_id"], finding["severity"]) == (
        201, "maze", "unsupported",
    )  # fmt: skip
    assert answer.body["problems"][0]["element"] == "maze"
    for query, kind in (
        ({"strict": "1"}, "unsupported-diagram"),
        ({"publish": "1"}, "invalid-definition"),
    ):
        refused = send(modeller, data, **query)
        assert (refused.status, refused.body["type"]) == (422, f"urn:signalbox:problem:{kind}")
        [told] = [one for one in refused.body["errors"] if one["field"] == "maze.diagram"]
        assert told["detail"].startswith(f"“Which way?” (line {finding['line']}): ")


@pytest.mark.parametrize("data", [b" ", b"{}", b"<a", b"<a/>"])
def test_what_is_no_bpmn_is_a_problem_and_stores_nothing(modeller: Program, data: bytes) -> None:
    answer = send(modeller, data, key="flow")
    assert (answer.status, answer.body["type"]) == (422, "urn:signalbox:problem:invalid-diagram")
    assert answer.body["errors"][0]["detail"]
    assert not Workflow.objects.exists()


def test_a_file_over_the_limit_is_refused(modeller: Program) -> None:
    assert send(modeller, b" " * (LARGEST_DIAGRAM + 1)).status == 413


def test_a_workflow_that_was_never_drawn_is_read_as_a_diagram(operator: Program) -> None:
    register(*chain("a", "b"))
    assert document(operator) == document(operator, version=1)
    assert operator.get("workflows/flow/bpmn", version=2).status == 404
    assert operator.get("workflows/none/bpmn").status == 404
    assert operator.get("workflows/flow/bpmn", version=0).status == 422


def test_who_may_not_publish_imports_nothing(operator: Program, modeller: Program) -> None:
    assert send(operator, file()).status == 403
    assert send(limited(modeller, Scope.READ), file()).status == 403
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(
    ("path", "kind", "is_read"),
    [
        ("/api/v1/workflows", b"application/bpmn+xml; charset=utf-8", True),
        ("/api/v1/workflows", b"multipart/form-data; boundary=x", True),
        ("/api/v1/workflows", b"application/json", False),
        ("/api/v1/workflows/flow/executions", b"application/xml", False),
    ],
)
def test_only_where_files_are_taken_a_body_may_be_as_large_as_one(
    path: str, kind: bytes, is_read: bool
) -> None:
    content = b"x" * (2 * bodies.LARGEST)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content}

    scope = {"path": path, "headers": [(b"content-type", kind)]}
    if is_read:
        assert asyncio.run(bodies.read(scope, receive)) == content
    else:
        with pytest.raises(bodies.TooLarge):
            asyncio.run(bodies.read(scope, receive))
