"""A dry run as its page shows it: what waits, where tokens have been, what has changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from workflows import json_text
from workflows.engine import approval_forms
from workflows.errors import InvalidInput
from workflows.forms import Field, StartForm, within
from workflows.graph.dry_run import (
    ABSENT,
    BROKEN,
    DONE,
    GONE,
    OPEN,
    RUNNING,
    Awaited,
    Happening,
    Run,
    Step,
)
from workflows.graph.shape import CALL, CATCH, EVENT_GATEWAY, HUMAN, Graph, Node
from workflows.models import State, Task

from .drawing import drawn_over

WAITING_SHOWN, LINES_SHOWN = 50, 200
READ = re.compile(r"\boutput\.([A-Za-z_]\w*)")
STATES = {
    DONE: State.COMPLETED,
    BROKEN: State.FAILED,
    GONE: State.CANCELLED,
}
SAID = {
    "opened": gettext_noop("“%(task)s” had its turn."),
    "completed": gettext_noop("“%(task)s” completed."),
    "failed": gettext_noop("“%(task)s” failed: %(error)s"),
    "cancelled": gettext_noop("“%(task)s” was taken away."),
    "caught": gettext_noop("The error “%(code)s” of “%(task)s” was caught by “%(by)s”."),
    "passed": gettext_noop("A token passed “%(task)s”."),
    "sent": gettext_noop("“%(task)s” sent “%(name)s”."),
    "called": gettext_noop("“%(task)s” called the workflow “%(key)s”."),
    "decided": gettext_noop("“%(task)s” decided by its table; rows that hit: %(rows)s."),
    "chosen": gettext_noop("“%(task)s” was chosen."),
    "happened": gettext_noop("What “%(task)s” waited for happened."),
    "run_failed": gettext_noop("The process cannot go on: %(error)s"),
    "ended": gettext_noop("Nothing is left to do: the process is complete."),
}
ICONS = {
    "completed": "circle-check",
    "failed": "circle-x",
    "run_failed": "circle-x",
    "caught": "triangle-alert",
    "cancelled": "circle-slash",
    "sent": "mail",
    "decided": "table-2",
    "happened": "zap",
    "ended": "package-check",
    "opened": "circle-dashed",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A step as the diagram wants one; `pk` is what a step of the page is named by."""

    pk: int
    node: int
    kind: str
    state: str
    attempt: int = 0
    agent_key: str = ""
    output: Any = None
    is_listed: bool = False

    @property
    def shown_state(self) -> str:
        return self.state


@dataclass(slots=True)
class Waiting:
    """A step that waits, with what it was given and what its fields say."""

    step: Step
    node: Node
    output: str
    reads: tuple[str, ...]
    kind: str = ""
    message: str = ""
    comment: str = ""
    offers: tuple[tuple[int, Node], ...] = ()
    fields: tuple[Field, ...] = ()

    @property
    def is_approval(self) -> bool:
        return self.node.kind == HUMAN

    @property
    def who(self) -> str:
        """Who would do it."""
        node = self.node
        if node.kind == CALL:
            return str(node.calls.get("key", ""))
        if node.kind == HUMAN:
            asked = [*node.approval.get("groups", ()), *node.approval.get("users", ())]
            return ", ".join(map(str, asked))
        return node.agent_key or ", ".join(node.capabilities) or node.role

    @property
    def has_form(self) -> bool:
        return bool(approval_forms.of(self.node.approval))

    @property
    def question(self) -> str:
        return str(self.node.approval.get("title", ""))

    @property
    def round(self) -> int | None:
        """Which round of a loop it is, counted from 1."""
        return None if self.step.index is None else self.step.index + 1


@dataclass(frozen=True, slots=True)
class Event:
    """An event that is waited for."""

    awaited: Awaited
    node: Node
    host: str
    payload: str

    @property
    def is_timer(self) -> bool:
        return self.awaited.kind == "timer"

    @property
    def seconds(self) -> float | None:
        """In how many seconds a timer is due; None for a moment, and for what is no timer."""
        due = self.awaited.due
        return float(due) if isinstance(due, int | float) else None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable with its value; `before` is what the last choice has changed it from."""

    name: str
    value: Any
    is_changed: bool = False
    is_new: bool = False
    before: Any = None


@dataclass(frozen=True, slots=True)
class Line:
    """A happening in a sentence."""

    text: str
    icon: str
    names: tuple[str, ...] = field(default=())


def shown(run: Run, typed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the page shows of a run; `typed` is kept in its fields when a choice was refused."""
    waiting, events = run.waiting, list(run.awaited.values())
    if run.status != RUNNING:
        waiting, events = [], []
    record = [[line for one in lines if (line := _line(run, one))] for lines in run.record]
    return {
        "drawing": drawn_over(run.graph, _tasks(run), run.variables, _passed(run)),
        "waiting": [_waiting(run, one, typed or {}) for one in waiting[:WAITING_SHOWN]],
        "events": [_event(run, one, typed or {}) for one in events[:WAITING_SHOWN]],
        "more": max(len(waiting) - WAITING_SHOWN, 0) + max(len(events) - WAITING_SHOWN, 0),
        "parked": [(run.graph.nodes[node], count) for node, count in run.parked.items()],
        "variables": _variables(run),
        "record": list(enumerate(record))[::-1][:LINES_SHOWN],
        "shown_state": STATE_OF_RUN[run.status],
    }


