"""A proxy before PostgreSQL that counts the writes going through it and acts on the n-th one."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

SOCKET = ".s.PGSQL.5432"
WRITES = re.compile(
    rb"INSERT|UPDATE|DELETE|COMMIT|SELECT .*(workflows_(advance|record|start|append)|pg_advisory)",
    re.IGNORECASE | re.DOTALL,
)
CARRIES_SQL = (b"Q", b"P")
READY_FOR_QUERY = b"Z"


class Act(StrEnum):
    """When the fault strikes: the server has not seen the write, has carried it out, or has carried
    it out and only its answer is lost (the connection is cut; nobody is killed)."""

    BEFORE = "before"
    AFTER = "after"
    LOST = "lost"


@dataclass
class Fault:
    """Strikes once, at write number `at` (from 1) of those that contain `text`."""

    act: Act
    at: int
    strike: Callable[[], object]
    text: bytes = b""
    struck_on: str = ""

    @property
    def has_struck(self) -> bool:
        return bool(self.struck_on)


class Proxy:
    """Relays to the server whose socket lies in a directory, and does what it is armed with."""

    def __init__(self, listener: socket.socket, server: Path) -> None:
        self.server = server
        self.fault: Fault | None = None
        self.writes = 0
        self.is_open = threading.Event()  # not set: nothing passes, and nobody is told
        self.is_open.set()
        self._counting = threading.Lock()
        self._listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, fault: Fault | None) -> None:
        """From now on count anew, and do this."""
        with self._counting:
            self.writes, self.fault = 0, fault

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def due(self, message: bytes) -> Fault | None:
        """The fault, if this message of a client is the write at which it strikes."""
        if message[:1] not in CARRIES_SQL:
            return None
        text = message[5:].rstrip(b"\0").lstrip(b"\0").strip()
        if not WRITES.match(text):
            return None
        with self._counting:
            fault = self.fault
            if fault is None or fault.has_struck or fault.text not in text:
                return None
            self.writes += 1
            if self.writes < fault.at:
                return None
            fault.struck_on = text.decode(errors="replace")[:200]
            return fault

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                _Link(self, client)


class _Link:
    """One client's connection, message by message in both directions."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self.proxy, self.client = proxy, client
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(str(proxy.server / SOCKET))
        self.withheld: Fault | None = None
        for pump in (self._forward, self._answer):
            threading.Thread(target=self._until_closed, args=(pump,), daemon=True).start()

    def _forward(self) -> None:
        self.server.sendall(_startup(self.client))
        while True:
            message = _message(self.client)
            self.proxy.is_open.wait()
            fault = self.proxy.due(message)
            if fault and fault.act == Act.BEFORE:
                self._end(fault)
                return
            self.withheld = fault or self.withheld
            self.server.sendall(message)

    def _answer(self) -> None:
        while True:
            message = _message(self.server)
            self.proxy.is_open.wait()
            if self.withheld is None:
                self.client.sendall(message)
            elif message[:1] == READY_FOR_QUERY:
                self._end(self.withheld)
                return

    def _end(self, fault: Fault) -> None:
        """The process dies first: it is never to see that its connection has ended."""
        if fault.act != Act.LOST:
            fault.strike()
        self._close()

    def _until_closed(self, pump: Callable[[], None]) -> None:
        try:
            with contextlib.suppress(OSError, EOFError):
                pump()
        finally:
            self._close()

    def _close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _startup(client: socket.socket) -> bytes:
    """The one message without a type, which opens the conversation."""
    head = _exactly(client, 4)
    return head + _exactly(client, struct.unpack("!i", head)[0] - 4)


def _message(sender: socket.socket) -> bytes:
    head = _exactly(sender, 5)
    return head + _exactly(sender, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(sender: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        part = sender.recv(length - len(received))
        if not part:
            raise EOFError
        received += part
    return bytes(received)


@contextmanager
def proxied(server: Path, listener: socket.socket) -> Iterator[Proxy]:
    """A proxy that listens here and leads to the server whose socket lies in this directory."""
    proxy = Proxy(listener, server)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def short_socket() -> Iterator[tuple[Path, socket.socket]]:
    """A directory with a short path, and a listening socket in it as PostgreSQL would name it."""
    folder = Path(tempfile.mkdtemp(prefix="sb-proxy-", dir="/tmp"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / SOCKET))
    listener.listen(64)
    try:
        yield folder, listener
    finally:
        listener.close()
        shutil.rmtree(folder)
