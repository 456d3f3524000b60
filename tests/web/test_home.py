from __future__ import annotations

import pytest
from django.test import Client

from tests.web.conftest import completed, failed, fragment, page

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_empty_desk_teaches_the_first_step(operator: Client, auditor: Client) -> None:
    assert "Choose a workflow" in page(operator, "/")
    assert "As soon as somebody starts" in page(auditor, "/")


def test_it_counts_by_state_and_links_to_the_list(operator: Client) -> None:
    completed()
    failed(key="other")
    text = page(operator, "/")
    assert "/executions/?state=failed" in text
    assert text.count('<span class="value">1</span>') == 2
    assert "It broke." in text
    assert '<b class="num">2</b>' in text
    assert "/workflows/flow/start/" in text


def test_its_figures_come_back_to_be_swapped(approver: Client) -> None:
    text = fragment(approver, "/")
    assert "<html" not in text
    assert 'id="inbox-count" hx-swap-oob="true" hidden' in text


def test_it_costs_the_same_whatever_it_shows(operator: Client, django_assert_num_queries) -> None:
    for key in ("one", "two"):
        failed(key=key)
        with django_assert_num_queries(8):
            page(operator, "/")


def test_a_stranger_is_refused(stranger: Client) -> None:
    page(stranger, "/", 403)


def test_the_side_bar_shows_only_what_may_be_entered(approver: Client, auditor: Client) -> None:
    assert 'href="/audit/"' not in page(approver, "/")
    assert 'href="/audit/"' in page(auditor, "/")
    assert 'href="/admin/"' not in page(auditor, "/")


def test_no_page_carries_inline_styles_or_scripts(operator: Client) -> None:
    execution = completed()
    for path in ("/", "/executions/", f"/executions/{execution.pk}/", "/workflows/", "/agents/"):
        text = page(operator, path)
        assert " style=" not in text
        assert "<style" not in text
        assert text.count("<script") == text.count("<script src=")
        assert " onclick=" not in text
