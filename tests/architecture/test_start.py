"""What every process loads at its start is paid for by each command and each worker."""

from __future__ import annotations

import subprocess
import sys

COMMAND_LINE = ("prompt_toolkit", "rich", "typer")
LOADED = (
    "import sys\n"
    "from workflows.graph import decision_values, expressions\n"
    "assert expressions.value('1 + 2', {}, {}) == 3\n"
    f"print(*sorted({set(COMMAND_LINE)} & set(sys.modules)))"
)


def test_expressions_bring_no_command_line_with_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr
