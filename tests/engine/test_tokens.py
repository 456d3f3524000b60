"""Token graphs, construct by construct: what happened is what the audit says, in order."""

from __future__ import annotations

import pytest

from agents import runner
from tests.factories import (
    default,
    history,
    human,
    kinds,
    make_agent,
    make_user,
    node,
    start,
    states,
    step,
    when,
)
from workflows import engine
from workflows.engine import advancing, sessions
from workflows.errors import InvalidInput
from workflows.models import Approval, Execution

pytestmark = pytest.mark.django_db(transaction=True)


def drained(execution: Execution) -> Execution:
    runner.drain()
    execution.refresh_from_db()
    return execution


def told(execution: Execution) -> list[str]:
    """The audit in short: "a opened", "x passed", "a running", …"""
    names = dict(execution.tasks.values_list("pk", "key"))
    lines = []
    for event in execution.audit_events.order_by("seq"):
        if event.kind == "token.passed":
            lines.append(f"{event.entity_id} passed")
        elif event.kind == "task.opened":
            lines.append(f"{names[event.task_id]} opened")
        elif event.new_state:
            lines.append(f"{names.get(event.task_id, 'execution')} {event.new_state}")
    return lines


def test_an_exclusive_gateway_takes_the_first_way_that_holds_and_else_the_default() -> None:
    make_agent()
    ways = [
        node("begin", "start"),
        step("weigh", "begin", output_mapping={"kilos": "output.kilos"}),
        node("size", "exclusive", "weigh"),
        step("truck", when("size", "kilos > 100")),
        step("van", when("size", "kilos > 10")),
        step("bike", default("size")),
        node("done", "end", "truck", "van", "bike"),
    ]
    for kilos, chosen in ((500, "truck"), (50, "van"), (5, "bike")):
        ways[1]["input"] = {"output": {"kilos": kilos}}
        execution = drained(start(*ways))
        assert told(execution) == [
            "execution pending",
            "begin passed",
            "weigh opened",
            "execution running",
            "weigh running",
            "weigh completed",
            "size passed",
            f"{chosen} opened",
            f"{chosen} running",
            f"{chosen} completed",
            "done passed",
            "execution completed",
        ]


def test_a_loop_enters_a_node_again_as_a_new_task_with_the_next_iteration() -> None:
    make_agent()
    execution = drained(
        start(
            step("write", when("good", "!(n >= 3)"), "begin", join="one"),
            step("check", "write", output_mapping={"n": "n + 1"}),
            node("good", "exclusive", "check"),
            node("begin", "start"),
            node("done", "end", default("good")),
            input={"n": 0},
        )
    )
    assert execution.state == "completed"
    assert list(execution.tasks.values_list("key", "iteration", "state")) == [
        ("write", 1, "completed"),
        ("check", 1, "completed"),
        ("write", 2, "completed"),
        ("check", 2, "completed"),
        ("write", 3, "completed"),
        ("check", 3, "completed"),
    ]
    keys = {work.key for work in execution.tasks.all()}
    assert keys == {"write", "check"}
    assert execution.variables["n"] == 3


def test_a_parallel_join_waits_for_every_branch_and_fires_once() -> None:
    make_agent()
    execution = drained(
        start(
            node("fork", "parallel"),
            *(step(f"b{number}", "fork") for number in range(5)),
            node("join", "parallel", *(f"b{number}" for number in range(5))),
            step("after", "join"),
        )
    )
    lines = told(execution)
    assert execution.state == "completed"
    assert lines.count("join passed") == lines.count("after running") == 1
    assert lines.index("join passed") > max(lines.index(f"b{n} completed") for n in range(5))


def test_an_inclusive_join_waits_only_for_branches_that_can_still_arrive() -> None:
    make_agent()
    ways = [
        node("fork", "inclusive"),
        step("a", when("fork", "x > 0")),
        step("b", when("fork", "x > 1")),
        step("c", when("fork", "x > 2")),
        step("d", default("fork")),
        node("join", "inclusive", "a", "b", "c", "d"),
        step("after", "join"),
    ]
    for x, ran in ((0, ["d"]), (1, ["a"]), (3, ["a", "b", "c"])):
        execution = drained(start(*ways, input={"x": x}))
        lines = told(execution)
        assert [key for key in "abcd" if f"{key} running" in lines] == ran
        assert lines.count("join passed") == lines.count("after completed") == 1
        assert execution.state == "completed"


