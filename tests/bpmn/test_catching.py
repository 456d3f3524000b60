"""Who catches errors and escalations: in a process, and in those that call it (BPMN 2.0, 10.5)."""

from __future__ import annotations

import pytest

from agents import runner
from tests.factories import make_agent
from workflows import engine
from workflows.bpmn.reader import read
from workflows.models import Execution, State

from .drawing import el, file
from .test_conformance import ROOT, START, chain, event, run, signal, sub, tasks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("type_", ["error", "escalation"])
def test_what_is_caught_without_a_code_is_anything(type_: str) -> None:
    inner = el("startEvent", "is") + event("endEvent", "ouch", type_) + chain("is", "ouch")
    catch = el(f"{type_}EventDefinition", "", **{f"{type_}Ref": "any"})
    edge = el("boundaryEvent", "c", catch, attachedToRef="p")
    drawn = (START, sub("p", inner), edge, tasks("z", "mend"), chain("s", "p", "z"))
    assert run(*drawn, chain("c", "mend"), root=el(type_, "any", name="Any")) == ["mend"]


@pytest.mark.parametrize(("interrupts", "done"), [("true", ["x", "h", "p", "z"]), ("false", None)])
def test_an_event_sub_process_may_throw_what_another_beside_it_catches(
    interrupts: str, done: list[str] | None
) -> None:
    first = event("startEvent", "hs", "signal", isInterrupting=interrupts) + tasks("x")
    first += event("endEvent", "he", "escalation") + chain("hs", "x", "he")
    second = event("startEvent", "gs", "escalation") + tasks("y") + chain("gs", "y")
    inner = el("startEvent", "is") + event("intermediateCatchEvent", "w", "message")
    inner += sub("h", first, triggeredByEvent="true") + sub("g", second, triggeredByEvent="true")
    drawn = (START, sub("p", inner + chain("is", "w")), tasks("z"), chain("s", "p", "z"))
    assert run(*drawn, acts=(signal,)) == (done or ["x", "y", "g", "p", "z"])


def call(key: str, called: str) -> str:
    return el("callActivity", key, calledElement=called)


def publish(key: str, *drawn: str) -> None:
    definition = read(file(*drawn, root=ROOT)).definition
    engine.register_workflow({**definition, "key": key})


def called_twice(type_: str) -> None:
    """A process "inner" that throws, and a process "middle" that calls it and catches nothing."""
    if type_ == "error":
        inner = event("endEvent", "ouch", type_) + chain("s", "ouch")
    else:
        inner = event("intermediateThrowEvent", "ouch", type_) + chain("s", "ouch", "w")
        inner += event("intermediateCatchEvent", "w", "signal")
    publish("inner", START, inner)
    publish("middle", START, call("m", "inner"), tasks("y"), chain("s", "m", "y"))


def states() -> dict[str, str]:
    return dict(Execution.objects.values_list("workflow__key", "state"))


@pytest.mark.parametrize("type_", ["error", "escalation"])
def test_what_no_called_process_catches_is_caught_by_the_first_that_called(type_: str) -> None:
    called_twice(type_)
    edge = event("boundaryEvent", "c", type_, attachedToRef="p")
    drawn = (START, call("p", "middle"), edge, tasks("z", "mend"), chain("s", "p", "z"))
    assert run(*drawn, chain("c", "mend")) == ["mend"]
    runner.drain()
    assert states() == {"orders": "completed", "middle": "cancelled", "inner": "cancelled"}


def test_an_escalation_of_a_called_process_may_let_it_go_on() -> None:
    called_twice("escalation")
    edge = event("boundaryEvent", "c", "escalation", attachedToRef="p", cancelActivity="false")
    drawn = (START, call("p", "middle"), edge, tasks("z", "told"), chain("s", "p", "z"))
    assert run(*drawn, chain("c", "told"), acts=(signal,)) == ["told", "p", "z"]
    assert set(states().values()) == {"completed"}


def test_an_error_that_nobody_catches_stays_where_it_was_thrown() -> None:
    make_agent()
    called_twice("error")
    publish("outer", START, call("p", "middle"), tasks("z"), chain("s", "p", "z"))
    engine.start_workflow("outer")
    runner.drain()
    assert states() == {"outer": State.RUNNING, "middle": State.RUNNING, "inner": State.FAILED}
