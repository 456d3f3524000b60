"""What the `http` agent makes of an answer, friendly or hostile."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc

import pytest

from agents.executors import Done, Failed, InDoubt, run


def test_a_good_answer_is_done_with_its_json(server, call):
    url = server.answers("/", "201 Created", b'{"status": "captured"}')
    assert run("http", call({"url": url})) == Done({"status": 201, "body": {"status": "captured"}})


def test_a_status_that_the_agent_accepts_is_a_result(server, call):
    url = server.answers("/", "402 Payment Required", b'{"status": "declined"}')
    assert isinstance(run("http", call({"url": url, "accept": [402]})), Done)
    outcome = run("http", call({"url": url}))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("http_402", False)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_trouble_is_worth_another_try(server, call, status):
    outcome = run("http", call({"url": server.answers("/", f"{status} Trouble")}))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == (f"http_{status}", True)
    assert not outcome.is_answer


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 422, 423])
def test_a_refusal_is_not_repeated(server, call, status):
    outcome = run("http", call({"url": server.answers("/", f"{status} No")}))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == (f"http_{status}", False)
    assert outcome.is_answer == (status in (400, 404, 409, 422, 423)), "it works, and says no"


def test_a_refusal_tells_the_apis_own_sentence(server, call):
    body = json.dumps({"error": "The catalogue is locked."}).encode()
    outcome = run("http", call({"url": server.answers("/", "423 Locked", body)}))
    assert isinstance(outcome, Failed)
    assert outcome.message == "HTTP 423 Locked: The catalogue is locked."
    assert outcome.details["body"] == {"error": "The catalogue is locked."}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("Retry-After: 7", 7.0),
        ("Retry-After: 999999999999", 86_400.0),
        (
            "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:30 GMT",
            30.0,
        ),
        ("Retry-After: soon", None),
        ("X-Nothing: 1", None),
    ],
)
def test_retry_after_is_respected(server, call, headers, seconds):
    url = server.answers("/", f"503 Service Unavailable\r\n{headers}")
    outcome = run("http", call({"url": url}))
    assert isinstance(outcome, Failed)
    assert outcome.details.get("retry_after_seconds") == seconds


@pytest.mark.parametrize(
    "body", [b"{not json", b"[1, NaN]", b'{"a": 1e999}', b"[" * 100_000, b"9" * 5_000, b"<html>"]
)
def test_what_is_not_json_is_text(server, call, body):
    url = server.answers("/", "200 OK\r\nContent-Type: application/json", body)
    assert run("http", call({"url": url})) == Done({"status": 200, "body": body.decode()})


def test_nul_and_lone_surrogates_are_taken_out(server, call):
    body = b'{"a\\u0000b": "x\\u0000y \\ud800 \\ud83d\\ude00"}'
    outcome = run("http", call({"url": server.answers("/", "200 OK", body)}))
    assert outcome == Done({"status": 200, "body": {"ab": "xy \ufffd \U0001f600"}})


def test_deep_nesting_is_cut(server, call):
    body = b'{"a":' * 500 + b"1" + b"}" * 500
    outcome = run("http", call({"url": server.answers("/", "200 OK", body)}))
    assert isinstance(outcome, Done)
    assert len(json.dumps(outcome.output)) < 2_000


def test_a_large_answer_keeps_its_beginning(server, call):
    body = json.dumps(["é" * 1000] * 300, ensure_ascii=False).encode()
    outcome = run("http", call({"url": server.answers("/", "200 OK", body)}))
    assert isinstance(outcome, Done)
    assert outcome.output["body"]["truncated"] is True
    size = len(json.dumps(outcome.output, ensure_ascii=False, separators=(",", ":")).encode())
    assert 250 * 1024 < size <= 256 * 1024


def test_five_megabytes_are_not_read(server, call):
    url = server.answers("/", "200 OK", b"x" * 5_000_000)
    outcome = run("http", call({"url": url}))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("bad_answer", False)


def test_packed_answers_are_unpacked(server, call):
    url = server.answers("/", "200 OK\r\nContent-Encoding: gzip", gzip.compress(b'{"a": 1}'))
    assert run("http", call({"url": url})) == Done({"status": 200, "body": {"a": 1}})
    assert server.heard[0].headers["accept-encoding"] == "identity"


def test_a_bomb_stops_at_the_limit(server, call):
    bomb = gzip.compress(b"\0" * 200_000_000)
    url = server.answers("/", "200 OK\r\nContent-Encoding: gzip", bomb)
    tracemalloc.start()
    outcome = run("http", call({"url": url}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(outcome, Failed)
    assert outcome.kind == "bad_answer"
    assert peak < 8_000_000


def test_an_unknown_packing_is_refused(server, call):
    url = server.answers("/", "200 OK\r\nContent-Encoding: br", b"\x0b\x02\x80")
    outcome = run("http", call({"url": url}))
    assert isinstance(outcome, Failed)
    assert outcome.kind == "bad_answer"


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b""],
    ids=["body", "headers", "status line"],
)
def test_a_dripping_answer_ends_with_the_time(server, call, head):
    drop = b"x" if head.endswith(b"\r\n\r\n") or not head else b"X-Drop: 1\r\n"
    url = server.drips("/", head, drop)
    started = time.monotonic()
    outcome = run("http", call({"url": url, "timeout_seconds": 0.4}))
    assert time.monotonic() - started < 30, "it drips for hours"
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert outcome.kind in ("timeout", "connection")


def test_the_shorter_of_two_times_counts(server, call):
    url = server.drips("/", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x")
    outcome = run("http", call({"url": url, "timeout_seconds": 60}, timeout_seconds=0.3))
    assert isinstance(outcome, Failed)
    assert outcome.kind == "timeout"


def test_a_reset_is_worth_another_try(server, call):
    outcome = run("http", call({"url": server.resets("/")}))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("connection", True)


def test_a_closed_port_is_worth_another_try(call):
    outcome = run("http", call({"url": "http://127.0.0.1:1/"}))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("connection", True)


def test_a_lost_answer_of_what_must_not_happen_twice_is_in_doubt(server, call):
    config = {"url": server.resets("/"), "idempotent": False}
    assert isinstance(run("http", call(config)), InDoubt)
    config["url"] = server.answers("/502", "502 Bad Gateway")
    assert isinstance(run("http", call(config)), InDoubt)


def test_a_crash_after_such_a_call_was_sent_is_in_doubt_too(server, call):
    config = {"url": server.answers("/404", "404 Not Found"), "accept": 5}
    assert isinstance(run("http", call(config)), Failed)
    assert isinstance(run("http", call(config | {"idempotent": False})), InDoubt)


def test_what_was_never_sent_is_not_in_doubt(server, call):
    config = {"url": "http://127.0.0.1:1/", "idempotent": False}
    assert isinstance(run("http", call(config)), Failed)
    reading = {"url": server.resets("/"), "idempotent": False, "method": "GET"}
    assert isinstance(run("http", call(reading)), Failed)


def test_a_short_answer_is_a_broken_connection(server, call):
    def half(peer):
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")
        peer.shutdown(1)

    outcome = run("http", call({"url": server.behaves("/", half)}))
    assert isinstance(outcome, Failed)
    assert outcome.kind == "connection"
