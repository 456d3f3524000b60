"""The names of our own BPMN extension, which the reader and the writer share.

They stand in `bpmn:extensionElements`, where BPMN 2.0 (8.2.3) keeps a place for what a
standard element cannot say.
"""

from __future__ import annotations

from typing import Final

NAMESPACE: Final = "urn:signalbox:bpmn:1.0"
PREFIX: Final = "signalbox"
CEL: Final = "https://github.com/google/cel-spec"


def qualified(name: str) -> str:
    """An element's name in our namespace, as lxml writes it: `{urn:…}name`."""
    return f"{{{NAMESPACE}}}{name}"


# Who does a task, and how: attributes only.
TASK_DEFINITION: Final = qualified("taskDefinition")
AGENT: Final = "agent"
ROLE: Final = "role"
CAPABILITIES: Final = "capabilities"  # separated by spaces
PRIORITY: Final = "priority"  # low, normal, high or critical
RETRIES: Final = "retries"
TIMEOUT: Final = "timeout"  # seconds

# What goes in and what comes out.
IO_MAPPING: Final = qualified("ioMapping")
INPUT: Final = qualified("input")  # `target` names the input; its content is JSON text
OUTPUT: Final = qualified("output")  # `source` is CEL; `target` names the variable
SOURCE: Final = "source"
TARGET: Final = "target"

# Fields of a task whose content is JSON text, each under the field's own name.
JSON_FIELDS: Final = {
    qualified(field): field for field in ("approval", "event", "loop", "calls", "scope", "decision")
}

# On the process: JSON text of what a workflow says beyond its tasks.
WORKFLOW: Final = qualified("workflow")
WORKFLOW_FIELDS: Final = (
    "key",  # where the process could not have it as its id
    "input_schema",
    "variables",
    "timeout_minutes",
    "retry_policy",
    "priority",
    "triggers",
)