def test_a_sub_process_is_a_task_that_runs_until_nothing_is_left_in_it() -> None:
    make_agent()
    execution = drained(
        start(
            node("inside", "scope"),
            step("a", parent="inside"),
            step("b", "a", parent="inside"),
            step("c", parent="inside"),
            step("after", "inside"),
        )
    )
    assert told(execution)[:6] == [
        "execution pending",
        "execution running",
        "inside opened",
        "inside running",
        "a opened",
        "c opened",
    ]
    assert history(execution)[-4:] == [
        "inside completed",
        "after running",
        "after completed",
        "execution completed",
    ]


def test_a_terminate_end_cancels_what_else_is_in_its_scope_and_nothing_outside() -> None:
    make_agent()
    make_user("bob", "approver")
    execution = drained(
        start(
            node("inside", "scope"),
            human("ask") | {"parent": "inside"},
            step("quick", parent="inside"),
            node("stop", "end", "quick", parent="inside", event={"type": "terminate"}),
            step("after", "inside"),
        )
    )
    assert execution.state == "completed"
    assert states(execution) == {
        "inside": "completed",
        "ask": "cancelled",
        "quick": "completed",
        "after": "completed",
    }
    assert Approval.objects.get().state == "cancelled"


def test_a_gateway_without_a_way_is_an_incident_that_can_be_mended_and_retried() -> None:
    make_agent()
    execution = drained(
        start(
            step("a"),
            node("which", "exclusive", "a"),
            step("b", when("which", "x > 1")),
            input={"x": 0},
        )
    )
    assert execution.state == "failed"
    assert "No way leads on from “Which”" in execution.error
    assert states(execution) == {"a": "completed", "which": "failed"}
    Execution.objects.filter(pk=execution.pk).update(variables={"x": 5})
    engine.retry(execution.pk, by=None)
    runner.drain()
    execution.refresh_from_db()
    assert (execution.state, states(execution)["b"]) == ("completed", "completed")
    Execution.objects.filter(pk=execution.pk).update(variables={"x": 0})


def test_tokens_that_wait_for_what_cannot_come_fail_the_execution_by_name() -> None:
    make_agent()
    execution = drained(
        start(
            node("which", "exclusive"),
            step("a", when("which", "true")),
            step("b", default("which")),
            node("both", "parallel", "a", "b"),
            step("after", "both"),
        )
    )
    assert execution.state == "failed"
    assert execution.error == "Nothing can move on: Both waits for paths that were not taken."


def test_a_loop_that_never_waits_is_an_incident() -> None:
    make_agent()
    execution = drained(
        start(
            node("begin", "start"),
            node("again", "exclusive", "begin", when("turn", "true")),
            node("turn", "exclusive", "again"),
            node("done", "end", default("turn")),
        )
    )
    assert execution.state == "failed"
    assert "a loop does not end" in execution.error


def test_a_failed_task_is_retried_by_the_policy_and_then_by_hand() -> None:
    make_agent(tool="tests.fail")
    execution = drained(
        start(
            node("begin", "start"),
            step("a", "begin", input={"succeeds_at": 3}),
            node("done", "end", "a"),
            retry_policy={"max_retries": 1, "initial_delay": 0, "jitter": 0},
        )
    )
    assert (execution.state, states(execution)) == ("failed", {"a": "failed"})
    engine.retry(execution.pk, by=None)
    assert drained(execution).state == "completed"
    assert [line for line in history(execution) if line.startswith("a ")] == [
        "a running",
        "a failed",
        "a pending",
        "a running",
        "a failed",
        "a pending",
        "a running",
        "a completed",
    ]


def test_pause_holds_the_tokens_that_move_meanwhile_and_resume_lets_them_go() -> None:
    make_agent()
    bob = make_user("bob", "operator")
    execution = start(node("begin", "start"), step("a", "begin"), step("b", "a"))
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 1)
    engine.pause(execution.pk, by=bob)
    assert advancing.exchange(session, [(work, advancing.Completed({}))], 5) == []
    assert states(execution) == {"a": "completed", "b": "pending"}
    sessions.close_session(session)
    assert drained(execution).state == "paused"
    engine.resume(execution.pk, by=bob)
    assert drained(execution).state == "completed"


