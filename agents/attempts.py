"""One attempt of a task: what its agent is called with, and what its outcome is to the engine."""

from __future__ import annotations

from django.conf import settings

from agents import executors, tools
from agents.executors import alone
from agents.executors.contract import Call, Done, Failed, InDoubt, Outcome
from agents.models import Agent, Kind
from workflows.engine import advancing
from workflows.engine.claiming import Work
from workflows.graph.retry import IN_DOUBT, LOST

STUCK_SECONDS = 2.0  # a thread that works on so long after its step's time limit is given up
HANGS_AFTER_LEASES = 2
AGENT_MISSING = "agent_missing"
ENDED_ITSELF = "The process that ran it ended, and nothing else ran in it."


def run(work: Work, agent: Agent | None, *, is_alone: bool = False) -> Outcome:
    """Carry it out; `is_alone`: in a process of its own, as what may end its process."""
    if agent is None:
        message = f"The agent “{work.agent_key}” is not registered any more."
        return Failed(message, AGENT_MISSING)
    if is_alone:
        return _alone(work, agent)
    return executors.run(agent.kind, _call(work, agent))


def is_quick(agent: Agent | None) -> bool:
    """Whether its tool is declared quick enough for the session's own thread."""
    if agent is None or agent.kind != Kind.PYTHON:
        return False
    try:
        return tools.get(str(agent.config.get("tool", ""))).inline
    except tools.UnknownTool:
        return False


def result(outcome: Outcome) -> advancing.Result:
    """What the engine is told."""
    match outcome:
        case Done(output):
            return advancing.Completed(output)
        case Failed(message, kind, retryable, details, is_answer):
            after = float(details.get("retry_after_seconds") or 0)
            answered = None if kind == AGENT_MISSING else is_answer
            return advancing.Broken(
                message, kind, retryable, after, answered=answered, details=details
            )
        case InDoubt(message):
            return advancing.Broken(message, IN_DOUBT, is_retryable=False, answered=False)


def _alone(work: Work, agent: Agent) -> Outcome:
    limit, directory = _patience(work, agent), str(settings.BASE_DIR)
    try:
        return alone.run(agent.kind, _call(work, agent), limit, directory)
    except alone.ProcessLost as lost:
        why = str(lost) or ENDED_ITSELF
        if executors.is_repeatable(agent.kind, agent.config):
            return Failed(why, LOST)
        return InDoubt(f"{why} It may or may not have been done.")


def _patience(work: Work, agent: Agent) -> float | None:
    """Seconds until a process of its own is ended, as a worker would be that it keeps."""
    if work.node.timeout_seconds is not None:
        return work.node.timeout_seconds + STUCK_SECONDS
    return HANGS_AFTER_LEASES * settings.LEASE_SECONDS if is_quick(agent) else None


def _call(work: Work, agent: Agent) -> Call:
    return Call(
        execution_id=work.execution_id,
        task_id=work.task_id,
        task_key=work.key,
        attempt=work.attempt,
        idempotency_key=work.idempotency_key,
        input=work.input,
        config=dict(agent.config),
        timeout_seconds=work.node.timeout_seconds,
    )
