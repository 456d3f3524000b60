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
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from django.conf import settings
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
)

from agents import attempts
from agents.ending import LAST_CALL, End
from agents.executors import memory
from agents.executors.contract import Outcome
from agents.housekeeping import Housekeeping
from agents.models import Agent
from agents.orchestrator import lanes
from workflows import queue
from workflows.engine import (
    advancing,
    claiming,
    events,
    messages,
    own_work,
    sessions,
    timers,
    transitions,
)
from workflows.engine.claiming import LeaseLost, Work

log = logging.getLogger(__name__)
SLICE_SECONDS = 300.0  # then the slot goes back through the queue, which proves that it still works
OUTAGE_TOLD_SECONDS = 10.0  # between two lines about one outage of the database
DOORBELL_SECONDS = 0.05  # pages are told at most this often by one session while it is busy
INLINE_BATCH = 100
AGENTS_FRESH_SECONDS = 1.0


def work() -> int:
    """Work until the time slice ends or the last call comes; how many steps.

    Survives a restart of PostgreSQL. A wake-up too many finds its host's slots taken and ends.
    A handler that never returns takes its process with it: another one fills the slot.
    """
    end = End(
        time.monotonic() + SLICE_SECONDS, attempts.HANGS_AFTER_LEASES * settings.LEASE_SECONDS
    )
    signal.signal(LAST_CALL, end.come_now)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    watch = memory.Watch(settings.WORKER_MEMORY_MB, "Its work is taken back and tried again.")
    try:
        return _work_until(end, watch)
    finally:
        watch.end()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(LAST_CALL, signal.SIG_IGN)
        end.close()


def _work_until(end: End, watch: memory.Watch) -> int:
    steps, told_at = 0, -OUTAGE_TOLD_SECONDS
    kept: Kept = stdlib_queue.SimpleQueue()
    slot = None
    while not end.has_come or _must_stay(end):
        end.put_off_alarm()
        slot = Slot(end, kept, slots=settings.WORKERS, watch=watch, before=slot)
        try:
            lanes.refresh_repeatability()  # what a tool declares may have changed with the code
            steps += slot.run()
            if slot.is_clogged:
                _end_process("Work that does not end in its time fills this process")
            if kept.empty() and memory.is_half_full(settings.WORKER_MEMORY_MB):
                _end_process("Half of SIGNALBOX_WORKER_MEMORY_MB is used up")
        except sessions.NoFreeSlot:
            return steps
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() - told_at > OUTAGE_TOLD_SECONDS:
                log.warning("The database went away; trying again. %s", str(error).strip())
                told_at = time.monotonic()
            _start_over()
        except Exception:
            log.exception("A session broke off; what it ran is taken back and tried again.")
            _start_over()
    return steps


def _must_stay(end: End) -> bool:
    """Leave the slot to whoever the queue sends next; while that cannot be asked, go on here."""
    if end.is_last_call:
        return False
    try:
        queue.fill_slots()
    except queue.BrokerAway as error:
        log.warning("The slot cannot go back through the queue; it works on. %s", error)
        end.at = time.monotonic() + SLICE_SECONDS
        return True
    return False


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


def _end_process(why: str) -> NoReturn:
    """Threads cannot be ended, processes can."""
    log.error("%s; another process takes its place.", why)
    with contextlib.suppress(OperationalError, InterfaceError):
        timers.fire_due()  # what is over its time fails for that, not as lost with its worker
    connection.close()
    os._exit(1)


# A result that its session could not report, with the session's id.
Late = tuple[int, Work, advancing.Result]
Kept = stdlib_queue.SimpleQueue[Late]
Finished = stdlib_queue.SimpleQueue[tuple[Work, Outcome]]


