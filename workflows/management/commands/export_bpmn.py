from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from workflows import engine
from workflows.engine import diagrams
from workflows.errors import WorkflowError
from workflows.management.documents import DocumentCommand


class Command(DocumentCommand):
    help = "Write a workflow's draft, or one of its versions, as BPMN 2.0."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's own --version gives way to ours."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("key", metavar="KEY", help="the workflow's key")
        parser.add_argument("--version", type=int, metavar="N", help="a version; else the draft")
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="else to stdout")

    def run(self, **options: Any) -> None:
        number, path = options["version"], options["output"]
        content = engine.export_bpmn(options["key"], number)
        if path is not None:
            _write(path, content)
        if options["json"]:
            place = {"bpmn": content.decode()} if path is None else {"file": str(path)}
            told = {"workflow": options["key"], "version": number}
            self.document({**told, "sha256": diagrams.sha256(content), **place})
        elif path is None:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            what = f"version {number}" if number is not None else "the draft"
            self.stdout.write(f"{path}: {what} of {options['key']}, {len(content)} bytes.")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise WorkflowError(f"{path} cannot be written: {error.strerror or error}.") from error
