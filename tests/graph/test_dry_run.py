"""Processes stepped by hand: what waits, what comes of a choice, and that replaying is exact."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dmn.making import DISH
from tests.graph.test_tokens import graph, structured
from workflows.dmn.reader import read
from workflows.errors import InvalidInput
from workflows.graph import decisions
from workflows.graph.dry_run import ABSENT, Choice, Run
from workflows.graph.rehearsal import play
from workflows.graph.shape import Graph

AGENT = {"kind": "agent"}


def done(target: int, **output: Any) -> Choice:
    return Choice("complete", target, output)


def waits(run: Run) -> list[str]:
    """Keys of the steps that wait for an outcome."""
    return [run.node(step).key for step in run.waiting]


def told(run: Run) -> list[str]:
    """The last choice's happenings: "completed a", "opened b", …"""
    nodes = run.graph.nodes
    return [
        f"{one.what} {nodes[one.node].key}" if one.node is not None else one.what
        for one in run.record[-1]
    ]


PLAIN = graph(
    [
        {"key": "check", "output_mapping": {"total": "output.total"}},
        {"key": "ask", "kind": "human"},
        {"key": "pay"},
        {"key": "ship", "join": "one"},
    ],
    [
        ("check", "ask", "total > 100"),
        ("check", "pay", "total <= 100"),
        ("ask", "ship", "output.decision == 'approve'"),
        ("pay", "ship"),
    ],
)


def test_a_plain_graph_goes_the_way_of_the_chosen_outcomes() -> None:
    run = play(PLAIN, {"customer": "ada"})
    assert (waits(run), run.variables) == (["check"], {"customer": "ada"})
    choices = [done(0, total=250)]
    run = play(PLAIN, {"customer": "ada"}, choices)
    assert (waits(run), told(run)) == (["ask"], ["completed check", "opened ask"])
    assert (run.variables["total"], run.before) == (250, {"total": ABSENT})
    choices += [done(1, decision="approve"), done(3)]
    run = play(PLAIN, {"customer": "ada"}, choices)
    assert (run.state, waits(run)) == ("completed", [])
    assert {PLAIN.nodes[one.node].key: one.state for one in run.steps.values()} == {
        "check": "completed", "ask": "completed", "pay": "cancelled", "ship": "completed",
    }  # fmt: skip


def test_a_way_that_does_not_lead_on_fails_as_it_would_in_earnest() -> None:
    run = play(PLAIN, {}, [done(0, total=250), done(1, decision="reject")])
    assert run.state == "failed"
    assert run.error.startswith("Ask: No way leads on from “Ask”")
    assert play(PLAIN, {}, [done(0)]).error.startswith("Check: “output.total”")


def test_a_join_that_nothing_reaches_any_more_says_so() -> None:
    process = graph(
        [{"key": "a"}, {"key": "b"}, {"key": "c"}, {"key": "d"}],
        [("a", "b", "false"), ("a", "c"), ("b", "d"), ("c", "d")],
    )
    run = play(process, {}, [done(0), done(2)])
    assert (run.state, run.error) == (
        "failed",
        "Nothing can move on: D waits for paths that were not taken.",
    )


def test_a_failure_ends_a_run_unless_it_is_caught() -> None:
    nodes: list[dict[str, Any]] = [
        {"key": "pay"},
        {
            "key": "declined",
            "kind": "boundary",
            "attached_to": "pay",
            "event": {"type": "error", "code": "declined"},
        },
        {"key": "call", "kind": "agent"},
    ]
    process = graph(nodes, [("declined", "call")])
    caught = play(process, {}, [Choice("fail", 1, {"kind": "declined", "message": "No."})])
    assert (caught.state, waits(caught)) == ("running", ["call"])
    assert told(caught) == ["caught pay", "passed declined", "opened call"]
    broken = play(process, {}, [Choice("fail", 1, {"kind": "timeout", "message": "Too slow."})])
    assert (broken.state, broken.error) == ("failed", "Pay: Too slow.")


