"""What BPMN needs and a definition says without an element: drawn with a mark, folded on reading.

A marked gateway before a task says that it waits for every path (parallel) or for the first one
(complex); one behind a task carries the conditions of the ways that leave it; marked start and end
events stand where a workflow begins and ends without saying so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from . import exclusive
from .extension import qualified
from .normal import Way

IMPLICIT: Final = qualified("implicit")  # attribute of an element: one of MARKS
LABEL: Final = qualified("label")  # attribute of a flow: the name that was made from its condition
JOIN, SPLIT, START, END = "join", "split", "start", "end"
MARKS: Final = (JOIN, SPLIT, START, END)
TAGS: Final[Mapping[str, tuple[str, ...]]] = {
    JOIN: ("parallelGateway", "complexGateway"),
    SPLIT: ("inclusiveGateway", "exclusiveGateway"),
    START: ("startEvent",),
    END: ("endEvent",),
}


@dataclass(frozen=True, slots=True)
class Marked:
    """An element with a mark: its mark and the local name of its tag."""

    mark: str
    tag: str


def folded(definition: Mapping[str, Any], marked: Mapping[str, Marked]) -> dict[str, Any]:
    """A definition without the marked elements (by their keys) that say no more than their mark.

    One that has been changed so that it says more, a third way out of a join say, stays a task.
    """
    fold = _Fold(definition, marked)
    for key, one in marked.items():
        if key in fold.tasks and one.tag in TAGS.get(one.mark, ()):
            _FOLDING[one.mark](fold, key, one.tag)
    return fold.definition()


class _Fold:
    """A definition's tasks by key, and its ways by their place in it, while it folds.

    What leads into and out of an element is looked up, not searched for: a drawing of hundreds of
    tasks is folded with each of the editor's saves.
    """

    def __init__(self, definition: Mapping[str, Any], marked: Mapping[str, Marked]) -> None:
        self.given, self.marked = definition, marked
        self.tasks = {str(task["key"]): dict(task) for task in definition["tasks"]}
        self._ways: dict[int, tuple[Any, Way]] = {}
        self._into: defaultdict[str, set[int]] = defaultdict(set)
        self._out_of: defaultdict[str, set[int]] = defaultdict(set)
        for key, task in self.tasks.items():
            for item in task.get("depends_on") or ():
                item = item if isinstance(item, Mapping) else {"task": item}
                self._put(len(self._ways), item.get("order"), _way(item, key))

    def into(self, key: str) -> list[Way]:
        return [self._ways[place][1] for place in sorted(self._into.get(key, ()))]

    def out_of(self, key: str) -> list[Way]:
        return [self._ways[place][1] for place in sorted(self._out_of.get(key, ()))]

    def remove(self, way: Way) -> None:
        """Take out one way, this very one."""
        places = self._into[way.target] & self._out_of[way.source]
        for place in [one for one in places if self._ways[one][1] is way]:
            self._take(place)

    def drop(self, key: str) -> None:
        """Take an element out, and the ways that still end at it."""
        del self.tasks[key]
        for place in self._into[key] | self._out_of[key]:
            self._take(place)

    def lead_to(self, key: str, target: str) -> None:
        """Let the ways into an element lead to another one."""
        for place in list(self._into[key]):
            order, way = self._take(place)
            self._put(place, order, replace(way, target=target))

    def lead_from(self, key: str, source: str) -> None:
        """Let the ways out of an element leave another one."""
        for place in list(self._out_of[key]):
            order, way = self._take(place)
            self._put(place, order, replace(way, source=source))

    def definition(self) -> dict[str, Any]:
        for key, task in self.tasks.items():
            places = sorted(self._into.get(key, ()))
            task["depends_on"] = [_item(*self._ways[place]) for place in places]
        return {**self.given, "tasks": list(self.tasks.values())}

    def _put(self, place: int, order: Any, way: Way) -> None:
        self._ways[place] = order, way
        self._into[way.target].add(place)
        self._out_of[way.source].add(place)

    def _take(self, place: int) -> tuple[Any, Way]:
        order, way = self._ways.pop(place)
        self._into[way.target].discard(place)
        self._out_of[way.source].discard(place)
        return order, way


def _fold_join(fold: _Fold, key: str, tag: str) -> None:
    out = fold.out_of(key)
    if len(out) != 1 or not _is_bare(out) or fold.into(out[0].target) != out:
        return
    target = fold.tasks[out[0].target]
    if target.get("kind") in _MERGE_ANYHOW or fold.tasks[key].get("output_mapping"):
        return
    target["join"] = "every" if tag == "parallelGateway" else "one"
    fold.remove(out[0])
    fold.lead_to(key, out[0].target)
    fold.drop(key)


def _fold_split(fold: _Fold, key: str, tag: str) -> None:
    into, out = fold.into(key), fold.out_of(key)
    is_choice = tag == "inclusiveGateway" or exclusive.all_conditions(out)
    if len(into) != 1 or not _is_bare(into) or not out or not is_choice:
        return
    if fold.out_of(into[0].source) != into or fold.tasks[key].get("output_mapping"):
        return
    fold.remove(into[0])
    fold.lead_from(key, into[0].source)
    fold.drop(key)


def _fold_start(fold: _Fold, key: str, tag: str) -> None:
    start, out = fold.tasks[key], fold.out_of(key)
    begun = {way.target for way in out}
    is_alone = not any(
        other != key and _is_beside(start, task) and not fold.into(other) and _may_begin(task)
        for other, task in fold.tasks.items()
    )
    is_first = not fold.into(key) and all(len(fold.into(one)) == 1 for one in begun)
    if is_alone and is_first and _is_bare(out) and not start.get("event"):
        fold.drop(key)


def _fold_end(fold: _Fold, key: str, tag: str) -> None:
    into = fold.into(key)
    is_last = all(fold.out_of(way.source) == [way] for way in into)
    if is_last and _is_bare(into) and not fold.out_of(key) and not fold.tasks[key].get("event"):
        fold.drop(key)


_FOLDING: Final[Mapping[str, Callable[[_Fold, str, str], None]]] = {
    SPLIT: _fold_split,
    JOIN: _fold_join,
    START: _fold_start,
    END: _fold_end,
}
_MERGE_ANYHOW: Final = frozenset(("exclusive", "inclusive", "parallel", "end"))


def _may_begin(task: Mapping[str, Any]) -> bool:
    """Whether the task begins by itself where nothing leads to it."""
    event = task.get("event") or {}
    is_link = task.get("kind") == "catch" and event.get("type") == "link"
    is_reaction = task.get("kind") == "scope" and bool(event)
    return not (task.get("kind") == "boundary" or is_link or is_reaction or task.get("compensates"))


def _is_beside(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (one.get("parent") or "") == (other.get("parent") or "")


def _is_bare(ways: Sequence[Way]) -> bool:
    return not any(way.when or way.is_default for way in ways)


def _way(item: Mapping[str, Any], target: str) -> Way:
    return Way(
        str(item.get("task", "")),
        target,
        str(item.get("when") or ""),
        item.get("default") is True,
        str(item.get("name") or ""),
    )


def _item(order: Any, way: Way) -> dict[str, Any] | str:
    given = {
        "when": way.when,
        "default": way.is_default,
        "name": way.name,
        "order": order,
    }
    said = {name: value for name, value in given.items() if value}
    return {"task": way.source, **said} if said else way.source
