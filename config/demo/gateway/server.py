"""The gateway over HTTP. Small, but real: its own process, its own file, its own clock."""

from __future__ import annotations

import json
import random
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from config.demo.gateway.charging import Charges, Reply
from config.demo.gateway.ledger import Ledger
from config.demo.gateway.suppliers import Suppliers

LARGEST_BODY = 64 * 1024
LONGEST_KEY = 255
NOT_FOUND = Reply(404, {"error": "There is nothing here."})


class Gateway(ThreadingHTTPServer):
    """Listens when made; `serve_forever` answers. Latency is a range in milliseconds."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, ledger: Path, latency: tuple[int, int]) -> None:
        super().__init__((host, port), _Handler)
        self._latency = latency
        self._stopping = threading.Event()
        self.ledger = Ledger(ledger)
        self.charges = Charges(self.ledger, self._take_time)
        self.suppliers = Suppliers(self.ledger)

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def server_close(self) -> None:
        self._stopping.set()
        super().server_close()
        self.ledger.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news; everything else is."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def _take_time(self) -> None:
        self._stopping.wait(random.uniform(*self._latency) / 1000)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    # Head and body leave together; else the client's delayed ACK costs each answer 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Gateway

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        match [unquote(part) for part in url.path.strip("/").split("/")]:
            case [""]:
                self._send(200, _page(self.server), "text/html; charset=utf-8")
            case ["health"]:
                self._reply(Reply(200, {"status": "ok"}))
            case ["charges"]:
                order_id = parse_qs(url.query).get("order_id", [""])[0]
                self._reply(Reply(200, {"charges": self.server.charges.listed(order_id)}))
            case ["suppliers"]:
                self._reply(Reply(200, {"suppliers": self.server.suppliers.listed()}))
            case ["suppliers", supplier_id, "catalogue"]:
                self._reply(self.server.suppliers.catalogue(supplier_id))
            case _:
                self._reply(NOT_FOUND)

    def do_POST(self) -> None:
        key = self.headers.get("Idempotency-Key", "").strip()
        if urlsplit(self.path).path != "/charges":
            self._with_body(lambda _: NOT_FOUND)
        elif not 0 < len(key) <= LONGEST_KEY:
            self._with_body(lambda _: Reply(400, {"error": "Idempotency-Key is required."}))
        else:
            self._with_body(lambda order: self.server.charges.charge(key, order))

    def do_PUT(self) -> None:
        match [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]:
            case ["suppliers", supplier_id, "lock"]:
                self._with_body(lambda order: self.server.suppliers.lock(supplier_id, order))
            case _:
                self._with_body(lambda _: NOT_FOUND)

    def _with_body(self, answer: Callable[[Any], Reply]) -> None:
        """JSON only: a page of another site cannot send that without asking first."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self._reply(Reply(413, {"error": "The body needs a Content-Length of at most 64 KiB."}))
            return
        content = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            self._reply(Reply(415, {"error": "The body must be application/json."}))
            return
        try:
            order = json.loads(content, parse_float=Decimal)
        except (ValueError, RecursionError):
            self._reply(Reply(400, {"error": "The body is not JSON."}))
            return
        self._reply(answer(order))

    def _reply(self, reply: Reply) -> None:
        content = json.dumps(reply.body, default=float).encode()
        self._send(reply.status, content, "application/json", reply.headers)

    def _send(
        self, status: int, content: bytes, kind: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.send_response(status)
        sizes = (("Content-Type", kind), ("Content-Length", str(len(content))))
        for name, value in (*sizes, *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the ledger is the record."""


def _page(gateway: Gateway) -> bytes:
    columns = ("at", "order_id", "customer_id", "amount", "currency", "status", "reason", "id")
    head = "".join(f"<th>{name}</th>" for name in columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(charge[name]))}</td>" for name in columns) + "</tr>"
        for charge in reversed(gateway.charges.listed())
    )
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Payment gateway</title>"
        f"<h1>Payment gateway</h1><table border=1 cellpadding=6><tr>{head}</tr>{rows}</table>"
    )
    return page.encode("utf-8", "replace")
