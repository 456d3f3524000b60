"""What the engine does itself: tasks of its own lane, which need no agent."""

from __future__ import annotations

import json

from workflows.errors import DecisionFailed, InvalidExpression
from workflows.graph import decisions, due
from workflows.graph.validation import TIMES

from .claiming import Work
from .results import Broken, Completed, Result, WaitsForPeople

FAILED = "decision"  # the kind of error of a decision that could not be made
LARGEST = 256 * 1024  # characters of JSON that a decision gives


def done(work: Work) -> Result:
    """People are asked, decisions are made, and what was stuck goes on."""
    match work.node.kind:
        case "human":
            return _asked(work)
        case "decision":
            return _decided(work)
    return Completed({})


def _asked(work: Work) -> Result:
    """Its times, told over what the people see."""
    found = {}
    for name in TIMES:
        try:
            given = work.node.approval.get(name)
            found[name] = None if given is None else due.moment(given, work.input)
        except InvalidExpression as error:
            message = f"When it is due (“{name}”) cannot be told: {error}"
            return Broken(message, "expression", is_retryable=False)
    return WaitsForPeople(**found)


def _decided(work: Work) -> Result:
    """The outcome of a decision table over the task's input."""
    decision = work.node.decision
    try:
        made = decisions.evaluate(decision["tables"], work.input)
        told = {"decision": decision["decision"], "version": decision["version"]}
        output = decisions.output(made, told)
    except DecisionFailed as error:
        return Broken(str(error), FAILED, is_retryable=False)
    size = len(json.dumps(output, ensure_ascii=False))
    if size > LARGEST:
        message = f"The decision gives {size} characters; {LARGEST} is the limit."
        return Broken(message, FAILED, is_retryable=False)
    return Completed(output, told={**told, "hits": output["hits"]})