class Slot:
    """One session from open to close.

    `kept` are results that earlier sessions of this process could not report; `slots`, how many
    sessions its host may have; `before`, the session before it, whose changes may still be untold.
    """

    def __init__(
        self,
        end: End,
        kept: Kept | None = None,
        slots: int | None = None,
        watch: memory.Watch | None = None,
        before: Slot | None = None,
    ) -> None:
        self.end, self.slots = end, slots
        self.watch = memory.Watch(0, "") if watch is None else watch
        self.kept = stdlib_queue.SimpleQueue() if kept is None else kept
        self.results: list[tuple[Work, advancing.Result]] = []
        self.finished: Finished = stdlib_queue.SimpleQueue()
        self.ear, self.bell = os.pipe()
        os.set_blocking(self.ear, False)
        self.in_flight = self.steps = 0
        self.changed: set[int] = set() if before is None else set(before.changed)
        self.due: dict[tuple[int, int], float] = {}
        self.leaves_work = self.is_lost = self.is_clogged = False
        self.is_woken = True
        self.rung_at = self.agents_at = 0.0
        self.agents: dict[str, Agent] = {}
        self.suspects: set[int] = set()

    def run(self, *, until_quiet: bool = False) -> int:
        """Work until the slice ends (or nothing is left); returns the number of steps reported."""
        try:
            self.session = sessions.open_session(self.slots)
        except sessions.NoFreeSlot:
            self._hang_up()
            self._report_kept()
            self._ring(now=True)
            raise
        self.house = Housekeeping(self.session)
        pool = ThreadPoolExecutor(settings.THREADS, thread_name_prefix="agent")
        try:
            self._loop(pool, until_quiet)
            self.house.stand_down()
            if not self.is_clogged:
                sessions.close_session(self.session)
        except LeaseLost:
            log.error("Session %s lost its lease; its late results will be refused.", self.session)
            self.is_lost = True
            self.house.stand_down()
            self._keep(self.results)
            self._report_late()
        except (OperationalError, InterfaceError):
            self.is_lost = True
            self._keep([*self.results, *self._gathered()])
            raise
        finally:
            pool.shutdown(wait=not self.in_flight, cancel_futures=True)
            self._hang_up()
        return self.steps

    def _loop(self, pool: ThreadPoolExecutor, until_quiet: bool) -> None:
        while True:
            self._keep_house()
            has_reported = bool(self.results)
            works = self._exchange() if self.results or self.is_woken else []
            if works:
                self.watch.work()
            here: list[Work] = []
            for work in works:
                if self._is_for_thread(work):
                    self._submit(pool, work)
                else:
                    here.append(work)
            self.results += [(work, self._done_here(work)) for work in here]
            self.results += self._gathered()
            if works or self.results or (until_quiet and has_reported):
                self.is_woken = True
                continue
            self._ring(now=True)
            if self._is_over(until_quiet):
                if until_quiet and (timers.fire_due() or messages.deliver_due()):
                    continue
                return
            self._wait()

    def _exchange(self) -> list[Work]:
        """Report what is done and take what is next."""
        room = self._room()
        self.house.is_fresh = False
        try:
            works = advancing.exchange(self.session, self.results, room)
        except LeaseLost:
            self.results = []  # each has been applied, or stored and refused, all the same
            raise
        self.steps += len(self.results)
        if any(isinstance(result, advancing.Broken) for _, result in self.results):
            # A retry may have been set: even a session that stays busy fires it in time.
            self.house.expect_timer(timers.seconds_until_next())
        self.changed.update(work.execution_id for work, _ in self.results)
        self.results = []
        self.suspects = sessions.often_lost(works)
        events.claimed(works)
        self.changed.update(work.execution_id for work in works)
        self.leaves_work = bool(room) and len(works) == room
        self._ring()
        return works

    def _is_over(self, until_quiet: bool) -> bool:
        """Its work is done, or what is left will never be; then it is left to whoever reaps it."""
        if not self.in_flight:
            return until_quiet or self.end.has_come
        self.is_clogged = self.in_flight == self._stuck() and (
            self.end.has_come or self._is_filling_up()
        )
        return self.is_clogged

    def _stuck(self) -> int:
        """Threads whose work is over its time: its result would be refused."""
        now = time.monotonic()
        return sum(due < now for due in self.due.values())

    def _is_filling_up(self) -> bool:
        return 2 * self._stuck() >= settings.THREADS

    def _room(self) -> int:
        if self.end.has_come or self._is_filling_up():
            return 0
        return min(INLINE_BATCH, settings.THREADS - self.in_flight)

    def _done_here(self, work: Work) -> advancing.Result:
        """Quick tools, and the engine's own work."""
        if work.lane == claiming.ENGINE_LANE:
            return own_work.done(work)
        return attempts.result(attempts.run(work, self._agent(work)))

    def _is_for_thread(self, work: Work) -> bool:
        if work.lane == claiming.ENGINE_LANE:
            return False
        return work.task_id in self.suspects or not attempts.is_quick(self._agent(work))

    def _submit(self, pool: ThreadPoolExecutor, work: Work) -> None:
        self.in_flight += 1
        if (limit := work.node.timeout_seconds) is not None:
            self.due[work.task_id, work.fence] = time.monotonic() + limit + attempts.STUCK_SECONDS
        pool.submit(self._carry_out, work, self._agent(work), work.task_id in self.suspects)

    def _carry_out(self, work: Work, agent: Agent | None, is_alone: bool) -> None:
        """On a thread of the pool, outside any transaction."""
        try:
            outcome = attempts.run(work, agent, is_alone=is_alone)
        finally:
            close_old_connections()
        self.finished.put((work, outcome))
        if self.is_lost:
            self._report_late()
            connection.close()
        else:
            os.write(self.bell, b".")

    def _gathered(self) -> list[tuple[Work, advancing.Result]]:
        """The results that have come in from the threads."""
        results = []
        with contextlib.suppress(stdlib_queue.Empty):
            while True:
                work, outcome = self.finished.get_nowait()
                self.due.pop((work.task_id, work.fence), None)
                results.append((work, attempts.result(outcome)))
        self.in_flight -= len(results)
        return results

    def _report_late(self) -> None:
        """What came in after the lease was lost: refused, and stored for people to see."""
        self._keep(self._gathered())
        try:
            self._report_kept()
            self._ring(now=True)
        except (OperationalError, InterfaceError):
            log.warning("A late result is kept until the database is back.")

    def _keep(self, results: list[tuple[Work, advancing.Result]]) -> None:
        for work, result in results:
            if work.lane != claiming.ENGINE_LANE:
                self.kept.put((self.session, work, result))

    def _report_kept(self) -> None:
        """As the session that did the work: the result counts if nobody has taken it over yet."""
        while not self.kept.empty():
            with contextlib.suppress(stdlib_queue.Empty):
                late = self.kept.get_nowait()
                try:
                    advancing.report_again(*late)
                except (OperationalError, InterfaceError):
                    self.kept.put(late)
                    raise
                self.changed.add(late[1].execution_id)

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
        """Between two exchanges; the main thread shows that it is alive."""
        self.end.put_off_alarm()
        if self.house.is_look_due:
            self._report_kept()
        self.is_woken |= self.house.keep()

    def _ring(self, *, now: bool = False) -> None:
        """Tell the pages what changed; at most every DOORBELL_SECONDS while busy."""
        if self.changed and (now or time.monotonic() - self.rung_at > DOORBELL_SECONDS):
            told = sorted(self.changed)
            transitions.doorbell(told, "agents", work=self.leaves_work)
            self.changed.difference_update(told)  # a thread with a late result may have added more
            self.rung_at = time.monotonic()

    def _wait(self) -> None:
        """Until there is work, a result, a due timer, or a tick has passed."""
        if not self.in_flight:
            self.watch.rest()
        if not self.house.is_fresh:
            self.house.look_around()
        timeout = self.house.seconds_to_sleep()
        connection.ensure_connection()
        database = connection.connection
        was_early, self.is_woken = not self.house.is_fresh, True
        if any(True for _ in database.notifies(timeout=0)):
            return  # it came with the answer to another statement
        heard, _, _ = select.select([database.fileno(), self.ear, self.end.ear], [], [], timeout)
        self.is_woken = bool(heard) or was_early
        for _ in database.notifies(timeout=0):
            pass
        for ear in (self.ear, self.end.ear):
            with contextlib.suppress(BlockingIOError):
                os.read(ear, 4096)
