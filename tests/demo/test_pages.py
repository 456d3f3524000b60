from __future__ import annotations

import pytest
from django.test import Client

from agents.executors import Call
from config.demo.models import Customer
from config.demo.outbox import newest
from config.demo.tools.messages import send_confirmation
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def client_for(name: str, *groups: str) -> Client:
    client = Client()
    client.force_login(make_user(name, *groups))
    return client


@pytest.fixture
def operator() -> Client:
    return client_for("ada", "operator")


@pytest.fixture
def mail():
    Customer.objects.create(customer_id="C", name="<b>Mary</b>", email="mary@example.com")
    order = {"customer_id": "C", "order_id": "<i>1</i>", "channels": ["email"]}
    send_confirmation(order, Call(7, 7 << 20, "tell", 1, "7:tell:0", {}, {}))
    return newest()[0]


def test_the_outbox_lists_mails_and_shows_one(operator, mail):
    page = operator.get("/outbox/").content.decode()
    assert f"/outbox/{mail.id}/" in page
    assert "&lt;i&gt;1&lt;/i&gt;" in page
    shown = operator.get(f"/outbox/{mail.id}/").content.decode()
    assert "Dear &lt;b&gt;Mary&lt;/b&gt;" in shown
    assert "<b>Mary" not in shown


def test_an_empty_outbox_teaches_the_next_step(operator):
    assert b"Nothing has been mailed yet" in operator.get("/outbox/").content


def test_there_is_no_page_for_a_mail_that_does_not_exist(operator):
    assert operator.get("/outbox/20260101-000000-1.log-0/").status_code == 404


def test_the_partners_are_shown_and_unlocked(operator, gateway):
    assert b"Locked" in operator.get("/partners/").content
    answer = operator.post("/partners/SUP-NORTH/lock/", {"locked": "no"}, follow=True)
    assert answer.status_code == 200
    assert b"Locked" not in answer.content
    assert not any(supplier["locked"] for supplier in gateway.suppliers.listed())


def test_partners_that_do_not_answer_are_no_error(operator, settings):
    settings.PAYMENT_URL = "http://127.0.0.1:1"
    page = operator.get("/partners/")
    assert page.status_code == 200
    assert b"do not answer" in page.content
    assert operator.post("/partners/SUP-NORTH/lock/", {"locked": "no"}).status_code == 302


PAGES = ["/outbox/", "/outbox/20260101-000000-1.log-0/", "/partners/"]


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_is_refused_and_a_visitor_sent_to_the_login(page):
    assert client_for("eve").get(page).status_code == 403
    answer = Client().get(page)
    assert answer.status_code == 302
    assert answer.url.startswith("/login/")


def test_only_an_operator_unlocks(gateway):
    for name, group in (("vera", "auditor"), ("grace", "approver")):
        answer = client_for(name, group).post("/partners/SUP-NORTH/lock/", {"locked": "no"})
        assert answer.status_code == 403
    assert Client().post("/partners/SUP-NORTH/lock/", {"locked": "no"}).status_code == 302
    assert gateway.suppliers.listed()[0]["locked"]


def test_looking_changes_nothing(operator, gateway):
    assert operator.get("/partners/SUP-NORTH/lock/").status_code == 405
    assert gateway.suppliers.listed()[0]["locked"]
