"""An operator's change of an execution's variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import F

from workflows import json_text
from workflows.errors import IllegalTransition, InvalidInput, StaleState
from workflows.models import Execution, State

from . import arguments, executions, interventions, tokens, transitions

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def set_variables(
    execution_id: int,
    changes: Mapping[str, Any],
    *,
    by: AbstractBaseUser | None,
    reason: str = "",
    seen_version: int | None = None,
) -> Execution:
    """Give variables of an execution that has not ended new values; others stay.

    Tasks that already have their input keep it; conditions and mappings read the new values from
    now on, and what waits for a condition goes on when it holds. `seen_version` is the
    `variables_version` that the change was made on: StaleState when they have changed since. Raises
    InvalidInput (a new name that expressions cannot read, a value that is no JSON, nothing to
    change), IllegalTransition when it has ended. Refusals are recorded.
    """
    with interventions.locked(execution_id, "set_variables", by=by, reason=reason) as execution:
        _check(execution, changes, seen_version)
        news = _news(execution.variables, changes)
        Execution.objects.filter(pk=execution_id).update(
            variables={**execution.variables, **news},
            variables_version=F("variables_version") + 1,
        )
        entry = _entry(execution, news, transitions.actor(by), reason)
        executions.written(execution, [entry])
        execution.refresh_from_db()
        if execution.marking is not None and execution.state != State.FAILED:
            tokens.variables_set(execution, transitions.actor(by))
            execution.refresh_from_db()
        return execution


def _check(execution: Execution, changes: Mapping[str, Any], seen_version: int | None) -> None:
    if execution.is_final:
        raise IllegalTransition(execution.state, State.RUNNING, str(execution))
    if seen_version is not None and seen_version != execution.variables_version:
        raise StaleState("The variables have changed since you opened them. Look at them again.")
    arguments.json_object("", changes)
    bad = [
        f"{name}: a new name has letters, digits and “_” and starts with no digit"
        for name in changes
        if name not in execution.variables and not NAME.match(name)
    ]
    if bad:
        raise InvalidInput(bad)


def _news(present: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What really changes; JSON tells 1 from true, Python does not."""
    news = {
        name: value
        for name, value in changes.items()
        if name not in present or json_text.canonical(present[name]) != json_text.canonical(value)
    }
    if not news:
        raise InvalidInput(["nothing changes: every variable already has this value"])
    return news


def _entry(
    execution: Execution, news: Mapping[str, Any], who: str, reason: str
) -> transitions.Entry:
    before = {name: execution.variables[name] for name in news if name in execution.variables}
    return transitions.Entry(
        kind="execution.variables_changed",
        entity_type="execution",
        entity_id=str(execution.pk),
        actor=who,
        execution_id=execution.pk,
        data={"set": dict(news), "before": before, **({"reason": reason} if reason else {})},
    )
