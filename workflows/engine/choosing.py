"""Ad-hoc sub-processes: somebody chooses what is done next (BPMN 2.0, 10.2.5)."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser

from workflows.errors import NotOffered, UnknownTask, WrongState
from workflows.graph.shape import Node
from workflows.models import Execution, State, Task

from . import arguments, executions, graphs, interventions, tokens, transitions

TAKES_STEPS = (State.PENDING, State.RUNNING)


def activate(
    execution_id: int,
    task_id: int | str,
    node_key: str,
    *,
    by: AbstractBaseUser | None,
    reason: str = "",
) -> Execution:
    """Begin one of the tasks that an open ad-hoc sub-process offers; as often as it is wanted.

    `task_id` is the sub-process: its task's id or key. Raises UnknownTask, WrongState when the
    execution takes no steps at present, NotOffered when the task is not to be chosen (now).
    Refusals are recorded. `tasks.complete` ends the sub-process.
    """
    hand = interventions.locked(execution_id, "activate", by=by, reason=reason)
    with hand as execution:
        task = _open(execution, task_id)
        if task is None:
            raise UnknownTask()
        if execution.state not in TAKES_STEPS:
            raise WrongState(f"The execution is {execution.state}: nothing new begins in it.")
        keys = {node.key: place for place, node in _offered(execution, task)}
        if not isinstance(node_key, str) or node_key not in keys:
            raise NotOffered(_refusal(node_key, task, list(keys)))
        entry = interventions.of_task("task.activated", task, by, reason, chosen=node_key)
        transitions.record([entry])
        tokens.activate(execution, task, keys[node_key], by=transitions.actor(by))
        executions.written(execution, [])
        execution.refresh_from_db()
        return execution


def offered(execution: Execution, task: Task) -> list[Node]:
    """What may be chosen now in a task that is an ad-hoc sub-process; else nothing."""
    return offers(execution, task) if execution.state in TAKES_STEPS else []


def offers(execution: Execution, task: Task) -> list[Node]:
    """As `offered`, but also what may be chosen only when the execution takes steps again."""
    return [node for _, node in _offered(execution, task)]


def _offered(execution: Execution, task: Task) -> list[tuple[int, Node]]:
    nodes = graphs.of(execution.version_id).nodes
    if task.state != State.RUNNING or not nodes[task.node].is_ad_hoc:
        return []
    return [(place, nodes[place]) for place in tokens.offered(execution, task)]


def _open(execution: Execution, task_id: int | str) -> Task | None:
    number = arguments.number(task_id)
    if not number and not arguments.is_key(task_id):
        return None
    wanted = {"pk": number} if number else {"key": task_id}
    found = execution.tasks.filter(**wanted).exclude(kind="loop")
    return found.filter(state=State.RUNNING).order_by("-pk").first() or found.first()


def _refusal(node_key: str, task: Task, keys: list[str]) -> str:
    if not keys:
        return f"“{task.name}” offers nothing now: what runs in it has to be done first."
    return f"“{node_key!s:.100}” is not offered by “{task.name}”; these are: {', '.join(keys)}."
