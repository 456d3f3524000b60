from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from workflows.audit import anchor, verify
from workflows.audit.findings import Report
from workflows.errors import UnknownExecution
from workflows.management.documents import BAD_USAGE, REFUSED, DocumentCommand
from workflows.models import Execution

SHOWN = 100


class Command(DocumentCommand):
    help = "Check the audit log for edits, gaps, reordering and truncation. Exit code 1 if any."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--execution", type=int, metavar="ID", help="only this one's own chain")
        parser.add_argument(
            "--anchor", type=Path, metavar="FILE", help="checkpoints kept outside the database"
        )
        parser.add_argument(
            "--public-key", action="append", default=[], metavar="HEX",
            help="trust checkpoints of this key too",
        )  # fmt: skip

    def run(self, **options: Any) -> None:
        execution: int | None = options["execution"]
        if execution is not None and options["anchor"]:
            raise CommandError("--anchor is about the whole log.", returncode=BAD_USAGE)
        if execution is not None and not Execution.objects.filter(pk=execution).exists():
            raise UnknownExecution(f"There is no execution {execution}.")
        anchored = anchor.read(options["anchor"]) if options["anchor"] else []
        began = time.monotonic()
        report = verify.verify(execution, anchored=anchored, keys=options["public_key"])
        self._tell(report, time.monotonic() - began, options["json"])
        if not report.is_sound:
            raise SystemExit(REFUSED)

    def _tell(self, report: Report, seconds: float, as_json: bool) -> None:
        if as_json:
            self.document(_document(report, seconds))
            return
        for item in report.findings[:SHOWN]:
            self.stdout.write(self.style.ERROR(str(item)))
        verdict = "sound" if report.is_sound else f"{report.wrong} things are wrong"
        sealed = f", {report.sealed} of them under {report.checkpoints} checkpoints"
        self.stdout.write(
            f"{report.rows} rows in {report.chains} chains{sealed if report.checkpoints else ''}, "
            f"read in {seconds:.1f} s: {verdict}."
        )


def _document(report: Report, seconds: float) -> dict[str, Any]:
    return {
        "ok": report.is_sound,
        **{name: getattr(report, name) for name in ("rows", "chains", "checkpoints", "sealed")},
        "seconds": round(seconds, 3),
        "wrong": report.wrong,
        "first": str(report.findings[0]) if report.findings else None,
        "findings": [asdict(item) for item in report.findings],
    }
