from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from agents import orchestrator, runner
from agents.models import Agent
from agents.orchestrator import lanes
from agents.orchestrator.selection import Candidate, Requirement, choose
from tests.engine.conftest import at_work, seen, together, wait_for_end
from tests.factories import chain, history, make_agent, register, start, states, step, task
from tests.tools import Gate
from workflows import engine
from workflows.engine import advancing, sessions
from workflows.models import AgentSlot, AuditEvent, Lane, Task

pytestmark = pytest.mark.django_db(transaction=True)


def begun() -> list[str]:
    rows = AuditEvent.objects.filter(kind="task.assigned").order_by("id")
    return [row.data["key"] for row in rows]


def test_the_most_urgent_starts_first_across_lanes_and_executions() -> None:
    make_agent("a", max_concurrent_tasks=100)
    make_agent("b", max_concurrent_tasks=100)
    for lane in "ab":
        for name, urgency in (("low", 1), ("normal", 2), ("high", 3), ("critical", 4)):
            start(
                step(f"{name}_{lane}", capabilities=[lane], priority=urgency), key=f"{name}_{lane}"
            )
    runner.drain()
    assert [key.split("_")[0] for key in begun()] == [
        name for name in ("critical", "high", "normal", "low") for _ in "ab"
    ]


def test_of_equals_the_oldest_execution_starts_first() -> None:
    make_agent(max_concurrent_tasks=1)
    register(*chain("a"))
    executions = [engine.start_workflow("flow") for _ in range(5)]
    runner.drain()
    started = [execution.tasks.get().started_at for execution in executions]
    assert started == sorted(started)


def test_an_urgent_start_overtakes_a_queue_that_waits_for_the_same_agent() -> None:
    make_agent(max_concurrent_tasks=1)
    register(*chain("slow"), key="usual")
    register(*chain("quick"), key="urgent")
    for _ in range(20):
        engine.start_workflow("usual")
    engine.start_workflow("urgent", priority=4)
    runner.drain()
    assert begun()[0] == "quick"


def test_successors_do_not_overtake_what_is_more_urgent() -> None:
    make_agent(max_concurrent_tasks=1)
    first = start(*chain("a", "b"))
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 1)
    start(step("urgent", priority=4), key="other")
    (lent,) = advancing.exchange(session, [(work, advancing.Completed({}))], 1)
    assert lent.key == "urgent"
    advancing.report(session, [(lent, advancing.Completed({}))])
    sessions.close_session(session)
    assert task(first, "b").is_ready
    runner.drain()


def test_no_race_exceeds_a_cap_and_all_work_is_done() -> None:
    chance = random.Random(11)
    caps = {f"agent_{number}": chance.randint(1, 5) for number in range(4)}
    for key, cap in caps.items():
        make_agent(
            key,
            capabilities=["echo"],
            max_concurrent_tasks=cap,
            tool=chance.choice(["tests.echo", "tests.echo_on_a_thread"]),
        )
    keys = [f"b{number}" for number in range(60)]
    register(step("a"), *(step(key, "a") for key in keys), step("z", *keys))
    with at_work(4):
        executions = [engine.start_workflow("flow") for _ in range(4)]
        for execution in executions:
            wait_for_end(execution)
    assert {execution.state for execution in executions} == {"completed"}
    for key, most in overlaps().items():
        assert most <= caps[key], key
    served = Counter(row.agent_id for row in AuditEvent.objects.filter(kind="task.assigned"))
    assert sum(served.values()) == 4 * 62
    assert set(served) == set(caps), "the work is spread"


def overlaps() -> dict[str, int]:
    """The most tasks that each agent ever had at once, from the audit alone, in its order."""
    now: Counter[str] = Counter()
    most: dict[str, int] = defaultdict(int)
    holders: dict[int, str] = {}
    for row in AuditEvent.objects.filter(task_id__isnull=False).order_by("at", "id"):
        if row.kind == "task.assigned" and row.agent_id:
            holders[row.task_id] = row.agent_id
            now[row.agent_id] += 1
            most[row.agent_id] = max(most[row.agent_id], now[row.agent_id])
        elif row.old_state == "running" and row.task_id in holders:
            now[holders.pop(row.task_id)] -= 1
    return most


@pytest.mark.parametrize("seed", range(8))
def test_the_database_chooses_as_the_pure_rule_does(seed: int) -> None:
    chance = random.Random(seed)
    for number in range(5):
        make_agent(
            f"agent_{number}", capabilities=["echo"], max_concurrent_tasks=chance.randint(1, 4)
        )
    register(*chain("a"))
    for _ in range(sum(Agent.objects.values_list("max_concurrent_tasks", flat=True))):
        engine.start_workflow("flow")
    session, held = sessions.open_session(), []
    while works := advancing.exchange(session, [], 1):
        held += works
        row = AuditEvent.objects.filter(kind="task.assigned").latest("id")
        candidates = [
            Candidate(
                known["agent"], "worker", frozenset({"echo"}), True, known["load"], known["cap"]
            )
            for known in row.data["candidates"]
        ]
        assert (
            choose(candidates, Requirement(capabilities=frozenset({"echo"}))).chosen == row.agent_id
        )
        if chance.random() < 0.4:
            done = held.pop(chance.randrange(len(held)))
            advancing.report(session, [(done, advancing.Completed({}))])
    advancing.report(session, [(work, advancing.Completed({})) for work in held])
    sessions.close_session(session)
    assert set(Task.objects.values_list("state", flat=True)) == {"completed"}


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"capabilities": ["echo", "fly"]}, "lacks fly"),
        ({"capabilities": ["echo"], "role": "reviewer"}, "role is worker, not reviewer"),
        ({"agent": "somebody"}, "another agent is named"),
    ],
)
def test_a_step_that_nobody_can_do_waits_and_its_lane_says_why(wanted: dict, reason: str) -> None:
    make_agent()
    execution = start(step("a", **wanted))
    runner.drain()
    assert states(execution) == {"a": "pending"}
    assert Lane.objects.get().rejected == [{"agent": "echo", "reason": reason}]


