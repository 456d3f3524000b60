from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflows.graph.differences import Difference, differences
from workflows.graph.shape import Flow, Graph, Node

CHECK, PACK, SHIP = Node("check", "Check"), Node("pack", "Pack"), Node("ship", "Ship")
BASE = Graph((CHECK, PACK, SHIP), (Flow(0, 1, "total > 5"), Flow(1, 2)), {"limit": 5})


def told(new: Graph, old: Graph = BASE) -> list[str]:
    return [in_short(one) for one in differences(old, new)]


def in_short(one: Difference) -> str:
    ends = f"{one.key}>{one.target}" if one.target else one.key
    change = f" {one.field}: {one.old!r} -> {one.new!r}" if one.field else ""
    return f"{one.subject} {ends} {one.what}{change}"


def test_a_graph_does_not_differ_from_itself_read_back() -> None:
    assert told(Graph.from_json(BASE.to_json())) == []


def test_tasks_and_flows_that_come_and_go_are_named() -> None:
    call = Node("call", "Call")
    new = Graph((CHECK, call, SHIP), (Flow(0, 1), Flow(1, 2)), {"limit": 5})
    assert told(new) == [
        "task call added", "task pack removed", "flow check>call added", "flow call>ship added",
        "flow check>pack removed", "flow pack>ship removed",
    ]  # fmt: skip


def test_each_changed_field_of_a_task_is_told_with_what_it_was() -> None:
    changed = replace(PACK, name="Wrap", max_retries=0, capabilities=("packing",),
                      approval={"required": 2}, parent=0)  # fmt: skip
    assert told(replace(BASE, nodes=(CHECK, changed, SHIP))) == [
        "task pack changed name: 'Pack' -> 'Wrap'",
        "task pack changed capabilities: [] -> ['packing']",
        "task pack changed max_retries: None -> 0",
        "task pack changed approval.required: None -> 2",
        "task pack changed parent: None -> 'check'",
    ]


def test_a_condition_and_a_default_are_changes_of_the_flow() -> None:
    new = replace(BASE, flows=(Flow(0, 1, "total > 9"), Flow(1, 2, is_default=True)))
    assert told(new) == [
        "flow check>pack changed when: 'total > 5' -> 'total > 9'",
        "flow pack>ship changed is_default: False -> True",
    ]


def test_the_order_of_conditions_is_a_change_of_the_task_that_they_leave() -> None:
    flows = (Flow(0, 1, "a"), Flow(0, 2, "b"))
    assert told(replace(BASE, flows=flows[::-1]), replace(BASE, flows=flows)) == [
        "task check changed order: ['pack', 'ship'] -> ['ship', 'pack']"
    ]


def test_settings_of_the_workflow_are_told_entry_by_entry() -> None:
    new = replace(BASE, variables={"limit": True, "vip": 1}, timeout_minutes=5, triggers=("paid",))
    assert told(new) == [
        "workflow  changed variables.limit: 5 -> True",
        "workflow  changed variables.vip: None -> 1",
        "workflow  changed triggers: [] -> ['paid']",
        "workflow  changed timeout_minutes: None -> 5",
    ]


def test_where_a_task_is_drawn_makes_no_difference() -> None:
    new = Graph((SHIP, PACK, CHECK), (Flow(2, 1, "total > 5"), Flow(1, 0)), {"limit": 5})
    assert told(new) == []


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.permutations(range(4)),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=8),
)
def test_what_is_added_one_way_is_removed_the_other(
    order: list[int], ends: list[tuple[int, int]]
) -> None:
    nodes = tuple(Node(f"n{place}", f"N{place}") for place in order)
    new = Graph(nodes, tuple(Flow(*one) for one in ends))
    there, back = differences(BASE, new), differences(new, BASE)
    assert len([one for one in there if one.what == "added"]) == len(
        [one for one in back if one.what == "removed"]
    )
    assert len(there) == len(back)
