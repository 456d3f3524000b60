"""The database functions, one statement or function per file, and how migrations install them."""

from __future__ import annotations

from pathlib import Path

from django.db.migrations import RunSQL

FILES = (
    "types",
    "clock",
    "append_audit",
    "record",
    "guards",
    "start",
    "stale",
    "settle",
    "open",
    "end",
    "hold",
    "choose",
    "take",
    "lend",
    "advance",
    "end_one",
    "fire_retries",
    "assignment_view",
    "write_tokens",
    "move_tasks",
    "advance_tokens",
    "take_up",
)


def install(*names: str) -> list[RunSQL]:
    """The operations that (re)install the named files; `noop` backwards: functions are replaced."""
    return [RunSQL(_text(name), RunSQL.noop, elidable=False) for name in names]


def _text(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
