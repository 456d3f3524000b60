"""The token game of a dry run: its moves are folded, and what needs nobody goes on by itself."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from workflows.errors import DecisionFailed, InvalidExpression

from . import ad_hoc, decisions, gateways, moves, structure, tokens
from .dry_run import BROKEN, DONE, GONE, RUNNING, Awaited, Choice, Run, Step, stuck
from .game import Game
from .marking import BODY, INCIDENT, Marking
from .shape import DECISION, EVENT_GATEWAY

MAX_BY_ITSELF = 1_000  # decisions made and messages delivered after one choice


class TokenPlayer:
    """Plays any graph; it begins at the start `at`, if one is given."""

    def __init__(self, run: Run, at: int | None) -> None:
        self.run, self.marking, self.at = run, Marking(), at
        self.sent: deque[moves.Thrown] = deque()
        self.kept: list[moves.Thrown] = []  # messages that nobody waited for yet

    def start(self) -> None:
        """Put the first tokens on their way."""
        try:
            run, came = self.run, dict(self.run.variables) if self.at is not None else {}
            self._fold(tokens.start(run.graph, self.marking, run.variables, self.at, came))
        except InvalidExpression as error:
            self.run.fail(str(error))
        self._go_on()

    def take(self, choice: Choice) -> None:
        """A step is done or has failed for good, or an event has happened."""
        match choice.what:
            case "complete":
                self._complete(choice.target, dict(choice.data))
            case "fail":
                data = choice.data
                self._break(
                    choice.target, str(data.get("kind", "error")), str(data.get("message", ""))
                )
            case "activate":
                self._activate(choice.target, choice.data["node"])
            case _:
                self._fire(choice.target, dict(choice.data))
        self._go_on()

    def _complete(self, seq: int, output: Mapping[str, Any]) -> None:
        run = self.run
        try:
            self._fold(tokens.leave(run.graph, self.marking, seq, output, run.variables))
        except InvalidExpression as error:
            self._break(seq, "expression", str(error))

    def _break(self, seq: int, kind: str, message: str) -> None:
        """The step's error is caught, or ends the run."""
        run, step = self.run, self.run.steps[seq]
        step.error = message
        caught = tokens.raise_error(run.graph, self.marking, seq, kind, message, run.variables)
        if caught is not None:
            self._fold(caught)
            return
        step.state = BROKEN
        run.tell("failed", step.node, error=message, kind=kind)
        run.fail(f"{run.node(step).name}: {message or kind}")

    def _fire(self, number: int, payload: Mapping[str, Any]) -> None:
        run = self.run
        run.tell("happened", run.awaited[number].node, kind=run.awaited[number].kind)
        self._fold(tokens.fire(run.graph, self.marking, number, payload, run.variables))

    def _activate(self, seq: int, node: int) -> None:
        run = self.run
        run.tell("chosen", node)
        self._fold(tokens.activate(run.graph, self.marking, seq, node, run.variables))

    def _go_on(self) -> None:
        """Make decisions and deliver what was sent until somebody has to choose."""
        for _ in range(MAX_BY_ITSELF):
            deciding = next((one for one in self.run.open if self._decides(one)), None)
            if self.run.state != RUNNING or not (self.sent or deciding):
                break
            if self.sent:
                self._deliver(self.sent.popleft())
            elif deciding is not None:
                self._decide(deciding)
        else:
            self.run.fail(f"{MAX_BY_ITSELF} steps by itself: a loop does not end.")
        self.run.parked = {
            node: sum(flows.values()) for (_, node), flows in self.marking.parked.items()
        }
        game = Game(self.run.graph, self.marking, self.run.variables)
        self.run.offers = {
            one.seq: ad_hoc.offered(game, one.seq)
            for one in self.run.open
            if self.run.node(one).is_ad_hoc and one.seq in self.marking.open
        }

    def _decides(self, step: Step) -> bool:
        return step.role == "" and self.run.node(step).kind == DECISION

    def _decide(self, step: Step) -> None:
        node = self.run.node(step)
        try:
            made = decisions.evaluate(node.decision["tables"], step.input)
        except DecisionFailed as error:
            self._break(step.seq, "decision", str(error))
            return
        told = {"decision": node.decision["decision"], "version": node.decision["version"]}
        output = decisions.output(made, told)
        self.run.tell("decided", step.node, hits=output["hits"], result=output["result"])
        self._complete(step.seq, output)

    def _deliver(self, sent: moves.Thrown) -> None:
        """A signal to all who wait for it now; a message to the first, or to who waits next."""
        waiting = [
            number
            for number, one in self.run.awaited.items()
            if (one.kind, one.name) == (sent.kind, sent.name)
            and (sent.kind == "signal" or one.key == sent.key)
        ]
        for number in waiting if sent.kind == "signal" else waiting[:1]:
            if number in self.run.awaited:
                self._fire(number, sent.payload)
        if sent.kind == "message" and not waiting and sent.ttl != 0:
            self.kept.append(sent)

    def _fold(self, made: Sequence[moves.Move]) -> None:
        for move in made:
            self._one(move)
        armed = self.marking.armed
        self.run.awaited = {n: one for n, one in self.run.awaited.items() if n in armed}

    def _one(self, move: moves.Move) -> None:
        run = self.run
        match move:
            case moves.Opened():
                self._opened(move)
            case moves.Completed(seq, output, assigned):
                run.steps[seq].state, run.steps[seq].output = DONE, output
                self._left(run.steps[seq], output)
                self._tell(seq, "completed", set=sorted(assigned))
            case moves.Cancelled(seq, reason):
                run.steps[seq].state = GONE
                self._tell(seq, "cancelled", reason=reason)
            case moves.Failed(seq, error, kind):
                run.steps[seq].state, run.steps[seq].error = BROKEN, error
                self._tell(seq, "failed", error=error, kind=kind)
                run.fail(f"{run.node(run.steps[seq]).name}: {error}")
            case moves.Caught(seq, code, node):
                run.steps[seq].state = BROKEN
                self._tell(seq, "caught", code=code, by=run.graph.nodes[node].name)
            case moves.Passed(node, _, flows, data):
                run.passed.setdefault(node, set()).update(flows)
                run.tell("passed", node, set=sorted(data.get("set", {})))
            case moves.Armed():
                self._armed(move)
            case moves.Thrown():
                run.tell("sent", move.node, kind=move.kind, name=move.name, key=move.key)
                self.sent.append(move)
            case moves.Called(seq, key):
                self._tell(seq, "called", key=key)
            case moves.Ended():
                run.state = "completed"
                run.tell("ended", None)
            case moves.Stuck(nodes):
                run.fail(stuck([run.graph.nodes[node].name for node in nodes]))

    def _left(self, step: Step, output: Mapping[str, Any]) -> None:
        """Note the ways that a token took out of a step.

        Rounds of a loop lead nowhere themselves; from an event gateway the event chosen leads on.
        """
        run = self.run
        around = run.steps.get(step.scope)
        is_round = around is not None and around.role == BODY
        if is_round or step.role == INCIDENT or run.node(step).kind == EVENT_GATEWAY:
            return
        exits = structure.of(run.graph).exits[step.node]
        seen = {**step.input, **run.variables}
        with contextlib.suppress(InvalidExpression):
            gone = gateways.chosen(run.graph, step.node, exits, seen, output)
            run.passed.setdefault(step.node, set()).update(gone)

    def _opened(self, move: moves.Opened) -> None:
        run, node = self.run, self.run.graph.nodes[move.node]
        seen = move.input if move.input is not None else {**node.input, **run.variables}
        run.steps[move.seq] = Step(
            move.seq,
            move.node,
            scope=move.scope,
            role=move.role,
            index=move.index,
            iteration=move.iteration,
            input=dict(seen),
        )
        self._tell(move.seq, "opened")

    def _armed(self, move: moves.Armed) -> None:
        """An event is waited for; a message that has come already meets it at once."""
        self.run.awaited[move.handler] = Awaited(
            move.handler, move.host, move.node, move.kind, move.name, move.key, move.due
        )
        if move.kind != "message":
            return
        for early in self.kept:
            if (early.name, early.key) == (move.name, move.key):
                self.kept.remove(early)
                self.sent.append(early)
                return

    def _tell(self, seq: int, what: str, **data: Any) -> None:
        step = self.run.steps[seq]
        self.run.tell(
            what, step.node, **data, **({} if step.index is None else {"index": step.index})
        )