def test_a_step_that_nobody_can_do_holds_up_no_other() -> None:
    make_agent()
    start(*(step(f"b{n}", capabilities=["fly"], priority=4) for n in range(60)), key="stuck")
    execution = start(*chain("a"))
    runner.drain()
    assert states(execution) == {"a": "completed"}


def test_an_agent_that_is_registered_later_takes_what_waited() -> None:
    execution = start(*chain("a"))
    runner.drain()
    assert states(execution) == {"a": "pending"}
    make_agent()
    runner.drain()
    assert states(execution) == {"a": "completed"}


def test_an_agent_that_goes_offline_gets_nothing_new_until_it_is_back() -> None:
    make_agent()
    orchestrator.register_agent(key="echo", status="offline")
    execution = start(*chain("a"))
    runner.drain()
    assert states(execution) == {"a": "pending"}
    orchestrator.register_agent(key="echo", status="active")
    runner.drain()
    assert states(execution) == {"a": "completed"}


def test_a_cap_may_be_lowered_and_raised_while_work_runs(gate: Callable[[str], Gate]) -> None:
    gates = [gate(f"a{number}") for number in range(4)]
    make_agent(tool="tests.wait_at_gate", max_concurrent_tasks=4)
    with at_work(2):
        execution = start(*(step(f"a{number}") for number in range(4)))
        for one in gates:
            assert one.entered.wait(60)
        orchestrator.register_agent(key="echo", max_concurrent_tasks=2)
        waiting = start(*chain("b"), key="other")
        for number in (0, 1):
            with seen("task_state_changed", lambda data: data["new_state"] == "completed"):
                gates[number].opened.set()
            load = orchestrator.get_agent_load("echo")
            assert load["current_tasks"] == 3 - number
            assert states(waiting) == {"b": "pending"}, "the new cap is not undercut"
        with seen(
            "execution_state_changed",
            lambda data: data["execution_id"] == waiting.pk and data["new_state"] == "completed",
        ):
            gates[2].opened.set()
        gates[3].opened.set()
    assert history(execution)[-1] == "execution completed"
    orchestrator.register_agent(key="echo", max_concurrent_tasks=3)
    assert AgentSlot.objects.filter(is_retired=False).count() == 3


def test_a_lane_and_an_agent_that_are_new_at_the_same_moment_find_each_other() -> None:
    published, registered = threading.Event(), threading.Event()

    def publish() -> None:
        with transaction.atomic():
            register(*chain("a"))
            published.set()
            registered.wait(0.5)  # the other may get through, or has to wait for this one

    def registering() -> None:
        published.wait(10)
        make_agent()
        registered.set()

    together(publish, registering)
    execution = engine.start_workflow("flow")
    runner.drain()
    assert states(execution) == {"a": "completed"}


def test_a_task_reserved_by_hand_is_left_alone_whatever_happens_to_its_execution() -> None:
    make_agent(max_concurrent_tasks=3)
    execution = start(*chain("a", "b"))
    first, second = execution.tasks.order_by("pk")
    assert orchestrator.assign_task(second) == "echo"
    runner.drain()
    assert states(execution) == {"a": "completed", "b": "pending"}
    engine.pause(execution.pk, by=None)
    engine.resume(execution.pk, by=None)
    runner.drain()
    assert states(execution)["b"] == "pending"
    orchestrator.release_task("echo", second.pk)
    runner.drain()
    assert states(execution)["b"] == "completed"
    assert orchestrator.assign_task(first) is None, "it is done"


def test_a_reservation_counts_towards_the_cap() -> None:
    make_agent(max_concurrent_tasks=1)
    held, waiting = start(*chain("a"), key="one"), start(*chain("b"), key="two")
    assert orchestrator.assign_task(held.tasks.get()) == "echo"
    assert orchestrator.assign_task(waiting.tasks.get()) is None
    runner.drain()
    assert states(waiting) == {"b": "pending"}
    orchestrator.release_task("echo", held.tasks.get().pk)
    runner.drain()
    assert (states(held), states(waiting)) == ({"a": "completed"}, {"b": "completed"})


def test_twenty_assignments_at_once_respect_the_cap() -> None:
    make_agent(max_concurrent_tasks=3)
    register(*chain("a"))
    tasks = [engine.start_workflow("flow").tasks.get() for _ in range(20)]
    found = together(*(lambda one=one: orchestrator.assign_task(one) for one in tasks))
    assert Counter(found) == {"echo": 3, None: 17}
    for one, agent in zip(tasks, found, strict=True):
        if agent:
            orchestrator.release_task(agent, one.pk)


def test_a_forgotten_agent_gets_nothing_and_what_it_runs_finishes(
    gate: Callable[[str], Gate],
) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate")
    with at_work():
        execution = start(*chain("a"))
        assert waiting.entered.wait(60)
        with transaction.atomic():
            Agent.objects.all().delete()
            lanes.forget_agent("echo")
        waiting.opened.set()
    assert states(execution) == {"a": "completed"}
    assert not AgentSlot.objects.filter(task__isnull=False).exists()
    other = start(*chain("b"), key="other")
    runner.drain()
    assert states(other) == {"b": "pending"}
    assert connection.in_atomic_block is False
