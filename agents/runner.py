"""What a django-q2 worker does: hold one session, claim, run, report, until the time slice ends.

The session's own thread does all the database work and gathers what finished meanwhile into one
report; agents run on threads beside it, tools declared quick run inline.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue as stdlib_queue
import select
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
)

from agents import executors, tools
from agents.executors.contract import Call, Done, Failed, InDoubt, Outcome
from agents.models import Agent, Kind
from agents.orchestrator import workforce
from workflows import queue
from workflows.engine import advancing, claiming, events, sessions, timers, transitions, working_off
from workflows.engine.claiming import Work

log = logging.getLogger(__name__)
SLICE_SECONDS = 300.0  # then the slot goes back through the queue, which proves that it still works
TICK_SECONDS = 1.0  # the longest an idle session waits: lost work and timers are looked for
DOORBELL_SECONDS = 0.05  # pages are told at most this often by one session while it is busy
INLINE_BATCH = 50
AGENTS_FRESH_SECONDS = 1.0
LAST_CALL = signal.SIGUSR2  # the supervisor's: stop taking work, you will be ended soon


def work() -> int:
    """Work until the time slice ends or the last call comes; how many steps.

    Survives a restart of PostgreSQL. A wake-up too many finds its host's slots taken and ends.
    """
    if queue.live_sessions(socket.gethostname()) >= settings.WORKERS:
        return 0
    end = End(time.monotonic() + SLICE_SECONDS)
    signal.signal(LAST_CALL, end.come_now)
    try:
        return _work_until(end)
    finally:
        signal.signal(LAST_CALL, signal.SIG_IGN)
        end.close()


def _work_until(end: End) -> int:
    steps = 0
    while not end.has_come:
        try:
            steps += Slot(end).run()
        except (OperationalError, InterfaceError) as error:
            log.warning("The database went away; trying again. %s", str(error).strip())
            _start_over()
        except Exception:
            log.exception("A session broke off; what it ran is taken back and tried again.")
            _start_over()
    if not end.is_last_call:
        queue.fill_slots()
    return steps


def drain() -> int:
    """Run here what is ready until nothing is; how many steps. For tests and commands."""
    end = End(time.monotonic() + SLICE_SECONDS)
    try:
        return Slot(end).run(until_quiet=True)
    finally:
        end.close()


def _start_over() -> None:
    """Without its connection a session is dead, and the next reap takes back what it ran."""
    connection.close()
    threading.Event().wait(0.2)


class End:
    """When a slot is to take no more work; a signal may bring it forward and wake who waits."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.is_last_call = False
        self.ear, self.bell = os.pipe()
        os.set_blocking(self.ear, False)

    @property
    def has_come(self) -> bool:
        return time.monotonic() >= self.at

    def come_now(self, *_: object) -> None:
        """What the supervisor's last call does, shortly before it stops the worker."""
        self.at, self.is_last_call = 0.0, True
        os.write(self.bell, b".")

    def close(self) -> None:
        """Give the pipe back; nobody may wait on it any more."""
        os.close(self.ear)
        os.close(self.bell)


class LeaseLost(Exception):
    """Another session has taken over this one's work."""


