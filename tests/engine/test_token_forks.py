"""Forks of token graphs: what begins, with which variables, and what cannot be run again alone."""

from __future__ import annotations

import pytest

from tests.engine.test_token_events import boundary, event
from tests.engine.test_tokens import drained
from tests.factories import (
    default,
    human,
    make_agent,
    make_user,
    node,
    start,
    states,
    step,
    task,
    when,
)
from workflows import engine
from workflows.errors import CannotRerun, InvalidInput, UnknownTask
from workflows.models import Approval, Execution, Timer

pytestmark = pytest.mark.django_db(transaction=True)
ADD = {"n": "n + 1"}


def test_a_fork_begins_at_its_step_with_the_variables_of_then() -> None:
    make_agent()
    ada = make_user("ada")
    origin = drained(
        start(
            step("a", output_mapping=ADD),
            node("way", "exclusive", "a"),
            step("b", when("way", "n > 0"), output_mapping=ADD),
            step("c", "b", output_mapping=ADD),
            variables={"n": 0},
        )
    )
    assert origin.variables["n"] == 3
    fork = engine.rerun_from(origin.pk, "b", by=ada, reason="again")
    assert (fork.forked_from, fork.forked_at, fork.variables) == (origin, "b", {"n": 1})
    assert states(drained(fork)) == {"b": "completed", "c": "completed"}
    assert fork.variables == {"n": 3}
    row = origin.audit_events.get(kind="execution.forked")
    assert (row.actor, row.data["fork"], row.data["reason"]) == ("user:ada", fork.pk, "again")
    other = engine.rerun_from(origin.pk, "b", by=ada, variables={"n": 10}, idempotency_key="k")
    assert engine.rerun_from(origin.pk, "b", by=ada, idempotency_key="k") == other
    assert drained(other).variables == {"n": 12}
    assert states(drained(engine.rerun_from(fork.pk, "c", by=None))) == {"c": "completed"}


def forked() -> Execution:
    make_agent()
    return start(
        node("split", "parallel"),
        step("left", "split"),
        human("right", "split"),
        node("both", "parallel", "left", "right"),
        step("after", "both"),
    )


def test_what_another_path_had_brought_to_a_join_counts_in_the_fork() -> None:
    origin = drained(forked())
    engine.decide(Approval.objects.get().pk, by=make_user("bob", "approver"), verdict="approve")
    assert drained(origin).state == "completed"
    fork = drained(engine.rerun_from(origin.pk, "left", by=None))
    assert (fork.state, states(fork)) == ("completed", {"left": "completed", "after": "completed"})


def test_a_join_that_would_wait_for_ever_is_refused_by_name() -> None:
    origin = drained(forked())
    with pytest.raises(
        CannotRerun, match="“Both” would wait for ever: no token had come from “Right”"
    ):
        engine.rerun_from(origin.pk, "left", by=None)
    assert Execution.objects.count() == 1
    assert origin.audit_events.filter(kind="operation.refused").exists()


def test_a_fork_within_a_sub_process_opens_it_with_the_events_on_its_edge() -> None:
    make_agent()
    origin = drained(
        start(
            step("a"),
            node("sub", "scope", "a"),
            step("one", parent="sub"),
            human("two", "one") | {"parent": "sub"},
            boundary("late", "sub", "timer", duration="P1D"),
            step("after", "sub"),
        )
    )
    engine.cancel(origin.pk, by=None)
    fork = drained(engine.rerun_from(origin.pk, "two", by=None))
    assert states(fork) == {"sub": "running", "two": "paused"}
    assert Timer.objects.get().execution_id == fork.pk
    assert task(fork, "two").scope == task(fork, "sub").pk
    bob = make_user("bob", "approver")
    engine.decide(Approval.objects.get(execution=fork, state="open").pk, by=bob, verdict="approve")
    assert drained(fork).state == "completed"


def test_loops_are_run_again_whole_and_what_events_and_undoing_began_not_at_all() -> None:
    make_agent()
    origin = drained(
        start(
            node("each", "scope", loop={"cardinality": 2}),
            step("inner", parent="each"),
            node("alarm", "scope", **event("signal", name="bell", interrupting=False)),
            step("answer", parent="alarm"),
            step("undo", compensates="each"),
            human("wait", "each"),
        )
    )
    engine.publish_signal("bell")
    drained(origin)
    for key, why in (("inner", "lies in the loop “Each”"), ("answer", "is started by an event")):
        with pytest.raises(CannotRerun, match=why):
            engine.rerun_from(origin.pk, key, by=None)
    with pytest.raises(CannotRerun):
        engine.rerun_from(origin.pk, "undo", by=None)
    shown = engine.rerunnable(origin, list(origin.tasks.all()))
    assert {one.key for one in origin.tasks.filter(pk__in=shown)} == {"each", "wait"}
    fork = drained(engine.rerun_from(origin.pk, "each", by=None))
    assert fork.tasks.filter(key="inner", state="completed").count() == 2


def test_a_step_that_was_never_reached_is_told_from_one_that_is_not_there() -> None:
    make_agent()
    gate = node("gate", "exclusive")
    origin = drained(start(gate, step("a", when("gate", "false")), step("b", default("gate"))))
    with pytest.raises(CannotRerun, match="“a” has never had its turn"):
        engine.rerun_from(origin.pk, "a", by=None)
    with pytest.raises(UnknownTask, match="no step “c”"):
        engine.rerun_from(origin.pk, "c", by=None)
    assert origin.audit_events.filter(kind="operation.refused").count() == 2


def test_a_key_that_has_started_something_else_is_refused_by_name() -> None:
    make_agent()
    origin = drained(start(step("a")))
    engine.start_workflow("flow", idempotency_key="taken")
    with pytest.raises(InvalidInput, match="idempotency_key: “taken” has started"):
        engine.rerun_from(origin.pk, "a", by=None, idempotency_key="taken")
    fork = engine.rerun_from(origin.pk, "a", by=None, idempotency_key="free")
    assert engine.rerun_from(origin.pk, "a", by=None, idempotency_key="free") == fork
