from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

AGENT, HUMAN, DECISION = "agent", "human", "decision"
START, END, PASS = "start", "end", "pass"
EXCLUSIVE, PARALLEL, INCLUSIVE = "exclusive", "parallel", "inclusive"
EVENT_GATEWAY, CATCH, THROW, BOUNDARY = "event_gateway", "catch", "throw", "boundary"
SCOPE, CALL = "scope", "call"
PLAIN = frozenset({AGENT, HUMAN})
WORK = PLAIN | {DECISION}  # what a session is lent
REMOVED = "removed"  # a step that an execution had before it was moved to a version without it
ACTIVITIES = WORK | {SCOPE, CALL}
GATEWAYS = frozenset({EXCLUSIVE, PARALLEL, INCLUSIVE})
KINDS = ACTIVITIES | GATEWAYS | {START, END, PASS, EVENT_GATEWAY, CATCH, THROW, BOUNDARY}
EVERY, ONE = "every", "one"
TRANSACTION, AD_HOC = "transaction", "ad_hoc"  # kinds of sub-processes
MULTIPLE = "multiple"  # an event that is several
COMPENSATE = "compensate"


@dataclass(frozen=True, slots=True)
class Node:
    """One step. `join`: "every" waits for all incoming flows, "one" for none but the first.

    `parent` is the scope that it lies in, `attached_to` the host of a boundary event, `compensates`
    the activity that this handler undoes: node indexes. `event`, `loop`, `calls`, `scope` and
    `decision` are described in docs/modelling.md.
    """

    key: str
    name: str
    description: str = ""
    kind: str = AGENT
    agent_key: str = ""
    role: str = ""
    capabilities: tuple[str, ...] = ()
    priority: int = 2
    max_retries: int | None = None
    timeout_seconds: int | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    output_mapping: Mapping[str, str] = field(default_factory=dict)
    join: str = EVERY
    approval: Mapping[str, Any] = field(default_factory=dict)
    parent: int | None = None
    attached_to: int | None = None
    event: Mapping[str, Any] = field(default_factory=dict)
    loop: Mapping[str, Any] = field(default_factory=dict)
    calls: Mapping[str, Any] = field(default_factory=dict)
    compensates: int | None = None
    scope: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_reaction(self) -> bool:
        """Whether it is an event sub-process that runs beside what else its scope does."""
        return self.is_event_scope and self.event.get("type") != COMPENSATE

    @property
    def is_event_scope(self) -> bool:
        """Whether it is an event sub-process: a scope that its event starts."""
        return self.kind == SCOPE and bool(self.event)

    @property
    def is_activity(self) -> bool:
        """Whether it may be a loop and have events on its edge; a wait for a message may, too, for
        it is a receive task then (BPMN 2.0, 10.3.3).
        """
        receives = self.kind == CATCH and self.event.get("type") == "message"
        return receives or (self.kind in ACTIVITIES and not self.is_event_scope)

    @property
    def is_ad_hoc(self) -> bool:
        """Whether it is a sub-process whose tasks somebody chooses (BPMN 2.0, 10.2.5)."""
        return self.kind == SCOPE and self.scope.get("type") == AD_HOC

    @property
    def is_transaction(self) -> bool:
        """Whether it is a sub-process that can be cancelled and undone (BPMN 2.0, 10.2.5)."""
        return self.kind == SCOPE and self.scope.get("type") == TRANSACTION

    @property
    def parts(self) -> tuple[Mapping[str, Any], ...]:
        """The events that it waits for or throws: those of a multiple one, else its own, if any."""
        if self.event.get("type") == MULTIPLE:
            several = self.event.get("events")
            listed = several if isinstance(several, list | tuple) else ()
            return tuple(one for one in listed if isinstance(one, Mapping))
        return (self.event,) if self.event else ()

    @property
    def requirement(self) -> str:
        """The lane it needs, in canonical words; "" for work of the engine's own."""
        if self.kind != AGENT:
            return ""
        if self.agent_key:
            return f"agent={self.agent_key}"
        return f"role={self.role};capabilities={','.join(sorted(self.capabilities))}"


