"""The words in which a verb of the engine is asked for, confirmed and reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from workflows import engine
from workflows.models import Execution, State, Task

from .asking import Question


@dataclass(frozen=True, slots=True)
class Verb:
    """How a verb of the engine is asked for and confirmed."""

    run: Callable[..., Any]
    title: str | Promise
    consequences: tuple[str | Promise, ...]
    button: str | Promise
    done: str | Promise
    icon: str
    to_state: str
    is_dangerous: bool = False


VERBS = {
    "pause": Verb(
        engine.pause,
        _("Pause this execution?"),
        (
            _("Steps in flight finish, nothing new starts."),
            _("Timers keep their due dates and fire when it is resumed."),
        ),
        _("Pause"),
        _("Paused."),
        "pause",
        State.PAUSED,
    ),
    "resume": Verb(
        engine.resume,
        _("Resume this execution?"),
        (_("Steps that wait start at once."), _("Timers that came due meanwhile fire now.")),
        _("Resume"),
        _("Resumed."),
        "play",
        State.RUNNING,
    ),
    "cancel": Verb(
        engine.cancel,
        _("Cancel this execution for good?"),
        (
            _("Nothing starts any more, and open approvals are withdrawn."),
            _("Late results of steps in flight are kept but refused."),
            _("A cancelled execution cannot be brought back."),
        ),
        _("Cancel execution"),
        _("Cancelled."),
        "ban",
        State.CANCELLED,
        True,
    ),
    "retry": Verb(
        engine.retry,
        _("Retry what failed?"),
        (
            _("Failed steps run again, with fresh attempts."),
            _("Completed steps keep their results and are not run again."),
        ),
        _("Retry"),
        _("Tried again."),
        "rotate-cw",
        State.PENDING,
    ),
}

REPEAT = Verb(
    engine.retry,
    _("Run it again?"),
    (
        _("If it had been done after all, it is done twice."),
        _("It starts with fresh attempts and under the same idempotency key."),
    ),
    _("Run it again"),
    _("Tried again."),
    "rotate-cw",
    State.PENDING,
    True,
)
DONE = Verb(
    engine.complete,
    _("Say that it was done?"),
    (
        _("The step counts as completed, with the output below. It is not run again."),
        _("What follows it starts at once."),
        _("A completed step cannot be taken back."),
    ),
    _("It was done"),
    _("Completed by hand."),
    "check",
    State.COMPLETED,
)
COMPLETE = replace(DONE, title=_("Complete this step by hand?"), button=_("Complete"))
RISK = _("A step is in doubt: if it had been done after all, it is done twice.")


def wording(verb: str, execution: Execution, task: Task | None) -> Verb:
    """How the verb is put to somebody who would use it on this execution, or on one task of it."""
    is_in_doubt = task is not None and task.is_in_doubt
    match verb:
        case "complete":
            return DONE if is_in_doubt else COMPLETE
        case "retry" if is_in_doubt:
            return REPEAT
        case "retry" if task is None and execution.has_doubt:
            again = VERBS["retry"]
            return replace(again, consequences=(RISK, *again.consequences), is_dangerous=True)
    return VERBS[verb]


def question(words: Verb, subject: str, back: str, **more: Any) -> Question:
    """The verb as a dialog asks for it; `back`: where who thinks better of it goes."""
    return Question(
        words.title,
        words.consequences,
        words.button,
        words.icon,
        subject,
        back,
        is_dangerous=words.is_dangerous,
        **more,
    )
