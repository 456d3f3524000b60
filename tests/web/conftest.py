"""Who looks at the pages: one client for each role, and the stranger who has none."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from agents import runner
from tests.factories import chain, human, make_agent, make_user, register, start, step
from workflows.models import Approval, Execution


def client_for(name: str, *groups: str) -> Client:
    client = Client()
    client.force_login(make_user(name, *groups))
    return client


@pytest.fixture
def operator(db: None) -> Client:
    return client_for("ada", "operator")


@pytest.fixture
def approver(db: None) -> Client:
    return client_for("grace", "approver")


@pytest.fixture
def modeller(db: None) -> Client:
    return client_for("linus", "modeller")


@pytest.fixture
def auditor(db: None) -> Client:
    return client_for("vera", "auditor")


@pytest.fixture
def stranger(db: None) -> Client:
    return client_for("mallory")


def page(client: Client, address: str, status: int = 200, **headers: str) -> str:
    """The page's text; the status is checked."""
    answer = client.get(address, headers=headers or None)
    assert answer.status_code == status, (address, answer.status_code)
    return answer.content.decode()


def fragment(client: Client, address: str, **data: Any) -> str:
    """What htmx gets."""
    return client.get(address, data, headers={"HX-Request": "true"}).content.decode()


def completed(**fields: Any) -> Execution:
    """An execution of three steps that has run to its end."""
    make_agent()
    execution = start(*chain("a", "b", "c"), **fields)
    return ran(execution)


def failed(**fields: Any) -> Execution:
    """An execution whose only step has failed for good."""
    make_agent("fail", tool="tests.fail")
    broken = step("a", capabilities=["fail"], input={"permanent": True}, max_retries=0)
    return ran(start(broken, **fields))


def waiting(**asked: Any) -> Approval:
    """An open approval of the group approver."""
    make_agent()
    execution = ran(start(human("ask", groups=["approver"], **asked), step("after", "ask")))
    return Approval.objects.get(execution=execution)


def ran(execution: Execution) -> Execution:
    runner.drain()
    execution.refresh_from_db()
    return execution


__all__ = ["completed", "failed", "fragment", "page", "ran", "register", "waiting"]
