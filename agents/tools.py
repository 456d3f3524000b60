"""The registry of Python tools: functions that agents of kind `python` run.

Tools live in the `tools` module of any installed app:

    @tool("billing.send_invoice")
    def send_invoice(input: dict, call: Call) -> dict: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.utils.module_loading import autodiscover_modules

if TYPE_CHECKING:
    from agents.executors.contract import Call

ToolFunction = Callable[[dict[str, Any], "Call"], dict[str, Any]]

_registered: dict[str, Tool] = {}


@dataclass(frozen=True, slots=True)
class Tool:
    """A function, whether it is quick enough for the worker's own thread, and may run twice."""

    name: str
    function: ToolFunction
    inline: bool = False
    idempotent: bool = True


class ToolFailure(Exception):
    """An expected failure of a tool, told to people as it stands.

    `retryable` says whether the same call may succeed later; `kind` is what a retry policy names.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        kind: str = "tool_failure",
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.kind = kind
        self.details = details or {}


class UnknownTool(LookupError):
    """No tool of this name is registered."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No tool is registered under the name “{name}”.")


def tool(
    name: str, *, inline: bool = False, idempotent: bool = True
) -> Callable[[ToolFunction], ToolFunction]:
    """Register a function as the tool `name`. Raises ValueError when another function has it.

    A repeated call carries the same idempotency key, and a tool that heeds it may be run again. Say
    `idempotent=False` where even so the work would be done twice: what came of a call is then
    asked of a person whenever it is not known.
    """

    def register(function: ToolFunction) -> ToolFunction:
        taken = _registered.get(name)
        if taken is not None and taken.function is not function:
            raise ValueError(f"Two functions want to be the tool {name}.")
        _registered[name] = Tool(name, function, inline, idempotent)
        return function

    return register


def get(name: str) -> Tool:
    """The tool of this name. Raises UnknownTool."""
    _discover()
    try:
        return _registered[name]
    except KeyError:
        raise UnknownTool(name) from None


def names() -> list[str]:
    """All registered names, sorted."""
    _discover()
    return sorted(_registered)


@cache
def _discover() -> None:
    autodiscover_modules("tools")
