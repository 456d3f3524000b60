from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import chain, make_agent, register, start, step
from tests.web.conftest import completed, failed, fragment, page, ran, waiting
from workflows import engine
from workflows.models import AgentSlot

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_finished_execution_is_told_whole(operator: Client) -> None:
    execution = completed(input={"total": 5})
    text = page(operator, f"/executions/{execution.pk}/")
    assert "Everything is done." in text
    assert text.count('class="node"') == 3
    assert text.count('class="flow taken"') == 2
    assert text.count('class="bar"') == 3
    assert "execution.completed" in text
    assert "<td>5" in text


def test_a_variable_called_items_is_shown(operator: Client) -> None:
    execution = completed(input={"items": [{"sku": "S-1"}]})
    assert "S-1" in page(operator, f"/executions/{execution.pk}/")


def test_it_says_who_has_to_approve(operator: Client, approver: Client) -> None:
    asked = waiting()
    text = page(operator, f"/executions/{asked.execution_id}/")
    assert "Waits for approval by group approver." in text
    assert "Open approval" in text
    assert "Decide" in page(approver, f"/executions/{asked.execution_id}/")


def test_it_says_what_failed_and_offers_a_retry(operator: Client, auditor: Client) -> None:
    execution = failed()
    text = page(operator, f"/executions/{execution.pk}/")
    assert "failed at attempt 1" in text
    assert "It broke." in text
    assert f"/executions/{execution.pk}/retry/" in text
    assert f"/executions/{execution.pk}/retry/" not in page(auditor, f"/executions/{execution.pk}/")


def test_it_says_when_the_next_attempt_is_due(operator: Client) -> None:
    make_agent("fail", tool="tests.fail")
    policy = {"max_retries": 2, "initial_delay": 60, "jitter": 0}
    execution = ran(start(step("a", capabilities=["fail"]), retry_policy=policy))
    text = page(operator, f"/executions/{execution.pk}/")
    assert "is tried again (attempt 2 of 3)" in text
    assert "data-until" in text


def test_it_says_that_no_agent_can_do_it(operator: Client) -> None:
    execution = start(step("a", capabilities=["magic"]))
    assert "no agent online can do magic" in page(operator, f"/executions/{execution.pk}/")


def test_it_says_that_all_agents_are_busy(operator: Client) -> None:
    make_agent(max_concurrent_tasks=1)
    execution = start(step("a"))
    AgentSlot.objects.update(task=1)
    assert "(echo) are at their limit" in page(operator, f"/executions/{execution.pk}/")


def test_it_says_who_paused_it_and_why(operator: Client) -> None:
    make_agent()
    execution = start(step("a"))
    operator.post(f"/executions/{execution.pk}/pause/", {"reason": "audit day"})
    text = page(operator, f"/executions/{execution.pk}/")
    assert "Paused by ada." in text
    assert "audit day" in text
    assert f"/executions/{execution.pk}/resume/" in text


def test_a_path_not_taken_is_not_drawn_as_taken(operator: Client) -> None:
    make_agent()
    execution = ran(
        start(
            step("a"),
            step("big", {"task": "a", "when": "total > 100"}),
            step("small", {"task": "a", "when": "total <= 100"}),
            step("end", "big", "small", join="one"),
            input={"total": 5},
        )
    )
    text = page(operator, f"/executions/{execution.pk}/")
    assert text.count('class="flow taken"') == 2
    assert text.count('class="flow skipped"') == 2
    assert "<title>total &gt; 100</title>" in text


def test_each_attempt_is_a_bar(operator: Client) -> None:
    make_agent("fail", tool="tests.fail")
    execution = ran(
        start(step("a", capabilities=["fail"], input={"succeeds_at": 3}, max_retries=5))
    )
    text = page(operator, f"/executions/{execution.pk}/")
    assert text.count('class="bar" data-state="failed"') == 2
    assert text.count('class="bar" data-state="completed"') == 1


def test_the_parts_come_back_to_be_swapped(operator: Client, approver: Client) -> None:
    execution = completed()
    parts = fragment(operator, f"/executions/{execution.pk}/live/")
    assert parts.count('hx-swap-oob="true"') == 10
    assert "<html" not in parts
    assert fragment(approver, f"/executions/{execution.pk}/live/").count("hx-swap-oob") == 6


def test_the_chain_is_verified_on_the_page(auditor: Client, approver: Client) -> None:
    execution = completed()
    assert "chain intact" in fragment(auditor, f"/executions/{execution.pk}/verify/")
    page(approver, f"/executions/{execution.pk}/verify/", 403)


def test_the_page_costs_the_same_for_any_number_of_tasks(
    operator: Client, django_assert_num_queries
) -> None:
    short = completed()
    register(*chain(*(f"t{number}" for number in range(30))), key="long")
    long = ran(engine.start_workflow("long"))
    for execution in (short, long):
        page(operator, f"/executions/{execution.pk}/")
        with django_assert_num_queries(7):
            page(operator, f"/executions/{execution.pk}/")


def test_a_stranger_is_refused(stranger: Client) -> None:
    execution = completed()
    page(stranger, f"/executions/{execution.pk}/", 403)
    page(stranger, f"/executions/{execution.pk}/live/", 403)
