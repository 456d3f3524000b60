"""Multi-instance and standard loops: how many instances, what each sees, and when it is enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.errors import InvalidExpression

from . import expressions
from .game import Game
from .marking import Loop
from .shape import Node

ONE_BY_ONE, TOGETHER, WHILE = "sequential", "parallel", "standard"
MODES = (ONE_BY_ONE, TOGETHER, WHILE)
MAX_INSTANCES = 10_000
DEFAULT_ROUNDS = 1_000  # of a standard loop that names no `max`


def planned(node: Node, seen: Mapping[str, Any]) -> Loop:
    """The loop as it begins; raises InvalidExpression when it cannot tell how often."""
    loop = node.loop
    if loop.get("mode") == WHILE:
        return Loop(None if holds(node, seen, 0) else 0)
    if loop.get("collection"):
        items = expressions.assignable(loop["collection"], seen, {})
        if not isinstance(items, list):
            raise InvalidExpression(f"“{loop['collection']}” gives {items!r:.100}, not a list.")
        return Loop(_limited(len(items)), items=items)
    count = loop.get("cardinality")
    given = expressions.value(count, seen, {}) if isinstance(count, str) else count
    if not isinstance(given, int) or isinstance(given, bool):
        raise InvalidExpression(f"“{count}” gives {given!r}; a whole number was expected.")
    return Loop(_limited(given))


def holds(node: Node, seen: Mapping[str, Any], begun: int) -> bool:
    """Whether a standard loop goes round once more; raises InvalidExpression."""
    rounds = node.loop.get("max") or DEFAULT_ROUNDS
    if begun >= rounds:
        if node.loop.get("max"):
            return False
        message = f"“{node.name}” has gone round {begun} times; set “max” to allow more."
        raise InvalidExpression(message)
    if not begun and node.loop.get("test_before") is False:
        return True
    source = node.loop.get("while")
    counted = {**seen, node.loop.get("index") or "index": begun}
    return not source or expressions.holds(source, counted, {})


def local(node: Node, loop: Loop, index: int) -> dict[str, Any]:
    """What the instance with an index sees beside the variables."""
    found: dict[str, Any] = {node.loop.get("index") or "index": index}
    if loop.items:
        found[node.loop.get("item") or "item"] = loop.items[index]
    return found


def is_enough(game: Game, seq: int, loop: Loop) -> bool:
    """Whether the completion condition holds, now that an instance is done."""
    source = game.node_of(seq).loop.get("completion")
    if not source:
        return False
    counts = {"done": loop.done, "total": loop.total, "active": loop.begun - loop.done}
    return expressions.holds(source, {**game.seen(seq), **counts}, {})


def is_over(game: Game, seq: int, loop: Loop) -> bool:
    """Whether no instance is left to wait for or to begin."""
    if loop.total is None:
        return not holds(game.node_of(seq), game.seen(seq), loop.begun)
    return loop.done == loop.total


def outputs(loop: Loop) -> list[Any]:
    """What the instances gave, in the order of their indexes."""
    return [output for _, output in sorted(loop.outputs.items(), key=lambda pair: int(pair[0]))]


def _limited(count: int) -> int:
    if not 0 <= count <= MAX_INSTANCES:
        raise InvalidExpression(f"{count} instances; from 0 to {MAX_INSTANCES} are allowed.")
    return count
