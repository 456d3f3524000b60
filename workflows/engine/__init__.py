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
    start_once,
    start_workflow,
)
from .intake import publish_event, receive_event
from .messages import publish_message, publish_signal
from .tasks import complete, transition_state
from .triggers import register_trigger

__all__ = [
    "cancel",
    "check_input",
    "compiled",
    "complete",
    "decide",
    "get_execution_status",
    "off_event",
    "on_event",
    "pause",
    "problems",
    "publish",
    "publish_event",
    "publish_message",
    "publish_signal",
    "receive_event",
    "register_trigger",
    "register_workflow",
    "resume",
    "retry",
    "start_once",
    "start_workflow",
    "transition_state",
]
