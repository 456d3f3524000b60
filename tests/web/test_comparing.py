from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from tests.factories import default, human, node, register, step, when
from tests.web.conftest import page
from workflows import engine
from workflows.models import TaskDefinition, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def words(client: Client, address: str) -> str:
    """The page's text without its tags."""
    text = re.sub(r"<[^>]+>", " ", page(client, address))
    return re.sub(r"\s+", " ", html.unescape(text))


def two_versions() -> None:
    first = [
        step("check"),
        node("choose", "exclusive", "check"),
        step("ship", when("choose", "total < 500")),
        human("ask", default("choose")),
        step("old", "ship"),
    ]
    second = [
        step("check", max_retries=5),
        node("choose", "exclusive", "check"),
        step("ship", when("choose", "total < 900")),
        human("ask", default("choose"), required=2),
        step("new", "ask", kind="agent"),
    ]
    register(*first, variables={"limit": 1})
    register(*second, timeout_minutes=30)
    engine.publish(Workflow.objects.get(), by=None)


def test_two_versions_are_compared_in_words(operator: Client) -> None:
    two_versions()
    text = words(operator, "/workflows/flow/versions/1/compare/2/")
    assert "From v1 to v2" in text
    assert "Check check changed retries is now 5" in text
    assert "New new added" in text
    assert "Old old removed" in text
    assert "approval.required" in text
    assert "Choose → Ship changed condition was total < 500 is now total < 900" in text
    assert "Ask → New added" in text
    assert "changed timeout (minutes) is now 30" in text
    assert "<bpmn" not in text


def test_the_draft_is_compared_with_what_is_published(operator: Client) -> None:
    two_versions()
    same = "/workflows/flow/versions/2/compare/draft/"
    assert "Nothing differs" in words(operator, same)
    TaskDefinition.objects.filter(key="new").update(priority=4, name="Newest")
    text = words(operator, same)
    assert "Newest new changed name was New is now Newest" in text
    assert "changed priority was Normal is now Critical" in text


def test_a_version_is_listed_with_its_comment_and_leads_to_what_is_new_in_it(
    operator: Client,
) -> None:
    register(step("a"))
    TaskDefinition.objects.update(name="Alpha")
    engine.publish(Workflow.objects.get(), by=None, comment="Named as in the handbook")
    listed = page(operator, "/workflows/flow/")
    assert "Named as in the handbook" in listed
    for address in ("versions/1/compare/2/", "versions/2/compare/draft/"):
        assert f'href="/workflows/flow/{address}"' in listed
    text = words(operator, "/workflows/flow/versions/1/compare/2/")
    assert "Named as in the handbook" in text


@pytest.mark.parametrize("ends", ["1/compare/9", "9/compare/1", "1/compare/x", "1/compare/-1"])
def test_a_version_that_is_not_there_is_not_found(operator: Client, ends: str) -> None:
    register(step("a"))
    page(operator, f"/workflows/flow/versions/{ends}/", 404)
