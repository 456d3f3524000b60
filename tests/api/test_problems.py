"""What is refused before an operation is reached, and what goes wrong inside one."""

from __future__ import annotations

import time

import pytest
from django.test import Client

from tests.api.conftest import Program, read
from tests.factories import chain, register
from workflows import engine
from workflows.api.bodies import LARGEST

pytestmark = pytest.mark.django_db(transaction=True)
START = "workflows/flow/executions"


@pytest.mark.parametrize("path", ["", "nothing", "executions/", "executions/1/tasks/2", "%FF"])
def test_an_address_without_a_resource_is_a_problem(operator: Program, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = operator.call(method, path)
        assert (answer.status, answer.body["instance"][:8]) == (404, "/api/v1/")


def test_a_method_that_an_address_does_not_take_is_a_problem(operator: Program) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"):
        answer = operator.call(method, "executions")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b'{"input": NaN}',
        b'{"input": {"a": 1, "a": 2}}',
        b'{"input": {"x": "\\u0000"}}',
        b'{"input": {"x": "\\ud800"}}',
        b'{"input": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"input": {"x": ' + b"9" * 5000 + b"}}",
    ],
)
def test_what_is_no_json_is_told_why(operator: Program, body: bytes) -> None:
    register(*chain("a"))
    answer = operator.post(START, body)
    assert (answer.status, answer.body["type"]) == (400, "urn:signalbox:problem:malformed-body")
    assert answer.body["detail"].startswith("The body is not JSON: ")


@pytest.mark.parametrize("size", [LARGEST + 1, 10 * LARGEST])
def test_a_body_over_the_limit_is_refused_quickly(operator: Program, size: int) -> None:
    register(*chain("a"))
    begun = time.process_time()
    answer = operator.post(START, b'{"input": {"x": "' + b"x" * size + b'"}}')
    assert answer.status == 413
    assert time.process_time() - begun < 1


def test_ten_thousand_names_are_taken_in_good_time(operator: Program) -> None:
    register(*chain("a"))
    begun = time.process_time()
    assert operator.post(START, {"input": {f"k{n}": n for n in range(10_000)}}).status == 201
    assert time.process_time() - begun < 1


def test_very_many_wrong_places_are_a_bounded_answer(operator: Program) -> None:
    register(*chain("a"), input_schema={"additionalProperties": {"type": "string"}})
    answer = operator.post(START, {"input": {f"k{n}": n for n in range(10_000)}})
    assert (answer.status, len(answer.body["errors"])) == (422, 500)


def test_a_wrong_host_is_a_problem_under_api_only(db: None) -> None:
    answer = read(Client().get("/api/v1/executions", headers={"Host": "evil.example"}))
    assert answer.status == 400
    page = Client().get("/login/", headers={"Host": "evil.example"})
    assert page.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_of_ours_leaves_no_trace_in_the_answer(
    operator: Program, monkeypatch: pytest.MonkeyPatch, settings: object, debug: bool
) -> None:
    settings.DEBUG = debug  # type: ignore[attr-defined]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("canary-7")

    monkeypatch.setattr(engine, "start_once", broken)
    answer = operator.post(START)
    assert (answer.status, answer.body["title"]) == (500, "Internal Server Error")
    assert "canary-7" not in str(answer.body)


def test_nothing_of_the_api_is_cached(operator: Program) -> None:
    assert operator.get("executions").headers["Cache-Control"] == "no-store"
    assert operator.get("nothing").headers["Cache-Control"] == "no-store"
