"""What the diagram editor says, for its scripts: bpmn-js speaks English, and is told our words."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import pgettext

from workflows.models import TaskDefinition

ROLES = (
    ("", _lazy("any role")),
    ("coordinator", _lazy("Coordinator")),
    ("worker", _lazy("Worker")),
    ("reviewer", _lazy("Reviewer")),
    ("supervisor", _lazy("Supervisor")),
)
# By bpmn-js's own words; what is the same as in ours is said once.
DRAWING: dict[str, str | Promise] = {
    "Activate hand tool": _lazy("Hand: move the paper"),
    "Activate lasso tool": _lazy("Lasso: select several elements"),
    "Activate create/remove space tool": _lazy("Make or take away room"),
    "Activate global connect tool": _lazy("Connect two elements"),
    "Add lane above": _lazy("Add a lane above"),
    "Add lane below": _lazy("Add a lane below"),
    "Add text annotation": _lazy("Add a note"),
    "Align elements": _lazy("Align elements"),
    "Append approval by a person": _lazy("Add an approval by a person"),
    "Append compensation activity": _lazy("Add the task that undoes it"),
    "Append conditional intermediate catch event": _lazy("Wait for a condition"),
    "Append end event": _lazy("Add an end"),
    "Append gateway": _lazy("Add a gateway"),
    "Append message intermediate catch event": _lazy("Wait for a message"),
    "Append receive task": _lazy("Add a receive task"),
    "Append signal intermediate catch event": _lazy("Wait for a signal"),
    "Append task of an agent": _lazy("Add a task of an agent"),
    "Append timer intermediate catch event": _lazy("Wait for a time"),
    "Ad-hoc": _lazy("Ad-hoc"),
    "Ad-hoc sub-process": _lazy("Ad-hoc sub-process"),
    "Ad-hoc sub-process (collapsed)": _lazy("Ad-hoc sub-process, folded"),
    "Ad-hoc sub-process (expanded)": _lazy("Ad-hoc sub-process, unfolded"),
    "Approval by a person": _lazy("Approval by a person"),
    "Boundary event": _lazy("Event on a task"),
    "Business rule task": _lazy("Decision table"),
    "Call activity": _lazy("Call of a workflow"),
    "Cancel boundary event": _lazy("Cancelled (on a task)"),
    "Cancel end event": _lazy("Ends and cancels"),
    "Change element": _lazy("Change the kind"),
    "Collection": _lazy("Collection"),
    "Compensation boundary event": _lazy("Undoing (on a task)"),
    "Compensation end event": _lazy("Ends and undoes"),
    "Compensation intermediate throw event": _lazy("Undoes what was done"),
    "Compensation start event": _lazy("Starts when undone"),
    "Conditional boundary event": _lazy("Condition (on a task)"),
    "Conditional boundary event (non-interrupting)": _lazy("Condition (beside a task)"),
    "Conditional flow": _lazy("Flow with a condition"),
    "Conditional intermediate catch event": _lazy("Waits for a condition"),
    "Conditional start event": _lazy("Starts on a condition"),
    "Conditional start event (non-interrupting)": _lazy("Starts beside, on a condition"),
    "Connect to other element": _lazy("Connect to another element"),
    "Connect using association": _lazy("Connect the note"),
    "Connect using data input association": _lazy("Connect the data"),
    "Data object reference": _lazy("Data object"),
    "Data store reference": _lazy("Data store"),
    "Default flow": _lazy("Flow when nothing else is taken"),
    "Delete": _lazy("Remove"),
    "Distribute elements horizontally": _lazy("Spread from left to right"),
    "Distribute elements vertically": _lazy("Spread from top to bottom"),
    "Divide into three lanes": _lazy("Divide into three lanes"),
    "Divide into two lanes": _lazy("Divide into two lanes"),
    "End event": _lazy("End"),
    "Empty pool/participant": _lazy("Folded pool"),
    "Error boundary event": _lazy("Error (on a task)"),
    "Error end event": _lazy("Ends with an error"),
    "Error start event": _lazy("Starts on an error"),
    "Escalation boundary event": _lazy("Escalation (on a task)"),
    "Escalation boundary event (non-interrupting)": _lazy("Escalation (beside a task)"),
    "Escalation end event": _lazy("Ends and escalates"),
    "Escalation intermediate throw event": _lazy("Escalates"),
    "Escalation start event": _lazy("Starts on an escalation"),
    "Escalation start event (non-interrupting)": _lazy("Starts beside, on an escalation"),
    "Event sub-process": _lazy("Event sub-process"),
    "Event-based gateway": _lazy("Event gateway"),
    "Exclusive gateway": _lazy("Exclusive gateway"),
    "Expanded pool/participant": _lazy("Pool"),
    "Inclusive gateway": _lazy("Inclusive gateway"),
    "Intermediate throw event": _lazy("Passed, nothing happens"),
    "Link intermediate catch event": _lazy("Goes on from a link"),
    "Link intermediate throw event": _lazy("Goes to a link"),
    "Loop": _lazy("Again while a condition holds"),
    "Manual task": _lazy("Manual task"),
    "Message boundary event": _lazy("Message (on a task)"),
    "Message boundary event (non-interrupting)": _lazy("Message (beside a task)"),
    "Message end event": _lazy("Ends and sends a message"),
    "Message intermediate catch event": _lazy("Waits for a message"),
    "Message intermediate throw event": _lazy("Sends a message"),
    "Message start event": _lazy("Starts on a message"),
    "Message start event (non-interrupting)": _lazy("Starts beside, on a message"),
    "Open {element}": _lazy("Open {element}"),
    "Parallel gateway": _lazy("Parallel gateway"),
    "Parallel multi-instance": _lazy("For each item, at the same time"),
    "Participant multiplicity": _lazy("Several participants"),
    "Receive task": _lazy("Receive task"),
    "Script task": _lazy("Sets variables"),
    "Search in diagram": _lazy("Search in the diagram"),
    "Send task": _lazy("Send task"),
    "Sequence flow": _lazy("Flow"),
    "Sequential multi-instance": _lazy("For each item, one after another"),
    "Service task": _lazy("Task of an agent"),
    "Signal boundary event": _lazy("Signal (on a task)"),
    "Signal boundary event (non-interrupting)": _lazy("Signal (beside a task)"),
    "Signal end event": _lazy("Ends and sends a signal"),
    "Signal intermediate catch event": _lazy("Waits for a signal"),
    "Signal intermediate throw event": _lazy("Sends a signal"),
    "Signal start event": _lazy("Starts on a signal"),
    "Signal start event (non-interrupting)": _lazy("Starts beside, on a signal"),
    "Start event": _lazy("Start"),
    "Sub-process": _lazy("Sub-process"),
    "Sub-process (collapsed)": _lazy("Sub-process, folded"),
    "Sub-process (expanded)": _lazy("Sub-process, unfolded"),
    "Task": _lazy("Task"),
    "Task of an agent": _lazy("Task of an agent"),
    "Terminate end event": _lazy("Ends everything"),
    "Timer boundary event": _lazy("Timer (on a task)"),
    "Timer boundary event (non-interrupting)": _lazy("Timer (beside a task)"),
    "Timer intermediate catch event": _lazy("Waits for a time"),
    "Timer start event": _lazy("Starts at a time"),
    "Timer start event (non-interrupting)": _lazy("Starts beside, at a time"),
    "Toggle non-interrupting": _lazy("Goes on beside it, or ends it"),
    "Transaction": _lazy("Transaction"),
    "User task": _lazy("Approval by a person"),
}


def drawing() -> dict[str, str]:
    """bpmn-js's words and what is said instead, in the language of the request."""
    return {word: str(text) for word, text in DRAWING.items()}


