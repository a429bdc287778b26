"""Child processes of `make run`: started, watched, and ended for certain."""

import signal
import sys
from io import StringIO
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from deploy.local.processes import ChildProcess, StepFailed, last_lines
from deploy.local.run_directory import AlreadyHeld, RunDirectory
from deploy.local.stack import Stack
from deploy.local.supervising import RESTARTS_MAX, Supervising
from deploy.local.telling import Telling
from tests.support.eventually import eventually

# A program that says when it runs, and when it was asked to stop; it ends after as many signals as it pauses.
ON = (
    "import signal; signal.signal(signal.SIGTERM, lambda *_: print('goodbye', flush=True)); "
    "print('on', flush=True)"
)


def program(name: str, code: str, directory: Path) -> ChildProcess:
    return ChildProcess(name, [sys.executable, "-c", code], directory / f"{name}.log")


def has_logged(process: ChildProcess, *lines: str) -> None:
    assert last_lines(process.log) == list(lines)


def plain() -> tuple[Telling, StringIO]:
    output = StringIO()
    return Telling(Console(file=output, soft_wrap=True, highlight=False)), output


def test_a_program_that_dies_while_starting_is_told_with_its_last_lines_and_what_to_try(
    tmp_path: Path,
) -> None:
    dying = program("projects", "print('one'); print('no database'); raise SystemExit(3)", tmp_path)
    telling, output = plain()
    dying.start()
    with pytest.raises(StepFailed) as failed:
        dying.wait_until(lambda: False, seconds=30, next_command="make reset")
    telling.failure(failed.value)
    assert output.getvalue().splitlines() == [
        "",
        "Failed: projects ended with code 3 while starting.",
        f"The last lines of {dying.log}:",
        "  | one",
        "  | no database",
        "Try: make reset",
    ]


def test_only_the_last_twenty_lines_of_a_log_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    assert last_lines(log) == [f"line {number}" for number in range(99_980, 100_000)]


def test_a_program_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    idle = program("timeline", "import time; time.sleep(60)", tmp_path)
    idle.start()
    with pytest.raises(StepFailed, match="timeline was not ready after 0 s"):
        idle.wait_until(lambda: False, seconds=0.1)
    idle.stop()


async def test_a_program_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    deaf = program("deaf", f"{ON}; signal.pause(); signal.pause()", tmp_path)
    deaf.stop_seconds = 0.2
    deaf.start()
    await eventually(lambda: has_logged(deaf, "on"))
    deaf.stop()
    has_logged(deaf, "on", "goodbye")
    assert deaf.exit_code == -signal.SIGKILL


def test_a_living_run_keeps_its_directory(tmp_path: Path) -> None:
    mine, theirs = RunDirectory(tmp_path), RunDirectory(tmp_path)
    assert mine.acquire() is None
    with pytest.raises(AlreadyHeld) as held:
        theirs.acquire()
    assert held.value.pid == psutil.Process().pid
    mine.release()
    assert theirs.acquire() is None
    theirs.release()


def test_a_lock_left_by_a_crash_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("4194000")
    run = RunDirectory(tmp_path)
    assert run.acquire() == 4194000
    run.release()


async def test_what_a_crashed_run_left_running_is_asked_to_stop(tmp_path: Path) -> None:
    orphan = program("timeline", f"{ON}; signal.pause()", tmp_path / "logs")
    orphan.start()
    await eventually(lambda: has_logged(orphan, "on"))
    run = RunDirectory(tmp_path)
    run.acquire()
    left_running, then = run.stop_leftovers(), run.stop_leftovers()
    run.release()
    assert (left_running, then) == (["timeline"], [])
    has_logged(orphan, "on", "goodbye")
    assert not orphan.alive


def test_a_pid_that_is_somebody_elses_now_is_left_alone(tmp_path: Path) -> None:
    bystander = program("bystander", "import time; time.sleep(60)", tmp_path / "elsewhere")
    bystander.start()
    record = bystander.record.read_text()
    started = psutil.Process(bystander.pid).create_time()
    directory = tmp_path / "run"
    directory.mkdir()
    (directory / "timeline.process").write_text(record.replace(str(started), str(started - 3600)))
    run = RunDirectory(directory)
    run.acquire()
    assert run.stop_leftovers() == []
    assert bystander.alive
    run.release()
    bystander.stop()


def test_a_program_that_dies_again_and_again_ends_the_run(tmp_path: Path) -> None:
    telling, output = plain()
    stack = Stack(tmp_path)
    dying = stack.processes["projects"] = program("projects", "print('I cannot go on')", tmp_path)
    supervising = Supervising(stack, telling, clock=lambda: 0.0)
    dying.start()
    for _ in range(RESTARTS_MAX):
        dying.wait(10)
        supervising.look()
    dying.wait(10)
    with pytest.raises(StepFailed, match="projects died 4 times within 60 s"):
        supervising.look()
    assert output.getvalue().count("  | I cannot go on") == 1 + 2 + 3
    assert "projects is started again (3 of 3 times a minute)" in output.getvalue()


def test_a_program_that_died_long_ago_is_brought_back_again(tmp_path: Path) -> None:
    telling, _ = plain()
    now = 0.0
    stack = Stack(tmp_path)
    dying = stack.processes["projects"] = program("projects", "", tmp_path)
    supervising = Supervising(stack, telling, clock=lambda: now)
    dying.start()
    for _ in range(RESTARTS_MAX + 2):
        dying.wait(10)
        supervising.look()
        now += 61.0
    dying.stop()
