"""Where a graph lies in its document: the elements of its nodes, and those along its flows.

A document has elements that its graph has no node for: gateways that BPMN needs where a step simply
has several steps before or behind it, and starts and ends that go without saying.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from workflows.graph.shape import Graph

from .keys import key

MODEL = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"


@dataclass(frozen=True, slots=True)
class Way:
    """The ids along a graph's flow, or between a node and a start or end that has no node.

    `near` are passed as soon as a token is on its way; `far` lies behind an element where it may
    have to wait for others: only when the target is entered has it come that far.
    """

    near: tuple[str, ...] = ()
    far: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trace:
    """Ids by the keys of nodes, and ways by the indexes of flows; `begins` and `ends` by keys.

    `joins`: by key, where tokens wait for others before that node. `added` are the elements along
    the ways that have no node.
    """

    elements: Mapping[str, str] = field(default_factory=dict)
    ways: tuple[Way, ...] = ()
    begins: Mapping[str, Way] = field(default_factory=dict)
    ends: Mapping[str, Way] = field(default_factory=dict)
    joins: Mapping[str, str] = field(default_factory=dict)
    added: frozenset[str] = frozenset()


def traced(graph: Graph, data: bytes) -> Trace:
    """Where the graph lies in a document that was read before; what is not there is left out."""
    return _Tracing(graph, data).made()


class _Tracing:
    def __init__(self, graph: Graph, data: bytes) -> None:
        self.graph = graph
        self.known: dict[str, str] = {}  # key by element id
        self.added: set[str] = set()  # elements without a node
        self.out: dict[str, list[tuple[str, str]]] = defaultdict(list)  # flow and target by source
        self.degree: dict[str, int] = defaultdict(int)
        self._read(data)
        self.elements = {name: element for element, name in self.known.items()}

    def made(self) -> Trace:
        used: dict[tuple[int, int], int] = defaultdict(int)
        ways = []
        for flow in self.graph.flows:
            pair = (flow.source, flow.target)
            ways.append(self._way(*pair, used[pair]))
            used[pair] += 1
        begins: dict[str, Way] = {}
        for element in sorted(self.added):
            if not self.degree[element]:
                for end, way in self._ways_from(element, [element]):
                    begins[self.known[end]] = way
        found = ((name, self._end(name)) for name in self.elements)
        ends = {name: end for name, end in found if end}
        added = frozenset(self.added)
        return Trace(self.elements, tuple(ways), begins, ends, self._joins(), added)

    def _read(self, data: bytes) -> None:
        parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
        flows = []
        for element in etree.fromstring(data, parser).iter(f"{MODEL}*"):
            name, number = etree.QName(element).localname, element.get("id")
            if name == "sequenceFlow":
                flows.append(element)
            elif number and key(number) in self.graph.index:
                self.known[number] = key(number)
        for flow in flows:
            source, target = _ref(flow, "sourceRef"), _ref(flow, "targetRef")
            self.out[source].append((str(flow.get("id", "")), target))
            self.degree[target] += 1
            self.added |= {source, target} - self.known.keys()

    def _way(self, source: int, target: int, number: int) -> Way:
        """The way of the flow with this number among those between two nodes."""
        start = self.elements.get(self.graph.nodes[source].key)
        goal = self.elements.get(self.graph.nodes[target].key)
        if start is None or goal is None:
            return Way()
        found = [way for end, way in self._ways_from(start, []) if end == goal]
        return found[min(number, len(found) - 1)] if found else Way()

    def _ways_from(self, start: str, passed: Sequence[str]) -> Iterator[tuple[str, Way]]:
        """Ways to the nearest elements with a node, through any that have none."""
        pending: deque[tuple[str, tuple[str, ...]]] = deque([(start, tuple(passed))])
        seen = {start}
        while pending:
            at, path = pending.popleft()
            for flow, target in self.out[at]:
                if target in self.known:
                    yield target, self._split((*path, flow))
                elif target not in seen:
                    seen.add(target)
                    pending.append((target, (*path, flow, target)))

    def _split(self, path: tuple[str, ...]) -> Way:
        meeting = next((at for at, one in enumerate(path) if self._is_meeting(one)), len(path))
        return Way(path[:meeting], path[meeting:])

    def _is_meeting(self, element: str) -> bool:
        return element in self.added and self.degree[element] > 1

    def _end(self, name: str) -> Way | None:
        """The way to an end that has no node."""
        pending: deque[tuple[str, tuple[str, ...]]] = deque([(self.elements[name], ())])
        seen = {self.elements[name]}
        while pending:
            at, path = pending.popleft()
            for flow, target in self.out[at]:
                onward = (*path, flow, target)
                if target in self.known or target in seen:
                    continue
                if not self.out[target]:
                    return Way(onward)
                seen.add(target)
                pending.append((target, onward))
        return None

    def _joins(self) -> dict[str, str]:
        """Where tokens wait for others on their way to a node: at the gateway before it, if any."""
        found = {}
        for element, targets in list(self.out.items()):
            if self._is_meeting(element) and len(targets) == 1 and targets[0][1] in self.known:
                found[self.known[targets[0][1]]] = element
        return found


def _ref(flow: etree._Element, name: str) -> str:
    """The id that a reference names: a prefix may stand before it."""
    return (flow.get(name) or "").rpartition(":")[2]
