from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import load_command_class


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one document on stdout; fails when there is anything else."""
        return json.loads(self.out)


@pytest.fixture
def manage(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs a command as `manage.py` does, exit code included."""

    def run(app: str, name: str, *arguments: str) -> Ran:
        capfd.readouterr()
        code: Any = 0
        try:
            load_command_class(app, name).run_from_argv(["manage.py", name, *arguments])
        except SystemExit as end:
            code = end.code
        said = capfd.readouterr()
        return Ran(code, said.out, said.err)

    return run
