from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from agents import runner
from tests.commands.conftest import Ran
from tests.factories import chain, make_agent, make_user, register, step
from workflows import clock, engine
from workflows.management import waiting
from workflows.models import Execution, QueuePulse

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def start(manage: Callable[..., Ran]) -> Callable[..., Ran]:
    return partial(manage, "workflows", "start_workflow")


@pytest.fixture
def worker() -> Iterator[None]:
    """A worker on a thread of its own takes what is started, as soon as it is."""
    threads: list[threading.Thread] = []

    def work() -> None:
        try:
            runner.drain()
        finally:
            connection.close()

    def begin(data: dict[str, Any]) -> None:
        threads.append(threading.Thread(target=work))
        threads[-1].start()

    engine.on_event("workflow_started", begin)
    yield
    engine.off_event("workflow_started", begin)
    for thread in threads:
        thread.join(30)


def test_a_workflow_is_started(start: Callable[..., Ran]) -> None:
    register(*chain("a"))
    ran = start("flow", "--input", '{"total": 5}', "--priority", "high")
    execution = Execution.objects.get()
    assert ran.code == 0
    assert ran.out == f"Execution {execution.pk} of flow (version 1) is pending.\n"
    assert (execution.input, execution.priority) == ({"total": 5}, 3)


def test_with_json_there_is_one_document_and_nothing_else(start: Callable[..., Ran]) -> None:
    register(*chain("a"), variables={"limit": 3})
    ran = start("flow", "--json")
    assert ran.code == 0
    document = ran.document
    assert document["status"] == "pending"
    assert document["execution_id"] == Execution.objects.get().pk
    assert (document["workflow_id"], document["version"]) == ("flow", 1)
    assert document["variables"] == {"limit": 3}
    assert "error" not in document


def test_it_says_that_no_worker_is_running(start: Callable[..., Ran]) -> None:
    register(*chain("a"))
    assert "No worker is running" in start("flow", "--json").err
    QueuePulse.objects.create(answered_at=clock.now())
    assert start("flow", "--json").err == ""


def test_the_input_may_come_from_a_file(start: Callable[..., Ran], tmp_path: Path) -> None:
    register(*chain("a"))
    path = tmp_path / "order.json"
    path.write_text('{"customer": "Zoë"}', "utf-8")
    assert start("flow", "--input", f"@{path}").code == 0
    assert Execution.objects.get().input == {"customer": "Zoë"}


def test_the_same_idempotency_key_starts_once(start: Callable[..., Ran]) -> None:
    register(*chain("a"))
    first, second = (start("flow", "--json", "--idempotency-key", "k") for _ in "ab")
    assert first.document["execution_id"] == second.document["execution_id"]


def test_somebody_starts_it(start: Callable[..., Ran]) -> None:
    register(*chain("a"))
    make_user("olga", "operator")
    assert start("flow", "--as", "olga").code == 0
    assert str(Execution.objects.get().requested_by) == "olga"


def test_who_may_not_start_is_refused(start: Callable[..., Ran]) -> None:
    register(*chain("a"))
    make_user("sue")
    ran = start("flow", "--as", "sue")
    assert (ran.code, Execution.objects.count()) == (1, 0)
    assert "sue may not start workflows" in ran.err


def test_an_unknown_workflow_is_refused(start: Callable[..., Ran]) -> None:
    ran = start("nope", "--json")
    assert ran.code == 1
    assert ran.document == {"error": "There is no published workflow “nope”."}


def test_every_problem_of_the_input_is_listed(start: Callable[..., Ran]) -> None:
    register(*chain("a"), input_schema={"required": ["order", "total"]})
    ran = start("flow", "--json", "--input", "{}")
    assert ran.code == 1
    assert len(ran.document["problems"]) == 2
    assert '"order" is a required property' in ran.err
    assert '"total" is a required property' in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("flow", "--input", "{oops"),
        ("flow", "--input", "[1]"),
        ("flow", "--input", "@/no/such/file"),
        ("flow", "--priority", "5"),
        ("flow", "--priority", "soon"),
        ("flow", "--as", "nobody"),
        ("flow", "--what"),
    ],
)
def test_bad_usage_has_its_own_exit_code(
    start: Callable[..., Ran], arguments: tuple[str, ...]
) -> None:
    register(*chain("a"))
    ran = start(*arguments)
    assert (ran.code, ran.out, Execution.objects.count()) == (2, "", 0)
    assert ran.err


def test_bad_json_is_pointed_at(start: Callable[..., Ran]) -> None:
    ran = start("flow", "--json", "--input", '{"a": 1 "b": 2}')
    assert ran.code == 2
    assert "--input: Line 1, column 9" in ran.document["error"]


def test_waiting_ends_with_the_execution(start: Callable[..., Ran], worker: None) -> None:
    make_agent()
    register(*chain("a", "b"))
    ran = start("flow", "--wait", "--json")
    assert ran.code == 0
    assert ran.document["status"] == "completed"
    assert ran.document["task_stats"] == {"completed": 2}


def test_waiting_for_what_fails_has_exit_code_one(start: Callable[..., Ran], worker: None) -> None:
    make_agent(tool="tests.fail")
    register(*chain("a"))
    ran = start("flow", "--wait")
    assert ran.code == 1
    assert "It is failed." in ran.out
    assert "It broke." in ran.out


def test_it_says_when_it_waits_for_a_person(
    start: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    register({"key": "ok", "name": "Check it", "kind": "human", "approval": {"groups": ["board"]}})
    _while_waiting(monkeypatch, runner.drain, lambda: None, _cancel)
    ran = start("flow", "--wait")
    assert ran.code == 1
    assert ran.err.count("Waits for a person: “Check it”") == 1
    assert "board" in ran.err
    assert "It is cancelled." in ran.out


def test_it_says_who_paused_it(start: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    register(*chain("a"))
    olga = make_user("olga", "operator")

    def pause() -> None:
        engine.pause(Execution.objects.get().pk, by=olga, reason="Fire drill.")

    _while_waiting(monkeypatch, pause, _cancel)
    assert "Paused by olga. Fire drill." in start("flow", "--wait").err


def test_an_interrupted_wait_leaves_it_running(
    start: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    register(*chain("a"))
    _while_waiting(monkeypatch, _interrupt)
    with pytest.raises(KeyboardInterrupt):
        start("flow", "--wait")
    assert "goes on without being watched" in capfd.readouterr().err
    assert Execution.objects.get().state == "pending"


def test_a_lost_database_ends_the_wait_with_a_sentence(
    start: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(*chain("a"))
    _while_waiting(monkeypatch, _lose)
    ran = start("flow", "--wait", "--json")
    assert ran.code == 1
    assert "The database went away" in ran.document["error"]


def test_a_change_ends_the_wait_for_it_before_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 3600.0)
    register(step("a"))
    execution = engine.start_workflow("flow")
    looks = waiting.looks(execution.pk)
    assert next(looks).state == "pending"
    engine.cancel(execution.pk, by=None)
    assert [seen.state for seen in looks] == ["cancelled"]


def test_the_changes_of_others_end_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = iter([["7", "8"], ["approvals"], ["5"]])
    monkeypatch.setattr(waiting, "_heard", lambda seconds: [next(heard)])
    waiting._wait("5")
    assert list(heard) == []


def _while_waiting(monkeypatch: pytest.MonkeyPatch, *happenings: Callable[[], Any]) -> None:
    """One thing happens at each wait for a change."""
    to_come = iter(happenings)
    monkeypatch.setattr(waiting, "_wait", lambda wanted: next(to_come)())


def _cancel() -> None:
    engine.cancel(Execution.objects.get().pk, by=None)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _lose() -> None:
    raise OperationalError("gone")
