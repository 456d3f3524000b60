"""The previous document with what a new definition says otherwise, and nothing else touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from lxml import etree

from workflows.graph.shape import SCOPE

from . import elements, flows, keys, placing, presence
from .document import Document, child, put, remove
from .expanding import Expanded, expanded
from .normal import Normal, Way
from .vocabulary import EVENT_TAGS, SCOPE_TAGS, bpmn, local

Element: TypeAlias = etree._Element
# Which fields of a task stand together in its element, by the field that they are written as.
TOGETHER = {
    "agent": ("agent", "role", "capabilities", "priority", "max_retries", "timeout_seconds"),
    "input": ("input", "output_mapping"),
}
_KEPT = frozenset(
    ("documentation", "extensionElements", "auditing", "monitoring", "incoming", "outgoing")
)
_JOINING = ("association", "messageFlow", "sequenceFlow")


class Unpatchable(Exception):
    """The previous document has no elements for what changes."""


class Patch:
    """Makes the document of one workflow the document of another."""

    def __init__(self, document: Document, old: Normal, new: Normal, *, thoroughly: bool) -> None:
        self.document, self.old, self.new = document, old, new
        self.thoroughly = thoroughly  # what foreign extensions say of a changed task goes too
        self.elements = presence.nodes(document)
        self.flows = presence.flows(document, self.elements)
        self.present = presence.present(old, self.elements)
        self.drawn = expanded(old, self.present)
        self.standing = self._standing()
        self.names_flows = any(True for _ in document.process.iter(bpmn("incoming")))
        self.fresh: list[Element] = []  # to be drawn
        self.moved: set[str] = set()  # keys of tasks that lie in another scope now

    def apply(self) -> None:
        """Change the document's tree."""
        wanted = expanded(self.new, self.present)
        self._remove(wanted)
        for key in self._outside_in():
            if key not in self.standing:
                self._place(key)
        for one in wanted.added.values():
            if one.key not in self.elements:
                home = self._scope(one.parent)
                self._add(one.key, flows.add(self.document, home, one))
            elif local(self.elements[one.key]) != one.tag:
                flows.turn(self.document, self.elements[one.key], one)
        for key in self.new.tasks:
            if key not in self.standing:
                self._write(key)
        self._connect(wanted)
        self._undo()
        placing.draw(self.document, self.fresh)

    def _standing(self) -> frozenset[str]:
        """Keys of steps that are no elements: each stands for a second flow between two nodes, and
        does so as long as nothing changes about it.
        """
        keys_of = {
            keys.key(str(flow.get("id"))): flow
            for flow in self.document.process.iter(bpmn("sequenceFlow"))
        }
        found = set()
        for key in self.old.tasks:
            if key in self.elements:
                continue
            if _lies(self.old, key) == _lies(self.new, key):
                found.add(key)
            elif key not in keys_of:
                raise Unpatchable
            else:
                placing.erase(self.document, {keys_of[key].get("id")})
                self._forget_flow(keys_of[key])
        return frozenset(found)

    def _remove(self, wanted: Expanded) -> None:
        gone = [key for key in self.old.tasks if key not in self.new.tasks]
        gone += [key for key in self.present.added if key not in wanted.added]
        for key in gone:
            self._rescue(key)
        for key in gone:
            element = self.elements.pop(key, None)
            if element is not None:
                self._take_out(element)

    def _rescue(self, key: str) -> None:
        """Tasks that go on in another scope are taken out of one that is removed."""
        for inner, task in self.new.tasks.items():
            is_inside = inner in self.old.tasks and self.old.tasks[inner]["parent"] == key
            if is_inside and task["parent"] != key and inner in self.elements:
                put(self.document.process, self.elements[inner])

    def _take_out(self, element: Element) -> None:
        ids = {one.get("id") for one in element.iter(etree.Element)}
        remove(element)
        self._forget(ids)

    def _forget(self, ids: set[str | None]) -> None:
        """Take out what joins elements that are gone, and what is drawn of them."""
        while ids:
            more = set()
            for one in list(self.document.root.iter(*map(bpmn, _JOINING))):
                ends = {presence.bare(one.get("sourceRef")), presence.bare(one.get("targetRef"))}
                if ends & ids:
                    more.add(one.get("id"))
                    self._forget_flow(one)
            for event in list(self.document.process.iter(bpmn("boundaryEvent"))):
                is_undoing = child(event, "compensateEventDefinition") is not None
                if is_undoing and presence.bare(event.get("attachedToRef")) in ids:
                    more.add(event.get("id"))
                    remove(event)
            for reference in list(self.document.root.iter(bpmn("flowNodeRef"))):
                if presence.bare(reference.text) in ids:
                    remove(reference)
            placing.erase(self.document, ids)
            ids = more

    def _forget_flow(self, flow: Element) -> None:
        for element in self.elements.values():
            if len(element):
                flows.forget(element, str(flow.get("id")))
            if element.get("default") == flow.get("id"):
                del element.attrib["default"]
        self.flows = {ends: one for ends, one in self.flows.items() if one is not flow}
        remove(flow)

    def _outside_in(self) -> Iterator[str]:
        left, known = dict(self.new.tasks), {""}
        while left:
            ready = [key for key, task in left.items() if task["parent"] in known]
            for key in ready:
                yield key
                del left[key]
            known.update(ready)
            if not ready:
                return

    def _scope(self, parent: str) -> Element:
        home = self.elements[parent] if parent else self.document.process
        if parent and local(home) not in SCOPE_TAGS:
            raise Unpatchable
        return home

    def _add(self, key: str, element: Element) -> None:
        self.elements[key] = element
        if element.get("id") != key:
            self.document.renamed[key] = str(element.get("id"))
        self.fresh.append(element)

    def _place(self, key: str) -> None:
        """Let the task have an element in its scope."""
        task, home = self.new.tasks[key], self._scope(self.new.tasks[key]["parent"])
        element = self.elements.get(key)
        if element is None:
            self._add(key, elements.made(self.document, home, task))
            return
        if element.getparent() is not home:
            self._take_out_joined(element)
            put(home, element)
            self.moved.add(key)
            self.fresh.append(element)
        before = self.old.tasks.get(key)
        if before is not None and self._is_another(element, before, task):
            self._retag(element, elements.tag(task), keeps_inside=task["kind"] == SCOPE)

    def _take_out_joined(self, element: Element) -> None:
        """Forget what an element that moves was joined with, and where it was drawn."""
        inside = {one.get("id") for one in element.iter(etree.Element)}
        kept = list(element.iter(*map(bpmn, _JOINING)))
        for flow in list(self.document.root.iter(*map(bpmn, _JOINING))):
            ends = {presence.bare(flow.get("sourceRef")), presence.bare(flow.get("targetRef"))}
            if element.get("id") in ends and flow not in kept:
                self._forget_flow(flow)
                placing.erase(self.document, {flow.get("id")})
        placing.erase(self.document, inside)
        parent = element.getparent()
        if parent is not None:
            remove(element)

    def _is_another(self, element: Element, old: elements.Task, new: elements.Task) -> bool:
        is_event = new["event"] != old["event"] and "event" in elements.tag(new).lower()
        is_waiting_task = elements.tag(new) == "receiveTask"
        return (
            old["kind"] != new["kind"]
            or (is_waiting_task and local(element) != "receiveTask")
            or old["scope"].get("type") != new["scope"].get("type")
            or (is_event and local(element) not in EVENT_TAGS)
        )

    def _retag(self, element: Element, name: str, *, keeps_inside: bool) -> None:
        """Make an element another one, with its id, name, flows and extensions."""
        element.tag = bpmn(name)
        for attribute in list(element.attrib):
            if attribute not in ("id", "name", "default") and not attribute.startswith("{"):
                del element.attrib[attribute]
        for one in list(element):
            is_inside = keeps_inside and (
                "id" in one.attrib and not local(one).endswith("Definition")
            )
            if local(one) and local(one) not in _KEPT and not is_inside:
                remove(one)
        if element not in self.fresh:
            placing.reshape(self.document, element)

    def _write(self, key: str) -> None:
        """Write the fields of a task that are not what they were."""
        new, old = self.new.tasks[key], self.old.tasks.get(key)
        element = self.elements[key]
        is_other = old is None or self._is_another(element, old, new) or old["kind"] != new["kind"]
        if self.thoroughly and old is not None and old != new:
            self._strip(element)
            is_other = True
        for field, write in elements.FIELDS.items():
            fields = TOGETHER.get(field, (field,))
            if old is None and field != "event":
                continue  # it has been made with them
            if is_other or old is None or any(old[one] != new[one] for one in fields):
                write(self.document, element, new)
        if old is not None and old["attached_to"] != new["attached_to"]:
            placing.erase(self.document, {element.get("id")})
            self.fresh.append(element)

    def _strip(self, element: Element) -> None:
        home = child(element, "extensionElements")
        if home is not None:
            remove(home)
        for attribute in list(element.attrib):
            if attribute.startswith("{"):
                del element.attrib[attribute]

    def _connect(self, wanted: Expanded) -> None:
        """Add, change and take out sequence flows."""
        before, after = self._by_ends(self.drawn.flows), self._by_ends(wanted.flows)
        for ends in [ends for ends in before if ends not in after and ends in self.flows]:
            flow = self.flows[ends]
            self._forget_flow(flow)
            placing.erase(self.document, {flow.get("id")})
        for ends, way in after.items():
            if ends not in self.flows:
                self._flow(way)
            elif _said(way) != _said(before.get(ends, way)) or ends not in before:
                flows.describe(self.document, self.flows[ends], way)
            self._default(ends, way, before.get(ends))
        for source in dict.fromkeys(way.source for way in wanted.flows):
            order = [ends for ends in after if ends[0] == source]
            known = [ends for ends in before if ends[0] == source and ends in after]
            is_choice = any(after[ends].when for ends in order)
            if is_choice and (order != known or any(self.flows[e] in self.fresh for e in order)):
                self._sort([self.flows[ends] for ends in order])

    def _by_ends(self, ways: Iterable[Way]) -> dict[tuple[str, str], Way]:
        return {
            (way.source, way.target): way
            for way in ways
            if not {way.source, way.target} & self.standing
        }

    def _flow(self, way: Way) -> None:
        source, target = self.elements[way.source], self.elements[way.target]
        flow = flows.connect(self.document, source.getparent(), way)
        self.flows[way.source, way.target] = flow
        self.fresh.append(flow)
        if self.names_flows:
            flows.refer(source, str(flow.get("id")), "outgoing")
            flows.refer(target, str(flow.get("id")), "incoming")

    def _default(self, ends: tuple[str, str], way: Way, before: Way | None) -> None:
        element, flow = self.elements[ends[0]], self.flows[ends]
        if way.is_default:
            if element.get("default") != flow.get("id"):
                element.set("default", str(flow.get("id")))
        elif before is not None and before.is_default and element.get("default") == flow.get("id"):
            del element.attrib["default"]

    def _sort(self, wanted: list[Element]) -> None:
        """Bring the flows out of an element into an order, on the places that they have."""
        parent = wanted[0].getparent()
        places = sorted(parent.index(flow) for flow in wanted)
        if [parent[place] for place in places] == wanted:
            return
        tails = [parent[place].tail for place in places]
        for flow in wanted:
            parent.remove(flow)
        for place, flow, tail in zip(places, wanted, tails, strict=True):
            parent.insert(place, flow)
            flow.tail = tail

    def _undo(self) -> None:
        """Join what undoes a task with an event on its edge."""
        for key, task in self.new.tasks.items():
            if key in self.standing:
                continue
            host, was = task["compensates"], self.old.tasks.get(key, {}).get("compensates", "")
            if host == was and not {key, host} & self.moved:
                continue
            if was in self.elements:
                self._forget_undoing(self.document.id_of(was))
            if host:
                home = self.elements[host].getparent()
                self.fresh += flows.undo(self.document, home, host, key)

    def _forget_undoing(self, host: str) -> None:
        for event in list(self.document.process.iter(bpmn("boundaryEvent"))):
            is_undoing = child(event, "compensateEventDefinition") is not None
            if is_undoing and presence.bare(event.get("attachedToRef")) == host:
                self._take_out(event)


def _lies(workflow: Normal, key: str) -> object:
    """All that a workflow says of a task, and of how it lies between others."""
    if key not in workflow.tasks:
        return None
    return workflow.tasks[key], workflow.into[key], workflow.out_of[key]


def _said(way: Way) -> tuple[str, bool, str]:
    return way.when, way.is_default, way.name
