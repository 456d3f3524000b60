"""What can be undone, as a marking keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.graph.processes import graph
from workflows.graph import moves, tokens
from workflows.graph.marking import Marking


@pytest.mark.parametrize("event", [{}, {"activity": "book"}])
def test_markings_that_earlier_releases_stored_still_say_what_undoes_what(
    event: dict[str, Any],
) -> None:
    nodes = [
        {"key": "book"},
        {"key": "wait"},
        {"key": "undo", "kind": "end", "event": {"type": "compensate", **event}},
        {"key": "unbook", "compensates": "book"},
    ]
    process = graph(nodes, [("book", "wait"), ("wait", "undo")])
    marking = Marking()
    tokens.start(process, marking, {})
    tokens.leave(process, marking, 1, {}, {})
    marking.scopes[0].undo = [entry[:3] for entry in marking.scopes[0].undo]
    moved = tokens.leave(process, Marking.from_json(marking.to_json()), 2, {}, {})
    opened = [move.node for move in moved if isinstance(move, moves.Opened)]
    assert opened == [process.index["undo"], process.index["unbook"]]
