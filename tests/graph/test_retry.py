from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.graph.retry import MAX_ATTEMPTS, RetryPolicy, problems

POLICIES = st.builds(
    RetryPolicy,
    max_retries=st.integers(0, 100),
    initial_delay=st.floats(0, 86_400),
    backoff_multiplier=st.floats(1, 100),
    max_delay=st.floats(0, 604_800),
    jitter=st.floats(0, 1),
    retry_on=st.just(()),
)
ATTEMPTS = st.integers(1, MAX_ATTEMPTS)


def test_delays_double_from_the_first_one_up_to_the_longest() -> None:
    policy = RetryPolicy(initial_delay=1, backoff_multiplier=2, max_delay=10)
    assert [policy.delay(attempt) for attempt in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@given(POLICIES, ATTEMPTS)
def test_delays_never_shrink_and_never_exceed_the_longest(
    policy: RetryPolicy, attempt: int
) -> None:
    delay = policy.delay(attempt)
    assert 0 <= delay <= policy.max_delay
    assert delay <= policy.delay(attempt + 1)


@given(POLICIES, ATTEMPTS, st.integers())
def test_jitter_stays_within_its_share(policy: RetryPolicy, attempt: int, seed: int) -> None:
    delay = policy.delay(attempt)
    found = policy.jittered(attempt, random.Random(seed))
    assert delay * (1 - policy.jitter) - 1e-6 <= found <= delay * (1 + policy.jitter) + 1e-6


@given(st.one_of(st.none(), st.integers(0, 100)), st.one_of(st.none(), st.integers(0, 100)))
def test_a_tasks_own_number_of_retries_wins(workflows: int | None, own: int | None) -> None:
    policy = RetryPolicy.of({"max_retries": workflows}, own)
    wanted = next(number for number in (own, workflows, 3) if number is not None)
    assert policy.max_attempts == wanted + 1


def test_the_sketchs_policy_is_understood() -> None:
    policy = RetryPolicy.of({"max_retries": 3, "backoff_multiplier": 2}, 5)
    assert (policy.max_attempts, policy.delay(1), policy.delay(3)) == (6, 1, 4)


def test_only_named_errors_are_retried_but_lost_work_always_is() -> None:
    assert RetryPolicy().retries("anything")
    choosy = RetryPolicy(retry_on=("http_503", "timeout"))
    assert [kind for kind in ("http_503", "timeout", "error", "lost") if choosy.retries(kind)] == [
        "http_503",
        "timeout",
        "lost",
    ]


@pytest.mark.parametrize(
    ("policy", "count"),
    [
        ({}, 0),
        ({"max_retries": 0, "jitter": 1, "retry_on": ["timeout"]}, 0),
        ({"max_retries": None}, 0),
        ({"max_retries": -1}, 1),
        ({"max_retries": True}, 1),
        ({"backoff_multiplier": 0.5}, 1),
        ({"jitter": "much"}, 1),
        ({"retry_on": "timeout"}, 1),
        ({"retry_on": [1]}, 1),
        ({"tries": 3, "initial_delay": -1}, 2),
        ({"max_delay": float("nan")}, 1),
        ({"max_retries": 2.5}, 1),
        ({"by_kind": {"http_503": {"max_retries": 5, "initial_delay": 0.5}}}, 0),
        ({"by_kind": {"http_503": {}, "timeout": {"jitter": None}}}, 0),
        ({"by_kind": None}, 0),
        ({"by_kind": ["http_503"]}, 1),
        ({"by_kind": {"http_503": 5}}, 1),
        ({"by_kind": {"http_503": {"max_retries": "5", "tries": 1}, "timeout": {"jitter": 2}}}, 3),
        ({"by_kind": {"http_503": {"retry_on": []}}}, 1),
        ({"by_kind": {"in_doubt": {"max_retries": 1}}}, 1),
    ],
)
def test_every_problem_of_a_policy_is_named(policy: dict[str, Any], count: int) -> None:
    assert len(problems(policy)) == count


def test_a_problem_names_field_value_and_what_was_expected() -> None:
    assert problems({"by_kind": {"http_503": {"max_retries": -1}}}) == [
        "“by_kind.http_503.max_retries” is -1; a whole number from 0 to 100 was expected."
    ]


def test_a_kind_of_error_overrides_what_it_names() -> None:
    policy = RetryPolicy.of(
        {"initial_delay": 1, "max_delay": 9, "by_kind": {"http_503": {"initial_delay": 4}}}, None
    )
    assert [policy.on("http_503").delay(attempt) for attempt in (1, 2)] == [4, 8]
    assert policy.on("timeout").delay(1) == 1
    assert policy.on("http_503").max_delay == 9


def test_a_kind_that_has_an_entry_is_retried_whatever_retry_on_names() -> None:
    policy = RetryPolicy.of({"retry_on": ["timeout"], "by_kind": {"http_503": {}}}, None)
    assert [policy.retries(kind) for kind in ("timeout", "http_503", "error")] == [
        True,
        True,
        False,
    ]


RETRIES = st.integers(0, 100)
KINDS = st.sampled_from(["timeout", "http_503", "lost"])


@given(
    RETRIES,
    st.one_of(st.none(), RETRIES),
    st.dictionaries(KINDS, st.fixed_dictionaries({}, optional={"max_retries": RETRIES})),
    KINDS,
    st.integers(0, 500),
)
def test_no_kind_is_tried_more_often_than_it_the_task_or_the_column_says(
    workflows: int, own: int | None, by_kind: dict[str, Any], kind: str, used: int
) -> None:
    policy = RetryPolicy.of({"max_retries": workflows, "by_kind": by_kind}, own)
    entry = by_kind.get(kind, {}).get("max_retries")
    said = [number for number in (own, entry) if number is not None]
    wanted = min(said) if said else workflows
    assert policy.on(kind).max_retries == wanted
    column = used + policy.max_attempts
    assert policy.limit(kind, column) == used + wanted + 1 <= column
