"""A worker is killed at every write of a run: before it, after it, or only the answer is lost.

Every third write is tried, the named ones always; SIGNALBOX_CRASH_STRIDE=1 tries them all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count

import pytest

from tests.factories import task
from tests.ops.waiting import until
from tests.reliability import life
from tests.reliability.conftest import STEPS, World
from tests.reliability.proxy import Act, Fault
from workflows.models import Approval, Decision, Execution

pytestmark = [pytest.mark.ops, pytest.mark.django_db(transaction=True)]

STRIDE = int(os.environ.get("SIGNALBOX_CRASH_STRIDE", "3"))
# The least number of writes in a run of three steps and one approval.
FEWEST_WRITES = 18

CLAIM = b"workflows_advance"
REPORT = b'"to": "completed"'
PAUSE = b'"to": "paused"'
QUESTION = b'"workflows_approval"'


def test_without_a_fault_every_effect_happens_once(world: World) -> None:
    execution = world.start()
    assert world.complete(execution) == []
    assert [effect.attempt for effect in world.recorder.of(execution.pk)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("act", "text", "attempts"),
    [
        pytest.param(Act.BEFORE, CLAIM, [1, 1, 1], id="before the claim"),
        pytest.param(Act.AFTER, CLAIM, [2, 1, 1], id="after the claim"),
        pytest.param(Act.BEFORE, REPORT, [1, 2, 1, 1], id="before the commit of a result"),
        pytest.param(Act.AFTER, REPORT, [1, 1, 1], id="after the commit of a result"),
        pytest.param(Act.LOST, REPORT, [1, 1, 1], id="the answer to a result is lost"),
        pytest.param(Act.BEFORE, PAUSE, [1, 1, 1], id="before a person is asked"),
        pytest.param(Act.AFTER, QUESTION, [1, 1, 1], id="a person is asked without a commit"),
    ],
)
def test_killed_at_a_named_point(world: World, act: Act, text: bytes, attempts: list[int]) -> None:
    execution = world.start()
    fault = Fault(act, 1, world.lives.kill, text)
    world.proxy.arm(fault)
    assert world.complete(execution) == []
    assert fault.has_struck
    assert not execution.audit_events.filter(kind="result.refused").exists()
    assert [effect.attempt for effect in world.recorder.of(execution.pk)] == attempts


def test_killed_in_the_handler_before_its_effect(world: World) -> None:
    execution = world.start()
    world.recorder.before = _dying(world)
    assert world.complete(execution) == []
    assert [effect.attempt for effect in world.recorder.of(execution.pk)] == [2, 1, 1]


def test_killed_after_the_effect_it_is_done_once_more_under_the_same_key(world: World) -> None:
    execution = world.start()
    world.recorder.after = _dying(world)
    assert world.complete(execution) == []
    first, again, *_ = world.recorder.of(execution.pk)
    assert (first.attempt, again.attempt) == (1, 2)
    assert first.key == again.key == f"{execution.pk}:reserve:1"
    assert task(execution, "reserve").attempt == 2


@pytest.mark.parametrize("act", list(Act))
def test_a_worker_may_be_killed_at_any_write(world: World, act: Act) -> None:
    def run(fault: Fault) -> list[str]:
        execution = world.start()
        world.proxy.arm(fault)
        return world.complete(execution) + _too_often(world, execution, crashes=1)

    struck = _at_every_write(world, act, run)
    assert struck >= FEWEST_WRITES // STRIDE


@pytest.mark.parametrize("act", [Act.BEFORE, Act.AFTER])
def test_the_worker_that_takes_over_may_be_killed_as_well(world: World, act: Act) -> None:
    def run(fault: Fault) -> list[str]:
        execution = world.start()
        world.recorder.after = _dying(world)
        world.lives.begin()
        until(world.lives.has_ended)
        world.proxy.arm(fault)
        return world.complete(execution) + _too_often(world, execution, crashes=2)

    struck = _at_every_write(world, act, run)
    assert struck >= FEWEST_WRITES // STRIDE


@pytest.mark.parametrize("act", [Act.BEFORE, Act.AFTER])
def test_who_starts_may_be_killed_and_start_again(world: World, act: Act) -> None:
    def run(fault: Fault) -> list[str]:
        key = f"{act}-{fault.at}"
        world.proxy.arm(fault)
        for _ in range(2):
            world.lives.begin("start", key=key)
            world.lives.wait()
        world.proxy.arm(None)
        [execution] = Execution.objects.filter(idempotency_key=key)
        return world.complete(execution) + _too_often(world, execution, crashes=0)

    assert _at_every_write(world, act, run, stride=1) >= 2


@pytest.mark.parametrize("act", [Act.BEFORE, Act.AFTER])
def test_who_decides_may_be_killed_and_decide_again(world: World, act: Act) -> None:
    def run(fault: Fault) -> list[str]:
        execution = world.start()
        approval = _asked(world, execution)
        world.proxy.arm(fault)
        world.lives.begin("decide", approval=approval.pk, by="bob")
        world.lives.wait()
        world.proxy.arm(None)
        stood = Decision.objects.filter(approval=approval).exists()
        world.lives.begin("decide", approval=approval.pk, by="bob")
        assert world.lives.wait() == (life.TOO_LATE if stood else 0)
        return world.complete(execution) + _too_often(world, execution, crashes=0)

    assert _at_every_write(world, act, run, stride=1) >= 2


def _at_every_write(
    world: World, act: Act, run: Callable[[Fault], list[str]], stride: int = STRIDE
) -> int:
    """Runs with the fault at one write after the other, until a run has no write left to strike."""
    broken, struck = {}, 0
    for at in count(1 + list(Act).index(act) % stride, stride):
        fault = Fault(act, at, world.lives.kill)
        found = run(fault)
        if not fault.has_struck:
            break
        struck += 1
        if found:
            broken[f"{at}: {fault.struck_on}"] = found
    assert broken == {}
    return struck


def _too_often(world: World, execution: Execution, *, crashes: int) -> list[str]:
    calls = len(world.recorder.of(execution.pk))
    if calls <= len(STEPS) + crashes:
        return []
    return [f"{crashes} crashes led to {calls} calls for {len(STEPS)} steps"]


def _dying(world: World) -> Callable[[], bool]:
    """The worker's end at the next effect, and none after it."""

    def strike() -> bool:
        world.recorder.calm()
        world.lives.kill()
        return True

    return strike


def _asked(world: World, execution: Execution) -> Approval:
    """The open approval, with no worker left."""
    world.lives.begin()
    asked = Approval.objects.filter(execution=execution, state=Approval.State.OPEN)
    approval = until(asked.first)
    world.lives.end()
    return approval
