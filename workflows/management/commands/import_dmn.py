from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from workflows import access, engine
from workflows.dmn import reader
from workflows.management.documents import BAD_USAGE, DocumentCommand, person


class Command(DocumentCommand):
    help = (
        "Import a DMN file: each decision in it becomes a new version of a decision table. "
        "Exit code 1 if it is refused."
    )
    refusal = "The file was not imported."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path, help="a DMN file, 1.1 to 1.5")
        parser.add_argument(
            "--strict", action="store_true", help="refuse what could not be carried out"
        )
        parser.add_argument("--as", dest="user", metavar="USER", help="who imports it")

    def run(self, **options: Any) -> None:
        try:
            data = options["file"].read_bytes()
        except OSError as error:
            text = f"{options['file']} cannot be read: {error.strerror}."
            raise CommandError(text, returncode=BAD_USAGE) from error
        done = engine.import_dmn(
            data,
            by=person(options["user"], access.EDIT, to="import decision tables"),
            name=options["file"].name,
            is_strict=options["strict"],
        )
        if options["json"]:
            self.document({"decisions": [_document(one) for one in done]})
            return
        for one in done:
            self._tell(one)

    def _tell(self, one: engine.Imported) -> None:
        key, number = one.version.table.key, one.version.number
        how = "is imported" if one.is_new else "has not changed"
        self.stdout.write(f"Decision {key} {how}: version {number}.")
        for problem in one.version.problems:
            self.tell(f"  {reader.said(problem)}")


def _document(one: engine.Imported) -> dict[str, Any]:
    return {
        "key": one.version.table.key,
        "name": one.version.name,
        "version": one.version.number,
        "is_new": one.is_new,
        "problems": [reader.said(problem) for problem in one.version.problems],
    }
