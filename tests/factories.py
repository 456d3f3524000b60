"""Plain makers of what tests need, through the same verbs that the product uses."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User

from agents import orchestrator
from agents.models import Agent
from workflows import engine
from workflows.models import AuditEvent, Execution, Task, Version

PASSWORD = "open sesame 42"


def make_user(name: str = "ada", *groups: str, password: str = PASSWORD, **fields: Any) -> User:
    """A user in the groups named (operator, approver, modeller, auditor); none: a stranger."""
    user = User.objects.create(username=name, password=_hashed(password), **fields)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


@cache
def _hashed(password: str) -> str:
    """Half a second of work on purpose, so done once."""
    return make_password(password)


def make_agent(key: str = "echo", *, tool: str = "tests.echo", **fields: Any) -> Agent:
    """A python agent that runs a test tool, with room for 100 tasks.

    Its breaker is off: most tests in which steps fail again and again are about something else.
    """
    return orchestrator.register_agent(
        key=key,
        name=key.title(),
        kind="python",
        config={"tool": tool},
        **{"capabilities": [key], "max_concurrent_tasks": 100, "breaker_failures": 0, **fields},
    )


def step(key: str, *before: Any, **fields: Any) -> dict[str, Any]:
    """A task that needs the capability "echo" and depends on others."""
    return {
        "key": key,
        "name": key.title(),
        "capabilities": ["echo"],
        "dependencies": list(before),
        **fields,
    }


def chain(*keys: str, **fields: Any) -> list[dict[str, Any]]:
    """Tasks one after another."""
    return [step(key, *keys[max(0, place - 1) : place], **fields) for place, key in enumerate(keys)]


def register(*tasks: dict[str, Any], key: str = "flow", **fields: Any) -> Version:
    """Publish a workflow of these tasks; retries come at once unless a policy is given."""
    policy = {"max_retries": 0, "initial_delay": 0, "jitter": 0}
    return engine.register_workflow(
        {"key": key, "name": key.title(), "tasks": list(tasks), "retry_policy": policy, **fields}
    )


def history(execution: Execution) -> list[str]:
    """What the audit says happened: "a running", "a completed", …, "execution completed"."""
    names = dict(execution.tasks.values_list("pk", "key"))
    return [
        f"{names.get(event.task_id, 'execution')} {event.new_state}"
        for event in AuditEvent.objects.filter(execution=execution).order_by("seq")
        if event.new_state
    ]


def states(execution: Execution) -> dict[str, str]:
    """Task states by key."""
    return dict(execution.tasks.values_list("key", "state"))


def human(key: str, *before: Any, **approval: Any) -> dict[str, Any]:
    """A step that the group "approver" decides."""
    return {
        "key": key,
        "name": key.title(),
        "kind": "human",
        "dependencies": list(before),
        "approval": {"groups": ["approver"], **approval},
    }


def start(*tasks: dict[str, Any], input: dict[str, Any] | None = None, **fields: Any) -> Execution:
    """Publish a workflow of these tasks, as `register`, and start it."""
    register(*tasks, **fields)
    return engine.start_workflow(fields.get("key", "flow"), input or {})


def task(execution: Execution, key: str) -> Task:
    """The execution's task with a key, as it is now."""
    return execution.tasks.get(key=key)


def kinds(execution: Execution) -> list[str]:
    """The kinds of an execution's audit rows, in order."""
    return list(execution.audit_events.order_by("seq").values_list("kind", flat=True))


def node(key: str, kind: str, *before: Any, **fields: Any) -> dict[str, Any]:
    """A gateway, event, scope or call that comes after others."""
    return {
        "key": key,
        "name": key.title(),
        "kind": kind,
        "dependencies": list(before),
        **fields,
    }


def default(key: str) -> dict[str, Any]:
    """The default way out of a step, as a dependency."""
    return {"task": key, "default": True}


def when(key: str, condition: str) -> dict[str, Any]:
    """A way that is taken when a condition holds, as a dependency."""
    return {"task": key, "when": condition}
