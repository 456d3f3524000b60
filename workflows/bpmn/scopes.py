"""The nodes of a process and of the sub-processes in it, as the tasks of a definition."""

from __future__ import annotations

from typing import Any

from lxml import etree

from workflows.graph.shape import BOUNDARY, CATCH, PASS, SCOPE, START, THROW

from . import activities, extension, forms, occurrences, repeating
from .connecting import Connections
from .kinds import (
    ACTIVITIES,
    DRAWN,
    EVENT_TYPES,
    EVENTS,
    KINDS,
    MULTIPLE,
    NODES,
    ROLES,
    SCOPES,
    UNSUPPORTED,
)
from .mappings import MAPPINGS, apply
from .source import Source, children, is_true, local, name_of, text_of
from .source import extension as first_extension

MAX_NAME = 200  # characters
_INSIDE = "inside"  # what the step in a task with an edge is called after


def documentation(element: etree._Element) -> str:
    """The texts of its documentation, one under the other."""
    texts = (text_of(one) for one in children(element, "documentation"))
    return "\n\n".join(text for text in texts if text)


class Walk:
    """Goes through a process and gathers its tasks in the order of the file."""

    def __init__(
        self,
        source: Source,
        process: etree._Element,
        links: Connections,
        lanes: dict[etree._Element, str],
    ) -> None:
        self._source, self._links, self._lanes = source, links, lanes
        self._edged = links.needs_edge
        self.tasks: dict[etree._Element, dict[str, Any]] = {}
        self.inner: list[dict[str, Any]] = []
        self._container(process, "")

    def _container(self, container: etree._Element, parent: str) -> None:
        for element in children(container):
            name = local(element)
            if name in NODES:
                self._node(element, parent)
                if name in SCOPES and element in self.tasks:
                    self._container(element, self._source.key(element))
            elif not self._is_known(container, name):
                self._source.unsupported(element, f"<{name:.100}> is no element of a process.")

    def _is_known(self, container: etree._Element, name: str) -> bool:
        if name in DRAWN or name in ROLES:
            return True
        inside = {"multiInstanceLoopCharacteristics", "standardLoopCharacteristics"}
        inside |= {"dataInputAssociation", "dataOutputAssociation", "completionCondition"}
        is_process = local(container) == "process"
        return (name == "correlationSubscription") if is_process else name in inside

    def _node(self, element: etree._Element, parent: str) -> None:
        source, name = self._source, local(element)
        if self._links.is_compensation(element) or self._never_runs(element):
            return
        if element in self._links.hosts and self._is_left_out(self._links.hosts[element]):
            return
        kind = KINDS.get(name, PASS)
        task: dict[str, Any] = {"key": source.key(element), "kind": kind}
        if title := self._title(element):
            task["name"] = title
        if text := documentation(element):
            task["description"] = text
        if parent:
            task["parent"] = parent
        if name in UNSUPPORTED:
            source.unsupported(element, UNSUPPORTED[name])
        elif name in EVENTS:
            self._event(element, task)
        elif name in ACTIVITIES:
            self._activity(element, task)
        else:
            if name == "eventBasedGateway" and is_true(element, "instantiate"):
                what = "A gateway does not start a process: use start events."
                source.unsupported(element, what)
            apply(source, element, task, gives=False)
        activities.own_json(source, element, task)
        forms.take_out(element, task)
        self.tasks[element] = task
        if element in self._edged and task["kind"] in (PASS, THROW):
            self._put_in_scope(task)

    def _title(self, element: etree._Element) -> str:
        title = name_of(element)
        if len(title) > MAX_NAME:
            self._source.note(element, f"Of its name the first {MAX_NAME} characters are kept.")
        return title[:MAX_NAME]

    def _is_left_out(self, element: etree._Element) -> bool:
        if is_true(element, "triggeredByEvent"):
            return False  # some tools mark what compensation starts so, too
        return is_true(element, "isForCompensation") and element not in self._links.undoing

    def _never_runs(self, element: etree._Element) -> bool:
        if self._is_left_out(element):
            self._source.note(element, "It compensates nothing: no event leads to it.")
            return True
        return False

    def _event(self, element: etree._Element, task: dict[str, Any]) -> None:
        source, kind = self._source, task["kind"]
        if kind == START and not self._is_own_start(element):
            event: dict[str, Any] = {}
        else:
            event = occurrences.event(source, element, kind)
        if event:
            task["event"] = event
        elif kind in (CATCH, BOUNDARY) and not self._says_event(element):
            source.unsupported(element, "It does not say which event it waits for.")
        if kind == BOUNDARY and element in self._links.hosts:
            task["attached_to"] = source.key(self._links.hosts[element])
        if not self._starts_event_scope(element):
            apply(source, element, task, gives=kind in (CATCH, BOUNDARY, START))

    def _is_own_start(self, element: etree._Element) -> bool:
        """Whether a start event has an event of its own: that of an event sub-process is its
        sub-process's, and other sub-processes start when a token comes.
        """
        holder = element.getparent()
        if local(holder) == "process":
            return True
        has_event = any(local(one) in EVENT_TYPES for one in element)
        if has_event and not is_true(holder, "triggeredByEvent"):
            what = "Only an event sub-process starts with an event."
            self._source.unsupported(element, what)
        return False

    def _says_event(self, element: etree._Element) -> bool:
        return first_extension(element, extension.qualified("event")) is not None

    def _activity(self, element: etree._Element, task: dict[str, Any]) -> None:
        source, name = self._source, local(element)
        activities.fill(source, element, task, self._lanes.get(element, ""))
        if name in SCOPES and is_true(element, "triggeredByEvent"):
            self._starts_by_event(element, task)
        loop = repeating.loop(source, element)
        if loop:
            task["loop"] = loop
            self._edged.add(element)
        undone = self._links.undoing.get(element)
        if undone is not None and not self._is_left_out(undone):
            task["compensates"] = source.key(undone)

    def _starts_by_event(self, element: etree._Element, task: dict[str, Any]) -> None:
        source, starts = self._source, list(children(element, "startEvent"))
        if len(starts) != 1:
            source.unsupported(element, "An event sub-process has one start event.")
            return
        event = occurrences.event(source, starts[0], SCOPE)
        if not event:
            source.unsupported(starts[0], "It does not say which event it waits for.")
            return
        own = first_extension(starts[0], extension.qualified("event"))
        if event["type"] == MULTIPLE or own is None:
            task["event"] = event
        if first_extension(starts[0], *MAPPINGS) is not None:
            source.unsupported(starts[0], "An event sub-process maps nothing where it starts.")

    def _starts_event_scope(self, element: etree._Element) -> bool:
        return local(element) == "startEvent" and is_true(element.getparent(), "triggeredByEvent")

    def _put_in_scope(self, task: dict[str, Any]) -> None:
        """A step that is done at once, with something on its edge or as a loop, becomes a
        sub-process: an empty one if it does nothing, else one around what it sends.
        """
        if task["kind"] != PASS:
            inner = {"key": f"{task['key'][:90]}.{_INSIDE}", "kind": task["kind"]}
            for name in ("name", "event", "output_mapping"):
                if name in task:
                    inner[name] = task[name]
            inner["parent"] = task["key"]
            self.inner.append(inner)
            task.pop("event", None)
            task.pop("output_mapping", None)
        task["kind"] = SCOPE
