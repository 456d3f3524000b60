from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from workflows import access, engine
from workflows.engine.importing import Import
from workflows.management.documents import BAD_USAGE, DocumentCommand, person
from workflows.models import LARGEST_DIAGRAM


class Command(DocumentCommand):
    help = "Make a BPMN 2.0 file the draft of a workflow. Exit code 1 if it is refused."
    refusal = "Nothing was imported. {why}"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", help="the file; - reads standard input")
        parser.add_argument(
            "--key", metavar="KEY", help="the workflow's key; else the process's id"
        )
        parser.add_argument("--publish", action="store_true", help="publish it as the next version")
        parser.add_argument("--strict", action="store_true", help="refuse what cannot be run")
        parser.add_argument("--process", metavar="ID", help="which process of several in the file")
        parser.add_argument("--as", dest="user", metavar="USER", help="who imports it")

    def run(self, **options: Any) -> None:
        may = (access.EDIT, access.PUBLISH) if options["publish"] else (access.EDIT,)
        done = engine.import_bpmn(
            _content(options["file"]),
            key=options["key"],
            by=person(options["user"], *may, to="import workflows"),
            strict=options["strict"],
            process=options["process"],
            publish=options["publish"],
        )
        if options["json"]:
            self.document(document(done))
        else:
            self._report(done)

    def _report(self, done: Import) -> None:
        key, revision = done.workflow.key, done.workflow.revision
        if done.version is not None:
            self.stdout.write(f"Workflow {key} is published as version {done.version.number}.")
        else:
            what = "made" if done.is_new else "replaced"
            self.stdout.write(f"The draft of workflow {key} is {what} (revision {revision}).")
        for one in done.findings:
            self.stdout.write(f"  {one.severity}: {told(one)}")
        others = [problem for problem in done.problems if problem.field != "diagram"]
        for problem in others:
            self.stdout.write(f"  to mend: {problem}")
        if done.problems:
            self.stdout.write("It can be published when what is named above is changed.")


def told(finding: Any) -> str:
    """A finding on one line: the element's id, name and line, and what is said of it."""
    name = f" “{finding.name}”" if finding.name else ""
    line = f", line {finding.line}" if finding.line else ""
    return f"{finding.element_id or 'file'}{name}{line}: {finding.what}"


def document(done: Import) -> dict[str, Any]:
    """What --json prints."""
    return {
        "workflow": done.workflow.key,
        "is_new": done.is_new,
        "revision": done.workflow.revision,
        "version": done.version.number if done.version else None,
        "findings": [asdict(one) for one in done.findings],
        "problems": [asdict(one) for one in done.problems],
    }


def _content(name: str) -> bytes:
    """The bytes of a file, or of standard input; never more than is looked at."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(LARGEST_DIAGRAM + 1)
        with Path(name).open("rb") as file:
            return file.read(LARGEST_DIAGRAM + 1)
    except OSError as error:
        raise CommandError(
            f"{name} cannot be read: {error.strerror or error}.", returncode=BAD_USAGE
        ) from error
