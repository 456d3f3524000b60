"""What of an attempt's end is the agent's failure, what its answer, and what says nothing of it."""

from __future__ import annotations

import pytest

from agents import attempts
from agents.executors.contract import Failed, InDoubt, Outcome


@pytest.mark.parametrize(
    ("outcome", "answered"),
    [
        (Failed("Gone.", "connection"), False),
        (Failed("No tool.", "configuration", retryable=False), False),
        (Failed("No such order.", "http_404", retryable=False, is_answer=True), True),
        (Failed("Not registered.", attempts.AGENT_MISSING), None),
        (InDoubt("The line went dead."), False),
    ],
    ids=str,
)
def test_an_outcome_says_what_it_says_of_the_agent(outcome: Outcome, answered: bool | None) -> None:
    assert attempts.result(outcome).answered is answered