class Slot:
    """One session from open to close."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.finished: stdlib_queue.SimpleQueue[tuple[Work, Outcome]] = stdlib_queue.SimpleQueue()
        self.ear, self.bell = os.pipe()
        os.set_blocking(self.ear, False)
        self.in_flight = self.steps = 0
        self.changed: set[int] = set()
        self.leaves_work = self.is_lost = False
        self.rung_at = self.looked_at = self.agents_at = 0.0
        self.agents: dict[str, Agent] = {}

    def run(self, *, until_quiet: bool = False) -> int:
        """Work until the slice ends (or nothing is left); returns the number of steps reported."""
        self.session = sessions.open_session()
        self.renewed_at = time.monotonic()
        pool = ThreadPoolExecutor(settings.THREADS, thread_name_prefix="agent")
        try:
            self._loop(pool, until_quiet)
            sessions.close_session(self.session)
        except LeaseLost:
            log.error("Session %s lost its lease; its late results will be refused.", self.session)
            self.is_lost = True
            self._report_late()
        except (OperationalError, InterfaceError):
            self.is_lost = True
            raise
        finally:
            pool.shutdown(wait=not self.in_flight, cancel_futures=True)
            self._hang_up()
        return self.steps

    def _loop(self, pool: ThreadPoolExecutor, until_quiet: bool) -> None:
        results: list[tuple[Work, advancing.Result]] = []
        while True:
            self._keep_house()
            works = self._exchange(results)
            for work in works:
                if work.lane != claiming.ENGINE_LANE and not self._is_quick(work):
                    self._submit(pool, work)
            results = [result for work in works for result in self._done_here(work)]
            results += self._gathered()
            if works or results:
                continue
            self._ring(now=True)
            if not self.in_flight and (until_quiet or self.end.has_come):
                if until_quiet and timers.fire_due():
                    continue
                return
            self._wait()

    def _exchange(self, results: list[tuple[Work, advancing.Result]]) -> list[Work]:
        """Report what is done and take what is next."""
        room = self._room()
        works = advancing.exchange(self.session, results, room)
        self.steps += len(results)
        self.changed.update(work.execution_id for work, _ in results)
        events.claimed(works)
        self.changed.update(work.execution_id for work in works)
        self.leaves_work = bool(room) and len(works) == room
        self._ring()
        return works

    def _room(self) -> int:
        if self.end.has_come:
            return 0
        return min(INLINE_BATCH, settings.THREADS - self.in_flight)

    def _done_here(self, work: Work) -> list[tuple[Work, advancing.Result]]:
        """Quick tools, and the engine's own work: a human step is asked for and waits."""
        if work.lane == claiming.ENGINE_LANE:
            return [(work, advancing.WaitsForPeople())]
        if self._is_quick(work):
            return [(work, _result(self._run(work, self._agent(work))))]
        return []

    def _is_quick(self, work: Work) -> bool:
        agent = self._agent(work)
        if agent is None or agent.kind != Kind.PYTHON:
            return False
        try:
            return tools.get(str(agent.config.get("tool", ""))).inline
        except tools.UnknownTool:
            return False

    def _submit(self, pool: ThreadPoolExecutor, work: Work) -> None:
        self.in_flight += 1
        pool.submit(self._carry_out, work, self._agent(work))

    def _carry_out(self, work: Work, agent: Agent | None) -> None:
        """On a thread of the pool, outside any transaction."""
        try:
            outcome = self._run(work, agent)
        finally:
            close_old_connections()
        self.finished.put((work, outcome))
        if self.is_lost:
            self._report_late()
            connection.close()
        else:
            os.write(self.bell, b".")

    def _run(self, work: Work, agent: Agent | None) -> Outcome:
        if agent is None:
            message = f"The agent “{work.agent_key}” is not registered any more."
            return Failed(message, "agent_missing")
        return executors.run(agent.kind, _call(work, agent))

    def _gathered(self) -> list[tuple[Work, advancing.Result]]:
        """The results that have come in from the threads."""
        results = []
        with contextlib.suppress(stdlib_queue.Empty):
            while True:
                work, outcome = self.finished.get_nowait()
                results.append((work, _result(outcome)))
        self.in_flight -= len(results)
        return results

    def _report_late(self) -> None:
        """What came in after the lease was lost: refused, and stored for people to see."""
        while results := self._gathered():
            advancing.report(self.session, results)

    def _hang_up(self) -> None:
        """Close the bell, unless threads that nobody waits for may still ring it."""
        if not self.in_flight:
            os.close(self.ear)
            os.close(self.bell)

    def _agent(self, work: Work) -> Agent | None:
        """The agent's row, at most a second old."""
        now = time.monotonic()
        if now - self.agents_at > AGENTS_FRESH_SECONDS or work.agent_key not in self.agents:
            self.agents = {agent.key: agent for agent in Agent.objects.all()}
            self.agents_at = now
        return self.agents.get(work.agent_key)

    def _keep_house(self) -> None:
        """Renew the lease, take back lost work, fire timers, revive batches: when it is time."""
        now = time.monotonic()
        if now - self.renewed_at > settings.HEARTBEAT_SECONDS:
            if not sessions.renew(self.session):
                raise LeaseLost
            workforce.beat()
            self.renewed_at = now
        if now - self.looked_at > TICK_SECONDS:
            sessions.reap(self.session)
            timers.fire_due()
            working_off.sweep()
            self.looked_at = now

    def _ring(self, *, now: bool = False) -> None:
        """Tell the pages what changed; at most every DOORBELL_SECONDS while busy."""
        if self.changed and (now or time.monotonic() - self.rung_at > DOORBELL_SECONDS):
            transitions.doorbell(sorted(self.changed), "agents", work=self.leaves_work)
            self.changed.clear()
            self.rung_at = time.monotonic()

    def _wait(self) -> None:
        """Until there is work, a result, a due timer, or a tick has passed."""
        due = timers.seconds_until_next()
        if due is not None and due <= TICK_SECONDS:
            self.looked_at = 0.0
        timeout = TICK_SECONDS if due is None else min(max(due, 0.005), TICK_SECONDS)
        connection.ensure_connection()
        database = connection.connection
        if any(True for _ in database.notifies(timeout=0)):
            return  # it came with the answer to another statement
        select.select([database.fileno(), self.ear, self.end.ear], [], [], timeout)
        for _ in database.notifies(timeout=0):
            pass
        for ear in (self.ear, self.end.ear):
            with contextlib.suppress(BlockingIOError):
                os.read(ear, 4096)


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


def _result(outcome: Outcome) -> advancing.Result:
    match outcome:
        case Done(output):
            return advancing.Completed(output)
        case Failed(message, kind, retryable, details):
            after = details.get("retry_after_seconds") or 0
            return advancing.Broken(message, kind, retryable, float(after), details=details)
        case InDoubt(message):
            return advancing.Broken(message, "in_doubt", is_retryable=False)
