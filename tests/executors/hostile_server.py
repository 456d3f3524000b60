"""A local HTTP server that answers a path with exactly the bytes that a test wants to see sent."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Behaviour = Callable[[socket.socket], None]


@dataclass
class Heard:
    """One request as it came in."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HostileServer:
    """`behaviours` maps paths to what the server does once it has read the request."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, path: str, head: str, body: bytes = b"", length: int | None = None) -> str:
        """Answer `path` with this status line, these headers and this body; return its URL."""
        size = len(body) if length is None else length
        whole = f"HTTP/1.1 {head}\r\nContent-Length: {size}\r\n\r\n".encode() + body
        return self.behaves(path, lambda peer: peer.sendall(whole))

    def behaves(self, path: str, behaviour: Behaviour) -> str:
        self.behaviours[path] = behaviour
        return self.url + path

    def drips(self, path: str, head: bytes, drop: bytes) -> str:
        """Send `head`, then a drop every 50 ms until the peer has gone or the test is over."""

        def behaviour(peer: socket.socket) -> None:
            peer.sendall(head)
            while not self.stopped.wait(0.05):
                peer.sendall(drop)

        return self.behaves(path, behaviour)

    def resets(self, path: str) -> str:
        """Read the request and tear the connection down."""

        def behaviour(peer: socket.socket) -> None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        return self.behaves(path, behaviour)


@contextmanager
def running() -> Iterator[HostileServer]:
    state = HostileServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError, KeyError):
                while not self.is_to_be_reset() and (line := self.rfile.readline().decode()):
                    state.heard.append(_request(self.rfile, line.strip()))
                    state.behaviours[line.split()[1]](self.request)

        def is_to_be_reset(self) -> bool:
            return any(self.request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield state
        state.stopped.set()
        server.shutdown()


def _request(stream, line: str) -> Heard:
    headers = {}
    while header := stream.readline().decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Heard(line, headers, stream.read(int(headers.get("content-length", 0))))
