"""The engine's verbs. Everything that changes an execution goes through one of them."""

from .admission import intake_refusal, pause_intake, resume_intake
from .batches import cancel_batch, create_batch
from .choosing import activate, offered
from .decision_tables import Imported, import_dmn
from .decisions import decide
from .definitions import compiled, problems, publish, register_workflow, to_publish
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
from .forking import may_rerun_from, rerun_from, rerunnable, variables_before
from .importing import import_bpmn, save_diagram
from .intake import evaluate_conditions, publish_event, receive_event
from .messages import publish_message, publish_signal
from .moving import move_to_version, newer_versions, plan_move
from .shared_forms import ImportedForm, import_form, register_form
from .skipping import may_skip, skip
from .starting import check_input, start_once, start_workflow
from .tasks import complete, transition_state
from .triggers import register_trigger
from .variables import set_variables

__all__ = [
    "Imported",
    "ImportedForm",
    "activate",
    "cancel",
    "cancel_batch",
    "check_input",
    "compiled",
    "complete",
    "create_batch",
    "decide",
    "diagram_of",
    "diagram_of_version",
    "evaluate_conditions",
    "explain",
    "export_bpmn",
    "get_execution_status",
    "import_bpmn",
    "import_dmn",
    "import_form",
    "intake_refusal",
    "may_rerun_from",
    "may_skip",
    "move_to_version",
    "newer_versions",
    "off_event",
    "offered",
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
    "register_form",
    "register_trigger",
    "register_workflow",
    "rerun_from",
    "rerunnable",
    "resume",
    "resume_intake",
    "retry",
    "save_diagram",
    "set_variables",
    "skip",
    "start_once",
    "start_workflow",
    "to_publish",
    "transition_state",
    "variables_before",
]
