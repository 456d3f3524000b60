from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from workflows import access, engine
from workflows.management.documents import BAD_USAGE, DocumentCommand, person


class Command(DocumentCommand):
    help = (
        "Import a form that human tasks share: a .form file of Camunda, or a JSON Schema. "
        "Exit code 1 if it is refused."
    )
    refusal = "The file was not imported."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path, help="a .form file or a JSON Schema")
        parser.add_argument("--key", help="the form's key; else its own id, else the file's name")
        parser.add_argument("--as", dest="user", metavar="USER", help="who imports it")

    def run(self, **options: Any) -> None:
        try:
            data = options["file"].read_bytes()
        except OSError as error:
            text = f"{options['file']} cannot be read: {error.strerror}."
            raise CommandError(text, returncode=BAD_USAGE) from error
        done = engine.import_form(
            data,
            key=options["key"],
            by=person(options["user"], access.EDIT, to="import forms"),
            name=options["file"].name,
        )
        key, number = done.version.form.key, done.version.number
        if options["json"]:
            told = {"key": key, "title": done.version.title, "version": number}
            self.document({**told, "is_new": done.is_new, "notes": done.notes})
            return
        how = "is imported" if done.is_new else "has not changed"
        self.stdout.write(f"Form {key} {how}: version {number}.")
        for note in done.notes:
            self.tell(f"  {note}")
