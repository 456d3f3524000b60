"""An element each, drawn as in a file, run to its end: the activities that are completed, in order.

The semantics are those of BPMN 2.0, clause 13. Gateways and events are no activities, but what
waits is a step of its own: an event gateway, a catch event, an event that throws compensation.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from agents import runner
from tests.factories import make_agent, make_user
from workflows import engine
from workflows.bpmn.reader import read
from workflows.models import Approval, Execution, State

from .drawing import el, ext, file, flow

pytestmark = pytest.mark.django_db(transaction=True)

Act = Callable[[Execution], object]
ROOT = (
    '<bpmn:message id="m_paid" name="paid"/><bpmn:signal id="s_alarm" name="alarm"/>'
    '<bpmn:error id="e_broken" errorCode="broken"/>'
    '<bpmn:escalation id="c_late" escalationCode="late"/>'
)
REFERENCES = {
    "message": "m_paid",
    "signal": "s_alarm",
    "error": "e_broken",
    "escalation": "c_late",
}


def event(tag: str, key: str, kind: str, inner: str = "", **attributes: str) -> str:
    """An event with one definition; `inner` is what the definition holds."""
    given = {f"{kind}Ref": REFERENCES[kind]} if kind in REFERENCES else {}
    return el(tag, key, el(f"{kind}EventDefinition", "", inner, **given), **attributes)


def chain(*keys: str) -> str:
    """Flows from each to the next."""
    return "".join(flow(one, other) for one, other in pairwise(keys))


def tasks(*keys: str) -> str:
    return "".join(el("task", key) for key in keys)


def sub(key: str, *inner: str, tag: str = "subProcess", **attributes: str) -> str:
    return el(tag, key, "".join(inner), **attributes)


NOW = "<bpmn:timeDuration>PT0S</bpmn:timeDuration>"
NEVER = "<bpmn:timeDuration>P9D</bpmn:timeDuration>"
START = el("startEvent", "s")
END = el("endEvent", "e")


def message(**payload: Any) -> Act:
    return lambda _: engine.publish_message("paid", payload)


def signal(_: Execution) -> object:
    return engine.publish_signal("alarm", {})


def decide(verdict: str) -> Act:
    def act(execution: Execution) -> None:
        approval = Approval.objects.get(execution=execution, state="open")
        person = make_user("pat", "approver")
        engine.decide(approval.pk, by=person, verdict=verdict)

    return act


def run(
    *drawn: str,
    acts: tuple[Act, ...] = (),
    state: str = State.COMPLETED,
    root: str = "",
    **variables: Any,
) -> list[str]:
    """Publish what is drawn, run it, and do in turn what comes from outside."""
    make_agent()
    reading = read(file(*drawn, root=ROOT + root))
    assert [str(one) for one in reading.unsupported] == []
    version = engine.register_workflow(reading.definition)
    execution = engine.start_workflow(version.workflow.key, variables)
    runner.drain()
    for act in acts:
        act(execution)
        runner.drain()
    execution.refresh_from_db()
    left = execution.tasks.exclude(state=State.COMPLETED).values_list("key", "state", "error")
    assert execution.state == state, (execution.error, list(left))
    done = execution.audit_events.filter(kind="task.completed").order_by("seq")
    return [one.data["key"] for one in done]


@pytest.mark.parametrize("tag", ["task", "manualTask", "serviceTask", "sendTask"])
def test_a_task_is_done_and_its_token_goes_on(tag: str) -> None:
    assert run(START, el(tag, "a"), tasks("b"), END, chain("s", "a", "b", "e")) == ["a", "b"]


def test_a_script_task_sets_what_its_expression_gives() -> None:
    script = el(
        "scriptTask",
        "a",
        ext('<zeebe:script expression="= total + 1" resultVariable="more"/>'),
    )
    choice = el("exclusiveGateway", "g", default="g-no")
    ways = flow("s", "a") + flow("a", "g") + flow("g", "yes", "= more = 6") + flow("g", "no")
    assert run(START, script, choice, tasks("yes", "no"), ways, total=5) == ["a", "yes"]


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_a_user_task_waits_for_a_person(verdict: str) -> None:
    drawn = (START, el("userTask", "ask"), tasks("b"), chain("s", "ask", "b"))
    assert run(*drawn, acts=(decide(verdict),)) == ["ask", "b"]


def test_a_receive_task_waits_for_its_message() -> None:
    drawn = (START, el("receiveTask", "a", messageRef="m_paid"), tasks("b"), chain("s", "a", "b"))
    assert run(*drawn, acts=(message(),)) == ["a", "b"]


def test_a_call_activity_runs_another_process_and_waits_for_it() -> None:
    called = read(file(START, tasks("inner"), chain("s", "inner"))).definition
    engine.register_workflow({**called, "key": "called"})
    drawn = (START, el("callActivity", "c", calledElement="called"), tasks("b"))
    assert run(*drawn, chain("s", "c", "b")) == ["c", "b"]


def test_an_exclusive_gateway_takes_the_first_way_that_holds() -> None:
    ways = flow("g", "a", "${x &gt; 1}") + flow("g", "b", "${x &gt; 0}") + flow("g", "c")
    drawn = (
        START,
        el("exclusiveGateway", "g", default="g-c"),
        tasks("b", "a", "c"),
        flow("s", "g"),
    )
    assert [run(*drawn, ways, x=x) for x in (2, 1, 0)] == [["a"], ["b"], ["c"]]


def test_a_parallel_gateway_forks_and_joins() -> None:
    gates = el("parallelGateway", "f") + el("parallelGateway", "j")
    ways = chain("s", "f", "a", "j", "z") + chain("f", "b", "j")
    assert run(START, gates, tasks("a", "b", "z"), ways) == ["a", "b", "z"]


def test_an_inclusive_gateway_joins_only_what_it_has_split() -> None:
    gates = el("inclusiveGateway", "f", default="f-c") + el("inclusiveGateway", "j")
    ways = flow("f", "a", "${x &gt; 0}") + flow("f", "b", "${x &gt; 1}") + flow("f", "c")
    rest = chain("s", "f") + chain("a", "j", "z") + chain("b", "j") + chain("c", "j")
    drawn = (START, gates, tasks("a", "b", "c", "z"), ways, rest)
    assert [run(*drawn, x=x) for x in (2, 1, 0)] == [["a", "b", "z"], ["a", "z"], ["c", "z"]]


@pytest.mark.parametrize(
    ("wait", "acts", "done"), [(NOW, (), ["g", "late"]), (NEVER, (message(),), ["g", "paid"])]
)
def test_an_event_gateway_goes_the_way_of_what_happens_first(
    wait: str, acts: tuple[Act, ...], done: list[str]
) -> None:
    events = event("intermediateCatchEvent", "m", "message")
    events += event("intermediateCatchEvent", "t", "timer", wait)
    ways = chain("s", "g", "m", "paid") + chain("g", "t", "late")
    drawn = (START, el("eventBasedGateway", "g"), events, tasks("paid", "late"), ways)
    assert run(*drawn, acts=acts) == done


def test_flows_that_meet_at_a_task_make_one_of_it_each() -> None:
    ways = chain("s", "a") + chain("a", "b", "z") + chain("a", "c", "z")
    assert run(START, tasks("a", "b", "c", "z"), ways) == ["a", "b", "c", "z", "z"]


def test_conditional_flows_out_of_a_task_are_all_taken_that_hold_else_the_default() -> None:
    ways = flow("a", "b", "${x &gt; 0}") + flow("a", "c", "${x &gt; 1}") + flow("a", "d")
    drawn = (START, el("task", "a", default="a-d"), tasks("b", "c", "d"), flow("s", "a"), ways)
    assert [run(*drawn, x=x) for x in (2, 0)] == [["a", "b", "c"], ["a", "d"]]


def test_without_a_start_event_everything_begins_that_nothing_leads_to() -> None:
    assert run(tasks("a", "b", "z"), chain("a", "z")) == ["a", "b", "z"]


def test_a_loop_back_makes_its_steps_again() -> None:
    count = el("scriptTask", "a", ext('<zeebe:script expression="= n + 1" resultVariable="n"/>'))
    gates = el("exclusiveGateway", "m") + el("exclusiveGateway", "g", default="g-z")
    ways = chain("s", "m", "a", "g") + flow("g", "m", "${n &lt; 3}") + flow("g", "z")
    assert run(START, count, gates, tasks("z"), ways, n=0) == ["a", "a", "a", "z"]


def test_a_sub_process_is_completed_when_nothing_is_left_in_it() -> None:
    inner = el("startEvent", "is") + tasks("x", "y") + chain("is", "x", "y")
    assert run(START, sub("p", inner), tasks("z"), chain("s", "p", "z")) == ["x", "y", "p", "z"]


def test_a_terminate_end_ends_its_own_scope_only() -> None:
    inner = (
        el("startEvent", "is")
        + el("parallelGateway", "f")
        + el("receiveTask", "w", messageRef="m_paid")
    )
    inner += tasks("x") + event("endEvent", "over", "terminate") + chain("is", "f", "w")
    inner += chain("f", "x", "over")
    assert run(START, sub("p", inner), tasks("z"), chain("s", "p", "z")) == ["x", "p", "z"]


def test_an_error_goes_to_the_boundary_that_names_it_and_the_scope_is_left() -> None:
    inner = el("startEvent", "is") + tasks("x") + event("endEvent", "ouch", "error")
    inner += chain("is", "x", "ouch")
    edge = event("boundaryEvent", "c", "error", attachedToRef="p")
    ways = chain("s", "p", "z") + chain("c", "mend")
    assert run(START, sub("p", inner), edge, tasks("z", "mend"), ways) == ["x", "mend"]


def test_an_error_event_sub_process_catches_within_its_scope() -> None:
    handler = event("startEvent", "hs", "error") + tasks("mend") + chain("hs", "mend")
    inner = el("startEvent", "is") + tasks("x") + event("endEvent", "ouch", "error")
    inner += chain("is", "x", "ouch") + sub("h", handler, triggeredByEvent="true")
    done = run(START, sub("p", inner), tasks("z"), chain("s", "p", "z"))
    assert done == ["x", "mend", "h", "p", "z"]


def test_an_escalation_is_caught_while_its_thrower_goes_on() -> None:
    inner = el("startEvent", "is") + event("intermediateThrowEvent", "call", "escalation")
    inner += tasks("x") + chain("is", "call", "x")
    edge = event("boundaryEvent", "c", "escalation", attachedToRef="p", cancelActivity="false")
    ways = chain("s", "p", "z") + chain("c", "told")
    done = run(START, sub("p", inner), edge, tasks("z", "told"), ways)
    assert sorted(done) == ["p", "told", "x", "z"]


@pytest.mark.parametrize(("cancels", "done"), [("true", ["r"]), ("false", ["r", "a", "z"])])
def test_a_boundary_timer_takes_the_token_or_makes_another(cancels: str, done: list[str]) -> None:
    edge = event("boundaryEvent", "t", "timer", NOW, attachedToRef="a", cancelActivity=cancels)
    drawn = (START, el("receiveTask", "a", messageRef="m_paid"), edge, tasks("z", "r"))
    acts = () if cancels == "true" else (message(),)
    assert run(*drawn, chain("s", "a", "z") + chain("t", "r"), acts=acts) == done


@pytest.mark.parametrize("kind", ["message", "signal"])
def test_a_boundary_message_or_signal_interrupts(kind: str) -> None:
    edge = event("boundaryEvent", "c", kind, attachedToRef="a")
    inner = el("startEvent", "is") + event("intermediateCatchEvent", "w", "timer", NEVER)
    inner += chain("is", "w")
    act: Act = message() if kind == "message" else signal
    ways = chain("s", "a", "z") + chain("c", "r")
    assert run(START, sub("a", inner), edge, tasks("z", "r"), ways, acts=(act,)) == ["r"]


@pytest.mark.parametrize("kind", ["signal", "message"])
def test_what_is_thrown_is_caught_on_another_way(kind: str) -> None:
    ways = chain("s", "f", "w", "a") + chain("f", "t", "b")
    drawn = (
        START,
        el("parallelGateway", "f"),
        event("intermediateCatchEvent", "w", kind),
        event("intermediateThrowEvent", "t", kind),
        tasks("a", "b"),
    )
    assert sorted(run(*drawn, ways)) == ["a", "b", "w"]


def test_a_link_goes_on_at_the_catch_of_its_name() -> None:
    there = el("linkEventDefinition", name="over")
    ends = el("intermediateThrowEvent", "t", there) + el("intermediateCatchEvent", "c", there)
    assert run(START, ends, tasks("a", "z"), chain("s", "a", "t") + chain("c", "z")) == ["a", "z"]


def test_a_conditional_event_waits_until_its_condition_holds() -> None:
    catch = event(
        "intermediateCatchEvent", "w", "conditional", "<bpmn:condition>${x &gt; 1}</bpmn:condition>"
    )

    def raise_x(execution: Execution) -> None:
        engine.set_variables(execution.pk, {"x": 2}, by=make_user("op", "operator"), reason="now")

    drawn = (START, catch, tasks("z"), chain("s", "w", "z"))
    assert run(*drawn, acts=(raise_x,), x=0) == ["w", "z"]


@pytest.mark.parametrize("interrupting", ["true", "false"])
def test_a_message_starts_an_event_sub_process(interrupting: str) -> None:
    handler = event("startEvent", "hs", "message", isInterrupting=interrupting)
    handler += tasks("x") + chain("hs", "x")
    wait = event("intermediateCatchEvent", "w", "signal")
    drawn = (START, wait, tasks("z"), chain("s", "w", "z"))
    acts = (message(),) if interrupting == "true" else (message(), signal)
    done = run(*drawn, sub("h", handler, triggeredByEvent="true"), acts=acts)
    assert done == (["x", "h"] if interrupting == "true" else ["x", "h", "w", "z"])


@pytest.mark.parametrize("sequential", ["false", "true"])
def test_a_multi_instance_activity_is_done_for_each(sequential: str) -> None:
    each = el(
        "multiInstanceLoopCharacteristics",
        "",
        el("loopCardinality", "", "3"),
        isSequential=sequential,
    )
    done = run(START, el("serviceTask", "a", each), tasks("z"), chain("s", "a", "z"))
    assert (done.count("a"), done[-1]) == (4, "z"), "three instances and the whole"


def test_a_completion_condition_cancels_the_other_instances() -> None:
    each = el(
        "multiInstanceLoopCharacteristics",
        "",
        el("loopCardinality", "", "5")
        + el("completionCondition", "", "${nrOfCompletedInstances &gt;= 2}"),
        isSequential="true",
    )
    done = run(START, el("serviceTask", "a", each), tasks("z"), chain("s", "a", "z"))
    assert done == ["a", "a", "a", "z"], "two instances and the whole"


def test_a_standard_loop_goes_on_while_its_condition_holds() -> None:
    loop = el("standardLoopCharacteristics", "", el("loopCondition", "", "${n &lt; 3}"))
    count = ext('<zeebe:script expression="= n + 1" resultVariable="n"/>')
    done = run(START, el("scriptTask", "a", count + loop), tasks("z"), chain("s", "a", "z"), n=0)
    assert done[-1] == "z"
    assert len([key for key in done if key.startswith("a")]) >= 3


def compensated(key: str) -> str:
    """A task that `undo_<key>` undoes."""
    edge = event("boundaryEvent", f"c_{key}", "compensate", attachedToRef=key)
    undo = el("task", f"undo_{key}", isForCompensation="true")
    ends = {"sourceRef": f"c_{key}", "targetRef": f"undo_{key}"}
    return tasks(key) + edge + undo + el("association", f"as_{key}", **ends)


def test_compensation_undoes_the_latest_first() -> None:
    throw = event("intermediateThrowEvent", "t", "compensate")
    ways = chain("s", "a", "b", "t", "z")
    done = run(START, compensated("a"), compensated("b"), throw, tasks("z"), ways)
    assert done == ["a", "b", "undo_b", "undo_a", "t", "z"]


def test_a_cancelled_transaction_undoes_what_it_has_done_and_leaves_by_its_edge() -> None:
    inner = el("startEvent", "is") + compensated("a") + event("endEvent", "off", "cancel")
    inner += chain("is", "a", "off")
    edge = event("boundaryEvent", "c", "cancel", attachedToRef="p")
    ways = chain("s", "p", "z") + chain("c", "r")
    done = run(START, sub("p", inner, tag="transaction"), edge, tasks("z", "r"), ways)
    assert done == ["a", "undo_a", "off", "r"]


def test_a_transaction_that_succeeds_goes_on() -> None:
    inner = el("startEvent", "is") + tasks("a") + chain("is", "a")
    drawn = (START, sub("p", inner, tag="transaction"), tasks("z"), chain("s", "p", "z"))
    assert run(*drawn) == ["a", "p", "z"]


def test_an_ad_hoc_sub_process_does_what_is_chosen_until_its_condition_holds() -> None:
    inner = tasks("a", "b") + el("completionCondition", "", "${done}")
    mark = el("scriptTask", "c", ext('<zeebe:script expression="= true" resultVariable="done"/>'))

    def choose(key: str) -> Act:
        def act(execution: Execution) -> None:
            scope = execution.tasks.get(key="p")
            person = make_user(f"op-{key}", "operator")
            engine.activate(execution.pk, scope.pk, key, by=person, reason="next")

        return act

    drawn = (START, sub("p", inner + mark, tag="adHocSubProcess"), tasks("z"), chain("s", "p", "z"))
    acts = (choose("b"), choose("a"), choose("c"))
    assert run(*drawn, acts=acts, done=False) == ["b", "a", "c", "p", "z"]


def test_several_ends_end_when_all_are_reached() -> None:
    ends = el("endEvent", "e1") + el("endEvent", "e2")
    ways = chain("s", "f", "a", "e1") + chain("f", "b", "e2")
    assert run(START, el("parallelGateway", "f"), tasks("a", "b"), ends, ways) == ["a", "b"]


def test_a_join_that_nothing_can_reach_any_more_is_told() -> None:
    gates = el("exclusiveGateway", "x", default="x-b") + el("parallelGateway", "j")
    ways = chain("s", "x") + flow("x", "a", "${false}") + flow("x", "b") + chain("a", "j", "z")
    drawn = (START, gates, tasks("a", "b", "z"), ways, chain("b", "j"))
    assert run(*drawn, state=State.FAILED) == ["b"]
