"""The ways into a task of a draft, as its `depends_on` says them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from workflows.models import TaskDefinition

MAX_ORDER, MAX_NAME = 1_000_000, 200  # of a way; characters


class Way(NamedTuple):
    """A way into a draft task, from the task before it, as an item of `depends_on` says.

    The ways out of a task are looked at by their `order`, and in the order of the rows within it.
    """

    task: str
    when: str = ""
    is_default: bool = False
    order: int = 0
    name: str = ""


def dependencies(task: TaskDefinition) -> list[tuple[str, str]]:
    """(key of the task before it, condition or "") of a draft task."""
    return [(way.task, way.when) for way in ways_in(task)]


def ways_in(task: TaskDefinition) -> list[Way]:
    """What a draft task depends on; what is said wrongly is as by default (see `problems`)."""
    return [_way(item) for item in task.depends_on or []]


def way_problems(task: TaskDefinition) -> Iterator[str]:
    """What is wrong with the order or name of a way into a draft task, in sentences."""
    for item in task.depends_on or ():
        yield from _way_problems(item)


def _way(item: Any) -> Way:
    if not isinstance(item, Mapping):
        return Way(str(item))
    order, name = item.get("order"), item.get("name")
    return Way(
        task=str(item.get("task", "")),
        when=str(item.get("when") or ""),
        is_default=item.get("default") is True,
        order=order if type(order) is int else 0,
        name=name if isinstance(name, str) else "",
    )


def _way_problems(item: Any) -> Iterator[str]:
    if not isinstance(item, Mapping):
        return
    order, name = item.get("order", 0), item.get("name", "")
    if type(order) is not int or abs(order) > MAX_ORDER:
        yield f"“order” is {order!r:.100}; a whole number up to {MAX_ORDER} was expected."
    if not isinstance(name, str) or len(name) > MAX_NAME:
        yield f"“name” is {name!r:.100}; text of at most {MAX_NAME} characters was expected."
