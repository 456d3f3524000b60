"""The engine's verbs. Everything that changes an execution goes through one of them."""

from .decisions import decide
from .definitions import compiled, problems, publish, register_workflow
from .events import off_event, on_event
from .executions import (
    cancel,
    check_input,
    get_execution_status,
    pause,
    resume,
    retry,
    start_workflow,
)
from .messages import publish_message, publish_signal
from .tasks import transition_state

__all__ = [
    "cancel",
    "check_input",
    "compiled",
    "decide",
    "get_execution_status",
    "off_event",
    "on_event",
    "pause",
    "problems",
    "publish",
    "publish_message",
    "publish_signal",
    "register_workflow",
    "resume",
    "retry",
    "start_workflow",
    "transition_state",
]
