from __future__ import annotations

import pytest
from django.test import Client

from agents.models import Agent
from tests.factories import make_agent, task
from tests.web.conftest import completed, fragment, page
from workflows.models import AgentSlot

pytestmark = pytest.mark.django_db(transaction=True)


def test_agents_are_listed_with_their_load(operator: Client) -> None:
    make_agent(max_concurrent_tasks=4)
    slot = AgentSlot.objects.first()
    assert slot is not None
    AgentSlot.objects.filter(pk=slot.pk).update(task=1)
    text = page(operator, "/agents/")
    assert "1/4" in text
    assert "Active" in text
    assert "1/4" in fragment(operator, "/agents/", part="loads")


def test_an_active_agent_without_a_heartbeat_is_silent(operator: Client) -> None:
    make_agent()
    Agent.objects.update(last_heartbeat=None)
    assert "Silent" in page(operator, "/agents/")


def test_an_agent_shows_what_it_was_given(operator: Client) -> None:
    execution = completed()
    text = page(operator, "/agents/echo/")
    assert text.count(f"/executions/{execution.pk}/#task-") == 3
    page(operator, "/agents/nobody/", 404)


def test_a_task_tells_why_this_agent(operator: Client) -> None:
    make_agent("other", capabilities=["else"])
    execution = completed()
    text = fragment(operator, f"/agents/assignments/{task(execution, 'a').pk}/")
    assert "Attempt 1" in text
    assert "chosen: the least load for its size" in text
    assert "other" in text
    page(operator, "/agents/assignments/1/", 404)


def test_no_agents_says_what_to_do(operator: Client) -> None:
    assert "No agents yet" in page(operator, "/agents/")


def test_the_list_costs_the_same_whatever_it_shows(
    operator: Client, django_assert_num_queries
) -> None:
    for key in ("a", "b"):
        make_agent(key)
        with django_assert_num_queries(8):
            page(operator, "/agents/")


def test_a_stranger_is_refused(stranger: Client) -> None:
    for path in ("/agents/", "/agents/echo/", "/agents/assignments/1/"):
        page(stranger, path, 403)
