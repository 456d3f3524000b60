from .approvals import Approval, Decision
from .audit import AuditEvent, AuditHead
from .batches import Batch, BatchItem
from .checkpoints import AuditCheckpoint
from .decision_tables import DecisionFile, DecisionTable, DecisionVersion
from .definitions import TaskDefinition, Version, Workflow
from .diagrams import LARGEST_DIAGRAM, Diagram, VersionDiagram
from .dispatch import AgentSlot, Assignment, Breaker, Lane, LaneMember, QueuePulse, Session
from .forms import Form, FormVersion
from .messages import BufferedMessage, Delivery, Subscription
from .runs import Execution, Task, Timer
from .states import ALLOWED, FINAL, Priority, State
from .tokens import ApiToken, Scope
from .triggers import Event, Firing, Trigger

__all__ = [
    "ALLOWED",
    "FINAL",
    "LARGEST_DIAGRAM",
    "AgentSlot",
    "ApiToken",
    "Approval",
    "Assignment",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "Batch",
    "BatchItem",
    "Breaker",
    "BufferedMessage",
    "Decision",
    "DecisionFile",
    "DecisionTable",
    "DecisionVersion",
    "Delivery",
    "Diagram",
    "Event",
    "Execution",
    "Firing",
    "Form",
    "FormVersion",
    "Lane",
    "LaneMember",
    "Priority",
    "QueuePulse",
    "Scope",
    "Session",
    "State",
    "Subscription",
    "Task",
    "TaskDefinition",
    "Timer",
    "Trigger",
    "Version",
    "VersionDiagram",
    "Workflow",
]