def kinds() -> dict[str, str]:
    """What each kind of element is called."""
    named = {str(value): str(label) for value, label in TaskDefinition.Kind.choices}
    return {
        **named,
        "agent": _("Task of an agent"),
        "decision": _("Decision table"),
        "pass": _("Sets variables"),
        "flow": _("Flow"),
        "process": _("Workflow"),
        "note": _("Drawn only"),
    }


def tree() -> dict[str, str]:
    """The words of the tree beside the diagram."""
    return {
        **kinds(),
        "agent": _("Agent"),
        "human": _("Approval"),
        "timer": _("Timer"),
        "message": _("Message"),
        "signal": _("Signal"),
        "error": _("Error"),
        "escalation": _("Escalation"),
        "conditional": _("Condition"),
        "compensate": _("Undoing"),
        "link": _("Link"),
        "terminate": _("Ends everything"),
        "cancel": _("Cancel"),
        "to": pgettext("where a flow leads", "to"),
        "when": _("when"),
        "otherwise": _("otherwise"),
        "problem": _("has a problem"),
    }


def workforce() -> dict[str, str]:
    """What is said of who could do a task; {who} stands for agents or a key."""
    return {
        "can": _("Can do it now: {who}"),
        "anyone": _("Any agent may get it: name an agent, a role or a capability."),
        "unknown": _("No agent is registered as “{who}”."),
        "nobody": _("No agent has this role with all these capabilities."),
        "asleep": _("Who could do it is not active: {who}"),
    }


def addable() -> list[tuple[str, list[tuple[str, str]]]]:
    """What the tree can add, in groups."""
    return [
        (
            _("Steps"),
            [
                ("agent", _("Task of an agent")),
                ("human", _("Approval by a person")),
                ("decision", _("Decision table")),
                ("call", _("Call of a workflow")),
                ("scope", _("Sub-process")),
            ],
        ),
        (
            _("Gateways"),
            [
                ("exclusive", _("Exclusive gateway")),
                ("parallel", _("Parallel gateway")),
                ("inclusive", _("Inclusive gateway")),
                ("event_gateway", _("Event gateway")),
            ],
        ),
        (
            _("Events"),
            [
                ("start", _("Start")),
                ("timer", _("Waits for a time")),
                ("message", _("Waits for a message")),
                ("signal", _("Waits for a signal")),
                ("send", _("Sends a message")),
                ("end", _("End")),
            ],
        ),
        (
            _("On the edge of the task"),
            [
                ("timer_edge", _("Timer (on a task)")),
                ("error_edge", _("Error (on a task)")),
            ],
        ),
    ]


def shown(problems: Any) -> list[dict[str, str]]:
    """Problems as the editor's list takes them."""
    return [
        {"element": one.element, "field": one.field, "message": one.message, "severity": "problem"}
        for one in problems
    ]
