"""The engine's verbs. Everything that changes an execution goes through one of them."""

from .admission import intake_refusal, pause_intake, resume_intake
from .batches import cancel_batch, create_batch
from .decisions import decide
from .definitions import compiled, problems, publish, register_workflow
from .diagrams import diagram_of, diagram_of_version, export_bpmn
from .events import off_event, on_event
from .executions import (
    cancel,
    get_execution_status,
    pause,
    resume,
    retry,
)
from .explaining import explain
from .forking import may_rerun_from, rerun_from, variables_before
from .importing import import_bpmn, save_diagram
from .intake import publish_event, receive_event
from .messages import publish_message, publish_signal
from .moving import move_to_version, newer_versions, plan_move
from .skipping import may_skip, skip
from .starting import check_input, start_once, start_workflow
from .tasks import complete, transition_state
from .triggers import register_trigger
from .variables import set_variables

__all__ = [
    "cancel",
    "cancel_batch",
    "check_input",
    "compiled",
    "complete",
    "create_batch",
    "decide",
    "diagram_of",
    "diagram_of_version",
    "explain",
    "export_bpmn",
    "get_execution_status",
    "import_bpmn",
    "intake_refusal",
    "may_rerun_from",
    "may_skip",
    "move_to_version",
    "newer_versions",
    "off_event",
    "on_event",
    "pause",
    "pause_intake",
    "plan_move",
    "problems",
    "publish",
    "publish_event",
    "publish_message",
    "publish_signal",
    "receive_event",
    "register_trigger",
    "register_workflow",
    "rerun_from",
    "resume",
    "resume_intake",
    "retry",
    "save_diagram",
    "set_variables",
    "skip",
    "start_once",
    "start_workflow",
    "transition_state",
    "variables_before",
]
