"""The orchestrator's verbs: who does the work."""

from .assigning import assign_task, release_task
from .breakers import get_breaker, get_breaker_states, reset_breaker
from .workforce import get_agent_load, get_all_agents_status, register_agent

__all__ = [
    "assign_task",
    "get_agent_load",
    "get_all_agents_status",
    "get_breaker",
    "get_breaker_states",
    "register_agent",
    "release_task",
    "reset_breaker",
]
