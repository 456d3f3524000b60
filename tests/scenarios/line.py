"""The line between the product and its PostgreSQL, which may be silent or lose answers."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.reliability.proxy import SOCKET, Proxy


class Line:
    """A proxy in the place of PostgreSQL's socket; a PostgreSQL that starts anew takes it back."""

    def __init__(self, sockets: Path) -> None:
        self.path = sockets / SOCKET
        self.behind = sockets / "behind"
        self.proxy: Proxy | None = None
        self.inode = 0

    def proxied(self) -> Proxy:
        """The proxy through which every new connection goes. OSError: PostgreSQL is not there."""
        if self.proxy is None or self.path.stat().st_ino != self.inode:
            self.close()
            self.proxy = Proxy(self._lay(), self.behind)
        return self.proxy

    def close(self) -> None:
        if self.proxy is not None:
            self.proxy.close()

    def _lay(self) -> socket.socket:
        self.behind.mkdir(exist_ok=True)
        self.path.rename(self.behind / SOCKET)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen(64)
        self.inode = self.path.stat().st_ino
        return listener
