from __future__ import annotations

import pytest

from agents import runner
from tests.engine.conftest import at_work, wait_for_end
from tests.factories import (
    chain,
    history,
    human,
    kinds,
    make_agent,
    make_user,
    start,
    states,
    step,
    task,
)
from workflows import engine
from workflows.engine import advancing, sessions
from workflows.errors import IllegalTransition
from workflows.models import Approval, Execution

pytestmark = pytest.mark.django_db(transaction=True)


def drained(execution: Execution) -> Execution:
    runner.drain()
    execution.refresh_from_db()
    return execution


def test_a_diamond_joins_once() -> None:
    make_agent()
    execution = drained(start(step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c")))
    assert history(execution).count("d running") == 1
    assert execution.state == "completed"


def test_a_join_of_one_starts_with_the_first_path_and_ignores_the_others() -> None:
    make_agent()
    execution = drained(start(step("a"), step("b", "a"), step("d", "a", "b", join="one")))
    seen_lines = history(execution)
    assert seen_lines.count("d running") == 1
    assert execution.state == "completed"


def test_a_wide_fan_out_runs_on_three_sessions_and_joins_once() -> None:
    make_agent()
    branches = [f"b{number}" for number in range(200)]
    with at_work(3):
        execution = start(step("a"), *(step(key, "a") for key in branches), step("z", *branches))
        wait_for_end(execution)
    lines = history(execution)
    assert execution.state == "completed"
    assert len(lines) == len(set(lines)) == 3 + 2 * 202
    assert lines.index("z running") > max(lines.index(f"{key} completed") for key in branches)


def test_tokens_stuck_at_a_join_fail_the_execution_which_names_it() -> None:
    make_agent()
    execution = start(
        step("a"),
        step("b", {"task": "a", "when": "false"}),
        step("c", {"task": "a", "when": "true"}),
        step("d", "b", "c"),
    )
    assert drained(execution).state == "failed"
    assert execution.error == "Nothing can move on: D waits for paths that were not taken."
    with pytest.raises(IllegalTransition):
        engine.retry(execution.pk, by=None)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("totl > 100", ["totl > 100", "totl"]),
        ("total", ["true or false was expected"]),
        ("total > 'x'", ["total > 'x'"]),
        ("total > 1000", ["No way leads on from “A”", "none of its 1 conditions holds"]),
    ],
)
def test_a_condition_that_leads_nowhere_fails_its_task_with_the_reason(
    when: str, words: list[str]
) -> None:
    make_agent()
    execution = start(
        step("a"),
        step("b", {"task": "a", "when": when}),
        input={"total": 5},
        retry_policy={"max_retries": 3},
    )
    assert drained(execution).state == "failed"
    failed = task(execution, "a")
    assert (failed.state, failed.error_kind, failed.attempt) == ("failed", "expression", 1)
    for word in words:
        assert word in execution.error


@pytest.mark.parametrize(
    "source",
    [
        "1.0 / 0.0",
        "timestamp('2026-01-01T00:00:00Z')",
        "b'x'",
        "duration('1h')",
        "unknown_name",
    ],
)
def test_a_mapping_that_json_cannot_hold_fails_its_task_and_not_the_session(source: str) -> None:
    make_agent()
    execution = start(step("a", output_mapping={"x": source}))
    other = start(*chain("b"), key="other")
    assert drained(execution).state == "failed"
    assert task(execution, "a").error_kind == "expression"
    assert drained(other).state == "completed"


def test_output_becomes_variables_that_the_next_steps_and_conditions_see() -> None:
    make_agent()
    execution = start(
        step("a", input={"output": {"score": 7}}, output_mapping={"score": "output.score * 2"}),
        step("high", {"task": "a", "when": "score > 10 && output.score == 7"}),
        step("low", {"task": "a", "when": "score <= 10"}),
    )
    assert drained(execution).variables["score"] == 14
    assert states(execution) == {"a": "completed", "high": "completed", "low": "cancelled"}
    assert task(execution, "high").input["score"] == 14
    assert execution.audit_events.get(kind="task.completed", task_id=task(execution, "a").pk).data[
        "set"
    ] == {"score": 14}


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_branches_that_write_one_variable_at_once_lose_no_update(is_one_batch: bool) -> None:
    make_agent()
    keys = [f"b{number}" for number in range(8)]
    counting = {"count": "count + 1", "sum": "sum + output.attempt"}
    execution = start(
        *(step(key, output_mapping=counting) for key in keys), input={"count": 0, "sum": 0}
    )
    session = sessions.open_session()
    works = advancing.exchange(session, [], 8)
    done = [(work, advancing.Completed({"attempt": 1})) for work in works]
    for batch in [done] if is_one_batch else [[pair] for pair in done]:
        assert advancing.exchange(session, batch, 0) == []
    sessions.close_session(session)
    execution.refresh_from_db()
    assert (execution.state, execution.variables) == ("completed", {"count": 8, "sum": 8})
    assert execution.variables_version == 8


def test_a_condition_is_asked_again_when_another_branch_has_changed_its_variable() -> None:
    make_agent()
    execution = start(
        step("ask"),
        step("set", output_mapping={"limit": "1000"}),
        step("over", {"task": "ask", "when": "5 > limit"}),
        step("under", {"task": "ask", "when": "5 <= limit"}),
        input={"limit": 1},
    )
    session = sessions.open_session()
    works = {work.key: work for work in advancing.exchange(session, [], 2)}
    advancing.report(session, [(works["set"], advancing.Completed({}))])
    advancing.report(session, [(works["ask"], advancing.Completed({}))])
    sessions.close_session(session)
    assert drained(execution).state == "completed"
    assert states(execution) == {
        "ask": "completed",
        "set": "completed",
        "over": "cancelled",
        "under": "completed",
    }


def test_a_human_step_among_quick_ones_holds_nobody_up() -> None:
    make_agent()
    execution = start(human("ask", priority="CRITICAL"), *chain("a", "b"))
    assert drained(execution).state == "running"
    assert states(execution) == {"ask": "paused", "a": "completed", "b": "completed"}
    engine.decide(Approval.objects.get().pk, by=make_user("bob", "approver"), verdict="approve")
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_a_result_reported_twice_counts_once() -> None:
    make_agent()
    execution = start(*chain("a", "b"))
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 1)
    done = (work, advancing.Completed({}))
    advancing.report(session, [done])
    advancing.report(session, [done])
    sessions.close_session(session)
    assert drained(execution).state == "completed"
    assert history(execution).count("a completed") == 1
    assert kinds(execution).count("result.refused") == 1


def test_work_handed_back_counts_as_no_attempt() -> None:
    make_agent()
    execution = start(*chain("a"))
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 1)
    advancing.report(session, [(work, advancing.Released())])
    sessions.close_session(session)
    assert drained(execution).state == "completed"
    assert task(execution, "a").attempt == 1
