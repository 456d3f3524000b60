"""The fold of audit rows: a table of what each row does, and what holds for any rows."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_agent, start, step
from tests.web.conftest import failed, ran
from workflows import engine
from workflows.audit import rebuild
from workflows.audit.rebuild import Disagreement, Picture, Row, last, pictures
from workflows.audit.variables import Difference, How, changes, compared
from workflows.models import Execution

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = st.sampled_from("abc")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
VARIABLES = st.dictionaries(NAMES, VALUES, max_size=3)


def row(seq: int, kind: str, old: str | None = None, new: str | None = None, **more: Any) -> Row:
    """A row of the kind `execution.…`, or of the task that `task` names."""
    task = more.get("task")
    return Row(
        seq=seq,
        at=START + timedelta(seconds=seq),
        kind=kind,
        entity_type="task" if task else kind.partition(".")[0],
        task_id=task,
        old_state=old,
        new_state=new,
        actor="system",
        attempt=more.get("attempt"),
        agent_id=more.get("agent"),
        data=more.get("data"),
    )


CREATED = row(1, "execution.created", None, "pending", data={"variables": {"total": 5}})
BEGUN = row(2, "execution.running", "pending", "running")
LENT = row(3, "task.assigned", "pending", "running", task=7, attempt=1, agent="echo")


@pytest.mark.parametrize(
    ("added", "state", "tasks", "variables"),
    [
        ([], "running", {7: "running"}, {"total": 5}),
        (
            [row(4, "task.completed", "running", "completed", task=7, data={"set": {"x": 1}})],
            "running",
            {7: "completed"},
            {"total": 5, "x": 1},
        ),
        (
            [row(4, "task.completed", "running", "completed", task=7, data={"set": {"total": 6}})],
            "running",
            {7: "completed"},
            {"total": 6},
        ),
        (
            [row(4, "task.failed", "running", "failed", task=7, data={"error": "It broke."})],
            "running",
            {7: "failed"},
            {"total": 5},
        ),
        (
            [row(4, "approval.decided", data={"verdict": "approve"})],
            "running",
            {7: "running"},
            {"total": 5},
        ),
        (
            [row(4, "execution.paused", "running", "paused")],
            "paused",
            {7: "running"},
            {"total": 5},
        ),
        (
            [row(4, "task.pending", "pending", "cancelled", task=8)],
            "running",
            {7: "running", 8: "cancelled"},
            {"total": 5},
        ),
    ],
)
def test_each_row_does_its_part(
    added: list[Row], state: str, tasks: dict[int, str], variables: dict[str, Any]
) -> None:
    picture = last([CREATED, BEGUN, LENT, *added])
    assert (picture.state, picture.tasks, picture.variables) == (state, tasks, variables)


def test_the_last_attempt_is_known_with_its_agent_times_and_error() -> None:
    broken = row(4, "task.failed", "running", "failed", task=7, attempt=1, data={"error": "No."})
    again = row(5, "task.pending", "failed", "pending", task=7, attempt=1)
    lent = row(6, "task.assigned", "pending", "running", task=7, attempt=2, agent="other")
    seen = [picture.attempts.get(7) for picture in pictures([CREATED, BEGUN, LENT, broken, again])]
    assert seen[3] == rebuild.Attempt(1, "echo", "No.", LENT.at, broken.at)
    assert last([CREATED, BEGUN, LENT, broken, again, lent]).attempts[7] == rebuild.Attempt(
        2, "other", "", lent.at, None
    )


@pytest.mark.parametrize(
    "wrong",
    [
        row(4, "execution.completed", "paused", "completed"),
        row(4, "task.completed", "pending", "completed", task=7),
        row(4, "task.completed", "running", "completed", task=8),
    ],
)
def test_a_row_that_starts_elsewhere_is_a_disagreement(wrong: Row) -> None:
    with pytest.raises(Disagreement, match=r"Row 4 starts from .*; it was"):
        last([CREATED, BEGUN, LENT, wrong])


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Tasks that wander through states that follow one another, and set variables as they do."""
    known: dict[int, str] = {}
    found = [row(1, "execution.created", None, "pending", data={"variables": draw(VARIABLES)})]
    for seq in range(2, draw(st.integers(2, 14))):
        task, new = draw(st.integers(1, 3)), draw(st.sampled_from(["running", "paused", "failed"]))
        data = draw(st.none() | VARIABLES.map(lambda assigned: {"set": assigned}))
        old = known.get(task, "pending")
        found.append(row(seq, f"task.{new}", old, new, task=task, data=data))
        known[task] = new
    return found