def test_events_are_waited_for_until_somebody_lets_them_happen() -> None:
    process = graph(
        [
            {"key": "start", "kind": "start"},
            {"key": "either", "kind": "event_gateway"},
            {"key": "late", "kind": "catch", "event": {"type": "timer", "duration": "P2D"}},
            {
                "key": "paid",
                "kind": "catch",
                "event": {"type": "message", "name": "paid", "key": "order"},
                "output_mapping": {"amount": "output.amount"},
            },
            {"key": "ship", "kind": "agent"},
        ],
        [("start", "either"), ("either", "late"), ("either", "paid"), ("paid", "ship")],
    )
    run = play(process, {"order": "A1"})
    assert waits(run) == []
    assert [(one.kind, one.name, one.key, one.due) for one in run.awaited.values()] == [
        ("timer", "", "", 172_800.0),
        ("message", "paid", "A1", ""),
    ]
    paid = next(one.number for one in run.awaited.values() if one.kind == "message")
    run = play(process, {"order": "A1"}, [Choice("happen", paid, {"amount": 5})])
    assert (waits(run), run.variables["amount"], run.awaited) == (["ship"], 5, {})


def test_messages_and_signals_of_the_run_itself_arrive() -> None:
    def event(kind: str, **more: Any) -> dict[str, Any]:
        return {"event": {"type": kind, "name": "go", **more}}

    process = graph(
        [
            {"key": "fork", "kind": "parallel"},
            {"key": "first", "kind": "agent"},
            {"key": "tell", "kind": "throw", **event("message", payload={"n": "1 + 1"})},
            {"key": "end", "kind": "end", **event("signal")},
            {
                "key": "hear",
                "kind": "catch",
                **event("message"),
                "output_mapping": {"n": "output.n"},
            },
            {"key": "all", "kind": "catch", **event("signal")},
        ],
        [("fork", "first"), ("first", "tell"), ("tell", "end"), ("fork", "hear"), ("fork", "all")],
    )
    run = play(process, {})
    assert waits(run) == ["first"]
    run = play(process, {}, [done(run.waiting[0].seq)])
    assert (run.state, run.variables) == ("completed", {"n": 2})


def test_decisions_are_made_in_earnest() -> None:
    reading = read(DISH)
    table = {
        "decision": "dish",
        "result": "menu",
        "version": 1,
        "tables": decisions.in_order(reading.decisions, "dish"),
    }
    process = graph(
        [
            {"key": "choose", "kind": "decision", "decision": table},
            {"key": "cook", "kind": "agent"},
        ],
        [("choose", "cook", "menu.dish == 'Steak'")],
    )
    run = play(process, {"Temperature today": 15, "day type": "Weekday"})
    assert (waits(run), run.variables["menu"]) == (["cook"], {"dish": "Steak", "guests": 2})
    assert [one.data["hits"] for one in run.record[0] if one.what == "decided"] == [[2]]
    broken = play(process, {})
    assert broken.error.startswith("Choose: “Season”: “Temperature”: there is no variable")


def test_the_ways_that_tokens_took_are_known() -> None:
    process = graph(
        [{"key": "s", "kind": "start"}, {"key": "a"}, {"key": "b"}, {"key": "c", "join": "one"}],
        [("s", "a"), ("a", "b", "output.ok"), ("a", "c", "", True), ("b", "c")],
    )
    run = play(process, {}, [done(1, ok=True), done(2)])
    assert (waits(run), run.passed) == (["c"], {0: {0}, 1: {1}, 2: {3}})


def test_a_call_is_answered_by_hand() -> None:
    process = graph(
        [
            {
                "key": "sub",
                "kind": "call",
                "calls": {"key": "other", "input": {"x": "1 + 1"}},
                "output_mapping": {"got": "output.y"},
            }
        ],
        [],
    )
    run = play(process, {})
    assert waits(run) == ["sub"]
    run = play(process, {}, [done(1, y=7)])
    assert (run.state, run.variables) == ("completed", {"got": 7})