@dataclass(frozen=True, slots=True)
class Flow:
    """A way from node index `source` to node index `target`, taken when `when` (CEL) holds.

    The default flow is taken when no other that has a condition is. `name` is for people only.
    """

    source: int
    target: int
    when: str = ""
    is_default: bool = False
    name: str = ""


BEYOND_PLAIN = (
    "event",
    "loop",
    "calls",
    "scope",
    "decision",
    "attached_to",
    "compensates",
    "parent",
)
_LATER = frozenset({*BEYOND_PLAIN, "is_default"})


def _trimmed(data: dict[str, Any]) -> dict[str, Any]:
    """Without what is not used: what was stored before there was such a field stays the same."""
    return {
        key: value
        for key, value in data.items()
        if key not in _LATER or (value is not None and value is not False and value != {})
    }


def _trimmed_flow(flow: Flow) -> dict[str, Any]:
    data = _trimmed(asdict(flow))
    return data if flow.name else {key: value for key, value in data.items() if key != "name"}


@dataclass(frozen=True)
class Graph:
    """A frozen definition: nodes in drawing order, flows, and what holds for the whole run."""

    nodes: tuple[Node, ...]
    flows: tuple[Flow, ...]
    variables: Mapping[str, Any] = field(default_factory=dict)
    input_schema: Mapping[str, Any] = field(default_factory=dict)
    triggers: tuple[str, ...] = ()
    timeout_minutes: int | None = None
    retry_policy: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def outgoing(self) -> tuple[tuple[Flow, ...], ...]:
        """The flows that leave each node, by node index."""
        return tuple(
            tuple(flow for flow in flows) for flows in self._grouped(lambda flow: flow.source)
        )

    @cached_property
    def incoming(self) -> tuple[tuple[Flow, ...], ...]:
        """The flows that reach each node, by node index."""
        return tuple(
            tuple(flow for flow in flows) for flows in self._grouped(lambda flow: flow.target)
        )

    @cached_property
    def index(self) -> dict[str, int]:
        """Node index by key."""
        return {node.key: position for position, node in enumerate(self.nodes)}

    @cached_property
    def is_plain(self) -> bool:
        """Whether it runs without tokens: steps of agents and people only, none of them twice."""
        return all(
            (node.kind in PLAIN or node.kind == REMOVED)
            and not any(getattr(node, name) not in (None, {}) for name in BEYOND_PLAIN)
            for node in self.nodes
        ) and not (any(flow.is_default for flow in self.flows) or self.in_circles)

    @cached_property
    def in_circles(self) -> tuple[int, ...]:
        """The nodes that Kahn's order leaves over: those in a circle, and those behind one."""
        missing = [len(flows) for flows in self.incoming]
        free = [position for position, count in enumerate(missing) if not count]
        while free:
            for flow in self.outgoing[free.pop()]:
                missing[flow.target] -= 1
                if not missing[flow.target]:
                    free.append(flow.target)
        return tuple(position for position, count in enumerate(missing) if count)

    def waits_on(self, position: int) -> int:
        """How many tokens must arrive before the node at `position` may start."""
        incoming = len(self.incoming[position])
        return min(incoming, 1) if self.nodes[position].join == ONE else incoming

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` turns back into an equal graph."""
        data = {item.name: getattr(self, item.name) for item in fields(self)}
        data["nodes"] = [_trimmed(asdict(node)) for node in self.nodes]
        data["flows"] = [_trimmed_flow(flow) for flow in self.flows]
        canonical: dict[str, Any] = json.loads(json.dumps(data))
        return canonical

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Graph:
        """The graph that `to_json` wrote."""
        rest = {key: value for key, value in data.items() if key not in ("nodes", "flows")}
        return cls(
            nodes=tuple(
                Node(**{**node, "capabilities": tuple(node.get("capabilities", ()))})
                for node in data["nodes"]
            ),
            flows=tuple(Flow(**flow) for flow in data["flows"]),
            **{**rest, "triggers": tuple(rest.get("triggers", ()))},
        )

    def sha256(self) -> str:
        """Lower-case hex digest of the canonical JSON."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def _grouped(self, end: Any) -> list[list[Flow]]:
        groups: list[list[Flow]] = [[] for _ in self.nodes]
        for flow in self.flows:
            groups[end(flow)].append(flow)
        return groups
