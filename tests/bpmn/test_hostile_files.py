"""Files that mean harm end in one clear error, soon, and without asking anybody."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from workflows.bpmn.parsing import MAX_BYTES

PROJECT = Path(__file__).parent.parent.parent
SECONDS, MEBIBYTES = 2.0, 200.0
CANARY = "canary-5f1d"


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths that it was asked for."""
    paths: list[str] = []

    class Witness(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Witness)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/secret", paths
    server.shutdown()
    thread.join()
    server.server_close()


def test_hostile_files_end_in_an_error_within_two_seconds_and_200_mebibytes(
    asked: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, paths = asked
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    program = [sys.executable, "-m", "tests.bpmn.hostile_files", str(secret), address]
    done = subprocess.run(
        program, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == 23
    for name, outcome, seconds, peak, size in results:
        assert outcome.startswith("read") == name.startswith("xinclude"), (name, outcome)
        is_placed = outcome.startswith("Line ") or "encoding" in outcome or size > MAX_BYTES
        assert is_placed or name.startswith("xinclude"), (name, outcome)
        assert seconds < SECONDS, (name, seconds)
        assert peak < MEBIBYTES, (name, peak)
    assert CANARY not in done.stdout
    assert paths == []
