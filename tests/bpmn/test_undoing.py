"""Compensation as BPMN 2.0, 10.7 and 13.5.5, has it: of loops, sub-processes and what they hold."""

from __future__ import annotations

import pytest

from .drawing import el, ext, flow
from .test_conformance import START, chain, compensated, event, run, sub, tasks

pytestmark = pytest.mark.django_db(transaction=True)


def undo(activity: str = "") -> str:
    """A throw event that undoes an activity, or all."""
    given = {"activityRef": activity} if activity else {}
    return el("intermediateThrowEvent", "t", el("compensateEventDefinition", "", **given))


def times(count: int) -> str:
    loop = el("loopCardinality", "", str(count))
    return el("multiInstanceLoopCharacteristics", "", loop, isSequential="true")


@pytest.mark.parametrize("activity", ["", "a"])
def test_each_instance_of_a_loop_is_undone(activity: str) -> None:
    looped = compensated("a").replace('id="a">', f'id="a">{times(3)}', 1)
    drawn = (START, looped, undo(activity), tasks("z"), chain("s", "a", "t", "z"))
    assert run(*drawn) == ["a", "a", "a", "a", "undo_a", "undo_a", "undo_a", "t", "z"]


def test_a_sub_process_that_nothing_undoes_is_undone_step_by_step() -> None:
    inner = el("startEvent", "is") + compensated("a") + compensated("b") + chain("is", "a", "b")
    other = el("startEvent", "os") + compensated("c") + chain("os", "c")
    drawn = (START, sub("p", inner), sub("q", other), undo("p"), tasks("z"))
    done = run(*drawn, chain("s", "p", "q", "t", "z"))
    assert done == ["a", "b", "p", "c", "q", "undo_b", "undo_a", "t", "z"]


def test_the_rounds_of_a_sub_process_are_undone_the_latest_first() -> None:
    inner = el("startEvent", "is") + compensated("a") + chain("is", "a") + times(2)
    drawn = (START, sub("p", inner), undo("p"), tasks("z"), chain("s", "p", "t", "z"))
    done = run(*drawn)
    assert done == ["a", "p", "a", "p", "p", "undo_a", "undo_a", "t", "z"]


def test_what_undoes_an_instance_sees_what_the_instance_saw() -> None:
    each = '<zeebe:loopCharacteristics inputCollection="= rooms" inputElement="room"/>'
    each = el("multiInstanceLoopCharacteristics", "", ext(each), isSequential="true")
    looped = compensated("a").replace('id="a">', f'id="a">{each}', 1)
    noted = ext('<zeebe:script expression="= room" resultVariable="last"/>')
    undoes = el("task", "undo_a", isForCompensation="true")
    looped = looped.replace(undoes, el("scriptTask", "undo_a", noted, isForCompensation="true"))
    choice = el("exclusiveGateway", "g", default="g-no")
    ways = chain("s", "a", "t", "g") + flow("g", "yes", '= last = "first"') + flow("g", "no")
    done = run(START, looped, undo(), choice, tasks("yes", "no"), ways, rooms=["first", "second"])
    assert done[-1] == "yes"


@pytest.mark.parametrize(("throws", "undone"), [(False, []), (True, ["undo_b", "undo_a", "it"])])
def test_a_sub_process_may_say_itself_how_it_is_undone(throws: bool, undone: list[str]) -> None:
    inner = el("startEvent", "is") + compensated("a") + compensated("b") + chain("is", "a", "b")
    handler = event("startEvent", "hs", "compensate") + tasks("x")
    again = el("intermediateThrowEvent", "it", el("compensateEventDefinition"))
    handler += again + chain("hs", "it", "x") if throws else chain("hs", "x")
    marks = {"triggeredByEvent": "true", "isForCompensation": str(throws).lower()}
    whole = sub("p", inner, sub("h", handler, **marks))
    drawn = (START, whole, undo(), tasks("z"), chain("s", "p", "t", "z"))
    assert run(*drawn) == ["a", "b", "p", *undone, "x", "h", "t", "z"]
