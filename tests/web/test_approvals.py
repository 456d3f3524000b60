from __future__ import annotations

import re

import pytest
from django.test import Client

from agents import runner
from tests.factories import human, make_agent, make_user, register, start, step
from tests.web.conftest import client_for, fragment, page, ran, waiting
from workflows import engine
from workflows.models import Approval
from workflows.views import approvals

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def test_the_inbox_shows_what_waits_for_my_group(approver: Client, operator: Client) -> None:
    asked = waiting(title="Pay 900?")
    assert "Pay 900?" in page(approver, "/inbox/")
    assert '<span class="count" id="inbox-count">1</span>' in page(approver, "/inbox/")
    assert "You are up to date" in page(operator, "/inbox/")
    assert "Pay 900?" in page(operator, "/inbox/?box=all")
    assert f"/approvals/{asked.pk}/" in page(approver, "/")


def test_the_inbox_shows_what_waits_for_me_by_name() -> None:
    make_agent()
    ran(start(human("ask", groups=[], users=["hana"], title="For Hana")))
    assert "For Hana" in page(client_for("hana", "approver"), "/inbox/")
    assert "For Hana" not in page(client_for("kim", "approver"), "/inbox/")


def test_what_i_have_decided_moves_to_done(approver: Client) -> None:
    asked = waiting(title="Pay 900?")
    approver.post(f"/approvals/{asked.pk}/decide/", {"verdict": "approve"})
    assert "Pay 900?" not in page(approver, "/inbox/")
    assert "Pay 900?" in page(approver, "/inbox/?box=done")


def test_an_approval_is_shown_as_a_table_not_as_json(approver: Client) -> None:
    make_agent()
    asked_of = human("ask", groups=["approver"]) | {"input": {"items": [{"sku": "S-1"}], "x": None}}
    ran(start(asked_of))
    text = page(approver, f"/approvals/{Approval.objects.get().pk}/")
    assert "S-1" in text
    assert "{&quot;" not in text
    assert '"sku"' not in text


def test_approving_lets_the_execution_go_on(approver: Client) -> None:
    asked = waiting()
    answer = approver.post(
        f"/approvals/{asked.pk}/decide/",
        {"verdict": "approve", "comment": "fine", "digest": asked.digest},
        headers=HTMX,
    )
    text = answer.content.decode()
    assert "The execution went on." in text
    assert "fine" in text
    runner.drain()
    asked.execution.refresh_from_db()
    assert asked.execution.state == "completed"


def test_the_second_to_decide_sees_who_was_first(approver: Client) -> None:
    asked = waiting()
    second = client_for("kim", "approver")
    approver.post(f"/approvals/{asked.pk}/decide/", {"verdict": "reject", "comment": "no"})
    answer = second.post(f"/approvals/{asked.pk}/decide/", {"verdict": "approve"}, headers=HTMX)
    assert answer.status_code == 409
    assert b"already been decided" in answer.content
    text = page(second, f"/approvals/{asked.pk}/")
    assert "grace" in text
    assert 'value="approve"' not in text


def test_a_quorum_says_how_many_are_missing(approver: Client) -> None:
    asked = waiting(required=2)
    approver.post(f"/approvals/{asked.pk}/decide/", {"verdict": "approve"})
    assert "1 more approval is needed." in page(approver, f"/approvals/{asked.pk}/")


def test_the_requester_is_refused_with_a_reason() -> None:
    make_agent()
    person = make_user("eve", "operator", "approver")
    client = Client()
    client.force_login(person)
    start(human("ask", groups=["approver"]), step("b", "ask"))
    ran(engine.start_workflow("flow", by=person))
    asked = Approval.objects.latest("pk")
    text = page(client, f"/approvals/{asked.pk}/")
    assert "You started this execution" in text
    assert 'value="approve"' not in text
    answer = client.post(f"/approvals/{asked.pk}/decide/", {"verdict": "approve"}, headers=HTMX)
    assert answer.status_code == 403


def test_what_has_changed_meanwhile_is_not_decided(approver: Client) -> None:
    asked = waiting()
    answer = approver.post(
        f"/approvals/{asked.pk}/decide/", {"verdict": "approve", "digest": "0" * 64}, headers=HTMX
    )
    assert answer.status_code == 409


@pytest.mark.parametrize("verdict", ["", "maybe"])
def test_an_unknown_verdict_is_422(approver: Client, verdict: str) -> None:
    asked = waiting()
    data = {"verdict": verdict}
    answer = approver.post(f"/approvals/{asked.pk}/decide/", data, headers=HTMX)
    assert answer.status_code == 422


def test_only_approvers_decide(operator: Client, stranger: Client) -> None:
    asked = waiting()
    assert "Your role does not decide approvals." in page(operator, f"/approvals/{asked.pk}/")
    for client in (operator, stranger):
        data = {"verdict": "approve"}
        assert client.post(f"/approvals/{asked.pk}/decide/", data).status_code == 403
    page(stranger, f"/approvals/{asked.pk}/", 403)
    asked.refresh_from_db()
    assert asked.state == "open"


