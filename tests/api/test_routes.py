"""Every operation says its scope and its permission, and whoever lacks one is turned away."""

from __future__ import annotations

import pytest
from ninja.operation import Operation

from config.api import api
from tests.api.conftest import Program, limited, program
from workflows import access
from workflows.api.authentication import Bearer
from workflows.models import Scope

pytestmark = pytest.mark.django_db(transaction=True)
OPERATIONS = [pytest.param(operation, door, id=name) for name, operation, door in api.declared()]
PERMISSIONS = {*access.ANY_ROLE, access.SEE_AGENTS, access.CLOSE_BREAKER}
READS = {Scope.READ, Scope.DECIDE, Scope.AGENTS}


def call(client: Program, operation: Operation) -> int:
    path = operation.path.strip("/").format(
        execution_id=999, task_id=999, approval_id=999, batch_id=999, key="nothing", name="nothing"
    )
    return client.call(operation.methods[0], path).status


@pytest.mark.parametrize(("operation", "door"), OPERATIONS)
def test_an_operation_declares_its_scope_and_permission(operation: Operation, door: Bearer) -> None:
    assert isinstance(door, Bearer)
    assert door.scopes
    assert set(door.scopes) <= set(Scope)
    assert door.permissions
    assert set(door.permissions) <= PERMISSIONS
    if operation.methods == ["GET"]:
        assert set(door.scopes) <= READS


@pytest.mark.parametrize(("operation", "door"), OPERATIONS)
def test_a_stranger_is_turned_away(operation: Operation, door: Bearer, stranger: Program) -> None:
    assert call(stranger, operation) == 403


@pytest.mark.parametrize(("operation", "door"), OPERATIONS)
def test_a_token_without_the_scope_is_turned_away(operation: Operation, door: Bearer) -> None:
    everything = program("root")
    everything.user.is_superuser = True
    everything.user.save()
    others = [scope for scope in Scope if scope not in door.scopes]
    assert call(limited(everything, *others), operation) == 403
    assert call(everything, operation) not in (401, 403)


@pytest.mark.parametrize(("operation", "door"), OPERATIONS)
def test_who_sends_no_token_is_told_to(operation: Operation, door: Bearer, db: None) -> None:
    assert call(Program(None, ""), operation) == 401  # type: ignore[arg-type]
