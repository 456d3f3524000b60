from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from workflows import engine
from workflows.management.documents import REFUSED, DocumentCommand, given, person
from workflows.models import Event, Firing

Outcome = Firing.Outcome
BAD = {Outcome.INVALID, Outcome.REFUSED, Outcome.FAILED}


class Command(DocumentCommand):
    help = (
        "Tell of an event: every published workflow starts that a trigger of this name lets start. "
        "Exit code 1 if a trigger could not start what it should."
    )
    refusal = "The event was not taken in."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="the event's name, as triggers know it")
        parser.add_argument(
            "--payload", default="{}", metavar="JSON|@FILE", help="what it carries: an object"
        )
        parser.add_argument("--key", metavar="K", help="the same key starts everything once")
        parser.add_argument("--as", dest="user", metavar="USER", help="who tells of it")

    def run(self, **options: Any) -> None:
        event = engine.receive_event(
            options["name"],
            given(options["payload"], "--payload"),
            key=options["key"],
            by=person(options["user"]),
        )
        firings = list(event.firings.select_related("workflow").order_by("pk"))
        if options["json"]:
            self.document(_document(event, firings))
        else:
            self.stdout.write(f"Event {event.pk} “{event.name}” is received.")
            for line in map(_told, firings):
                self.stdout.write(line)
            if not firings:
                self.stdout.write("  No trigger waits for it.")
        if any(firing.outcome in BAD for firing in firings):
            raise SystemExit(REFUSED)


def _document(event: Event, firings: list[Firing]) -> dict[str, Any]:
    return {
        "event_id": event.pk,
        "name": event.name,
        "key": event.key,
        "received_at": event.received_at.isoformat(),
        "executions": [one.execution_id for one in firings if one.execution_id],
        "outcomes": [
            {
                "trigger_id": one.trigger_id,
                "workflow_id": one.workflow.key,
                "outcome": one.outcome,
                "execution_id": one.execution_id,
                "problems": one.problems,
            }
            for one in firings
        ],
    }


def _told(firing: Firing) -> str:
    if firing.execution_id:
        return f"  {firing.workflow.key}: execution {firing.execution_id} is started."
    return f"  {firing.workflow.key}: {firing.outcome}. {' '.join(firing.problems)}".rstrip()
