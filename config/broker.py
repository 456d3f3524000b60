"""Which broker django-q2 stands on: PostgreSQL, or the Redis server of SIGNALBOX_BROKER."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from urllib.parse import SplitResult, urlsplit

from config.errors import StartError

SCHEMES = ("redis", "rediss", "unix")
ANSWER_SECONDS = 2.0


def cluster_options(address: str) -> dict[str, Any]:
    """Entries of Q_CLUSTER. Raises StartError for an address or a client that cannot be used."""
    if not address:
        return {"broker_class": "workflows.queue.PostgresBroker"}
    if not _is_understood(address):
        raise StartError(
            "SIGNALBOX_BROKER is not understood: write it as redis://host:6379/0 (rediss:// with"
            " TLS, unix:///path for a socket), or unset it to use PostgreSQL as broker."
        )
    if find_spec("redis") is None:
        raise StartError(
            "SIGNALBOX_BROKER needs the Python package redis: install it into this environment"
            ' (pip install "redis~=8.1"), or unset SIGNALBOX_BROKER to use PostgreSQL as broker.'
        )
    return {"broker_class": "workflows.redis_broker.RedisBroker", "redis": address}


def require_answer(address: str) -> None:
    """Raises StartError when the Redis server of this address does not answer; "" needs none."""
    if not address:
        return
    import redis

    client = redis.Redis.from_url(
        address, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS
    )
    try:
        client.ping()
    except redis.RedisError as error:
        raise StartError(
            f"The Redis server at {_where(address)} cannot be used ({_reason(error)}): start it or"
            " correct SIGNALBOX_BROKER, or unset SIGNALBOX_BROKER to use PostgreSQL as broker."
        ) from None
    finally:
        client.close()


def _is_understood(address: str) -> bool:
    try:
        parts = urlsplit(address)
        named = parts.path if parts.scheme == "unix" else parts.hostname
        return parts.scheme in SCHEMES and bool(named) and _has_number(parts)
    except ValueError:
        return False


def _has_number(parts: SplitResult) -> bool:
    """A port, and a database, that is a number or left out."""
    is_socket = parts.scheme == "unix"
    return parts.port != 0 and (is_socket or parts.path.strip("/").isdigit() or parts.path in "/")


def _where(address: str) -> str:
    parts = urlsplit(address)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
