"""The only network connections of executors: to checked addresses, never past the deadline.

The check happens at connect time on the resolved address, so neither a host name in disguise nor
an answer of DNS that changes between check and use gets around it.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from ssl import SSLContext
from typing import Any

import httpcore2

from agents.executors.addresses import AllowList, EgressRefused

SocketOption = Any
WRITE_PIECE = 16 * 1024


class Exchange:
    """One request and its answer: when it must be over, and whether any of it left this machine."""

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.is_sent = False

    def left(self, error: type[Exception]) -> float:
        """Seconds until the deadline. Raises `error` after it."""
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise error("The time for the whole exchange is over.")
        return seconds


class GuardedBackend(httpcore2.NetworkBackend):
    """Connects the HTTP client of one thread; `exchange` is the one under way."""

    def __init__(self) -> None:
        self.allowed = AllowList(frozenset(), ())
        self.exchange = Exchange(0)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = self._resolved(host, port)
        for address in addresses:
            self.allowed.check(host, port, ipaddress.ip_address(address))
        return self._connected(addresses, port, local_address, socket_options)

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore2.NetworkStream:
        raise httpcore2.ConnectError("Agents reach no Unix sockets.")

    def _resolved(self, host: str, port: int) -> list[str]:
        seconds = self.exchange.left(httpcore2.ConnectTimeout)
        try:
            found = _looked_up(host, port).result(seconds)
        except TimeoutError:
            raise httpcore2.ConnectTimeout(f"{host} was not resolved in time.") from None
        except (OSError, ValueError) as problem:
            raise httpcore2.ConnectError(f"{host} cannot be resolved: {problem}") from problem
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _connected(
        self,
        addresses: list[str],
        port: int,
        local_address: str | None,
        socket_options: Iterable[SocketOption] | None,
    ) -> httpcore2.NetworkStream:
        problem: Exception = httpcore2.ConnectError("No address to connect to.")
        for address in addresses:
            seconds = self.exchange.left(httpcore2.ConnectTimeout)
            try:
                stream = httpcore2.SyncBackend().connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failed:
                problem = failed
            else:
                return _TimedStream(stream, self)
        raise problem


def _looked_up(host: str, port: int) -> Future[list[Any]]:
    """A thread, because getaddrinfo knows no timeout."""
    answer: Future[list[Any]] = Future()

    def look_up() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as problem:
            answer.set_exception(problem)

    threading.Thread(target=look_up, daemon=True).start()
    return answer


class _TimedStream(httpcore2.NetworkStream):
    """Every read and write gets only what is left of the exchange, so that drips end too."""

    def __init__(self, stream: httpcore2.NetworkStream, backend: GuardedBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.exchange.left(httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        exchange = self._backend.exchange
        for start in range(0, len(buffer), WRITE_PIECE):
            seconds = exchange.left(httpcore2.WriteTimeout)
            exchange.is_sent = True
            self._stream.write(buffer[start : start + WRITE_PIECE], seconds)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        seconds = self._backend.exchange.left(httpcore2.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, seconds)
        return _TimedStream(stream, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


__all__ = ["EgressRefused", "Exchange", "GuardedBackend"]
