from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from workflows.audit import export
from workflows.errors import WorkflowError
from workflows.management.documents import DocumentCommand


class Command(DocumentCommand):
    help = "Write an execution's audit log to a file that can be checked offline."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("execution", type=int, metavar="ID", help="the execution's number")
        parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")

    def run(self, **options: Any) -> None:
        path: Path = options["output"]
        try:
            bundle = export.export(options["execution"], path)
        except OSError as error:
            raise WorkflowError(f"{path} cannot be written: {error.strerror or error}.") from error
        if options["json"]:
            self.document({**asdict(bundle), "file": str(path)})
            return
        self.stdout.write(
            f"{path}: {bundle.rows} rows of execution {bundle.execution_id} under "
            f"{bundle.checkpoints} checkpoints, signed with {bundle.public_key}."
        )