def test_the_decision_comes_back_alone_for_a_live_page(approver: Client) -> None:
    asked = waiting()
    assert "<html" not in fragment(approver, f"/approvals/{asked.pk}/")
    assert 'hx-swap-oob="true"' in fragment(approver, "/inbox/")


def test_the_inbox_costs_the_same_whatever_it_shows(
    approver: Client, django_assert_num_queries
) -> None:
    waiting()
    for _ in range(2):
        with django_assert_num_queries(8):
            page(approver, "/inbox/")
        ran(engine.start_workflow("flow"))


FORM = {
    "type": "object",
    "required": ["amount"],
    "properties": {
        "note": {"type": "string", "title": "What for", "propertyOrder": 1},
        "amount": {"type": "number", "maximum": 100, "propertyOrder": 2},
        "kind": {"enum": ["goods", "work"], "propertyOrder": 3},
        "any": {"type": "array", "items": True},
    },
}


def test_a_form_stands_under_the_question_in_its_order(approver: Client, operator: Client) -> None:
    address = f"/approvals/{waiting(form=FORM).pk}/"
    text = page(approver, address)
    places = [text.index(f'name="data.{name}"') for name in ("note", "amount", "kind", "any")]
    assert places == sorted(places)
    assert text.index("<option>goods") > 0
    assert 'name="data.amount"' not in page(operator, address)


def test_what_misses_the_form_is_told_at_its_field_and_nothing_is_lost(approver: Client) -> None:
    asked = waiting(form=FORM)
    typed = {"verdict": "approve", "has_form": "1", "data.note": "A desk", "comment": "well"}
    for amount, said in (
        ("", "This is needed."),
        ("nan", "A number was expected."),
        ("101", "maximum"),
    ):
        for headers in ({}, HTMX):
            answer = approver.post(
                f"/approvals/{asked.pk}/decide/", {**typed, "data.amount": amount}, headers=headers
            )
            text = answer.content.decode()
            assert answer.status_code == 422
            assert said in text.partition('name="data.amount"')[2].partition("</div>")[0]
            assert f'name="data.amount" value="{amount}"' in text
            assert 'value="A desk"' in text
            assert ">well</textarea>" in text
    answer = approver.post(
        f"/approvals/{asked.pk}/decide/",
        {**typed, "data.amount": "5", "data.kind": "work"},
        headers=HTMX,
    )
    assert "A desk" in answer.content.decode()
    given = asked.decisions.get()
    assert given.data == {"note": "A desk", "amount": 5, "kind": "work"}


def test_a_form_is_asked_of_nobody_who_rejects(approver: Client) -> None:
    asked = waiting(form=FORM)
    typed = {"verdict": "reject", "has_form": "1", "data.amount": "x"}
    answer = approver.post(f"/approvals/{asked.pk}/decide/", typed, headers=HTMX)
    assert "took the path for a rejection" in answer.content.decode()


def test_an_approval_without_its_form_is_told_what_it_lacks(approver: Client) -> None:
    asked = waiting(form=FORM)
    answer = approver.post(f"/approvals/{asked.pk}/decide/", {"verdict": "approve"}, headers=HTMX)
    assert answer.status_code == 422
    assert b"amount" in answer.content
    stranger = client_for("mallory")
    typed = {"verdict": "approve", "has_form": "1"}
    assert stranger.post(f"/approvals/{asked.pk}/decide/", typed).status_code == 403


def test_what_is_due_first_stands_first_on_every_page_of_the_inbox(approver: Client) -> None:
    make_agent()
    register(human("ask", due="by", title="Late or not"))
    far = ["2040-01-01T00:00:00Z", None, "2030-01-01T00:00:00Z", None, "2020-01-01T00:00:00Z"]
    for by in far:
        ran(engine.start_workflow("flow", {"by": by}))
    pks = [one.pk for one in Approval.objects.order_by("pk")]
    wanted = [pks[4], pks[2], pks[0], pks[3], pks[1]]
    assert re.findall(r'data-row="(\d+)"', page(approver, "/inbox/")) == [str(pk) for pk in wanted]
    fetch = approvals._by_due_time(Approval.objects.all())
    for place, pk in enumerate(wanted):
        assert [one.pk for one in fetch(pk, None, 9)] == wanted[place + 1 :]
        assert [one.pk for one in fetch(None, pk, 9)] == wanted[:place][::-1]


def test_an_overdue_approval_is_marked_by_a_word_and_an_icon(approver: Client) -> None:
    asked = waiting(due="PT0S")
    of_execution = f"/executions/{asked.execution_id}/"
    for address in ("/inbox/", "/", f"/approvals/{asked.pk}/", of_execution):
        text = page(approver, address)
        assert "Overdue</span>" in text, address
        assert "was due" in text, address
        assert re.search(r"data-overdue>\s*<svg", text), address


def test_what_is_due_later_says_when_and_is_not_marked(approver: Client) -> None:
    asked = waiting(due="PT4H")
    text = page(approver, f"/approvals/{asked.pk}/")
    assert "due <time" in text
    assert "Overdue" not in text
    assert "data-overdue" not in text
    assert "due in" in page(approver, f"/executions/{asked.execution_id}/")
