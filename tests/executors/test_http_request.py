"""What the `http` agent sends."""

from __future__ import annotations

import json

from agents.executors import Done, Failed, run


def test_every_attempt_carries_the_same_key_and_its_own_number(server, call):
    url = server.answers("/", "200 OK", b"{}")
    run("http", call({"url": url}, attempt=1))
    run("http", call({"url": url}, attempt=2))
    assert [request.headers["idempotency-key"] for request in server.heard] == ["7:pay:0"] * 2
    assert [request.headers["x-attempt"] for request in server.heard] == ["1", "2"]
    assert {request.headers["x-execution-id"] for request in server.heard} == {"7"}


def test_an_agents_own_headers_are_sent_but_never_replace_the_key(server, call):
    url = server.answers("/", "200 OK")
    headers = {"X-Shop": "north", "Idempotency-Key": "mine"}
    run("http", call({"url": url, "headers": headers}))
    assert server.heard[0].headers["x-shop"] == "north"
    assert server.heard[0].headers["idempotency-key"] == "7:pay:0"


def test_a_header_that_breaks_out_of_its_line_is_refused(server, call):
    url = server.answers("/", "200 OK")
    outcome = run("http", call({"url": url, "headers": {"X-Shop": "north\r\nHost: other"}}))
    assert outcome == Failed("The agent's headers must be printable ASCII.", "configuration", False)
    assert server.heard == []


def test_the_whole_input_is_the_body_unless_the_agent_chooses(server, call):
    url = server.answers("/", "200 OK")
    values = {"order_id": "ORD-1", "total_amount": 5, "secret_note": "x"}
    run("http", call({"url": url}, values))
    run("http", call({"url": url, "body": ["order_id"]}, values))
    run("http", call({"url": url, "body": {"amount": "total_amount"}}, values))
    bodies = [json.loads(request.body) for request in server.heard]
    assert bodies == [values, {"order_id": "ORD-1"}, {"amount": 5}]


def test_a_body_that_needs_a_missing_key_fails_and_names_it(server, call):
    outcome = run("http", call({"url": server.url, "body": ["order_id", "amount"]}, {"amount": 1}))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "order_id" in outcome.message


def test_placeholders_are_quoted_into_the_path(server, call):
    server.answers("/suppliers/a%2Fb%3Fc%20d/list", "200 OK", b'{"ok": true}')
    url = server.url + "/suppliers/{supplier}/list"
    outcome = run("http", call({"url": url, "method": "GET"}, {"supplier": "a/b?c d"}))
    assert outcome == Done({"status": 200, "body": {"ok": True}})
    assert server.heard[0].body == b""


def test_an_unknown_placeholder_fails_and_names_it(server, call):
    outcome = run("http", call({"url": server.url + "/{supplier_id}"}, {"other": 1}))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "supplier_id" in outcome.message


def test_a_placeholder_cannot_climb_up_the_path(server, call):
    outcome = run("http", call({"url": server.url + "/safe/{name}"}, {"name": ".."}))
    assert isinstance(outcome, Failed)
    assert server.heard == []


def test_the_host_cannot_come_from_the_input(server, call):
    for url in ("http://{host}/", "http://{host}:80/", "http://user@127.0.0.1/", "//{host}/"):
        outcome = run("http", call({"url": url}, {"host": f"127.0.0.1:{server.port}"}))
        assert isinstance(outcome, Failed), url
        assert outcome.kind == "configuration"
    assert server.heard == []


def test_a_published_url_is_named_and_a_secret_is_not(server, call, settings):
    settings.PAYMENT_URL = server.url + "/"
    settings.SECRET_KEY = "very-secret"
    server.answers("/charges", "200 OK", b"{}")
    good = run("http", call({"url": "${SIGNALBOX_PAYMENT_URL}/charges"}))
    assert isinstance(good, Done)
    for name in ("SIGNALBOX_SECRET_KEY", "SECRET_KEY", "DATABASE_URL", "SIGNALBOX_NO_SUCH_URL"):
        bad = run("http", call({"url": server.url + "/${" + name + "}"}))
        assert isinstance(bad, Failed)
        assert name in bad.message
        assert "very-secret" not in bad.message


def test_cookies_of_one_call_are_not_sent_with_the_next(server, call):
    url = server.answers("/", "200 OK\r\nSet-Cookie: session=1; Path=/")
    run("http", call({"url": url}))
    run("http", call({"url": url}))
    assert "cookie" not in server.heard[1].headers
