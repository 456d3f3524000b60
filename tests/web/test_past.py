"""The time slider's side of the server: any audit row, for who may read the audit."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tests.audit.conftest import tamper
from tests.factories import chain, make_agent, start, step
from tests.web.conftest import completed, failed, fragment, page, ran, waiting
from workflows import engine
from workflows.engine import transitions
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)


def nodes(text: str) -> dict[str, str]:
    """The states in the diagram by the step's name."""
    return dict(re.findall(r'aria-label="(\w+): (\w+), [^"]*"', text))


def scored() -> Execution:
    """Two steps, each of which sets `score`."""
    make_agent()
    first = step("a", input={"output": {"score": 1}}, output_mapping={"score": "output.score"})
    second = step(
        "b", "a", input={"output": {"score": {"x": 2}}}, output_mapping={"score": "output.score"}
    )
    return ran(start(first, second, input={"total": 5}))


def lengthened(execution: Execution, count: int) -> None:
    """Adds rows as a task leaves that goes on and on."""
    task = execution.tasks.latest("pk")
    moves = [("completed", "running"), ("running", "completed")]
    with transaction.atomic():
        transitions.record(
            transitions.Entry(
                kind=f"task.{new}",
                entity_type="task",
                entity_id=str(task.pk),
                actor="system",
                execution_id=execution.pk,
                task_id=task.pk,
                old_state=old,
                new_state=new,
            )
            for old, new in moves * (count // 2)
        )


def test_the_page_shows_the_moment_after_a_row(operator: Client) -> None:
    execution = completed()
    text = page(operator, f"/executions/{execution.pk}/?at=5")
    assert nodes(text) == {"A": "Completed", "B": "Running", "C": "Pending"}
    assert "You are looking at the past: after audit row 5 of 9." in text
    assert "“B” began on echo." in text
    assert "Everything is done." not in text
    assert 'value="5"' in text
    assert 'href="?at=4"' in text
    assert 'href="?at=6"' in text
    assert "State now" in text


def test_the_fragment_shows_what_the_page_shows(operator: Client) -> None:
    execution = completed()
    parts = fragment(operator, f"/executions/{execution.pk}/at/5/")
    assert nodes(parts) == {"A": "Completed", "B": "Running", "C": "Pending"}
    assert parts.count('hx-swap-oob="true"') == 9
    assert "<html" not in parts
    assert nodes(fragment(operator, f"/executions/{execution.pk}/live/", at=5)) == nodes(parts)


def test_every_row_has_its_sentence(operator: Client, approver: Client) -> None:
    asked = waiting()
    approver.post(f"/approvals/{asked.pk}/decide/", {"verdict": "approve", "comment": "fine"})
    ran(asked.execution)
    told = [_said(operator, asked.execution_id, seq) for seq in range(1, 11)]
    assert told == [
        "The execution was created.",
        "The execution began.",
        "“Ask” began.",
        "“Ask” began to wait.",
        "grace approved “Ask”.",
        "“Ask” went on.",
        "“Ask” completed.",
        "“After” began on echo.",
        "“After” completed.",
        "The execution completed.",
    ]


def test_a_failure_is_told_with_its_error(operator: Client) -> None:
    execution = failed()
    text = page(operator, f"/executions/{execution.pk}/?at=4")
    assert "“A” failed." in text
    assert nodes(text) == {"A": "Failed"}
    assert '<p class="task-error">It broke.</p>' in text
    assert "/retry/" not in text.partition('id="x-tasks"')[2]
    before = page(operator, f"/executions/{execution.pk}/?at=3")
    assert '<p class="task-error">' not in before


def test_what_came_later_is_not_shown_with_the_past(operator: Client) -> None:
    execution = scored()
    part = fragment(operator, f"/executions/{execution.pk}/at/3/").partition('id="x-tasks"')[2]
    tasks = part.partition("</section>")[0]
    assert "<h3>Output</h3>" not in tasks
    assert "score" not in _card(operator, execution, 3, "x-variables")


def test_variables_are_as_they_were_and_say_what_changed(operator: Client) -> None:
    execution = scored()
    first = _card(operator, execution, 4, "x-variables")
    assert re.search(r'<th scope="row" class="mono">score.*?<td>1.*?data-how="added"', first, re.S)
    second = _card(operator, execution, 6, "x-variables")
    assert 'data-how="changed"' in second
    assert '<del title="1">' in second
    assert re.search(r"<ins title=\"{&quot;x&quot;: 2}\">", second)
    unchanged = _card(operator, execution, 5, "x-variables")
    assert "changed-here" not in unchanged
    assert ">score" in unchanged


def test_the_history_leads_to_each_change(operator: Client) -> None:
    execution = scored()
    history = _card(operator, execution, 4, "x-history")
    assert re.findall(r'href="\?at=(\d+)"', history) == ["6", "4", "1"]
    assert re.findall(r'aria-current="step".*?>(\d+)<', history) == ["4"]
    live = page(operator, f"/executions/{execution.pk}/")
    assert re.findall(r'id="h-\d+" href="\?at=(\d+)"', live) == ["6", "4", "1"]


@pytest.mark.parametrize("at", [9, 10, 2**70])
def test_the_last_row_and_what_lies_after_it_are_the_present(operator: Client, at: int) -> None:
    execution = completed()
    for address in (f"?at={at}", f"live/?at={at}"):
        text = page(operator, f"/executions/{execution.pk}/{address}")
        assert "Everything is done." in text
        assert "You are looking at the past" not in text


@pytest.mark.parametrize("at", ["0", "-1", "x", "1.5"])
def test_what_is_no_row_is_refused_by_name(operator: Client, at: str) -> None:
    execution = completed()
    text = page(operator, f"/executions/{execution.pk}/?at={at}", 404)
    assert f"at: “{at}” is no audit row; it is a number from 1 on." in text


def test_rows_that_contradict_one_another_are_told_and_do_not_break_the_page(
    operator: Client,
) -> None:
    execution = completed()
    tamper(
        "UPDATE workflows_auditevent SET old_state = 'paused' WHERE execution_id = %s AND seq = 4",
        execution.pk,
    )
    assert "Row 4 starts from paused; it was running." in page(
        operator, f"/executions/{execution.pk}/?at=6", 409
    )
    page(operator, f"/executions/{execution.pk}/")


def test_who_may_not_read_the_audit_has_no_slider_and_sees_the_present(approver: Client) -> None:
    execution = completed()
    for address in ("", "?at=5", "?at=x"):
        text = page(approver, f"/executions/{execution.pk}/{address}")
        assert "Everything is done." in text
        assert 'id="slider"' not in text
        assert 'id="x-history"' not in text
        assert ("your role does not show the past" in text) is bool(address)
    assert "past" not in fragment(approver, f"/executions/{execution.pk}/live/", at=5)
    page(approver, f"/executions/{execution.pk}/at/5/", 403)


def test_a_stranger_is_refused(stranger: Client) -> None:
    execution = completed()
    page(stranger, f"/executions/{execution.pk}/?at=5", 403)
    page(stranger, f"/executions/{execution.pk}/at/5/", 403)


def test_an_execution_that_does_not_exist_has_no_past(operator: Client) -> None:
    page(operator, "/executions/999/at/5/", 404)


def test_a_moment_costs_the_same_queries_for_any_number_of_rows(
    operator: Client, django_assert_num_queries: Any
) -> None:
    short, long = completed(), ran(start(*chain(*(f"t{n}" for n in range(30))), key="long"))
    lengthened(long, 3000)
    page(operator, f"/executions/{short.pk}/at/5/")
    for execution in (short, long):
        with django_assert_num_queries(8):
            page(operator, f"/executions/{execution.pk}/at/5/")
        page(operator, f"/executions/{execution.pk}/?at=5")  # looks once for the version's document
    with django_assert_num_queries(7):
        page(operator, f"/executions/{short.pk}/?at=5")
    with django_assert_num_queries(9):
        page(operator, f"/executions/{long.pk}/?at=5")


def test_a_moment_is_the_right_one_among_thousands_of_rows(operator: Client) -> None:
    execution = completed()
    lengthened(execution, 3000)
    rows = execution.audit_events.count()
    parts = fragment(operator, f"/executions/{execution.pk}/at/{rows - 1}/")
    assert nodes(parts) == {"A": "Completed", "B": "Completed", "C": "Running"}
    assert f"Row {rows - 1} of {rows}: “C” went on." in parts
    assert parts.count("<line data-state=") <= 241


def test_a_paused_execution_was_running_before(operator: Client) -> None:
    make_agent()
    execution = start(step("a"))
    engine.pause(execution.pk, by=None, reason="audit day")
    rows = execution.audit_events.count()
    then = page(operator, f"/executions/{execution.pk}/?at={rows - 1}")
    banner = then.partition('id="x-why"')[2].partition("</div>")[0]
    assert 'data-state="running"' in banner
    assert 'data-state="paused"' in then.partition('id="x-facts"')[2].partition("</dl>")[0]


def _said(client: Client, execution_id: int, seq: int) -> str:
    text = fragment(client, f"/executions/{execution_id}/at/{seq}/")
    return re.findall(r'<span class="what">(.*?)</span>', text)[0]


def _card(client: Client, execution: Execution, seq: int, part: str) -> str:
    parts = fragment(client, f"/executions/{execution.pk}/at/{seq}/")
    return parts.partition(f'id="{part}"')[2].partition("</section>")[0]
