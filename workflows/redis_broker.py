"""Redis as broker, by setting: its messages are hints like all others, and may be lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import redis
from django.db import InterfaceError, OperationalError, connections
from django_q.brokers import Broker
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf
from django_q.signing import BadSignature, SignedPackage
from redis.backoff import NoBackoff
from redis.retry import Retry

from workflows.queue import LONGEST_WAIT, BrokerAway, Sweeper

ANSWER_SECONDS = 2.0


class RedisBroker(Sweeper, Redis):
    """django-q2's Redis broker that outlives its server's absence.

    Redis hands a message out once and forgets it, so `sweep` stands in for receipts.
    """

    is_transactional = False

    def enqueue(self, task: str) -> int:
        with _answering():
            length: int = super().enqueue(task)
        return length

    def dequeue(self) -> list[tuple[None, Any]] | None:
        """Waits up to LONGEST_WAIT seconds for a message."""
        try:
            self.sweep()
            found = _client(Conf.REDIS, LONGEST_WAIT).blpop([self.list_key], LONGEST_WAIT)
            return [(None, found[1])] if found else None
        except (redis.RedisError, BrokerAway):
            threading.Event().wait(0.5)
        except (OperationalError, InterfaceError):
            connections[Conf.ORM].close()
        return None

    def waiting(self, job: str) -> int:
        """How many messages of a job nobody has taken yet."""
        with _answering():
            found = self.connection.lrange(self.list_key, 0, 99)
        return sum(1 for message in found if _job(message) == job)

    def ping(self) -> bool:
        """A cluster starts without its server too, and works when that is back."""
        try:
            return bool(self.connection.ping())
        except redis.RedisError:
            return False

    @staticmethod
    def get_connection(list_key: str | None = None) -> redis.Redis:
        return _client(Conf.REDIS, ANSWER_SECONDS)

    # What a cluster tells of itself twice a second is for its own process.
    set_stat = Broker.set_stat
    get_stat = Broker.get_stat
    get_stats = Broker.get_stats


@cache
def _client(address: str, patience: float) -> redis.Redis:
    """One per process and purpose; `patience` is how long an answer may take, in seconds."""
    return redis.Redis.from_url(
        address,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=patience + ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise BrokerAway(f"Redis does not answer ({error}).") from error


def _job(message: Any) -> str:
    """What a message calls; empty when another installation signed it."""
    try:
        return str(SignedPackage.loads(message.decode()).get("func", ""))
    except (BadSignature, TypeError, UnicodeDecodeError):
        return ""
