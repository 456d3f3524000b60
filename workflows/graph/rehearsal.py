"""Plays a dry run: by the token game, or by counting paths where a graph runs without tokens."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workflows.errors import InvalidExpression, InvalidInput

from . import routing
from .dry_run import (
    ABSENT,
    BROKEN,
    DONE,
    GONE,
    OPEN,
    RUNNING,
    UNREACHED,
    Choice,
    Run,
    Step,
    stuck,
)
from .rehearsing_tokens import TokenPlayer
from .shape import Graph

MAX_CHOICES = 500


def play(
    graph: Graph,
    input: Mapping[str, Any],
    choices: Sequence[Choice] = (),
    at: int | None = None,
) -> Run:
    """The run after these choices. Raises InvalidInput for a choice that could not be made then.

    The graph is as it would be published: its decisions have their tables. `at`: it begins at this
    start, whose event has brought the input.
    """
    if len(choices) > MAX_CHOICES:
        raise InvalidInput([f"{len(choices)} steps; {MAX_CHOICES} are the most of a dry run"])
    run = Run(graph, copy.deepcopy({**graph.variables, **input}))
    player = _Plain(run) if graph.is_plain else TokenPlayer(run, at)
    _noted(run, player.start)
    for choice in choices:
        _check(run, choice)
        _noted(run, lambda chosen=choice: player.take(chosen))  # type: ignore[misc]
    return run


def _noted(run: Run, happens: Callable[[], None]) -> None:
    """Let something happen, and note which variables it changes."""
    run.record.append([])
    earlier = copy.deepcopy(run.variables)
    happens()
    run.before = {
        name: earlier.get(name, ABSENT)
        for name, value in run.variables.items()
        if name not in earlier or earlier[name] != value
    }


def _check(run: Run, choice: Choice) -> None:
    if run.state != RUNNING:
        raise InvalidInput(["the dry run is over"])
    if choice.what == "happen":
        if choice.target not in run.awaited:
            raise InvalidInput(["this event is not waited for any more"])
        return
    if choice.what == "activate":
        if choice.data.get("node") not in run.offers.get(choice.target, ()):
            raise InvalidInput(["this is not offered any more"])
        return
    step = run.steps.get(choice.target)
    is_known = choice.what in ("complete", "fail")
    if not is_known or step is None or step.state != OPEN or not run.is_answered(step):
        raise InvalidInput(["this step does not wait any more"])


class _Plain:
    """Steps of agents and people only: each runs once, when the paths before it are there."""

    def __init__(self, run: Run) -> None:
        self.run, graph = run, run.graph
        self.left = [graph.waits_on(place) for place in range(len(graph.nodes))]
        run.steps = {place: Step(place, place, UNREACHED) for place in range(len(graph.nodes))}

    def start(self) -> None:
        for place, left in enumerate(self.left):
            if not left:
                self._open(place)
        self._end()

    def take(self, choice: Choice) -> None:
        """A step is done, or has failed for good."""
        step, data = self.run.steps[choice.target], choice.data
        if choice.what == "fail":
            self._fail(step, str(data.get("message", "")), str(data.get("kind", "error")))
            return
        try:
            gone = routing.leave(self.run.graph, step.node, data, self.run.variables)
        except InvalidExpression as error:
            self._fail(step, str(error), "expression")
            return
        step.state, step.output = DONE, data
        self.run.variables.update(copy.deepcopy(dict(gone.assigned)))
        self.run.tell("completed", step.node, set=sorted(gone.assigned))
        self._arrive(gone.targets)
        self._end()

    def _arrive(self, targets: Sequence[int]) -> None:
        for target, count in Counter(targets).items():
            if self.left[target] > 0:
                self.left[target] -= count
                if self.left[target] <= 0:
                    self._open(target)

    def _open(self, place: int) -> None:
        step = self.run.steps[place]
        step.state = OPEN
        step.input = {**self.run.graph.nodes[place].input, **self.run.variables}
        self.run.tell("opened", place)

    def _fail(self, step: Step, message: str, kind: str) -> None:
        step.state, step.error = BROKEN, message
        self.run.tell("failed", step.node, error=message, kind=kind)
        self.run.fail(f"{self.run.node(step).name}: {message}")

    def _end(self) -> None:
        """Nothing is open: it is done, unless paths wait for others that were not taken."""
        if self.run.open:
            return
        graph = self.run.graph
        held_up = [
            node.name
            for place, node in enumerate(graph.nodes)
            if 0 < self.left[place] < graph.waits_on(place)
        ]
        if held_up:
            self.run.fail(stuck(held_up))
            return
        for step in self.run.steps.values():
            if step.state == UNREACHED:
                step.state = GONE
        self.run.state = "completed"
        self.run.tell("ended", None)
