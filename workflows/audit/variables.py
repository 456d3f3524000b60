"""How an execution's variables changed, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .rebuild import Row, set_by


class How(StrEnum):
    """What happened to a value."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Difference:
    """A value in the variable `name` that differs; `path` leads to it: order.total."""

    name: str
    path: str
    how: How
    old: Any = None
    new: Any = None


@dataclass(frozen=True, slots=True)
class Change:
    """A row that changed variables, and how."""

    row: Row
    differences: tuple[Difference, ...]


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs, by path; objects are compared inside, lists as one value."""
    return list(_compared(before, after, ()))


def changes(events: Iterable[Row]) -> list[Change]:
    """The rows that changed a variable, oldest first. Setting it to what it was is no change."""
    found, variables = [], dict[str, Any]()
    for event in events:
        if assigned := set_by(event):
            before = {name: variables[name] for name in assigned if name in variables}
            variables |= assigned
            if differences := compared(before, assigned):
                found.append(Change(event, tuple(differences)))
    return found


def _compared(
    before: Mapping[str, Any], after: Mapping[str, Any], above: tuple[str, ...]
) -> Iterator[Difference]:
    for name in {**after, **before}:
        way = (*above, name)
        if name not in before:
            yield Difference(way[0], ".".join(way), How.ADDED, new=after[name])
        elif name not in after:
            yield Difference(way[0], ".".join(way), How.REMOVED, old=before[name])
        else:
            yield from _inside(way, before[name], after[name])


def _inside(way: tuple[str, ...], old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _compared(old, new, way)
    elif _is_other(old, new):
        yield Difference(way[0], ".".join(way), How.CHANGED, old, new)


def _is_other(old: Any, new: Any) -> bool:
    """In JSON's eyes, where true is not 1."""
    return old != new or isinstance(old, bool) is not isinstance(new, bool)
