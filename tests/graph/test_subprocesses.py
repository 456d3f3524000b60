"""Transactions, ad-hoc sub-processes, multiple events and starts by events, without a database."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graph.test_tokens import Play, graph
from workflows.graph import moves, recurrence, tokens
from workflows.graph.ad_hoc import offered
from workflows.graph.game import Game
from workflows.graph.marking import Marking
from workflows.graph.validation import problems

CANCEL = {"type": "cancel"}


def of(key: str, kind: str = "agent", **fields: Any) -> dict[str, Any]:
    return {"key": key, "kind": kind, **fields}


def transaction(inner: Sequence[dict[str, Any]] = (), flows: Sequence[Any] = ()) -> Any:
    """Book a flight and a room, then pay or give up: what was booked is undone."""
    nodes = [
        of("trip", "scope", scope={"type": "transaction"}),
        of("flight", parent="trip"),
        of("room", parent="trip"),
        of("unflight", parent="trip", compensates="flight"),
        of("unroom", parent="trip", compensates="room"),
        of("give_up", "end", parent="trip", event=CANCEL),
        of("aside", parent="trip"),
        *inner,
        of("called_off", "boundary", attached_to="trip", event=CANCEL),
        of("tell"),
        of("travel"),
    ]
    ways = [("flight", "room"), ("room", "give_up"), ("called_off", "tell"), ("trip", "travel")]
    return graph(nodes, [*ways, *flows])


def seq_of(play: Play, key: str) -> int:
    return next(s for s, n in play.work.items() if play.graph.nodes[n].key == key)


def test_a_cancelled_transaction_undoes_what_is_done_and_leaves_by_its_cancel_event() -> None:
    process = transaction()
    assert problems(process) == []
    play = Play(process)
    play.finish(seq_of(play, "flight"))
    play.finish(seq_of(play, "room"))
    assert [process.nodes[n].key for n in play.work.values()] == ["trip", "give_up", "unroom"]
    play.finish(seq_of(play, "unroom"))
    play.finish(seq_of(play, "unflight"))
    assert [process.nodes[n].key for n in play.work.values()] == ["tell"]
    play.finish(seq_of(play, "tell"))
    assert play.marking.ended
    assert "travel" not in play.named(moves.Opened)


def test_a_transaction_that_is_not_cancelled_goes_on_like_any_sub_process() -> None:
    nodes = [
        of("trip", "scope", scope={"type": "transaction"}),
        of("flight", parent="trip"),
        of("gone", "boundary", attached_to="trip", event=CANCEL),
        of("travel"),
        of("tell"),
    ]
    play = Play(graph(nodes, [("trip", "travel"), ("gone", "tell")]))
    for key in ("flight", "travel"):
        play.finish(seq_of(play, key))
    assert play.marking.ended


def test_what_a_running_sub_process_of_a_cancelled_transaction_had_done_is_undone_too() -> None:
    inner = [
        of("extras", "scope", parent="trip"),
        of("car", parent="extras"),
        of("uncar", parent="extras", compensates="car"),
        of("driver", parent="extras"),
    ]
    play = Play(transaction(inner, [("car", "driver")]))
    for key in ("flight", "car", "room"):
        play.finish(seq_of(play, key))
    for key in ("uncar", "unroom", "unflight"):
        play.finish(seq_of(play, key))
    assert [play.graph.nodes[n].key for n in play.work.values()] == ["tell"]


def ad_hoc(**scope: Any) -> Any:
    nodes = [
        of("case", "scope", scope={"type": "ad_hoc", **scope}),
        of("call", parent="case"),
        of("note", parent="case"),
        of("mail", parent="case", output_mapping={"sent": "true"}),
        of("after"),
    ]
    return graph(nodes, [("call", "note"), ("case", "after")])


def choose(play: Play, key: str) -> None:
    seq = seq_of(play, "case")
    node = play.graph.index[key]
    play.take(tokens.activate(play.graph, play.marking, seq, node, play.variables))


def choices(play: Play) -> list[str]:
    game = Game(play.graph, play.marking, play.variables)
    return [play.graph.nodes[node].key for node in offered(game, seq_of(play, "case"))]


def test_an_ad_hoc_sub_process_opens_without_a_token_and_waits_for_a_choice() -> None:
    play = Play(ad_hoc())
    assert problems(play.graph) == []
    assert play.named(moves.Opened) == ["case"]
    assert not play.is_stuck
    assert choices(play) == ["call", "mail"]
    for key in ("call", "call", "mail"):
        choose(play, key)
    assert choices(play) == ["call", "mail"]
    play.finish(seq_of(play, "case"))
    assert [play.graph.nodes[n].key for n in play.work.values()] == ["after"]


def test_an_ordered_one_offers_nothing_while_something_runs_in_it() -> None:
    play = Play(ad_hoc(ordering="sequential"))
    choose(play, "call")
    assert choices(play) == []
    play.finish(seq_of(play, "call"))
    assert choices(play) == []
    play.finish(seq_of(play, "note"))
    assert choices(play) == ["call", "mail"]


@pytest.mark.parametrize("cancels", [True, False])
def test_its_condition_ends_it_with_or_without_what_still_runs(cancels: bool) -> None:
    play = Play(ad_hoc(completion="sent", cancel_remaining=cancels), {"sent": False})
    choose(play, "call")
    choose(play, "mail")
    play.finish(seq_of(play, "mail"))
    if not cancels:
        assert choices(play) == []
        for key in ("call", "note"):
            play.finish(seq_of(play, key))
    assert [play.graph.nodes[n].key for n in play.work.values()] == ["after"]
    assert play.named(moves.Opened).count("note") == (0 if cancels else 1)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**9), st.booleans(), st.booleans(), st.booleans())
def test_any_choices_in_any_order_leave_no_token_behind(
    seed: int, in_turn: bool, cancels: bool, is_open: bool
) -> None:
    chance = random.Random(seed)
    ordering = "sequential" if in_turn else "parallel"
    rule = {} if is_open else {"completion": "sent"}
    play = Play(ad_hoc(ordering=ordering, cancel_remaining=cancels, **rule), {"sent": False})
    for _ in range(chance.randint(1, 12)):
        names = [play.graph.nodes[node].key for node in play.work.values()]
        if "case" in names and choices(play) and chance.random() < 0.5:
            choose(play, chance.choice(choices(play)))
        elif play.doable:
            play.finish(chance.choice(play.doable))
    if "case" in [play.graph.nodes[node].key for node in play.work.values()]:
        play.finish(seq_of(play, "case"))
    if not play.marking.ended:
        play.finish(seq_of(play, "after"))
    assert play.marking.ended


def both(is_parallel: bool) -> dict[str, Any]:
    parts = [{"type": "message", "name": "paid"}, {"type": "signal", "name": "bell"}]
    return {"type": "multiple", "parallel": is_parallel, "events": parts}


def handler(play: Play, kind: str) -> int:
    return next(number for number, one in play.armed.items() if one == kind)


def test_one_of_several_events_is_enough_unless_all_have_to_happen() -> None:
    nodes = [of("wait", "catch", event=both(False)), of("b")]
    play = Play(graph(nodes, [("wait", "b")]))
    assert problems(play.graph) == []
    play.fire(handler(play, "signal"), {"by": "bell"})
    assert [play.graph.nodes[n].key for n in play.work.values()] == ["b"]
    assert not play.armed
    nodes[0]["event"] = both(True)
    nodes[0]["output_mapping"] = {"got": "[output.a, output.b]"}
    play = Play(graph(nodes, [("wait", "b")]))
    assert problems(play.graph) == []
    play.fire(handler(play, "signal"), {"a": 1})
    assert [play.graph.nodes[n].key for n in play.work.values()] == ["wait"]
    play.fire(handler(play, "message"), {"b": 2})
    assert [play.graph.nodes[n].key for n in play.work.values()] == ["b"]
    assert play.variables["got"] == [1, 2]


def test_several_events_on_an_edge_interrupt_once_and_an_error_is_one_of_them() -> None:
    parts = [{"type": "error", "code": "down"}, {"type": "timer", "duration": 5}]
    nodes = [
        of("a"),
        of("edge", "boundary", attached_to="a", event={"type": "multiple", "events": parts}),
        of("b"),
    ]
    process = graph(nodes, [("edge", "b")])
    assert problems(process) == []
    play = Play(process)
    assert play.fail(seq_of(play, "a"), "down")
    assert [play.graph.nodes[n].key for n in play.work.values()] == ["b"]
    assert not play.armed
    play = Play(process)
    assert not play.fail(seq_of(play, "a"), "other")
    play.fire(handler(play, "timer"))
    assert [play.graph.nodes[n].key for n in play.work.values()] == ["b"]


def test_a_throw_of_several_events_throws_each() -> None:
    parts = [*both(False)["events"], {"type": "escalation", "code": "look"}]
    nodes = [
        of("send", "end", event={"type": "multiple", "events": parts}),
        of("look", "scope", event={"type": "escalation", "code": "look", "interrupting": False}),
        of("seen", parent="look"),
    ]
    play = Play(graph(nodes, []))
    assert problems(play.graph) == []
    thrown = [(one.kind, one.name) for one in play.log if isinstance(one, moves.Thrown)]
    assert thrown == [("message", "paid"), ("signal", "bell")]
    play.finish(seq_of(play, "seen"))
    assert play.marking.ended


def starts() -> Any:
    nodes = [
        of("hand", "start"),
        of(
            "mail",
            "start",
            event={"type": "message", "name": "order"},
            output_mapping={"n": "output.n"},
        ),
        of("a"),
        of("b"),
        of("bell", "scope", event={"type": "signal", "name": "bell"}),
        of("react", parent="bell"),
    ]
    return graph(nodes, [("hand", "a"), ("mail", "b")])


def test_an_event_begins_only_at_its_own_start() -> None:
    process = starts()
    assert problems(process) == []
    play = Play(process)
    assert [process.nodes[n].key for n in play.work.values()] == ["a"]
    marking, variables = Marking(), {"n": 0}
    moved = tokens.start(process, marking, variables, process.index["mail"], {"n": 3})
    opened = [process.nodes[one.node].key for one in moved if isinstance(one, moves.Opened)]
    assert (opened, variables) == (["b"], {"n": 3})
    assert [one.kind for one in moved if isinstance(one, moves.Armed)] == ["signal"]


BELL = {"type": "signal", "name": "bell"}


def scope(kind: str, *inner: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    inside = [{**node, "parent": "s"} for node in inner]
    return [of("s", "scope", scope={"type": kind, **fields}), *inside]


@pytest.mark.parametrize(
    ("nodes", "field"),
    [
        ([of("s", "scope"), of("x", "start", parent="s", event=BELL)], "event"),
        (scope("sticky", of("x")), "scope"),
        ([of("a", scope={"type": "transaction"})], "scope"),
        ([of("e", "end", event=CANCEL)], "event"),
        ([of("a"), of("e", "boundary", attached_to="a", event=CANCEL)], "event"),
        (scope("transaction", of("e", "end", event=CANCEL)), "event"),
        (scope("ad_hoc"), "kind"),
        (scope("ad_hoc", of("a"), of("e", "end")), "kind"),
        (scope("ad_hoc", of("a"), completion="1 +"), "scope"),
        ([of("t", "start", event={"type": "timer", "duration": "wait"})], "event"),
        ([of("t", "start", event={"type": "timer", "cron": "* *"})], "event"),
        ([of("t", "start", event=both(True))], "event"),
        ([of("t", "catch", event={"type": "multiple", "events": []})], "event"),
        ([of("t", "catch", event={"type": "multiple", "events": 7})], "event"),
        ([of("t", "catch", event={"type": ["timer"]})], "event"),
        ([of("t", "throw", event={"type": "multiple", "events": [BELL, 1]})], "event"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_is_refused_by_name(
    nodes: list[dict[str, Any]], field: str
) -> None:
    found = problems(graph(nodes, []))
    assert field in [one.field for one in found], found


def test_moments_of_a_start_by_time_are_counted_from_its_publishing() -> None:
    since = datetime(2030, 1, 1, tzinfo=UTC)
    three = {"cycle": "R3/PT1H", "since": since.isoformat()}
    hours = [since + timedelta(hours=n) for n in (1, 2, 3)]
    assert recurrence.upcoming(three, since, 9) == hours
    assert recurrence.upcoming(three, hours[0], 1) == [hours[1]]
    assert recurrence.upcoming(three, hours[2], 1) == []
    assert recurrence.latest(three, hours[1] + timedelta(minutes=5)) == hours[1]
    assert recurrence.latest(three, hours[2] + timedelta(days=5)) == hours[2]
    at = {"at": "2030-01-02T00:00:00+08:00"}
    (moment,) = recurrence.upcoming(at, since, 5)
    assert moment == datetime(2030, 1, 1, 16, tzinfo=UTC)
    assert recurrence.upcoming(at, moment, 5) == []
    assert recurrence.latest(at, since) is None
    endless = {"cycle": "R/PT10M", "since": since.isoformat()}
    assert len(recurrence.upcoming(endless, since + timedelta(days=400), 3)) == 3


def test_a_hundred_layers_of_a_hundred_steps_are_valid_and_each_join_fires_once() -> None:
    nodes, flows, before = [of("begin", "start")], [], "begin"
    for layer in range(100):
        fork, join = f"f{layer}", f"j{layer}"
        steps = [f"s{layer}_{place}" for place in range(100)]
        nodes += [of(fork, "parallel"), *map(of, steps), of(join, "parallel")]
        flows += [(before, fork), *((fork, key) for key in steps), *((key, join) for key in steps)]
        before = join
    process = graph(nodes, flows)
    assert problems(process) == []
    marking, variables = Marking(), dict[str, Any]()
    moved = tokens.start(process, marking, variables)
    opened = [one.seq for one in moved if isinstance(one, moves.Opened)]
    fired: list[str] = []
    for seq in opened:  # grows as it goes
        moved = tokens.leave(process, marking, seq, {}, variables)
        opened += [one.seq for one in moved if isinstance(one, moves.Opened)]
        fired += [process.nodes[one.node].key for one in moved if isinstance(one, moves.Passed)]
    assert marking.ended
    assert len(opened) == 10_000
    assert [key for key in fired if key[0] == "j"] == [f"j{layer}" for layer in range(100)]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 8), st.integers(0, 10**9))
def test_whatever_was_done_in_a_cancelled_transaction_is_undone_in_reverse(
    count: int, seed: int
) -> None:
    chance = random.Random(seed)
    keys = [f"t{place}" for place in range(count)]
    inside = [of(key, parent="trip") for key in keys]
    undoing = [of(f"u{place}", parent="trip", compensates=keys[place]) for place in range(count)]
    after = [(keys[chance.randrange(place)], keys[place]) for place in range(1, count)]
    ways = [way for way in after if chance.random() < 0.6]
    nodes = [
        of("trip", "scope", scope={"type": "transaction"}),
        *inside,
        *undoing,
        of("call", parent="trip"),
        of("give_up", "end", parent="trip", event=CANCEL),
        of("off", "boundary", attached_to="trip", event=CANCEL),
        of("tell"),
    ]
    process = graph(nodes, [*ways, ("call", "give_up"), ("off", "tell")])
    assert problems(process) == []
    play, done = Play(process), list[str]()
    while "call" in [process.nodes[play.work[seq]].key for seq in play.doable]:
        seq = chance.choice(play.doable)
        done.append(process.nodes[play.work[seq]].key)
        play.finish(seq)
    undone = []
    while play.doable and (key := process.nodes[play.work[play.doable[0]]].key) != "tell":
        undone.append(key)
        play.finish(play.doable[0])
    assert undone == [f"u{key[1:]}" for key in reversed(done[:-1])]
    play.finish(seq_of(play, "tell"))
    assert play.marking.ended
