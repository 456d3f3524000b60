from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.supervisor import child as room
from config.supervisor.child import Child
from tests.ops.processes import PROJECT, family, is_alive, wait_for_end
from tests.ops.waiting import until

pytestmark = pytest.mark.ops

FORKING = """
import os, signal, sys, threading
if os.fork() == 0:
    def note(*_): open(sys.argv[1] + ".called", "w").close()
    signal.signal(signal.SIGUSR2, note)
    open(sys.argv[1] + ".forked", "w").close()
while True:
    threading.Event().wait(60)
"""


@pytest.fixture
def forking(tmp_path: Path) -> Iterator[Child]:
    """A running child that has forked a process of its own."""
    script = tmp_path / "forking.py"
    script.write_text(FORKING)
    child = Child("forking", [str(script), str(tmp_path / "seen")], dict(os.environ), PROJECT)
    child.start()
    until((tmp_path / "seen.forked").exists)
    yield child
    child.kill()


def _family(child: Child) -> list[psutil.Process]:
    assert child.pid is not None
    return family(child.pid)


def test_a_restart_ends_the_whole_group_and_begins_a_new_one(forking: Child) -> None:
    before = _family(forking)
    assert len(before) == 2
    forking.restart("it was asked for")
    wait_for_end(before)
    forking.tend()
    assert forking.is_running
    assert forking.pid != before[0].pid


def test_what_a_child_forked_ends_with_it(forking: Child) -> None:
    leader, forked = _family(forking)
    leader.kill()
    wait_for_end([forked])


def test_asking_to_stop_ends_the_leader_by_itself(forking: Child) -> None:
    leader, _ = _family(forking)
    forking.ask_to_stop()
    wait_for_end([leader])


def test_whoever_heeds_no_signal_to_stop_is_killed_with_its_group(tmp_path: Path) -> None:
    script = tmp_path / "deaf.py"
    script.write_text("import signal\nsignal.signal(15, signal.SIG_IGN)\n" + FORKING)
    child = Child("deaf", [str(script), str(tmp_path / "seen")], dict(os.environ), PROJECT)
    child.start()
    until((tmp_path / "seen.forked").exists)
    group = _family(child)
    child.ask_to_stop()
    child.wait(until=time.monotonic() + 0.2)
    assert all(is_alive(process) for process in group)
    child.kill()
    wait_for_end(group)


def test_the_last_call_alone_ends_nobody(forking: Child, tmp_path: Path) -> None:
    assert forking.pid is not None
    os.killpg(forking.pid, signal.SIGUSR2)
    until((tmp_path / "seen.called").exists)
    assert all(is_alive(process) for process in _family(forking))


def test_a_child_that_ends_is_started_again_with_growing_patience(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "FIRST_DELAY", 0.05)
    script = tmp_path / "ending.py"
    script.write_text("print('here'); raise SystemExit(3)")
    child = Child("ending", [str(script)], dict(os.environ), PROJECT, _delay=0.05)
    child.start()
    told = ""
    for delay in ("0.05", "0.1"):
        until(lambda: not child.is_running)
        child.tend()
        told += capsys.readouterr().out
        assert f"ending ended with exit code 3; again in {delay} s." in told
        until(lambda: child.tend() or child.is_running)
    until(lambda: "ending  | here" in capsys.readouterr().out + told)
    child.kill()


def test_patience_has_a_bound_and_begins_anew_after_a_healthy_life(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = subprocess.Popen(["true"], start_new_session=True)
    ended.wait()
    child = Child("ending", [], {}, PROJECT)

    def pause(lived: float) -> str:
        child._process, child.started_at = ended, time.monotonic() - lived
        child.tend()
        return capsys.readouterr().out.partition("again in ")[2].strip()

    pauses = ["0.5 s.", "1 s.", "2 s.", "4 s.", "8 s.", "15 s.", "15 s."]
    assert [pause(lived=0) for _ in pauses] == pauses
    assert pause(lived=room.HEALTHY_AFTER + 1) == "0.5 s."


def test_a_child_whose_parent_is_not_the_expected_one_ends_at_once(tmp_path: Path) -> None:
    script = tmp_path / "never.py"
    script.write_text("open('started', 'w')")
    code = f"from config.supervisor import lifeline; lifeline.main(['1', {str(script)!r}])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False)
    assert done.returncode == 1
