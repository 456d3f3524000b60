"""The token game without a database: any process, any order of results."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.graph.processes import graph, structured, unstructured
from workflows.errors import InvalidExpression
from workflows.graph import moves, tokens
from workflows.graph.marking import Marking
from workflows.graph.shape import Graph, Node
from workflows.graph.validation import problems


class Play:
    """One run in memory: results come in any order, and the marking is stored between them."""

    def __init__(self, graph: Graph, variables: dict[str, Any] | None = None) -> None:
        self.graph, self.variables = graph, dict(variables or {})
        self.marking = Marking()
        self.log: list[moves.Move] = []
        self.work: dict[int, int] = {}
        self.armed: dict[int, str] = {}
        self.refused: dict[int, str] = {}
        self.take(tokens.start(graph, self.marking, self.variables))

    def take(self, moved: list[moves.Move]) -> None:
        self.log += moved
        for move in moved:
            match move:
                case moves.Opened(seq, node):
                    self.work[seq] = node
                case moves.Completed(seq) | moves.Cancelled(seq) | moves.Caught(seq):
                    del self.work[seq]
                case moves.Armed(handler, kind=kind):
                    self.armed[handler] = kind
                case moves.Disarmed(handler):
                    self.armed.pop(handler)
        stored = json.loads(json.dumps(self.marking.to_json()))
        assert Marking.from_json(stored) == self.marking
        self.check()

    def check(self) -> None:
        """Tokens are conserved: each scope counts just what is in it."""
        assert set(self.work) == set(self.marking.open)
        assert set(self.marking.armed) == set(self.armed)
        if self.marking.ended:
            left = [self.work, self.armed, self.marking.parked, self.marking.scopes]
            assert not any(left)
            return
        live: Counter[int] = Counter(one.scope for one in self.marking.open.values())
        for (scope, _), waiting in self.marking.parked.items():
            live[scope] += sum(waiting.values())
        counted = {seq: one.live for seq, one in self.marking.scopes.items() if one.live}
        assert counted == dict(live)
        assert set(live) <= {0, *self.marking.open}

    @property
    def doable(self) -> list[int]:
        """Open activities that a worker or person would finish."""
        return [
            seq
            for seq, node in self.work.items()
            if self.graph.nodes[node].kind == "agent"
            and seq not in self.marking.scopes
            and seq not in self.refused
        ]

    def finish(self, seq: int, output: dict[str, Any] | None = None) -> None:
        before = self.marking.to_json()
        try:
            moved = tokens.leave(self.graph, self.marking, seq, output or {}, self.variables)
        except InvalidExpression as error:
            assert self.marking.to_json() == before
            self.refused[seq] = str(error)
        else:
            self.take(moved)

    def fail(self, seq: int, code: str) -> bool:
        moved = tokens.raise_error(self.graph, self.marking, seq, code, "", self.variables)
        self.take(moved or [])
        return moved is not None

    def fire(self, handler: int, payload: dict[str, Any] | None = None) -> None:
        moved = tokens.fire(self.graph, self.marking, handler, payload or {}, self.variables)
        if handler not in self.marking.armed:
            self.armed.pop(handler, None)
        self.take([one for one in moved if one != moves.Disarmed(handler)])

    def named(self, kind: type) -> list[str]:
        return [self.graph.nodes[one.node].key for one in self.log if isinstance(one, kind)]

    @property
    def is_stuck(self) -> bool:
        return any(isinstance(move, moves.Stuck) for move in self.log)

    @property
    def incidents(self) -> list[str]:
        failed = [move.error for move in self.log if isinstance(move, moves.Failed)]
        return failed + list(self.refused.values())


QUICKLY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # an example says enough unshrunk
)


@QUICKLY
@given(structured(with_times=True), st.integers(0, 10**9))
def test_a_process_of_nested_blocks_always_ends_with_nothing_left_over(
    process: Graph, seed: int
) -> None:
    chance = random.Random(seed)
    assert problems(process) == []
    play = Play(process, {"items": [1, 2]})
    for _ in range(2_000):
        if play.marking.ended:
            break
        if play.armed and (not play.doable or chance.random() < 0.2):
            play.fire(chance.choice(list(play.armed)))
        else:
            play.finish(chance.choice(play.doable))
    assert play.marking.ended
    assert not play.incidents
    assert not play.is_stuck


@QUICKLY
@given(unstructured(), st.integers(0, 10**9))
def test_any_graph_conserves_its_tokens_and_never_stops_without_saying_why(
    process: Graph, seed: int
) -> None:
    chance = random.Random(seed)
    play = Play(process, {"more": True})
    for turn in range(60):
        if not play.doable:
            break
        play.variables["more"] = turn < 20
        play.finish(chance.choice(play.doable))
    if not play.doable:
        assert play.marking.ended or play.is_stuck or play.incidents
    assert not (play.marking.ended and play.is_stuck)


def test_an_inclusive_join_in_a_loop_waits_for_a_branch_that_may_still_come() -> None:
    process = graph(
        [
            {"key": "start", "kind": "start"},
            {"key": "fork", "kind": "inclusive"},
            {"key": "a", "kind": "agent"},
            {"key": "b", "kind": "agent"},
            {"key": "again", "kind": "exclusive"},
            {"key": "join", "kind": "inclusive"},
            {"key": "z", "kind": "agent"},
        ],
        [
            ("start", "fork"),
            ("fork", "a"),
            ("fork", "b"),
            ("a", "join"),
            ("b", "again"),
            ("again", "b", "turn"),
            ("again", "join", "", True),
            ("join", "z"),
        ],
    )
    process = Graph(
        tuple(
            Node(**{**_fields(node), "join": "one"}) if node.key == "b" else node
            for node in process.nodes
        ),
        process.flows,
    )
    play = Play(process, {"turn": True})
    first, second = play.doable
    play.finish(first)
    play.finish(second)
    (again,) = play.doable
    assert process.nodes[play.work[again]].key == "b"
    play.variables["turn"] = False
    play.finish(again)
    (last,) = play.doable
    assert process.nodes[play.work[last]].key == "z"
    assert play.named(moves.Passed).count("join") == 1


def _fields(node: Node) -> dict[str, Any]:
    return {name: getattr(node, name) for name in Node.__slots__}


def test_a_branch_that_was_not_taken_does_not_hold_up_an_inclusive_join() -> None:
    process = graph(
        [
            {"key": "fork", "kind": "parallel"},
            {"key": "a", "kind": "agent"},
            {"key": "choose", "kind": "agent"},
            {"key": "which", "kind": "exclusive"},
            {"key": "b", "kind": "agent"},
            {"key": "elsewhere", "kind": "end"},
            {"key": "join", "kind": "inclusive"},
            {"key": "z", "kind": "agent"},
        ],
        [
            ("fork", "a"),
            ("fork", "choose"),
            ("choose", "which"),
            ("which", "b", "join_us"),
            ("which", "elsewhere", "", True),
            ("a", "join"),
            ("b", "join"),
            ("join", "z"),
        ],
    )
    play = Play(process, {"join_us": False})
    a, choose = play.doable
    play.finish(a)
    assert play.doable == [choose]
    play.finish(choose)
    (z,) = play.doable
    assert process.nodes[play.work[z]].key == "z"


def test_two_inclusive_joins_that_wait_for_each_other_are_named() -> None:
    process = graph(
        [
            {"key": "fork", "kind": "parallel"},
            {"key": "a", "kind": "agent"},
            {"key": "b", "kind": "agent"},
            {"key": "one", "kind": "inclusive"},
            {"key": "two", "kind": "inclusive"},
            {"key": "x", "kind": "parallel"},
            {"key": "y", "kind": "parallel"},
            {"key": "done", "kind": "end"},
        ],
        [
            ("fork", "a"),
            ("fork", "b"),
            ("a", "one"),
            ("b", "two"),
            ("one", "x"),
            ("two", "y"),
            ("x", "two"),
            ("y", "one"),
            ("x", "done"),
            ("y", "done"),
        ],
    )
    play = Play(process)
    for seq in play.doable:
        play.finish(seq)
    (stuck,) = (move for move in play.log if isinstance(move, moves.Stuck))
    assert [process.nodes[node].key for node in stuck.nodes] == ["one", "two"]


def test_tokens_in_excess_stay_at_a_parallel_join() -> None:
    process = graph(
        [
            {"key": "fork", "kind": "parallel"},
            {"key": "a", "kind": "agent"},
            {"key": "b", "kind": "agent"},
            {"key": "c", "kind": "agent"},
            {"key": "merge", "kind": "exclusive"},
            {"key": "join", "kind": "parallel"},
            {"key": "z", "kind": "agent"},
        ],
        [
            ("fork", "a"),
            ("fork", "b"),
            ("fork", "c"),
            ("a", "merge"),
            ("b", "merge"),
            ("merge", "join"),
            ("c", "join"),
            ("join", "z"),
        ],
    )
    play = Play(process)
    for seq in list(play.doable):
        play.finish(seq)
    assert play.named(moves.Opened).count("z") == 1
    play.finish(play.doable[0])
    assert play.is_stuck
    assert [sum(flows.values()) for flows in play.marking.parked.values()] == [1]
