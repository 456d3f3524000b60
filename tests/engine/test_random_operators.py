"""Operators, approvers and workers acting in any order, against a model of what must come of it.

`SIGNALBOX_STATEFUL_EXAMPLES=200 SIGNALBOX_STATEFUL_STEPS=30` is the long form.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agents import runner
from tests import soundness
from tests.conftest import empty_tables
from tests.factories import human, make_agent, make_user, register, step
from workflows import engine
from workflows.errors import AlreadyDecided, IllegalTransition, InvalidInput
from workflows.models import Approval, Execution

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("SIGNALBOX_STATEFUL_EXAMPLES", "8"))
STEPS = int(os.environ.get("SIGNALBOX_STATEFUL_STEPS", "10"))
ALLOWED = {
    "pause": {"pending", "running"},
    "resume": {"paused"},
    "cancel": {"pending", "running", "paused", "failed"},
}


class Desk(RuleBasedStateMachine):
    """Two branches: `a` obeys, `ask` waits for bob; `end` joins them."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Execution] = []

    @initialize()
    def set_up(self) -> None:
        empty_tables()  # every example alone: what is checked does not grow with their number
        make_agent(tool="tests.obey", max_concurrent_tasks=2)
        self.bob = make_user("bob", "approver")
        register(step("a"), human("ask"), step("end", "a", "ask"))

    @rule(order=st.sampled_from([True, True, "fail"]), end=st.sampled_from([True, "fail"]))
    def start(self, order: Any, end: Any) -> None:
        if len(self.runs) < 3:
            self.runs.append(engine.start_workflow("flow", {"orders": {"a": order, "end": end}}))

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), verb=st.sampled_from(sorted(ALLOWED)))
    def operate(self, data: st.DataObject, verb: str) -> None:
        run = self._one(data)
        try:
            getattr(engine, verb)(run.pk, by=self.bob)
        except IllegalTransition:
            assert run.state not in ALLOWED[verb]
        else:
            assert run.state in ALLOWED[verb]

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), mend=st.booleans())
    def retry(self, data: st.DataObject, mend: bool) -> None:
        run = self._one(data)
        has_failed = run.tasks.filter(state="failed").exists() and not run.is_final
        if mend:
            run.tasks.update(input={"orders": {}})
        try:
            engine.retry(run.pk, by=None)
        except IllegalTransition:
            assert not has_failed
        else:
            assert has_failed

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), key=st.sampled_from(["a", "ask", "end"]))
    def complete(self, data: st.DataObject, key: str) -> None:
        run = self._one(data)
        state = run.tasks.get(key=key).state
        goes_on = run.state in ("pending", "running", "paused")
        legal = {"failed": not run.is_final, "running": not run.is_final}
        legal |= {"pending": goes_on, "paused": goes_on}
        try:
            engine.complete(run.pk, key, {"by": "hand"}, by=self.bob, reason="so ordered")
        except IllegalTransition:
            assert not legal.get(state, False)
        else:
            assert legal.get(state, False)
            assert run.tasks.get(key=key).output == {"by": "hand"}

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), verdict=st.sampled_from(["approve", "reject"]))
    def decide(self, data: st.DataObject, verdict: str) -> None:
        run = self._one(data)
        approval = Approval.objects.filter(execution=run).last()
        if approval is None:
            return
        is_open = approval.state == "open" and run.state in ("pending", "running", "paused")
        try:
            engine.decide(approval.pk, by=self.bob, verdict=verdict)
        except AlreadyDecided:
            assert not is_open
        else:
            assert is_open

    @precondition(lambda self: self.runs)
    @rule(
        data=st.data(),
        key=st.sampled_from(["a", "ask", "end"]),
        new=st.sampled_from(["running", "paused", "completed", "failed", "pending", "cancelled"]),
    )
    def move(self, data: st.DataObject, key: str, new: str) -> None:
        engine.transition_state(self._one(data).pk, key, new, by=self.bob)

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), key=st.sampled_from(["a", "ask", "end"]))
    def skip(self, data: st.DataObject, key: str) -> None:
        run = self._one(data)
        task = run.tasks.get(key=key)
        may = engine.may_skip(run, task)
        try:
            engine.skip(run.pk, task.pk, {"x": 1}, by=self.bob)
        except IllegalTransition:
            assert not may
        else:
            assert may

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), x=st.integers(0, 3))
    def set_variable(self, data: st.DataObject, x: int) -> None:
        run = self._one(data)
        try:
            engine.set_variables(run.pk, {"y": x}, by=self.bob)
        except IllegalTransition:
            assert run.is_final
        except InvalidInput:
            assert run.variables.get("y") == x

    @rule()
    def work(self) -> None:
        runner.drain()
        for run in self.runs:
            run.refresh_from_db()
            ready = run.tasks.filter(is_ready=True)
            assert not ready.exists(), "what is ready has been done"

    @invariant()
    def everything_is_sound(self) -> None:
        if self.runs:
            assert soundness.violations() == []
        for run in Execution.objects.exclude(state__in=("completed", "cancelled")):
            for task in run.tasks.exclude(state__in=("completed", "cancelled")):
                found = engine.explain(task)
                assert found.text, f"{task} is {task.state} and nothing says why"
                assert found.cause != "over"

    def _one(self, data: st.DataObject) -> Execution:
        run = data.draw(st.sampled_from(self.runs), label="run")
        run.refresh_from_db()
        return run


def test_any_order_of_verbs_keeps_every_promise() -> None:
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
