"""An execution that runs is moved to a newer version of its workflow."""

from __future__ import annotations

from datetime import datetime

import pytest

from agents import runner
from tests.engine.conftest import Clock
from tests.factories import (
    chain,
    human,
    kinds,
    make_agent,
    make_user,
    register,
    start,
    states,
    step,
    task,
)
from workflows import engine
from workflows.clock import of_database
from workflows.engine import claiming
from workflows.errors import CannotMove, IllegalTransition, UnknownVersion
from workflows.models import Approval, Execution, Version

pytestmark = pytest.mark.django_db(transaction=True)


def drained(execution: Execution) -> Execution:
    runner.drain()
    execution.refresh_from_db()
    return execution


def asking() -> Execution:
    """`a` has completed, `ask` waits for a person, `end` for both."""
    make_agent()
    return drained(start(step("a"), human("ask", "a"), step("end", "ask"), input={"x": 1}))


def approve() -> None:
    asked = Approval.objects.filter(state="open").get()
    engine.decide(asked.pk, by=make_user("bob", "approver"), verdict="approve")


def test_what_is_done_stays_what_waits_waits_on_and_what_is_new_runs() -> None:
    execution = asking()
    register(step("zero"), step("a"), human("ask", "a"), step("more", "ask"), step("end", "more"))
    engine.move_to_version(execution.pk, 2, by=make_user("ada"), reason="one step more")
    execution.refresh_from_db()
    assert execution.version.number == 2
    approve()
    assert drained(execution).state == "completed"
    assert states(execution) == {
        "a": "completed",
        "ask": "completed",
        "zero": "completed",
        "more": "completed",
        "end": "completed",
    }
    assert kinds(execution).count("task.completed") == 5, "nothing ran twice"
    row = execution.audit_events.get(kind="execution.moved")
    assert row.actor == "user:ada"
    assert (row.data["from_version"], row.data["to_version"]) == (1, 2)
    assert (row.data["added"], row.data["removed"]) == (["zero", "more"], [])


def test_a_step_is_mapped_to_one_with_another_key() -> None:
    execution = asking()
    register(step("a"), human("review", "a"), step("end", "review"))
    with pytest.raises(CannotMove, match=r"“Ask” has begun and has no place"):
        engine.move_to_version(execution.pk, 2, by=None)
    engine.move_to_version(execution.pk, 2, {"ask": "review"}, by=None)
    approve()
    assert drained(execution).state == "completed"
    assert set(states(execution)) == {"a", "review", "end"}


def test_a_step_that_waits_and_has_no_place_is_cancelled() -> None:
    execution = asking()
    register(step("a"), human("ask", "a"), step("other", "ask"))
    engine.move_to_version(execution.pk, 2, by=None)
    approve()
    assert drained(execution).state == "completed"
    assert states(execution)["end"] == "cancelled"
    assert states(execution)["other"] == "completed"


def test_a_new_step_before_one_that_only_waits_runs_first() -> None:
    make_agent()
    execution = start(*chain("a", "b"))
    engine.pause(execution.pk, by=None)
    engine.skip(execution.pk, task(execution, "a").pk, by=None)
    register(*chain("a", "x", "b"))
    engine.move_to_version(execution.pk, 2, by=None)
    assert task(execution, "b").waits_on == 1
    engine.resume(execution.pk, by=None)
    assert drained(execution).state == "completed"
    assert states(execution) == {"a": "completed", "b": "completed", "x": "completed"}


def test_every_problem_is_listed_and_nothing_changes() -> None:
    execution = asking()
    register(step("a"), step("x", "a"), human("ask", "x"), step("new", {"task": "a", "when": "y"}))
    plan = engine.plan_move(execution.pk, 2, {"nothing": "a", "end": "nowhere"})
    assert [problem.split(":")[0] for problem in plan.problems] == [
        "“nothing” is no step of the present version.",
        "“end” is mapped to “nowhere”, which is no step of the new version.",
        "A way out of “A” cannot be judged now",
        "“X” comes before “Ask”, which has begun already.",
    ]
    with pytest.raises(CannotMove):
        engine.move_to_version(execution.pk, 2, {"nothing": "a"}, by=None)
    execution.refresh_from_db()
    assert execution.version.number == 1
    assert kinds(execution)[-1] == "operation.refused"


def test_nothing_is_moved_while_it_runs_or_after_it_has_ended() -> None:
    execution = asking()
    register(step("a"), human("ask", "a"))
    engine.transition_state(execution.pk, "ask", "running", by=None)
    with pytest.raises(CannotMove, match="“Ask” is running"):
        engine.move_to_version(execution.pk, 2, by=None)
    engine.cancel(execution.pk, by=None)
    with pytest.raises(IllegalTransition):
        engine.move_to_version(execution.pk, 2, by=None)