def test_an_ad_hoc_sub_process_does_what_is_chosen_until_it_is_done() -> None:
    process = graph(
        [
            {"key": "room", "kind": "scope", "scope": {"type": "ad_hoc"}},
            {"key": "look", "parent": "room"},
            {"key": "ask", "parent": "room"},
            {"key": "after"},
        ],
        [("room", "after")],
    )
    run = play(process, {})
    assert (waits(run), run.offers) == (["room"], {1: (1, 2)})
    chosen = [Choice("activate", 1, {"node": 2})]
    run = play(process, {}, chosen)
    assert (waits(run), told(run)) == (["room", "ask"], ["chosen ask", "opened ask"])
    with pytest.raises(InvalidInput, match="not offered"):
        play(process, {}, [Choice("activate", 1, {"node": 3})])
    run = play(process, {}, [*chosen, done(2), done(1)])
    assert waits(run) == ["after"]


def test_a_process_begins_at_the_start_whose_event_is_named() -> None:
    process = graph(
        [
            {"key": "plain", "kind": "start"},
            {
                "key": "mail",
                "kind": "start",
                "event": {"type": "message", "name": "mail"},
                "output_mapping": {"who": "output.sender"},
            },
            {"key": "a"},
            {"key": "b"},
        ],
        [("plain", "a"), ("mail", "b")],
    )
    assert waits(play(process, {})) == ["a"]
    run = play(process, {"sender": "ada"}, at=1)
    assert (waits(run), run.variables["who"]) == (["b"], "ada")


def test_tokens_at_a_join_are_counted() -> None:
    process = graph(
        [
            {"key": "f", "kind": "parallel"},
            {"key": "a"},
            {"key": "b"},
            {"key": "j", "kind": "parallel"},
        ],
        [("f", "a"), ("f", "b"), ("a", "j"), ("b", "j")],
    )
    run = play(process, {}, [done(1)])
    assert (run.parked, waits(run)) == ({3: 1}, ["b"])


@pytest.mark.parametrize(
    "choice", [done(99), Choice("fail", 0), Choice("happen", 1), Choice("dance", 1), done(2)]
)
def test_a_choice_that_is_none_is_refused(choice: Choice) -> None:
    process = graph([{"key": "a"}, {"key": "g", "kind": "exclusive"}], [("a", "g")])
    with pytest.raises(InvalidInput, match="any more"):
        play(process, {}, [choice])
    with pytest.raises(InvalidInput, match="over"):
        play(process, {}, [done(1), done(1)])


def test_a_run_that_never_waits_is_stopped() -> None:
    table = {
        "decision": "d",
        "version": 1,
        "tables": [{"key": "d", "name": "D", "expression": {"text": "1", "cel": "1"}}],
    }
    process = graph(
        [
            {"key": "s", "kind": "start"},
            {"key": "x", "kind": "exclusive"},
            {"key": "d", "kind": "decision", "decision": table},
        ],
        [("s", "x"), ("x", "d"), ("d", "x")],
    )
    assert "a loop does not end" in play(process, {}).error


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(structured(), st.integers(0, 10**9))
def test_any_process_ends_and_playing_it_again_gives_the_same(process: Graph, seed: int) -> None:
    chance, choices, input = random.Random(seed), list[Choice](), {"items": [1, 2]}
    run = play(process, input)
    while run.state == "running" and len(choices) < 60:
        choices.append(done(chance.choice(run.waiting).seq))
        run = play(process, input, choices)
    assert run.state == "completed" or len(choices) == 60
    again = play(process, {"items": [1, 2]}, choices)
    assert (again.variables, again.record) == (run.variables, run.record)
    assert input == {"items": [1, 2]}
    if choices:
        shorter = play(process, input, choices[:-1])
        assert shorter.state == "running"
        assert shorter.record == run.record[:-1]
