from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import chain, make_agent, register
from tests.web.conftest import failed, fragment, page, waiting
from workflows import engine
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)


def many(count: int, key: str = "flow") -> list[int]:
    make_agent()
    register(*chain("a"), key=key)
    return [engine.start_workflow(key).pk for _ in range(count)]


def shown(text: str) -> list[int]:
    return [int(part.split('"')[0]) for part in text.split('data-row="')[1:]]


def test_the_newest_come_first_and_the_rest_is_reached_by_key(operator: Client) -> None:
    ids = many(120)
    first = page(operator, "/executions/")
    assert shown(first) == ids[:-51:-1]
    second = page(operator, f"/executions/?before={ids[-50]}")
    assert shown(second) == ids[-51:-101:-1]
    back = page(operator, f"/executions/?after={ids[-51]}")
    assert shown(back) == ids[:-51:-1]


def test_filters_are_in_the_address(operator: Client) -> None:
    many(2, "one")
    many(1, "two")
    broken = failed(key="three").pk
    assert shown(page(operator, "/executions/?state=failed")) == [broken]
    assert len(shown(page(operator, "/executions/?workflow=one"))) == 2
    assert 'Completed<span class="num">2</span>' in page(operator, "/executions/?workflow=one")
    assert len(shown(page(operator, "/executions/?state=completed"))) == 3
    assert len(shown(page(operator, "/executions/?state=nonsense&workflow=none"))) == 4


@pytest.mark.parametrize("text", ["thr", "THREE", "It broke", "{id}", "#{id}", "key-7"])
def test_text_finds_name_key_error_number_and_idempotency_key(operator: Client, text: str) -> None:
    broken = failed(key="three")
    Execution.objects.filter(pk=broken.pk).update(idempotency_key="key-7")
    many(2, "other")
    found = operator.get("/executions/", {"q": text.format(id=broken.pk)})
    assert shown(found.content.decode()) == [broken.pk]


def test_nothing_found_says_what_to_do(operator: Client) -> None:
    assert "Clear filters" in page(operator, "/executions/?q=%00nothing")
    assert "Choose a workflow" in page(operator, "/executions/")


def test_a_row_offers_the_action_its_state_allows(operator: Client, approver: Client) -> None:
    broken = failed(key="three").pk
    asked = waiting()
    rows = page(operator, "/executions/")
    assert f"/executions/{broken}/retry/" in rows
    assert f"/approvals/{asked.pk}/" not in rows
    rows = page(approver, "/executions/")
    assert f"/executions/{broken}/retry/" not in rows
    assert f"/approvals/{asked.pk}/" in rows


def test_changed_rows_come_back_to_be_swapped(operator: Client) -> None:
    ids = many(3)
    answer = fragment(
        operator, "/executions/rows/", ids=f"{ids[0]},{ids[2]},x,99999999999999999999"
    )
    assert answer.count('hx-swap-oob="true"') == 2


def test_counts_stop_at_999(operator: Client) -> None:
    many(1)
    one = Execution.objects.get()
    copies = []
    for number in range(1, 1_005):
        copy = Execution.objects.get(pk=one.pk)
        copy.pk = one.pk + number
        copies.append(copy)
    Execution.objects.bulk_create(copies)
    assert "999+" in page(operator, "/executions/")


def test_the_list_costs_the_same_whatever_it_shows(
    operator: Client, django_assert_num_queries
) -> None:
    many(3)
    with django_assert_num_queries(9):
        page(operator, "/executions/")
    many(60, "more")
    with django_assert_num_queries(9):
        page(operator, "/executions/")
    with django_assert_num_queries(13):
        page(operator, "/executions/?q=flow&state=pending")


def test_a_stranger_is_refused(stranger: Client) -> None:
    page(stranger, "/executions/", 403)
    page(stranger, "/executions/rows/?ids=1", 403)
