"""Moving an execution that runs to a newer version of its workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from workflows import clock
from workflows.errors import (
    CannotMove,
    IllegalTransition,
    InvalidInput,
    UnknownExecution,
    UnknownVersion,
)
from workflows.graph import moving
from workflows.graph.shape import REMOVED
from workflows.models import Execution, State, Task, Version
from workflows.models.runs import task_id

from . import (
    arguments,
    executions,
    forking,
    graphs,
    interventions,
    operations,
    templates,
    token_moving,
    transitions,
)


def move_to_version(
    execution_id: int,
    number: int,
    mapping: Mapping[str, str] | None = None,
    *,
    by: AbstractBaseUser | None,
    reason: str = "",
) -> Execution:
    """Go on with version `number`; `mapping`: present key -> new key, "" for none, else by name.

    What has completed keeps its result, what waits keeps waiting, what is new and due starts.
    In a token graph tokens and events keep their place: what is waited for in the same words keeps
    its time, other words are waited for anew.
    Raises UnknownVersion, IllegalTransition when it has ended, CannotMove with every problem.
    Refusals are recorded.
    """
    with interventions.locked(execution_id, "move_to_version", by=by, reason=reason) as execution:
        version = _newer(execution, number)
        keys = _keys(mapping)
        found = _plan(execution, version, keys)
        if found.problems:
            raise CannotMove(found.problems)
        _carry_out(execution, version, found, transitions.actor(by), reason, keys)
        execution.refresh_from_db()
        return execution


def plan_move(execution_id: int, number: int, mapping: Mapping[str, str]) -> moving.Plan:
    """What `move_to_version` would do now, its problems included; changes nothing.

    Raises UnknownExecution, UnknownVersion, IllegalTransition when it has ended, InvalidInput.
    """
    found = Execution.objects.filter(pk=arguments.number(execution_id)).first()
    if found is None:
        raise UnknownExecution(f"There is no execution {execution_id!r:.100}.")
    return _plan(found, _newer(found, number), _keys(mapping))


def newer_versions(execution: Execution) -> list[int]:
    """The numbers of the versions it can be moved to, the newest first."""
    versions = Version.objects.filter(workflow=execution.workflow_id, arranges=None)
    newer = versions.filter(number__gt=execution.version.number).order_by("-number")
    return list(newer.values_list("number", flat=True)[:50])


def _newer(execution: Execution, number: int) -> Version:
    if execution.is_final:
        raise IllegalTransition(execution.state, State.RUNNING, str(execution))
    versions = Version.objects.filter(workflow=execution.workflow_id, arranges=None)
    wanted = versions.filter(number=arguments.number(number))
    version = wanted.filter(number__gt=execution.version.number).first()
    if version is None:
        raise UnknownVersion(
            f"There is no version {number!r:.100} that is newer than this execution's."
        )
    return version


def _keys(mapping: Any) -> dict[str, str]:
    """A mapping of steps. Raises InvalidInput."""
    given = arguments.json_object("mapping", {} if mapping is None else mapping)
    wrong = [
        f"mapping.{key:.100}: {target!r:.100} is no key of a step; a text was expected"
        for key, target in given.items()
        if not isinstance(target, str)
    ]
    if wrong:
        raise InvalidInput(wrong)
    return given


def _plan(execution: Execution, version: Version, mapping: Mapping[str, str]) -> moving.Plan:
    if execution.marking is not None or not graphs.of(version.pk).is_plain:
        return token_moving.plan(execution, version, mapping)
    tasks = list(execution.tasks.order_by("pk"))
    went_to = forking.ways_taken(execution, tasks)
    return moving.plan(
        graphs.of(execution.version_id),
        graphs.of(version.pk),
        mapping,
        [_standing(task, went_to.get(task.node, ())) for task in tasks],
        execution.variables,
    )


def _standing(task: Task, went_to: Sequence[int]) -> moving.Standing:
    has_begun = task.attempt > 0 or task.state not in (State.PENDING, State.CANCELLED)
    return moving.Standing(
        is_completed=task.state == State.COMPLETED,
        has_begun=has_begun,
        is_running=task.state == State.RUNNING,
        is_over=task.state in (State.COMPLETED, State.CANCELLED),
        output=task.output or {},
        went_to=tuple(went_to),
    )


def _carry_out(
    execution: Execution,
    version: Version,
    found: moving.Plan,
    who: str,
    reason: str,
    mapping: Mapping[str, str],
) -> None:
    arranged = _arranged_version(version, found)
    if execution.marking is not None:
        entry = _entry(execution, version, found, who, reason, mapping)
        executions.written(execution, [entry])
        token_moving.carry_out(execution, arranged, found, by=who)
        return
    tasks = list(execution.tasks.order_by("pk"))
    entries = [_entry(execution, version, found, who, reason, mapping)]
    for task in tasks:
        if task.node in found.kept:
            _replace(task, arranged.template[task.node], found.waits_on[task.node])
        elif task.state == State.PENDING:
            gone: dict[str, Any] = {"is_ready": False, "finished_at": clock.now()}
            left_out = f"no place in version {version.number}"
            entries.append(transitions.move(task, State.CANCELLED, by=who, reason=left_out, **gone))
    Task.objects.bulk_create(
        _task(execution, arranged.template[node], found.waits_on[node]) for node in found.added
    )
    _count_open(execution, arranged)
    operations.make_ready([execution])
    executions.written(execution, entries)


def _replace(task: Task, row: Mapping[str, Any], waits_on: int) -> None:
    """The task of a node that goes on under its new definition."""
    fields: dict[str, Any] = {name: row[name] for name in ("key", "name", "kind", "lane")}
    is_waiting = task.state == State.PENDING and task.attempt == 0
    if is_waiting:
        fields |= {
            "priority": row["priority"],
            "rank": row["priority"],
            "max_attempts": row["max_attempts"],
            "waits_on": waits_on,
            "is_ready": False,
        }
        transitions.let_go([task])
    fields |= {"needs": row["waits_on"], "timeout_seconds": row["timeout_seconds"]}
    Task.objects.filter(pk=task.pk).update(**fields)


def _task(execution: Execution, row: Mapping[str, Any], waits_on: int) -> Task:
    plain = {name: value for name, value in row.items() if name != "waits_on"}
    return Task(
        pk=task_id(execution.pk, row["node"]),
        execution=execution,
        rank=row["priority"],
        needs=row["waits_on"],
        waits_on=waits_on,
        created_at=clock.now(),
        **plain,
    )


def _count_open(execution: Execution, arranged: Version) -> None:
    pending = execution.tasks.filter(state=State.PENDING)
    at_work = execution.tasks.filter(state__in=(State.RUNNING, State.PAUSED)).count()
    due = pending.filter(waits_on=0).count() + pending.filter(waits_on__gt=0, attempt__gt=0).count()
    Execution.objects.filter(pk=execution.pk).update(version=arranged, open_tasks=due + at_work)
    execution.version = arranged


def _arranged_version(version: Version, found: moving.Plan) -> Version:
    """The version with its nodes where this execution has its tasks; like moves share one."""
    rows = Version.objects.filter(arranges=version, sha256=found.graph.sha256())
    return rows.first() or Version.objects.create(
        workflow=version.workflow,
        number=version.number,
        graph=found.graph.to_json(),
        template=templates.template(found.graph),
        sha256=found.graph.sha256(),
        comment=version.comment,
        published_by=version.published_by,
        arranges=version,
    )


def _entry(
    execution: Execution,
    version: Version,
    found: moving.Plan,
    who: str,
    reason: str,
    mapping: Mapping[str, str],
) -> transitions.Entry:
    old = graphs.of(execution.version_id)
    return transitions.Entry(
        kind="execution.moved",
        entity_type="execution",
        entity_id=str(execution.pk),
        actor=who,
        execution_id=execution.pk,
        data={
            "from_version": execution.version.number,
            "to_version": version.number,
            "mapping": dict(mapping),
            "added": [found.graph.nodes[node].key for node in found.added],
            "removed": [
                old.nodes[node].key for node in found.removed if old.nodes[node].kind != REMOVED
            ],
            "went_to": [[node, list(targets)] for node, targets in found.went_to.items()],
            **({"reason": reason} if reason else {}),
        },
    )