def test_a_paused_execution_whose_last_token_has_gone_ends_when_it_is_resumed() -> None:
    make_agent()
    execution = start(node("begin", "start"), step("a", "begin"))
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 1)
    engine.pause(execution.pk, by=None)
    advancing.report(session, [(work, advancing.Completed({}))])
    sessions.close_session(session)
    engine.resume(execution.pk, by=None)
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_cancel_stops_everything_and_a_late_result_is_refused() -> None:
    make_agent()
    execution = start(
        node("inside", "scope"), step("a", parent="inside"), step("b", parent="inside")
    )
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 1)
    engine.cancel(execution.pk, by=None, reason="changed our mind")
    advancing.report(session, [(work, advancing.Completed({}))])
    sessions.close_session(session)
    assert states(execution) == {"inside": "cancelled", "a": "cancelled", "b": "cancelled"}
    assert kinds(execution)[-1] == "result.refused"


def test_a_result_delivered_twice_moves_its_token_once() -> None:
    make_agent()
    execution = start(node("begin", "start"), step("a", "begin"), step("b", "a"))
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 1)
    done = (work, advancing.Completed({}))
    advancing.report(session, [done, done])
    advancing.report(session, [done])
    sessions.close_session(session)
    assert drained(execution).state == "completed"
    assert history(execution).count("b running") == 1
    assert kinds(execution).count("result.refused") == 2


def test_people_decide_in_a_loop_until_they_agree() -> None:
    make_agent()
    bob = make_user("bob", "approver")
    execution = drained(
        start(
            node("begin", "start"),
            step("draft", "begin", when("agreed", "!ok"), join="one"),
            human("ask", "draft") | {"output_mapping": {"ok": "output.decision == 'approve'"}},
            node("agreed", "exclusive", "ask"),
            node("done", "end", default("agreed")),
        )
    )
    for verdict in ("reject", "approve"):
        question = Approval.objects.get(state="open")
        engine.decide(question.pk, by=bob, verdict=verdict)
        drained(execution)
    assert execution.state == "completed"
    assert [task.iteration for task in execution.tasks.filter(key="draft")] == [1, 2]


def test_a_task_cancelled_by_hand_takes_its_token_with_it() -> None:
    make_agent()
    execution = start(node("fork", "parallel"), step("a", "fork"), step("b", "fork"))
    assert engine.transition_state(execution.pk, "a", "cancelled", by=None)
    assert drained(execution).state == "completed"
    assert states(execution) == {"a": "cancelled", "b": "completed"}


def test_a_task_completed_by_hand_moves_its_token_on() -> None:
    make_agent()
    execution = start(node("begin", "start"), step("a", "begin"), step("b", "a"))
    assert engine.transition_state(execution.pk, "a", "running", by=None)
    assert engine.transition_state(execution.pk, "a", "completed", by=None)
    assert drained(execution).state == "completed"
    assert states(execution) == {"a": "completed", "b": "completed"}


def test_a_deadline_fails_the_work_and_a_retry_goes_on_from_there(clock) -> None:
    make_agent()
    execution = start(
        node("inside", "scope"),
        step("a", parent="inside"),
        timeout_minutes=1,
    )
    session = sessions.open_session()
    advancing.exchange(session, [], 1)
    clock.shift(61)
    from workflows.engine import timers

    timers.fire_due()
    sessions.close_session(session)
    execution.refresh_from_db()
    assert (execution.state, states(execution)) == (
        "failed",
        {"inside": "running", "a": "failed"},
    )
    engine.retry(execution.pk, by=None)
    assert drained(execution).state == "completed"


def test_a_step_of_a_token_graph_is_completed_by_hand_unless_its_output_leads_nowhere() -> None:
    make_agent(tool="tests.obey")
    execution = drained(
        start(
            step("a", output_mapping={"x": "output.x"}),
            node("which", "exclusive", "a"),
            step("b", {"task": "which", "when": "x == 1"}),
            input={"orders": {"a": "fail"}},
        )
    )
    assert execution.state == "failed"
    with pytest.raises(InvalidInput, match="output"):
        engine.complete(execution.pk, "a", {"y": 1}, by=None)
    assert states(execution) == {"a": "failed"}
    engine.complete(execution.pk, "a", {"x": 1}, by=None)
    assert drained(execution).state == "completed"
    assert states(execution) == {"a": "completed", "b": "completed"}
