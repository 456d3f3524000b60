"""A run whose rows can be sealed, with the key and the anchor file in a directory of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from agents import runner
from tests.factories import chain, make_agent, register
from workflows import engine
from workflows.models import Execution

GUARDED = ("workflows_auditevent", "workflows_auditcheckpoint")


@pytest.fixture(autouse=True)
def outside(settings: Any, tmp_path: Path) -> Path:
    """Where the key and the anchor are."""
    settings.AUDIT_KEY = str(tmp_path / "audit_key.pem")
    settings.AUDIT_ANCHOR = tmp_path / "checkpoints.jsonl"
    return tmp_path


@pytest.fixture
def execution() -> Execution:
    make_agent()
    register(*chain("a", "b"))
    return run()


def run() -> Execution:
    """One more execution of the registered flow, to its end."""
    started = engine.start_workflow("flow", {"name": "订单 “7” \\ \n", "total": 12.50})
    runner.drain()
    return started


def tamper(statement: str, *parameters: Any) -> None:
    """What somebody with the superuser's rights could do."""
    with connection.cursor() as cursor:
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, parameters)
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def query(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
