from .approvals import Approval, Decision
from .audit import AuditEvent, AuditHead
from .batches import Batch, BatchItem
from .checkpoints import AuditCheckpoint
from .definitions import TaskDefinition, Version, Workflow
from .dispatch import AgentSlot, Assignment, Lane, LaneMember, QueuePulse, Session
from .runs import Execution, Task, Timer
from .states import ALLOWED, FINAL, Priority, State

__all__ = [
    "ALLOWED",
    "FINAL",
    "AgentSlot",
    "Approval",
    "Assignment",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "Batch",
    "BatchItem",
    "Decision",
    "Execution",
    "Lane",
    "LaneMember",
    "Priority",
    "QueuePulse",
    "Session",
    "State",
    "Task",
    "TaskDefinition",
    "Timer",
    "Version",
    "Workflow",
]
