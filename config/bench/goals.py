"""The goals set for the engine, and how a figure is shown beside its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: `least` or `most` is the goal, where one is set."""

    key: str
    name: str
    unit: str = ""
    least: float | None = None
    most: float | None = None

    def is_met(self, value: float) -> bool | None:
        """None when no goal is set."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    def line(self, value: float) -> str:
        """The figure, its goal, and whether it is met."""
        met = {None: "", True: "met", False: "MISSED"}[self.is_met(value)]
        goal = ""
        if self.least is not None:
            goal = f">= {self.least:,g}"
        elif self.most is not None:
            goal = f"<= {self.most:,g}"
        return f"{self.name:<58}{_shown(value):>10} {self.unit:<5}{goal:>10}  {met}".rstrip()


# The durable peers that were measured with the same chain on this kind of machine reach 406 steps/s
# at best; a fan-out of the best one costs 1,667 µs a task.
FIGURES = (
    Figure("floor_commit", "database alone: one step per commit, 8 clients", "/s"),
    Figure("floor_fifty", "database alone: 50 steps per statement, 2 clients", "/s"),
    Figure("floor_bare_ms", "database alone: one bare commit", "ms"),
    Figure("cluster_steps", "five-step chains, two workers of a qcluster: steps", "/s", least=4060),
    Figure("cluster_executions", "five-step chains, two workers of a qcluster: executions", "/s"),
    Figure("cluster_ratio", "  … of one step per commit", "x", least=1.5),
    Figure("process_steps", "five-step chains, two sessions in process: steps", "/s"),
    Figure("process_ratio", "  … of 50 steps per statement", "x", least=0.45),
    Figure("waiting_steps", "steps that wait 50 ms, two workers", "/s", least=2000),
    Figure("execution_p50_ms", "one five-step execution, idle system, p50", "ms"),
    Figure("execution_p95_ms", "one five-step execution, idle system, p95", "ms"),
    Figure("execution_ratio", "  … p50 in times of five bare commits", "x", most=3),
    Figure("first_step_p50_ms", "start to first step, idle system, p50", "ms", most=4),
    Figure("first_step_p95_ms", "start to first step, idle system, p95", "ms"),
    Figure("step_p50_ms", "step started to next started, idle system, p50", "ms", most=2),
    Figure("step_p95_ms", "step started to next started, idle system, p95", "ms"),
    Figure("fan_100", "fan-out of 100 and its join, each task", "µs"),
    Figure("fan_1000", "fan-out of 1,000 and its join, each task", "µs", most=200),
    Figure("fan_10000", "fan-out of 10,000 and its join, each task", "µs"),
    Figure("fan_ratio", "  … the dearest in times of the cheapest", "x", most=1.5),
    Figure("resume_s", "kill -9 of a worker: its step runs again after", "s", most=1.5),
    Figure("database_s", "PostgreSQL is back: first transition after", "s", most=1),
    Figure("idle_core", "idle: everything together, share of one core", "%", most=1),
    Figure("idle_most", "idle: the most frequent statement", "/s", most=1),
    Figure("idle_statements", "idle: all statements", "/s"),
    Figure("history_ratio", "cost of a step with a long history, of that without", "x", most=1.2),
    Figure("pile_ratio", "20,000 steps piled up: their rate, of the steady one", "x", least=0.8),
    Figure("pile_new", "  … new work meanwhile: the longest, of the time to drain", "x", most=1.25),
    Figure("pile_urgent", "  … urgent work meanwhile: p95, of the time to drain", "x", most=0.25),
    Figure("snapshot_first_ms", "an empty-handed claim, p99", "ms"),
    Figure("snapshot_last_ms", "  … under a snapshot kept for 50,000 steps", "ms"),
    Figure("snapshot_ratio", "  … in times of the first", "x", most=5),
    Figure("audit_rows", "audit rows that were verified"),
    Figure("audit_million_s", "  … each million of them", "s", most=30),
    Figure("memory_first", "memory of a worker after the first steps", "MiB"),
    Figure("memory_last", "memory of a worker after ten times as many", "MiB"),
    Figure("memory_ratio", "  … in times of the first", "x", most=1.05),
    Figure("floor_spread", "noise: spread of the repeated one step per commit", "%"),
    Figure("load_before", "noise: load average before"),
    Figure("load_after", "noise: load average after"),
)


def lines(found: Mapping[str, float]) -> list[str]:
    """Of every figure that was measured, in the order of FIGURES."""
    return [figure.line(found[figure.key]) for figure in FIGURES if figure.key in found]


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