STATE_OF_RUN = {"running": "paused", "completed": "completed", "failed": "failed"}


def _waiting(run: Run, step: Step, typed: Mapping[str, str]) -> Waiting:
    node, seq = run.node(step), step.seq
    reads = _read(run.graph, step.node)
    blank = json_text.pretty(dict.fromkeys(reads)) if reads else "{}"
    return Waiting(
        step,
        node,
        typed.get(f"output-{seq}", blank),
        reads,
        typed.get(f"kind-{seq}", ""),
        typed.get(f"message-{seq}", ""),
        typed.get(f"comment-{seq}", ""),
        tuple((place, run.graph.nodes[place]) for place in run.offers.get(seq, ())),
        tuple(_fields(node, seq, typed)),
    )


def form_of(node: Node, seq: int, posted: Mapping[str, str] | None = None) -> StartForm | None:
    """The form of an approval, `posted` filled in; None without one, and for one of lists or
    objects, which a dry run does not fill in.
    """
    form = approval_forms.of(node.approval) if node.kind == HUMAN else {}
    if not form:
        return None
    name = f"data-{seq}"
    schema = within(name, form)
    made = StartForm.blank(schema)
    if {one.kind for one in made.fields[0].fields} & {"group", "rows", "json"}:
        return None
    return made if posted is None else _filled_in(form, schema, name, posted)


def _filled_in(
    form: Mapping[str, Any], schema: Mapping[str, Any], name: str, posted: Mapping[str, str]
) -> StartForm:
    given = {key: value for key, value in posted.items() if key.startswith(f"{name}.")}
    typed = StartForm.typed(schema, given)
    if not typed.is_refused:
        try:
            approval_forms.checked(form, typed.data.get(name, {}))
        except InvalidInput as error:
            typed.refuse(said.replace(approval_forms.DATA, name, 1) for said in error.problems)
    return typed


def _fields(node: Node, seq: int, typed: Mapping[str, str]) -> list[Field]:
    """Those of an approval; as they were typed, if this approval was refused."""
    is_refused = typed.get("do") == f"approve:{seq}"
    form = form_of(node, seq, typed if is_refused else None)
    return form.fields[0].fields if form else []


def _read(graph: Graph, place: int) -> tuple[str, ...]:
    """The names of a step's output that its mapping and the conditions behind it read."""
    sources = [*graph.nodes[place].output_mapping.values()]
    sources += [flow.when for flow in graph.outgoing[place]]
    return tuple(dict.fromkeys(name for text in sources for name in READ.findall(text)))


def _event(run: Run, one: Awaited, typed: Mapping[str, str]) -> Event:
    reads = _read(run.graph, one.node)
    blank = json_text.pretty(dict.fromkeys(reads)) if reads else "{}"
    host = run.node(run.steps[one.host]).name if one.host in run.steps else ""
    node = run.graph.nodes[one.node]
    return Event(one, node, host, typed.get(f"payload-{one.number}", blank))


def _tasks(run: Run) -> list[Task]:
    """Steps for the diagram, and a stand-in for each gateway or event that tokens have passed."""
    listed = {step.seq for step in run.waiting} if run.status == RUNNING else set()
    drawn = [
        Drawn(
            step.seq,
            step.node,
            "loop" if step.role == "body" else run.node(step).kind,
            _state(run, step),
            output=step.output,
            is_listed=step.seq in listed,
        )
        for step in run.steps.values()
    ]
    seen = {one.node for one in drawn}
    passing = dict.fromkeys([*run.passed, *run.parked])
    for node in passing:
        if node not in seen:
            state = State.PAUSED if node in run.parked else State.COMPLETED
            drawn.append(Drawn(-1 - node, node, run.graph.nodes[node].kind, str(state)))
    return cast("list[Task]", drawn)


def _state(run: Run, step: Step) -> str:
    """Open steps wait for a choice or an event; those with others in them are under way."""
    if step.status != OPEN:
        return str(STATES.get(step.status, State.PENDING))
    is_waiting = run.is_answered(step) or run.node(step).kind in (CATCH, EVENT_GATEWAY)
    return str(State.PAUSED if is_waiting else State.RUNNING)


def _passed(run: Run) -> dict[str, set[str]]:
    nodes, flows = run.graph.nodes, run.graph.flows
    return {
        nodes[place].key: {nodes[flows[number].target].key for number in numbers}
        for place, numbers in run.passed.items()
    }


def _variables(run: Run) -> list[Variable]:
    """The changed ones first."""
    found = [
        Variable(
            name,
            value,
            name in run.before,
            run.before.get(name) is ABSENT,
            None if run.before.get(name) is ABSENT else run.before.get(name),
        )
        for name, value in run.variables.items()
    ]
    return sorted(found, key=lambda one: (not one.is_changed, one.name))


def _line(run: Run, one: Happening) -> Line | None:
    known = SAID.get(one.what)
    if known is None:
        return None
    rows = ", ".join(map(str, one.data.get("hits", ()))) or "—"
    node = run.graph.nodes[one.node].name if one.node is not None else ""
    text = _(known) % {**one.data, "task": node, "rows": rows}
    return Line(text, ICONS.get(one.what, "arrow-right"), tuple(one.data.get("set", ())))
