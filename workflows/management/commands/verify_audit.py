from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from workflows.audit import verify
from workflows.models import Execution


class Command(BaseCommand):
    help = "Check the audit log for edits, gaps, reordering and truncation. Exit code 1 if any."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--execution", type=int, metavar="ID", help="only this execution")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, execution: int | None = None, **options: Any) -> None:
        if execution is not None and not Execution.objects.filter(pk=execution).exists():
            self.stderr.write(f"There is no execution {execution}.")
            raise SystemExit(1)
        began = time.monotonic()
        report = verify.verify(execution)
        self._tell(report, time.monotonic() - began, options["json"])
        if not report.is_sound:
            raise SystemExit(1)

    def _tell(self, report: verify.Report, seconds: float, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({
                "ok": report.is_sound, "rows": report.rows, "chains": report.chains,
                "seconds": round(seconds, 3),
                "findings": [
                    {"execution_id": item.execution_id, "seq": item.seq, "message": item.message}
                    for item in report.findings
                ],
            }))
            return
        for item in report.findings[:100]:
            self.stdout.write(self.style.ERROR(str(item)))
        verdict = "sound" if report.is_sound else f"{len(report.findings)} things are wrong"
        self.stdout.write(
            f"{report.rows} rows in {report.chains} chains read in {seconds:.1f} s: {verdict}."
        )