@given(histories())
def test_each_picture_is_that_of_the_rows_up_to_it(events: list[Row]) -> None:
    seen = list(pictures(events))
    assert seen == [last(events[: place + 1]) for place in range(len(events))]
    assert [picture.seq for picture in seen] == [event.seq for event in events]


@given(histories())
def test_the_history_names_the_rows_that_changed_a_variable_and_no_other(events: list[Row]) -> None:
    seen = [Picture(), *pictures(events)]
    expected = {
        after.seq: differences
        for before, after in pairwise(seen)
        if (differences := compared(before.variables, after.variables))
    }
    told = {change.row.seq: list(change.differences) for change in changes(events)}
    assert {seq: set(map(repr, found)) for seq, found in told.items()} == {
        seq: set(map(repr, found)) for seq, found in expected.items()
    }


@given(VARIABLES, VARIABLES)
def test_what_differs_leads_from_one_value_to_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert _patched(before, compared(before, after)) == after
    assert compared(after, after) == []


def test_objects_are_compared_inside_and_lists_as_one_value() -> None:
    before = {"order": {"total": 5, "gift": True, "lines": [1, 2]}, "gone": 1}
    after = {"order": {"total": 6, "lines": [1]}, "new": None}
    assert compared(before, after) == [
        Difference("order", "order.total", How.CHANGED, 5, 6),
        Difference("order", "order.lines", How.CHANGED, [1, 2], [1]),
        Difference("order", "order.gift", How.REMOVED, True),
        Difference("new", "new", How.ADDED, new=None),
        Difference("gone", "gone", How.REMOVED, 1),
    ]
    assert [one.how for one in compared({"flag": 1}, {"flag": True})] == [How.CHANGED]


@pytest.mark.django_db(transaction=True)
def test_the_rows_of_the_database_fold_to_its_tables_at_every_number(execution: Execution) -> None:
    whole = [rebuild.row_of(event) for event in execution.audit_events.order_by("seq")]
    lean = list(rebuild.rows(execution.pk))
    assert list(pictures(lean)) == list(pictures(whole))
    assert [rebuild.at(execution, seq) for seq in range(1, len(lean) + 1)] == list(pictures(lean))
    assert rebuild.differences(execution) == []


@pytest.mark.django_db(transaction=True)
def test_what_the_fold_does_not_need_stays_in_the_database(execution: Execution) -> None:
    told = list(rebuild.rows(execution.pk))
    assert {event.kind for event in told if event.data} == {"execution.created"}
    assert [event.seq for event in rebuild.rows(execution.pk, 3)] == [1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_a_failure_and_its_retry_by_hand_fold_to_the_tables() -> None:
    broken = failed()
    engine.retry(broken.pk, by=None, reason="again")
    assert rebuild.differences(ran(broken)) == []
    [attempt] = rebuild.at(broken, 4).attempts.values()
    assert (attempt.number, attempt.error) == (1, "It broke.")


@pytest.mark.django_db(transaction=True)
def test_a_variable_that_steps_set_has_its_values_before_and_after() -> None:
    make_agent()
    mapped = {"score": "output.score"}
    first = step("a", input={"output": {"score": 1}}, output_mapping=mapped)
    second = step("b", "a", input={"output": {"score": 2}}, output_mapping=mapped)
    execution = ran(start(first, second))
    assert [(one.row.key, *one.differences) for one in changes(rebuild.rows(execution.pk))] == [
        ("a", Difference("score", "score", How.ADDED, new=1)),
        ("b", Difference("score", "score", How.CHANGED, 1, 2)),
    ]


def _patched(value: dict[str, Any], differences: list[Difference]) -> dict[str, Any]:
    """The value with each difference carried out."""
    patched = deepcopy(value)
    for one in differences:
        *above, name = one.path.split(".")
        inside = reduce(lambda outer, key: outer[key], above, patched)
        if one.how == How.REMOVED:
            assert inside.pop(name) == one.old
        else:
            assert inside.get(name) == one.old
            inside[name] = one.new
    return patched
