from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from workflows.audit import anchor, checkpoints, signing
from workflows.errors import WorkflowError
from workflows.management.documents import DocumentCommand


class Command(DocumentCommand):
    help = "Seal the audit log as it is now with a signed checkpoint."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--public-key", action="store_true", help="print the key that checks the seals, no more"
        )
        parser.add_argument(
            "--new-key", action="store_true", help="go on with a new key after the old one was lost"
        )

    def run(self, **options: Any) -> None:
        if options["public_key"]:
            key = signing.make().public_key
            self.document({"public_key": key}) if options["json"] else self.stdout.write(key)
            return
        try:
            written = checkpoints.write(new_key=options["new_key"])
        except OSError as error:
            raise WorkflowError(f"The checkpoint cannot be repeated outside: {error}.") from error
        if options["json"]:
            self.document({"checkpoint": anchor.record(written) if written else None})
        elif written:
            self.stdout.write(
                f"Checkpoint {written.no} seals the audit log up to row {written.upto}, "
                f"root {written.root}."
            )
        else:
            self.stdout.write("There is nothing to seal now.")
