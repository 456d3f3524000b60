from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from agents.executors import Call
from config.demo.gateway.server import Gateway


@contextmanager
def serving(ledger: Path) -> Iterator[Gateway]:
    """A gateway without latency on a thread of this process."""
    with Gateway("127.0.0.1", 0, ledger, (0, 0)) as gateway:
        thread = threading.Thread(target=gateway.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield gateway
        gateway.shutdown()
        thread.join()


@pytest.fixture
def gateway(tmp_path, settings) -> Iterator[Gateway]:
    """The gateway that the demo's agents are told of."""
    with serving(tmp_path / "ledger.jsonl") as running:
        settings.PAYMENT_URL = running.url
        settings.EGRESS_ALLOW = [running.url.removeprefix("http://")]
        yield running


@pytest.fixture
def client_of(gateway) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=gateway.url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def call():
    """A call of execution 7; another key or execution where a test needs one."""

    def make(key: str = "7:step:0", execution_id: int = 7) -> Call:
        return Call(execution_id, execution_id << 20, "step", 1, key, {}, {})

    return make


@pytest.fixture(autouse=True)
def outbox_folder(tmp_path, settings) -> Path:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "outbox"
    return settings.EMAIL_FILE_PATH


@pytest.fixture(autouse=True)
def quick_passwords(settings) -> None:
    """The demo makes four people; half a second for each would be most of a test's time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
