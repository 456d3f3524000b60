from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from statistics import median
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from config.bench import floor, goals, installation
from config.bench.scratch import PROJECT, scratch_database

WIDTHS, WIDEST = (100, 1000), 10_000  # publishing the widest takes most of a minute
PILE, TURNED_OVER = 20_000, 50_000  # steps
MIB = 2**20


class Command(BaseCommand):
    help = "Measure the engine beside the database's own limit, in one run, on this machine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--full", action="store_true", help="longer, and with a long history")
        parser.add_argument("--executions", type=int, default=2000, help="five-step chains to run")
        parser.add_argument("--seconds", type=int, default=3, help="of each pgbench run")
        parser.add_argument(
            "--history", type=int, default=0, help="finished executions to add (--full: 1000000)"
        )
        parser.add_argument("--threads", type=int, default=128, help="threads of a session")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        self.full = options["full"]
        self.widths = (*WIDTHS, WIDEST) if self.full else WIDTHS
        began = time.monotonic()
        signal.signal(signal.SIGTERM, _end)
        found = {"load_before": os.getloadavg()[0]}
        with scratch_database(options["threads"]) as environment:
            found |= self._measured(environment, options)
        found |= self._of_an_installation() | {"load_after": os.getloadavg()[0]}
        if options["json"]:
            self.stdout.write(json.dumps(found))
        else:
            self.stdout.write("\n".join(goals.lines(found)))
        self.stderr.write(f"It took {time.monotonic() - began:.0f} s.")

    def _measured(
        self, environment: Mapping[str, str], options: Mapping[str, Any]
    ) -> dict[str, float]:
        url, number = environment["DATABASE_URL"], str(options["executions"])
        seconds, rounds = (10, "5") if self.full else (options["seconds"], "3")
        floor.prepare(url)
        floors = [self._floor(url, seconds)]
        inside = self._run(environment, "in_process", number, rounds)
        through = self._run(environment, "cluster", number, rounds)
        floors.append(self._floor(url, seconds))
        waits = self._run(environment, "waiting", number)
        fans = self._run(environment, "fan_out", *map(str, self.widths))
        floors.append(self._floor(url, seconds))
        found = _floors(floors) | {
            "process_steps": inside["best"],
            "cluster_steps": through["best"],
            "cluster_executions": through["best"] / 5,
            "waiting_steps": waits["steps_per_second"],
        }
        found |= {
            f"{name}_{share}_ms": through[f"{name}_{share}"] * 1e3
            for name in ("execution", "first_step", "step")
            for share in ("p50", "p95")
        }
        found |= {f"fan_{width}": fans[str(width)] for width in self.widths}
        if self.full:
            found |= self._memory(environment) | self._under_strain(environment)
            found |= self._audit(environment)
        if history := options["history"] or (1_000_000 if self.full else 0):
            before = self._run(environment, "in_process", number, rounds)
            self._run(environment, "history", str(history))
            after = self._run(environment, "in_process", number, rounds)
            found["history_ratio"] = before["median"] / after["median"]
        return found | _ratios(found)

    def _memory(self, environment: Mapping[str, str]) -> dict[str, float]:
        alone = {**environment, "SIGNALBOX_WORKERS": "1"}
        used = self._run(alone, "memory", "10000", "100000")
        return {
            "memory_first": used["10000"] / MIB,
            "memory_last": used["100000"] / MIB,
            "memory_ratio": used["100000"] / used["10000"],
        }

    def _under_strain(self, environment: Mapping[str, str]) -> dict[str, float]:
        piled = self._run(environment, "pile", str(PILE // 5))
        claims = self._run(environment, "old_snapshot", str(TURNED_OVER // 5))
        return {
            "pile_ratio": piled["ratio"],
            "pile_new": piled["new"],
            "pile_urgent": piled["urgent"],
            "snapshot_first_ms": claims["first"] * 1e3,
            "snapshot_last_ms": claims["last"] * 1e3,
            "snapshot_ratio": claims["last"] / claims["first"],
        }

    def _audit(self, environment: Mapping[str, str]) -> dict[str, float]:
        read = self._run(environment, "verification")
        return {
            "audit_rows": read["rows"],
            "audit_million_s": read["seconds"] / read["rows"] * 1_000_000,
        }

    def _of_an_installation(self) -> dict[str, float]:
        self.stderr.write("an installation of its own …")
        with installation.installation() as here:
            still = installation.idle(here, 60 if self.full else 15)
            execution = self._run(here.environment, "start_waiting", "30")["execution"]
            resumed = installation.kill_worker(here, int(execution))
            self._run(here.environment, "backlog", "5000")
            restarted = installation.kill_database(here)
        return {
            "idle_core": still["core"] * 100,
            "idle_statements": still["statements"],
            "idle_most": still["most_frequent"],
            "resume_s": resumed,
            "database_s": restarted,
        }

    def _floor(self, url: str, seconds: int) -> dict[str, float]:
        self.stderr.write("the database alone …")
        return {
            "commit": floor.one_step_per_commit(url, seconds),
            "fifty": floor.fifty_steps_per_statement(url, seconds),
            "bare": floor.commit_seconds(url, seconds),
        }

    def _run(self, environment: Mapping[str, str], *what: str) -> dict[str, float]:
        self.stderr.write(f"{' '.join(what)} …")
        tied = [sys.executable, "-m", "config.supervisor.lifeline", str(os.getpid())]
        told = subprocess.run(
            [*tied, "-m", "config.bench.engine_run", *what],
            cwd=PROJECT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        measured: dict[str, float] = json.loads(told.stdout.splitlines()[-1])
        return measured


def _end(number: int, frame: object) -> NoReturn:
    """So that whatever was started is stopped, and the scratch database dropped."""
    raise SystemExit(128 + number)


def _floors(floors: list[dict[str, float]]) -> dict[str, float]:
    """The best of each: what disturbed one of them says nothing of the limit."""
    commits = [each["commit"] for each in floors]
    return {
        "floor_commit": max(commits),
        "floor_fifty": max(each["fifty"] for each in floors),
        "floor_bare_ms": min(each["bare"] for each in floors) * 1e3,
        "floor_spread": (max(commits) - min(commits)) / median(commits) * 100,
    }


def _ratios(found: Mapping[str, float]) -> dict[str, float]:
    fans = [value for key, value in found.items() if key.startswith("fan_")]
    return {
        "cluster_ratio": found["cluster_steps"] / found["floor_commit"],
        "process_ratio": found["process_steps"] / found["floor_fifty"],
        "execution_ratio": found["execution_p50_ms"] / (5 * found["floor_bare_ms"]),
        "fan_ratio": max(fans) / min(fans),
    }
