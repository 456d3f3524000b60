"""Whatever is handed to a verb: it is taken as it is, or refused in words, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import runner
from tests.factories import human, make_agent, make_user, register, start, step
from workflows import engine
from workflows.errors import InvalidDefinition, InvalidInput, WorkflowError
from workflows.models import Batch, Execution, Task

pytestmark = pytest.mark.django_db(transaction=True)

Call = Callable[[Execution, User, Any], object]
NO_NUMBERS: tuple[Any, ...] = (
    *(None, True, -1, 3.5, float("nan"), 10**30, "", "abc", "a\0b", "\ud800", "٣", b"x"),
    *([], {}, object()),
)
NO_TEXTS: tuple[Any, ...] = (None, True, 7, "a\0b", "\ud800", b"x", [], {}, object(), "y" * 1001)
NO_OBJECTS: tuple[Any, ...] = (
    *(True, 7, "", "abc", b"x", [], object(), {1: 2}, {"a\0": 1}, {"x": "\0"}),
    *({"x": "\ud800"}, {"x": float("inf")}, {"x": object()}, {"x": ("\0",)}),
)
BY_NUMBER: dict[str, Call] = {
    "pause": lambda _, ada, given: engine.pause(given, by=ada),
    "resume": lambda _, ada, given: engine.resume(given, by=ada),
    "cancel": lambda _, ada, given: engine.cancel(given, by=ada),
    "retry": lambda _, ada, given: engine.retry(given, by=ada),
    "skip": lambda run, ada, given: engine.skip(run.pk, given, by=ada),
    "complete": lambda run, ada, given: engine.complete(run.pk, given, {}, by=ada),
    "activate": lambda run, ada, given: engine.activate(run.pk, given, "a", by=ada),
    "rerun_from": lambda run, ada, given: engine.rerun_from(run.pk, given, by=ada),
    "set_variables": lambda _, ada, given: engine.set_variables(given, {"n": 1}, by=ada),
    "move_to_version": lambda run, ada, given: engine.move_to_version(run.pk, given, by=ada),
    "plan_move": lambda _, ada, given: engine.plan_move(given, 2, {}),
    "cancel_batch": lambda _, ada, given: engine.cancel_batch(given, by=ada),
    "start_workflow": lambda _, ada, given: engine.start_workflow(given, by=ada),
    "pause_intake": lambda _, ada, given: engine.pause_intake(given, by=ada),
    "register_trigger": lambda _, ada, given: engine.register_trigger(given, "ping", by=ada),
}
WITH_REASON: dict[str, Call] = {
    "pause": lambda run, ada, given: engine.pause(run.pk, by=ada, reason=given),
    "cancel": lambda run, ada, given: engine.cancel(run.pk, by=ada, reason=given),
    "retry": lambda run, ada, given: engine.retry(run.pk, by=ada, reason=given),
    "skip": lambda run, ada, given: engine.skip(run.pk, of(run).pk, by=ada, reason=given),
    "complete": lambda run, ada, given: engine.complete(
        run.pk, of(run).pk, {}, by=ada, reason=given
    ),
    "transition_state": lambda run, ada, given: engine.transition_state(
        run.pk, "ask", "cancelled", by=ada, reason=given
    ),
    "rerun_from": lambda run, ada, given: engine.rerun_from(run.pk, "a", by=ada, reason=given),
    "move_to_version": lambda run, ada, given: engine.move_to_version(
        run.pk, 2, by=ada, reason=given
    ),
    "create_batch": lambda _, ada, given: engine.create_batch("pause", {}, by=ada, reason=given),
    "pause_intake": lambda _, ada, given: engine.pause_intake("flow", by=ada, reason=given),
}
WITH_OBJECT: dict[str, Call] = {
    "output": lambda run, ada, given: engine.complete(run.pk, of(run).pk, given, by=ada),
    "output of a skip": lambda run, ada, given: engine.skip(run.pk, of(run).pk, given, by=ada),
    "variables": lambda run, ada, given: engine.rerun_from(run.pk, "a", by=ada, variables=given),
    "mapping": lambda run, ada, given: engine.move_to_version(run.pk, 2, given, by=ada),
    "payload": lambda _, ada, given: engine.publish_message("note", given, by=ada),
    "payload of a signal": lambda _, ada, given: engine.publish_signal("note", given, by=ada),
}


def of(run: Execution) -> Task:
    return run.tasks.get(key="ask")


def waiting() -> tuple[Execution, User]:
    """An execution that waits for a person, and an operator who has not started it."""
    make_agent()
    run = start(step("a"), human("ask", "a"))
    runner.drain()
    register(step("a"), human("ask", "a"), step("b", "ask"))
    return run, make_user("ada", "operator")


def tables() -> list[Any]:
    return [list(rows.order_by("pk").values()) for rows in (Execution.objects, Task.objects)]


def refused(call: Call, run: Execution, ada: User, given: Any) -> WorkflowError:
    before = tables()
    with pytest.raises(WorkflowError) as error:
        call(run, ada, given)
    assert tables() == before
    assert 0 < len(str(error.value)) < 2000
    return error.value


def test_what_names_nothing_is_unknown_whatever_it_is() -> None:
    run, ada = waiting()
    for call in BY_NUMBER.values():
        for given in NO_NUMBERS:
            refused(call, run, ada, given)
    assert all("error" in engine.get_execution_status(given) for given in NO_NUMBERS)
    assert not any(
        engine.transition_state(*names, by=ada)
        for given in NO_NUMBERS
        for names in ((given, "a", "running"), (run.pk, given, "running"), (run.pk, "a", given))
    )


def test_a_reason_that_is_no_text_is_refused_by_name() -> None:
    run, ada = waiting()
    for call in WITH_REASON.values():
        for given in NO_TEXTS:
            error = refused(call, run, ada, given)
            assert isinstance(error, InvalidInput)
            assert str(error).startswith("reason: ")
    assert not Batch.objects.exists()


def test_what_is_no_json_object_that_can_be_stored_is_refused_by_name() -> None:
    run, ada = waiting()
    for name, call in WITH_OBJECT.items():
        for given in NO_OBJECTS:
            error = refused(call, run, ada, given)
            assert isinstance(error, InvalidInput)
            assert str(error).startswith(name.split()[0])


@pytest.mark.parametrize("given", [True, 7, "", "abc", b"x", [], object(), {"x": float("inf")}])
def test_an_input_that_is_no_json_object_starts_nothing(given: Any) -> None:
    register(human("ask"))
    with pytest.raises(InvalidInput, match=r"^input"):
        engine.start_workflow("flow", given)
    assert not Execution.objects.exists()


def test_a_start_takes_no_key_that_it_cannot_keep() -> None:
    waiting()
    for key in ("k" * 256, "a\0b", "\ud800", 7, [], {"x": 1}):
        with pytest.raises(InvalidInput, match="idempotency_key"):
            engine.start_workflow("flow", {}, idempotency_key=key)  # type: ignore[arg-type]
    for priority in (0, 5, "2", True, [], {"x": 1}):
        with pytest.raises(InvalidInput, match="priority"):
            engine.start_workflow("flow", {}, priority=priority)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked",
    [
        *({"stat": "failed"}, {"State": "failed"}, {"": ""}, {1: "failed"}),
        *({"state": None}, {"state": 0}, {"workflow": []}, {"workflow": "a\0b"}),
        *({"q": "\0"}, {"q": "\ud800"}, {"q": "  "}, {"q": "y" * 201}, [], "failed", None, 0),
    ],
)
def test_a_filter_that_says_nothing_makes_no_batch_of_everything(asked: Any) -> None:
    _, ada = waiting()
    with pytest.raises(InvalidInput):
        engine.create_batch("cancel", asked, by=ada)
    assert not Batch.objects.exists()


def test_a_definition_with_an_unknown_choice_is_told_which_there_are() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        register(step("a", join="any"), step("b", kind="robot"))
    told = "; ".join(map(str, refused.value.problems))
    assert "'any' is none of every, one" in told
    assert "'robot' is none of agent, human" in told
