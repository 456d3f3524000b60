from .approvals import Approval, Decision
from .audit import AuditEvent, AuditHead
from .checkpoints import AuditCheckpoint
from .definitions import TaskDefinition, Version, Workflow
from .dispatch import AgentSlot, Assignment, Lane, LaneMember, QueuePulse, Session
from .runs import Execution, Task, Timer
from .states import ALLOWED, FINAL, Priority, State
from .tokens import BufferedMessage, Delivery, Subscription

__all__ = [
    "ALLOWED",
    "FINAL",
    "AgentSlot",
    "Approval",
    "Assignment",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "BufferedMessage",
    "Decision",
    "Delivery",
    "Execution",
    "Lane",
    "LaneMember",
    "Priority",
    "QueuePulse",
    "Session",
    "State",
    "Subscription",
    "Task",
    "TaskDefinition",
    "Timer",
    "Version",
    "Workflow",
]
