"""A token graph that runs is moved to a newer version: tokens and waits keep their place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.engine.conftest import Clock
from tests.engine.test_token_events import boundary
from tests.engine.test_tokens import drained
from tests.factories import (
    chain,
    human,
    make_agent,
    make_user,
    node,
    register,
    start,
    states,
    step,
    task,
)
from workflows import clock as clocks
from workflows import engine
from workflows.errors import CannotMove
from workflows.models import Approval, Execution, Subscription, Timer

pytestmark = pytest.mark.django_db(transaction=True)


def approve(execution: Execution) -> None:
    asked = Approval.objects.get(execution=execution, state="open")
    bob = make_user("bob", "approver")
    engine.decide(asked.pk, by=bob, verdict="approve")


def moved(execution: Execution, mapping: dict[str, str] | None = None) -> Execution:
    ada = make_user("ada")
    found = engine.move_to_version(execution.pk, 2, mapping, by=ada, reason="better")
    return drained(found)


def forked(*more: dict[str, Any], both: str = "both") -> list[dict[str, Any]]:
    return [
        node("split", "parallel"),
        step("left", "split"),
        human("right", "split"),
        node(both, "parallel", "left", "right"),
        *more,
    ]


def test_tokens_at_joins_and_open_steps_keep_their_place_and_new_steps_follow() -> None:
    make_agent()
    execution = drained(start(*forked(step("after", "both"))))
    register(
        step("before"),
        node("split", "parallel", "before"),
        *forked(both="join")[1:],
        step("new", "join"),
        step("after", "new"),
    )
    execution = moved(execution, {"both": "join"})
    assert execution.version.number == 2
    row = execution.audit_events.get(kind="execution.moved")
    assert (row.actor, row.data["added"], row.data["removed"]) == (
        "user:ada",
        ["before", "new"],
        [],
    )
    approve(execution)
    assert drained(execution).state == "completed"
    assert states(execution) == dict.fromkeys(("left", "right", "new", "after"), "completed")


def test_a_join_that_waits_for_fewer_paths_by_now_goes_on_at_once() -> None:
    make_agent()
    execution = drained(
        start(
            node("split", "parallel"),
            step("left", "split"),
            step("other", "split"),
            human("right", "split"),
            node("both", "parallel", "left", "other", "right"),
            step("after", "both"),
        )
    )
    register(
        node("split", "parallel"),
        step("left", "split"),
        step("other", "split"),
        human("right", "split"),
        node("both", "parallel", "left", "other"),
        step("after", "both"),
    )
    moved(execution)
    assert states(execution)["after"] == "completed"
    approve(execution)
    assert drained(execution).state == "completed"


def waiting(duration: str, **fields: Any) -> list[dict[str, Any]]:
    return [
        human("ask"),
        boundary("late", "ask", "timer", duration=duration),
        step("remind", "late"),
        node("note", "pass", "ask", **fields),
    ]


def test_what_is_waited_for_in_the_same_words_keeps_its_time_and_other_words_begin_anew(
    clock: Clock,
) -> None:
    make_agent()
    execution = drained(start(*waiting("PT1H")))
    clock.shift(1_800)
    register(*waiting("PT1H", output_mapping={"x": "1"}))
    due = Timer.objects.get().due_at
    moved(execution)
    assert Timer.objects.get().due_at == due
    register(
        *waiting("PT2H"),
        boundary("rung", "ask", "signal", name="bell", interrupting=False),
        step("hear", "rung"),
    )
    engine.move_to_version(execution.pk, 3, by=None)
    assert Timer.objects.get().due_at > clocks.now() + timedelta(minutes=110)
    assert Subscription.objects.get().name == "bell"
    engine.publish_signal("bell")
    assert states(drained(execution))["hear"] == "completed"
    clock.shift(7_300)
    assert drained(execution).state == "completed"
    assert states(execution)["remind"] == "completed"


def test_what_has_no_place_runs_or_would_change_its_kind_is_told_all_at_once() -> None:
    make_agent()
    execution = drained(
        start(
            *forked(step("after", "both")),
            node("sub", "scope"),
            human("inner") | {"parent": "sub"},
        )
    )
    register(
        node("split", "parallel"),
        step("left", "split"),
        step("after", "split"),
        node("sub", "scope"),
        human("right") | {"parent": "sub"},
        human("inner"),
    )
    with pytest.raises(CannotMove) as refused:
        moved(execution)
    text = "\n".join(refused.value.problems)
    assert "Tokens wait at “Both”: in the new version it is no join." in text
    assert "“Right” has begun, and the new version has it in another sub-process." in text
    assert "“Inner” has begun, and the new version has it in another sub-process." in text
    assert execution.audit_events.filter(kind="operation.refused").exists()
    execution.refresh_from_db()
    assert execution.version.number == 1


def test_plain_and_token_graphs_do_not_turn_into_each_other() -> None:
    make_agent()
    execution = start(*chain("a", "b"))
    register(node("x", "exclusive"), step("a", "x"))
    with pytest.raises(CannotMove, match="has gateways, events"):
        engine.move_to_version(execution.pk, 2, by=None)
    other = start(node("x", "exclusive"), human("a", "x"), key="second")
    register(step("a"), key="second")
    with pytest.raises(CannotMove, match="has no gateways"):
        engine.move_to_version(other.pk, 2, by=None)


def test_sub_processes_and_loops_go_on_over_the_new_version() -> None:
    make_agent()
    tasks = [
        node("each", "scope", loop={"cardinality": 2, "mode": "sequential"}),
        human("ask") | {"parent": "each"},
        step("end", "each"),
    ]
    execution = drained(start(*tasks))
    register(step("first"), *tasks[:2], step("then", "ask", parent="each"), tasks[2])
    moved(execution)
    for _ in range(2):
        asked = Approval.objects.get(execution=execution, state="open")
        bob = make_user(f"bob{asked.pk}", "approver")
        engine.decide(asked.pk, by=bob, verdict="approve")
        drained(execution)
    assert execution.state == "completed"
    assert execution.tasks.filter(key="then", state="completed").count() == 2
    assert task(execution, "end").state == "completed"
