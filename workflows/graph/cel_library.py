"""The CEL library without its command line.

The package imports that with itself, and with it prompt_toolkit, rich and typer: a fifth of a
second and 15 MB for each process that starts.
"""

from __future__ import annotations

import logging
import sys
from types import ModuleType

COMMAND_LINE = "cel.cli"

if COMMAND_LINE in sys.modules:
    import cel
else:
    sys.modules[COMMAND_LINE] = ModuleType(COMMAND_LINE)
    import cel

    del sys.modules[COMMAND_LINE]

logging.getLogger("cel").setLevel(logging.ERROR)  # what it warns of is raised, too

__all__ = ["cel"]