def test_what_a_person_is_asked_is_not_turned_into_work_of_an_agent() -> None:
    execution = asking()
    register(step("a"), step("ask", "a"), step("end", "ask"))
    with pytest.raises(CannotMove, match="“Ask” has begun as “human”"):
        engine.move_to_version(execution.pk, 2, by=None)


def test_only_a_newer_version_is_moved_to() -> None:
    execution = asking()
    for number in (1, 2):
        with pytest.raises(UnknownVersion, match=f"no version {number}"):
            engine.move_to_version(execution.pk, number, by=None)


def test_a_failed_step_is_moved_and_retried_under_its_new_definition() -> None:
    make_agent(tool="tests.fail")
    execution = drained(start(*chain("a"), input={"permanent": True}))
    make_agent("good")
    register(step("a", capabilities=["good"]), step("b", "a", capabilities=["good"]))
    engine.move_to_version(execution.pk, 2, by=None)
    engine.retry(execution.pk, by=None)
    assert drained(execution).state == "completed"


def test_moved_executions_share_an_arrangement_and_starts_ignore_it() -> None:
    make_agent()
    first, second = start(human("ask"), step("end", "ask")), engine.start_workflow("flow")
    runner.drain()
    register(step("early"), human("ask"), step("end", "ask"))
    for execution in (first, second):
        engine.move_to_version(execution.pk, 2, by=None)
    assert Version.objects.filter(arranges__isnull=False).count() == 1
    register(*chain("a"))
    assert Version.objects.filter(number=3).count() == 1


def test_it_is_moved_twice_and_forked_afterwards() -> None:
    execution = asking()
    register(step("a"), human("ask", "a"), step("more", "ask"))
    engine.move_to_version(execution.pk, 2, by=None)
    register(step("a"), human("ask", "a"), step("third", "ask"))
    engine.move_to_version(execution.pk, 3, by=None)
    approve()
    assert drained(execution).state == "completed"
    fork = drained(engine.rerun_from(execution.pk, "third", by=None))
    assert fork.state == "completed"
    assert states(fork)["a"] == "completed"
    assert states(fork)["end.removed-2"] == "cancelled"


def test_a_step_that_is_in_the_version_no_more_is_not_run_again() -> None:
    execution = asking()
    register(human("ask"), step("end", "ask"))
    engine.move_to_version(execution.pk, 2, by=None)
    with pytest.raises(IllegalTransition):
        engine.rerun_from(execution.pk, "a", by=None)


def test_a_way_that_both_versions_have_stays_as_it_was_taken() -> None:
    """`a` chose `low` on x = 1; that x was changed since does not open `high` as well."""
    make_agent()
    ways = [
        step("a"),
        human("low", {"task": "a", "when": "x < 10"}),
        human("high", {"task": "a", "when": "x >= 10"}),
    ]
    execution = drained(start(*ways, input={"x": 1}))
    engine.set_variables(execution.pk, {"x": 99}, by=None)
    register(*ways, step("end", "low", "high", join="one"))
    engine.move_to_version(execution.pk, 2, by=None)
    assert task(execution, "high").waits_on == 1
    assert execution.tasks.filter(is_ready=True).count() == 0
    approve()
    assert drained(execution).state == "completed"
    assert states(execution)["high"] == "cancelled"


def test_what_is_due_after_a_move_or_in_a_fork_says_since_when_it_waits(clock: Clock) -> None:
    execution = start(step("a", priority="LOW"), step("b", "a"))
    clock.shift(11 * 60)
    claiming.age()
    assert task(execution, "a").rank == 2
    register(step("a", priority="HIGH"), step("new", priority="CRITICAL"), step("b", "a"))
    moment = of_database()
    engine.move_to_version(execution.pk, 2, by=None)
    assert ranks(execution, since=moment) == {"a": 3, "new": 4}
    clock.shift(60)
    moment = of_database()
    fork = engine.rerun_from(execution.pk, "a", by=None)
    assert ranks(fork, since=moment) == {"a": 3, "new": 4}


def ranks(execution: Execution, since: datetime) -> dict[str, int]:
    """The rank of each task that became ready since a moment; others do not wait for an agent."""
    ready = execution.tasks.filter(is_ready=True)
    assert not execution.tasks.filter(is_ready=False, waits_since__gte=since).exists()
    return {one.key: one.rank for one in ready.filter(waits_since__gte=since)}
