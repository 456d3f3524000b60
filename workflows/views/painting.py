"""An overlay in the ids of the document that the browser shows, with every state in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext

from workflows.bpmn.tracing import Trace, Way
from workflows.engine import graphs, traces
from workflows.engine.overlay import ACTIVE, SKIPPED, TAKEN, Overlay, Stand
from workflows.graph.retry import IN_DOUBT
from workflows.graph.shape import Graph
from workflows.models import Execution, State
from workflows.templatetags.ui import state_label

WAITS = {
    "approval": _lazy("waits for approval"),
    "call": _lazy("waits for the workflow that it called"),
    "retry": _lazy("is tried again"),
    "agent": _lazy("waits for an agent"),
    "paths": _lazy("waits for other paths"),
    "timer": _lazy("waits for its time"),
    "message": _lazy("waits for a message"),
    "signal": _lazy("waits for a signal"),
}
GRAVITY = (SKIPPED, TAKEN, ACTIVE)  # a flow that several ways share shows the last of these
AT_WORK = (
    (State.RUNNING,),
    (State.FAILED, IN_DOUBT),
    (State.PAUSED,),
    (State.PENDING,),
)


def painted(run: Execution, found: Overlay) -> dict[str, Any]:
    """`nodes` and `flows` by element id; `focus` is where to look, `here` what a past row is about.

    A node: state, live, done, failed, iterations, task (its id or None), label (in words) and, if
    it waits, waiting_why. A flow: taken, active or skipped.
    """
    return _Painting(graphs.of(run.version_id), traces.trace(run.version), found).told(run)


class _Painting:
    def __init__(self, graph: Graph, trace: Trace, found: Overlay) -> None:
        self.graph, self.trace, self.found = graph, trace, found
        self.nodes: dict[str, dict[str, Any]] = {}
        self.flows: dict[str, str] = {}

    def told(self, run: Execution) -> dict[str, Any]:
        for position, stand in self.found.nodes.items():
            self._node(position, stand)
        for number, use in self.found.flows.items():
            self._way(self.trace.ways[number], use, self.graph.flows[number].target)
        for key, way in self.trace.begins.items():
            if self._is_entered(self.graph.index[key]):
                self._pass(way.near + way.far, TAKEN)
        for key, way in self.trace.ends.items():
            last = self.found.nodes.get(self.graph.index[key])
            if last is not None and last.done:
                self._pass(way.near + way.far, TAKEN)
        here = self.graph.nodes[self.found.here].key if self.found.here is not None else ""
        return {
            "execution": run.pk,
            "version": self.found.seq,
            "state": self.found.state,
            "nodes": self.nodes,
            "flows": self.flows,
            "focus": self._focus(),
            "here": self.trace.elements.get(here),
        }

    def _node(self, position: int, stand: Stand) -> None:
        node = self.graph.nodes[position]
        parked, join = stand.parked, self.trace.joins.get(node.key)
        if parked and join:
            waiting = Stand(State.PENDING, live=parked, waits="paths")
            self.nodes[join] = _said(node.name, waiting, parked)
        element = self.trace.elements.get(node.key)
        if element is not None:
            self.nodes[element] = _said(node.name, stand, stand.live - (parked if join else 0))

    def _way(self, way: Way, use: str, target: int) -> None:
        if use == SKIPPED:
            self._pass(way.near + way.far, use)
            return
        if not self._is_entered(target):
            self._pass(way.near, TAKEN)
            return
        *before, last = (*way.near, *way.far) or ("",)
        self._pass(tuple(before), TAKEN)
        self._pass((last,) if last else (), use)

    def _is_entered(self, position: int) -> bool:
        stand = self.found.nodes.get(position)
        if stand is None:
            return False
        return bool(stand.done) or stand.state != State.PENDING or stand.waits != "paths"

    def _pass(self, elements: tuple[str, ...], use: str) -> None:
        for element in elements:
            if element not in self.trace.added:
                known = self.flows.get(element, use)
                self.flows[element] = max(known, use, key=GRAVITY.index)
            elif use != SKIPPED and element not in self.nodes:
                self.nodes[element] = _said("", Stand(State.COMPLETED, done=1), 0)

    def _focus(self) -> list[str]:
        """What runs; else what stands in the way; else what is next."""
        for states in AT_WORK:
            found = [
                element
                for element, one in self.nodes.items()
                if one["live"] and one["state"] in states
            ]
            if found:
                return found
        return []


def _said(name: str, stand: Stand, live: int) -> dict[str, Any]:
    waits = str(WAITS.get(stand.waits, _("waits for an event"))) if stand.waits else ""
    told: dict[str, Any] = {
        "state": stand.state,
        "live": live,
        "done": stand.done,
        "failed": stand.failed,
        "iterations": stand.visits,
        "task": stand.task,
        "label": _label(name, stand, live, waits),
    }
    return {**told, "waiting_why": waits} if waits else told


def _label(name: str, stand: Stand, live: int, waits: str) -> str:
    parts = [state_label(stand.state), waits]
    if live > 1 or (live and stand.parked):
        parts.append(ngettext("%(count)s token", "%(count)s tokens", live) % {"count": live})
    if stand.done > 1:
        parts.append(_("done %(count)s times") % {"count": stand.done})
    told = ", ".join(filter(None, parts))
    return f"{name}: {told}" if name else told
