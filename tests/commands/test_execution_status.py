from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from agents import runner
from tests.commands.conftest import Ran
from tests.factories import chain, make_agent, register
from workflows import engine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def status(manage: Callable[..., Ran]) -> Callable[..., Ran]:
    return partial(manage, "workflows", "execution_status")


def test_the_document_is_what_the_engine_says(status: Callable[..., Ran]) -> None:
    register(*chain("a", "b"))
    execution = engine.start_workflow("flow")
    ran = status(str(execution.pk), "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document == engine.get_execution_status(execution.pk)


def test_a_person_reads_each_task_with_its_agent_and_its_error(status: Callable[..., Ran]) -> None:
    make_agent(tool="tests.fail")
    register(*chain("a", "b"))
    execution = engine.start_workflow("flow")
    runner.drain()
    out = status(str(execution.pk)).out
    assert f"Execution {execution.pk} of flow is failed." in out
    assert "failed     a  echo, It broke." in out
    assert "pending    b\n" in out


@pytest.mark.parametrize("number", ["4711", str(10**30)])
def test_an_unknown_execution_is_refused(status: Callable[..., Ran], number: str) -> None:
    ran = status(number, "--json")
    assert ran.code == 1
    assert ran.document == {"error": f"There is no execution {number}."}


@pytest.mark.parametrize("arguments", [(), ("first",), ("1", "2")])
def test_bad_usage_has_its_own_exit_code(
    status: Callable[..., Ran], arguments: tuple[str, ...]
) -> None:
    ran = status(*arguments)
    assert (ran.code, ran.out) == (2, "")
