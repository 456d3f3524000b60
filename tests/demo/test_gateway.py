"""The payment gateway and the suppliers, over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from config.demo.gateway.ledger import Ledger
from tests.demo.conftest import serving

ORDER = {"order_id": "ORD-2026-001", "customer_id": "CUST-123", "amount": 299.99, "currency": "USD"}


def charge(client, key="k1", **changes):
    return client.post("/charges", json=ORDER | changes, headers={"Idempotency-Key": key})


def charges_of(client, order_id=ORDER["order_id"]):
    return client.get("/charges", params={"order_id": order_id}).json()["charges"]


def test_a_charge_is_captured_and_listed(client_of):
    answer = charge(client_of)
    assert answer.status_code == 201
    assert answer.json()["status"] == "captured"
    listed = charges_of(client_of)
    assert [(c["amount"], c["idempotency_key"]) for c in listed] == [(299.99, "k1")]


def test_the_same_key_gets_the_same_answer_and_no_second_charge(client_of):
    first, second = charge(client_of), charge(client_of)
    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(charges_of(client_of)) == 1


def test_fifty_parallel_requests_with_one_key_charge_once(gateway):
    def once(_):
        return charge(httpx2.Client(base_url=gateway.url, trust_env=False, timeout=60))

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(once, range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(gateway.charges.listed()) == 1


def test_another_body_under_the_same_key_is_refused(client_of):
    charge(client_of)
    assert charge(client_of, amount=1).status_code == 422
    assert len(charges_of(client_of)) == 1


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({}, json.dumps(ORDER), 400),
        ({"Idempotency-Key": "k" * 300}, json.dumps(ORDER), 400),
        ({"Idempotency-Key": "k"}, "{not json", 400),
        ({"Idempotency-Key": "k"}, "[" * 50_000, 400),
        ({"Idempotency-Key": "k"}, "[]", 400),
        ({"Idempotency-Key": "k"}, json.dumps(ORDER | {"amount": -1}), 400),
        ({"Idempotency-Key": "k"}, json.dumps(ORDER | {"amount": True}), 400),
        ({"Idempotency-Key": "k"}, json.dumps(ORDER | {"amount": 1.001}), 400),
        ({"Idempotency-Key": "k"}, json.dumps(ORDER | {"amount": float("nan")}), 400),
        ({"Idempotency-Key": "k"}, json.dumps(ORDER | {"currency": "XXX"}), 400),
        ({"Idempotency-Key": "k"}, json.dumps(ORDER | {"order_id": ""}), 400),
        ({"Idempotency-Key": "k"}, json.dumps(ORDER | {"order_id": 7}), 400),
        ({"Idempotency-Key": "k", "Content-Type": "text/plain"}, json.dumps(ORDER), 415),
        ({"Idempotency-Key": "k"}, "x" * 70_000, 413),
    ],
)
def test_a_bad_request_is_refused_and_charges_nothing(gateway, headers, content, status):
    headers = {"Content-Type": "application/json"} | headers
    answer = httpx2.post(
        gateway.url + "/charges", headers=headers, content=content, trust_env=False
    )
    assert answer.status_code == status
    assert answer.json()["error"]
    assert gateway.charges.listed() == []


def test_an_order_with_retry_in_it_meets_a_gateway_that_is_down_once(client_of):
    first = charge(client_of, order_id="ORD-RETRY-1")
    assert (first.status_code, first.headers["Retry-After"]) == (503, "1")
    assert charges_of(client_of, "ORD-RETRY-1") == []
    assert charge(client_of, order_id="ORD-RETRY-1").status_code == 201
    assert charge(client_of, order_id="ORD-RETRY-1").headers["Idempotent-Replayed"] == "true"


def test_some_orders_meet_a_gateway_that_is_down_the_same_ones_each_time(client_of):
    statuses = [charge(client_of, key=f"k{n}", order_id=f"ORD-{n}").status_code for n in range(60)]
    again = [charge(client_of, key=f"again{n}", order_id=f"ORD-{n}").status_code for n in range(60)]
    assert set(statuses) == {201, 503}
    assert statuses == again


@pytest.mark.parametrize(
    "changes",
    [{"amount": 5000.01}, {"order_id": "ORD-DECLINE"}, {"customer_id": "CUST-400", "amount": 401}],
)
def test_a_decline_says_why_and_stays(client_of, changes):
    first, second = charge(client_of, **changes), charge(client_of, **changes)
    assert first.status_code == second.status_code == 402
    assert first.json() == second.json()
    assert first.json()["status"] == "declined"
    assert first.json()["reason"]


def test_a_restart_keeps_every_charge(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    with serving(ledger) as first:
        before = charge(httpx2.Client(base_url=first.url, trust_env=False, timeout=60)).json()
    with serving(ledger) as second:
        after = charge(httpx2.Client(base_url=second.url, trust_env=False, timeout=60))
        assert after.json() == before
        assert after.headers["Idempotent-Replayed"] == "true"
        assert len(second.charges.listed()) == 1


def test_a_line_that_a_crash_cut_short_never_happened(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"type":"lock"}\n{"type":"cha')
    ledger = Ledger(path)
    assert ledger.records == [{"type": "lock"}]
    ledger.append({"type": "next"})
    ledger.close()
    assert path.read_bytes() == b'{"type":"lock"}\n{"type":"next"}\n'


def test_two_gateways_cannot_share_a_ledger(gateway, tmp_path):
    with pytest.raises(BlockingIOError):
        Ledger(tmp_path / "ledger.jsonl")


def test_a_locked_catalogue_is_refused_until_it_is_unlocked_and_a_restart_remembers(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    with serving(ledger) as first:
        client = httpx2.Client(base_url=first.url, trust_env=False, timeout=60)
        assert client.get("/suppliers/SUP-NORTH/catalogue").status_code == 423
        assert client.put("/suppliers/SUP-NORTH/lock", json={"locked": False}).is_success
        items = client.get("/suppliers/SUP-NORTH/catalogue").json()["items"]
        assert {"sku": "SKU-001", "price": 92.5} in items
    with serving(ledger) as second:
        client = httpx2.Client(base_url=second.url, trust_env=False, timeout=60)
        assert client.get("/suppliers/SUP-NORTH/catalogue").status_code == 200
        assert client.get("/suppliers/NOBODY/catalogue").status_code == 404
        assert client.put("/suppliers/SUP-NORTH/lock", json={"locked": 1}).status_code == 400


def test_the_page_shows_charges_and_escapes_them(client_of):
    charge(client_of, order_id="<script>alert(1)</script>")
    page = client_of.get("/").text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert client_of.get("/health").json() == {"status": "ok"}
    assert client_of.get("/nothing").status_code == 404


@pytest.mark.ops
def test_a_killed_gateway_has_forgotten_nothing_it_said(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    with process(ledger) as (gateway, url):
        said = charge(httpx2.Client(base_url=url, trust_env=False, timeout=60)).json()
        gateway.send_signal(signal.SIGKILL)
        gateway.wait(60)
    with process(ledger) as (gateway, url):
        client = httpx2.Client(base_url=url, trust_env=False, timeout=60)
        assert charge(client).json() == said
        assert len(charges_of(client)) == 1
        gateway.terminate()
        assert gateway.wait(60) == 0


@contextlib.contextmanager
def process(ledger):
    """The management command in a process of its own, and the address that it prints."""
    arguments = ["payment_gateway", "--port", "0", "--latency", "0", "--ledger", str(ledger)]
    with subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"SIGNALBOX_DEMO": "1"},
    ) as running:
        try:
            yield running, running.stdout.readline().split()[-1]
        finally:
            running.kill()
