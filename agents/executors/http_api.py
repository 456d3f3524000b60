"""Agents of kind `http`: one call of an API over HTTP, safe to repeat by its idempotency key.

Configuration: `url` (with `{placeholders}` filled from the input and `${SIGNALBOX_…_URL}` from the
settings), `method`, `headers`, `body` (the keys of the input to send: a list, or a mapping from
sent name to key), `accept` (further statuses that are results), `timeout_seconds`, `idempotent`
(false when the API would do the work twice).
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Mapping
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpcore2
import httpx2
from django.conf import settings

from agents.executors import answer_reading
from agents.executors.addresses import EgressRefused, allow_list
from agents.executors.answer_reading import Answer, AnswerTooLarge, AnswerUnreadable
from agents.executors.cleaning import OUTPUT_LIMIT, cleaned, cleaned_text
from agents.executors.connections import Exchange, GuardedBackend
from agents.executors.contract import Call, Done, Failed, InDoubt, Outcome
from agents.executors.request_building import BadRequestTemplate, Prepared, prepared

TIMEOUT_SECONDS = 10.0
KEEPALIVE_SECONDS = 15.0
BODY_LIMIT = OUTPUT_LIMIT - 64
DETAILS_LIMIT = 16 * 1024
RETRYABLE = frozenset({408, 425, 429})
BARRED = frozenset({401, 403, 407})  # it takes requests of nobody, or not with these credentials
SAFE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


def run(call: Call) -> Outcome:
    """Send one request and judge the answer."""
    try:
        request = prepared(call)
    except BadRequestTemplate as problem:
        return Failed(cleaned_text(str(problem)), kind="configuration", retryable=False)
    exchange = Exchange(_timeout_seconds(call))
    may_repeat = is_repeatable(call.config)
    try:
        answer = _answer(request, exchange)
    except EgressRefused as refused:
        return Failed(str(refused), kind="egress_refused", retryable=False)
    except (AnswerTooLarge, AnswerUnreadable) as problem:
        return _unusable(problem, is_in_doubt=not may_repeat)
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as problem:
        return Failed(cleaned_text(str(problem)), kind="configuration", retryable=False)
    except httpx2.TransportError as problem:
        return _lost(problem, is_in_doubt=exchange.is_sent and not may_repeat)
    return _judged(answer, call.config.get("accept", []), may_repeat)


def is_repeatable(config: Mapping[str, Any]) -> bool:
    """Whether the call may be made twice: by its method, or because the API heeds the key."""
    method = str(config.get("method", "POST")).upper()
    return method in SAFE_METHODS or bool(config.get("idempotent", True))


def _timeout_seconds(call: Call) -> float:
    configured = float(call.config.get("timeout_seconds") or TIMEOUT_SECONDS)
    return min(configured, call.timeout_seconds or configured)


def _answer(request: Prepared, exchange: Exchange) -> Answer:
    client = _clients.client()
    _clients.backend.exchange = exchange
    _clients.backend.allowed = allow_list(tuple(settings.EGRESS_ALLOW))
    with client.stream(
        request.method, request.url, headers=request.headers, content=request.content
    ) as response:
        return answer_reading.read(response)


class _Clients(threading.local):
    """One client with its own connections per thread and process; a fork starts afresh."""

    backend: GuardedBackend
    _client: httpx2.Client
    _process: int = 0

    def client(self) -> httpx2.Client:
        if self._process != os.getpid():
            self.backend = GuardedBackend()
            self._client = httpx2.Client(
                transport=_GuardedTransport(self.backend),
                follow_redirects=False,
                trust_env=False,
            )
            # What one customer's call set must never be sent with another's.
            self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._process = os.getpid()
        return self._client


class _GuardedTransport(httpx2.HTTPTransport):
    """The library's transport over our connections; it offers no public way to name a backend."""

    def __init__(self, backend: GuardedBackend) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_ssl_context(),
            max_connections=8,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=backend,
        )


@cache
def _ssl_context() -> ssl.SSLContext:
    return ssl.create_default_context()


_clients = _Clients()


def _lost(problem: httpx2.TransportError, *, is_in_doubt: bool) -> Outcome:
    is_timeout = isinstance(problem, httpx2.TimeoutException)
    what = "did not answer in time" if is_timeout else "could not be talked to"
    message = cleaned_text(f"The API {what}: {problem or type(problem).__name__}")
    if is_in_doubt:
        return InDoubt(f"The request was sent, but its result is unknown. {message}")
    return Failed(message, kind="timeout" if is_timeout else "connection")


def _unusable(problem: Exception, *, is_in_doubt: bool) -> Outcome:
    if is_in_doubt:
        return InDoubt(f"The API answered, but its result is unknown. {problem}")
    return Failed(str(problem), kind="bad_answer", retryable=False)


def _judged(answer: Answer, accepted: list[int], may_repeat: bool) -> Outcome:
    if 200 <= answer.status < 300 or answer.status in accepted:
        return Done({"status": answer.status, "body": cleaned(answer.body, BODY_LIMIT)})
    if answer.status >= 500 and answer.status != 503 and not may_repeat:
        return InDoubt(f"The API may have done the work although it says: {_told(answer)}")
    is_retryable = answer.status in RETRYABLE or answer.status >= 500
    return Failed(
        _told(answer),
        kind=f"http_{answer.status}",
        retryable=is_retryable,
        details=_details(answer),
        is_answer=400 <= answer.status < 500 and not is_retryable and answer.status not in BARRED,
    )


def _told(answer: Answer) -> str:
    """The status with the API's own sentence, where it has one."""
    body: Any = answer.body
    if isinstance(body, dict):
        sentences = (body.get(key) for key in ("detail", "message", "error", "title"))
        body = next((text for text in sentences if isinstance(text, str) and text), "")
    head = f"HTTP {answer.status} {answer.reason}".strip()
    return cleaned_text(f"{head}: {body}" if isinstance(body, str) and body else head, 500)


def _details(answer: Answer) -> dict[str, Any]:
    details = {"status": answer.status, "body": cleaned(answer.body, DETAILS_LIMIT)}
    if answer.retry_after_seconds is not None:
        details["retry_after_seconds"] = answer.retry_after_seconds
    return details
