from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from workflows import access, engine, queue
from workflows.management.documents import REFUSED, DocumentCommand, given, person
from workflows.management.waiting import looks
from workflows.models import Approval, Execution, Priority, State


class Command(DocumentCommand):
    help = "Start the published version of a workflow. Exit code 1 if it is refused or fails."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("key", metavar="KEY", help="the workflow's key")
        parser.add_argument("--input", default="{}", metavar="JSON|@FILE", help="the start input")
        parser.add_argument("--wait", action="store_true", help="until it has ended")
        parser.add_argument("--idempotency-key", metavar="K", help="the same key starts it once")
        parser.add_argument(
            "--priority", type=_priority, metavar="N", help="1 low, 2 normal, 3 high, 4 critical"
        )
        parser.add_argument("--as", dest="user", metavar="USER", help="who starts it")

    def run(self, **options: Any) -> None:
        execution = engine.start_workflow(
            options["key"],
            given(options["input"], "--input"),
            by=person(options["user"]),
            idempotency_key=options["idempotency_key"],
            priority=options["priority"],
        )
        if not queue.is_alive():
            self.tell("No worker is running: work begins when “manage.py up” does.")
        if not options["json"]:
            self.stdout.write(
                f"Execution {execution.pk} of {execution.workflow.key} "
                f"(version {execution.version.number}) is {execution.state}."
            )
            self.stdout.flush()
        if options["wait"]:
            execution = self._waited(execution)
        self._report(execution, options)

    def _report(self, execution: Execution, options: dict[str, Any]) -> None:
        if options["json"]:
            self.document(
                {
                    **engine.get_execution_status(execution.pk),
                    "version": execution.version.number,
                    "variables": execution.variables,
                    **({"error": execution.error} if execution.error else {}),
                }
            )
        elif options["wait"]:
            self.stdout.write(" ".join(["It is", execution.state + ".", execution.error]).strip())
        if options["wait"] and execution.state != State.COMPLETED:
            raise SystemExit(REFUSED)

    def _waited(self, started: Execution) -> Execution:
        """The execution when it has ended; what holds it up is told once."""
        told: set[str] = set()
        execution = started
        try:
            for execution in looks(started.pk):
                news = [text for text in _held_up(execution) if text not in told]
                told.update(news)
                for text in news:
                    self.tell(text)
        except KeyboardInterrupt:
            self.tell(f"Execution {started.pk} goes on without being watched.")
            raise
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"The database went away; execution {started.pk} goes on when it is back.",
                returncode=REFUSED,
            ) from error
        return execution


def _held_up(execution: Execution) -> list[str]:
    """Whom it waits for, in sentences."""
    if execution.state == State.PAUSED:
        who = execution.paused_by or "the system"
        return [f"Paused by {who}. {execution.pause_reason}".strip()]
    asked = Approval.objects.filter(execution=execution, state=Approval.State.OPEN)
    return [
        f"Waits for a person: “{approval.title}” (approval {approval.pk}, "
        f"{access.people(approval)})."
        for approval in asked.order_by("pk")
    ]


def _priority(text: str) -> int:
    """A priority by number or by name; raises ArgumentTypeError."""
    try:
        return Priority[text.upper()] if text.upper() in Priority.names else Priority(int(text))
    except ValueError:
        raise ArgumentTypeError(f"{text} is none of 1, 2, 3, 4 and their names.") from None
