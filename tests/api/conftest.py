"""Programs that call the API: one for each role, and the stranger who has none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import make_user
from workflows.engine import api_tokens
from workflows.models import Scope

ALL = tuple(Scope.values)
PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers, and the document in the body."""

    status: int
    headers: Any
    body: Any


@dataclass(frozen=True, slots=True)
class Program:
    """A client that sends a token; `text` is the token's."""

    user: User
    text: str

    def get(self, path: str, **query: Any) -> Answer:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, body=body, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """`body` as JSON unless it is bytes; a problem's form is checked on the way."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body)
        answer = Client(raise_request_exception=False).generic(
            method,
            f"/api/v1/{path}",
            sent,
            content_type="application/json",
            query_params=query,
            headers={"Authorization": f"Bearer {self.text}", **(headers or {})},
        )
        return read(answer)


def read(answer: Any) -> Answer:
    """Checks that every refusal is a whole problem, and without a trace."""
    kind = answer.headers["Content-Type"]
    if answer.status_code >= 400:
        assert kind == PROBLEM
        problem = json.loads(answer.content)
        assert set(problem) == {"type", "title", "status", "detail", "instance", "errors"}
        assert problem["status"] == answer.status_code
        assert problem["title"]
        assert b"Traceback" not in answer.content
    is_json = "json" in kind
    body = json.loads(answer.content) if is_json else answer.content.decode()
    return Answer(answer.status_code, answer.headers, body)


def program(name: str, *groups: str, scopes: Sequence[str] = ALL) -> Program:
    user = User.objects.filter(username=name).first() or make_user(name, *groups)
    return Program(user, api_tokens.create(user, scopes)[1])


@pytest.fixture
def operator(db: None) -> Program:
    return program("ada", "operator")


@pytest.fixture
def approver(db: None) -> Program:
    return program("grace", "approver")


@pytest.fixture
def modeller(db: None) -> Program:
    return program("linus", "modeller")


@pytest.fixture
def auditor(db: None) -> Program:
    return program("vera", "auditor")


@pytest.fixture
def stranger(db: None) -> Program:
    return program("mallory")


def limited(whole: Program, *scopes: str) -> Program:
    """The same user with a token of these scopes only."""
    return Program(whole.user, api_tokens.create(whole.user, scopes)[1])
