from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.bench import floor
from config.bench.scratch import PROJECT, scratch_database


class Command(BaseCommand):
    help = "Measure the engine beside the database's own limit, in one run, on this machine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--executions", type=int, default=2000, help="five-step chains to run")
        parser.add_argument("--seconds", type=int, default=5, help="of each pgbench run")
        parser.add_argument(
            "--history", type=int, default=0, help="finished executions to add first"
        )
        parser.add_argument("--threads", type=int, default=64, help="threads of a session")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        with scratch_database(options["threads"]) as environment:
            found = self._measured(environment, options)
        if options["json"]:
            self.stdout.write(json.dumps(found))
        else:
            for name, value in found.items():
                self.stdout.write(f"{name:<44}{value:>14,.4g}")

    def _measured(self, environment: dict[str, str], options: dict[str, Any]) -> dict[str, float]:
        url, number, seconds = (
            environment["DATABASE_URL"],
            str(options["executions"]),
            options["seconds"],
        )
        found: dict[str, float] = {"load average before": os.getloadavg()[0]}
        floor.prepare(url)
        found["limit: one step per commit, 8 clients, /s"] = floor.one_step_per_commit(url, seconds)
        found["limit: 50 steps per statement, 2 clients, /s"] = floor.fifty_steps_per_statement(
            url, seconds
        )
        found["limit: one bare commit, ms"] = floor.commit_seconds(url, seconds) * 1e3
        inside = self._run(environment, "in_process", number)
        found["in process, two sessions: steps/s"] = inside["steps_per_second"]
        through = self._run(environment, "cluster", number)
        found["qcluster, two workers: steps/s"] = through["steps_per_second"]
        found["qcluster, two workers: executions/s"] = through["executions_per_second"]
        for name in ("execution", "step"):
            for share in ("p50", "p95"):
                found[f"idle, one {name}: {share}, ms"] = through[f"{name}_{share}"] * 1e3
        for width in (100, 1000, 4000):
            fan = self._run(environment, "fan_out", str(width))
            found[f"fan-out of {width} and its join: us per task"] = fan["us_per_task"]
        waits = self._run(environment, "waiting", number)
        found["steps that wait 50 ms, two workers: /s"] = waits["steps_per_second"]
        if options["history"]:
            self._run(environment, "history", str(options["history"]))
            after = self._run(environment, "in_process", number)
            found["in process after history: steps/s"] = after["steps_per_second"]
            found["ratio: after history / before"] = (
                after["steps_per_second"] / inside["steps_per_second"]
            )
        return found | _ratios(found)

    def _run(self, environment: dict[str, str], *what: str) -> dict[str, float]:
        self.stderr.write(f"{' '.join(what)} …")
        told = subprocess.run(
            [sys.executable, "-m", "config.bench.engine_run", *what],
            cwd=PROJECT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        measured: dict[str, float] = json.loads(told.stdout.splitlines()[-1])
        return measured


def _ratios(found: dict[str, float]) -> dict[str, float]:
    per_commit = found["limit: one step per commit, 8 clients, /s"]
    per_fifty = found["limit: 50 steps per statement, 2 clients, /s"]
    return {
        "ratio: qcluster / one step per commit": (
            found["qcluster, two workers: steps/s"] / per_commit
        ),
        "ratio: in process / 50 per statement": (
            found["in process, two sessions: steps/s"] / per_fifty
        ),
        "ratio: one execution / five bare commits": (
            found["idle, one execution: p50, ms"] / (5 * found["limit: one bare commit, ms"])
        ),
        "load average after": os.getloadavg()[0],
    }
