from __future__ import annotations

from itertools import product

import pytest
from django.db import IntegrityError, connection, transaction

from agents import runner
from tests.factories import (
    chain,
    history,
    human,
    kinds,
    make_agent,
    make_user,
    register,
    start,
    states,
    task,
)
from workflows import clock, engine
from workflows.models import ALLOWED, FINAL, Approval, Execution, State, Task

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = {
    "pending": {"running", "cancelled"},
    "running": {"completed", "failed", "paused"},
    "paused": {"running", "cancelled"},
    "failed": {"pending"},
    "completed": set(),
    "cancelled": set(),
}
UNKNOWN = 999_999


def test_the_table_is_the_products() -> None:
    assert {old: set(new) for old, new in ALLOWED.items()} == TABLE
    assert set(FINAL) == {"completed", "cancelled"}


@pytest.mark.parametrize("model", [Task, Execution])
def test_the_database_refuses_every_other_pair(model: type[Task | Execution]) -> None:
    make_agent()
    execution = start(*chain("a"))
    subject = model.objects.get()
    for old, new in product(State.values, State.values):
        if old == new:
            continue
        with transaction.atomic():
            _put(model, subject.pk, old)
            is_taken = _is_taken(model, subject.pk, new)
            assert is_taken == (new in TABLE[old]), (old, new)
            transaction.set_rollback(True)
    assert history(execution) == ["execution pending"]


def _put(model: type[Task | Execution], pk: int, state: str) -> None:
    """Into a state without asking: the trigger is set aside inside this transaction."""
    table = model._meta.db_table
    more = {"finished_at": clock.now()} if model is Execution else {"is_ready": False}
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER only_allowed_transitions")
        model.objects.filter(pk=pk).update(state=state, **more)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER only_allowed_transitions")


def _is_taken(model: type[Task | Execution], pk: int, new: str) -> bool:
    try:
        with transaction.atomic():
            return model.objects.filter(pk=pk).update(state=new) == 1
    except IntegrityError as error:
        return "cannot go from" not in str(error)


def test_a_task_can_be_taken_through_by_hand_and_its_successor_follows() -> None:
    make_agent()
    execution = start(*chain("a", "b"))
    ada = make_user("ada", "operator")
    first = task(execution, "a").pk
    assert engine.transition_state(execution.pk, first, "running", by=ada, reason="I do it")
    assert engine.transition_state(execution.pk, first, "completed", by=ada)
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert history(execution) == [
        "execution pending",
        "execution running",
        "a running",
        "a completed",
        "b running",
        "b completed",
        "execution completed",
    ]
    moves = execution.audit_events.filter(task_id=first).values_list("kind", "actor")
    assert list(moves) == [("task.running", "user:ada"), ("task.completed", "user:ada")]


def test_an_illegal_move_by_hand_changes_nothing_and_is_recorded() -> None:
    make_agent()
    execution = start(*chain("a", "b"))
    ada = make_user("ada", "operator")
    before = Task.objects.values().get(key="a")
    for new in ("completed", "failed", "paused", "pending", "banana"):
        assert not engine.transition_state(execution.pk, "a", new, by=ada)
    assert Task.objects.values().get(key="a") == before
    assert history(execution) == ["execution pending"]
    refused = execution.audit_events.filter(kind="transition.refused").order_by("seq")
    assert [(row.actor, row.data["was"], row.data["asked"]) for row in refused] == [
        ("user:ada", "pending", new)
        for new in ("completed", "failed", "paused", "pending", "banana")
    ]


@pytest.mark.parametrize("execution_id", [UNKNOWN, 0, -1, 2**70])
def test_an_unknown_execution_is_not_moved(execution_id: int) -> None:
    assert not engine.transition_state(execution_id, 1, "running", by=None)


@pytest.mark.parametrize("task_id", [UNKNOWN, 0, 2**70, "nobody", "", "²"])
def test_an_unknown_task_is_not_moved(task_id: int | str) -> None:
    make_agent()
    execution = start(*chain("a"))
    assert not engine.transition_state(execution.pk, task_id, "running", by=None)
    assert kinds(execution) == ["execution.created"]


def test_a_running_task_may_be_paused_and_taken_up_again() -> None:
    make_agent()
    execution = start(*chain("a"))
    for new in ("running", "paused", "running", "completed"):
        assert engine.transition_state(execution.pk, "a", new, by=None), new
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert history(execution) == [
        "execution pending",
        "execution running",
        "a running",
        "a paused",
        "a running",
        "a completed",
        "execution completed",
    ]


def test_a_task_cancelled_by_hand_lets_the_rest_go_on() -> None:
    make_agent()
    execution = start(*chain("a"), *chain("b"))
    assert engine.transition_state(execution.pk, "a", "cancelled", by=None, reason="not needed")
    runner.drain()
    execution.refresh_from_db()
    assert (execution.state, states(execution)) == (
        "completed",
        {"a": "cancelled", "b": "completed"},
    )


def test_cancelling_the_only_task_by_hand_ends_an_execution_that_never_ran() -> None:
    make_agent()
    execution = start(*chain("a"))
    assert engine.transition_state(execution.pk, "a", "cancelled", by=None)
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert history(execution)[-2:] == ["a cancelled", "execution completed"]


def test_a_failure_by_hand_fails_the_execution_without_retries() -> None:
    make_agent()
    execution = start(*chain("a"), retry_policy={"max_retries": 5})
    engine.transition_state(execution.pk, "a", "running", by=None)
    assert engine.transition_state(
        execution.pk, "a", "failed", by=None, reason="It cannot be done."
    )
    execution.refresh_from_db()
    assert (execution.state, execution.error) == ("failed", "A: It cannot be done.")
    assert engine.transition_state(execution.pk, "a", "pending", by=None)
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_nothing_is_begun_by_hand_while_the_execution_is_paused() -> None:
    make_agent()
    execution = start(*chain("a"))
    engine.pause(execution.pk, by=None)
    assert not engine.transition_state(execution.pk, "a", "running", by=None)
    assert kinds(execution)[-1] == "transition.refused"


def test_a_failed_task_of_a_cancelled_execution_stays_as_it_is() -> None:
    make_agent(tool="tests.fail")
    execution = start(*chain("a"), input={"permanent": True})
    runner.drain()
    engine.cancel(execution.pk, by=None)
    assert not engine.transition_state(execution.pk, "a", "pending", by=None)
    assert states(execution) == {"a": "failed"}


@pytest.mark.parametrize("ways", [("running", "completed"), ("cancelled",)])
def test_a_hand_on_a_waiting_approval_withdraws_the_question(ways: tuple[str, ...]) -> None:
    execution = start(human("ask"))
    runner.drain()
    for new in ways:
        assert engine.transition_state(execution.pk, "ask", new, by=None)
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert Approval.objects.get().state == "cancelled"


def test_no_transition_by_hand_leads_around_a_decision_on_ones_own_request() -> None:
    ada, grace = make_user("ada"), make_user("grace")
    register(human("ask"))
    execution = engine.start_workflow("flow", by=ada)
    runner.drain()
    assert engine.transition_state(execution.pk, "ask", "running", by=ada)
    assert not engine.transition_state(execution.pk, "ask", "completed", by=ada, reason="mine")
    row = execution.audit_events.latest("seq")
    assert (row.kind, row.actor, states(execution)["ask"]) == (
        "transition.refused",
        "user:ada",
        "running",
    )
    assert "another person" in row.data["why"]
    assert engine.transition_state(execution.pk, "ask", "completed", by=grace, reason="seen")
    assert execution.audit_events.get(kind="task.completed").data["reason"] == "seen"
