from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from workflows import engine
from workflows.errors import UnknownExecution
from workflows.management.documents import DocumentCommand
from workflows.models import Execution, Task


class Command(DocumentCommand):
    help = "Say how an execution stands. Exit code 1 if there is none of this number."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("execution", type=int, metavar="ID", help="the execution's number")

    def run(self, **options: Any) -> None:
        number = options["execution"]
        status = engine.get_execution_status(number)
        if "error" in status:
            raise UnknownExecution(f"There is no execution {number}.")
        if options["json"]:
            self.document(status)
            return
        self.stdout.write(
            f"Execution {number} of {status['workflow_id']} is {status['status']}.\n"
            f"Started {status['started_at']}, last changed {status['updated_at']}, "
            f"{status['log_entries']} audit rows."
        )
        for task in Execution(pk=number).tasks:
            self.stdout.write(f"  {task.state:<10} {task.key}  {_more(task)}".rstrip())


def _more(task: Task) -> str:
    parts = [task.agent_key, f"attempt {task.attempt}" if task.attempt > 1 else "", task.error]
    return ", ".join(part for part in parts if part)
