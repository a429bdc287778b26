"""`python -m deploy.local run`: the whole system on this machine, in the foreground, until Ctrl-C."""

import os
import shutil
import signal
import sys
import time
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from deploy.local import programs
from deploy.local.addresses import CUSTOMARY, Addresses
from deploy.local.banner import ENVIRONMENT_FILE, addresses, banner, relative, write_down
from deploy.local.founding import found_organization
from deploy.local.processes import StepFailed
from deploy.local.run_directory import AlreadyHeld, RunDirectory
from deploy.local.stack import Stack
from deploy.local.supervising import Supervising
from deploy.local.telling import Telling
from deploy.local.whereabouts import Whereabouts

command_line = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help=__doc__
)
Directory = Annotated[Path, typer.Option(help="Where this run keeps its data, logs and keys.")]
RUN = Path(".run")


@command_line.command()
def run(directory: Directory = RUN) -> None:
    """Start everything, say where it is, keep it running. PG and NATS in the environment replace the servers."""
    telling = Telling()
    stack = customary_stack(directory)
    interrupt_on(signal.SIGTERM, signal.SIGHUP)
    try:
        for sentence in stack.acquire():
            telling.line(sentence)
    except AlreadyHeld as held:
        say_already_running(telling, directory, held)
        return
    for sentence in stack.whereabouts.addresses.stepped_over():
        telling.line(sentence)
    raise typer.Exit(run_until_ended(stack, telling))


@command_line.command()
def reset(directory: Directory = RUN) -> None:
    """Forget everything a run kept in its directory. Refused while it runs."""
    run_directory = RunDirectory(directory)
    telling = Telling()
    try:
        run_directory.acquire()
    except AlreadyHeld as held:
        telling.line(f"Milepost is running here (process {held.pid}). Stop it first: kill {held.pid}")
        raise typer.Exit(1) from None
    run_directory.stop_leftovers()
    for entry in directory.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry != run_directory.lock_file:
            entry.unlink()
    run_directory.release()
    telling.line(f"{directory} is empty; the next run starts from nothing")


@command_line.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def call(context: typer.Context, service: str, directory: Directory = RUN) -> None:
    """Run a service's own command as its administrator, e.g. `call timeline rebuild`; starts the servers if need be."""
    try:
        stack = customary_stack(directory)
        stack.acquire()
    except AlreadyHeld:
        raise typer.Exit(call_running(directory, service, *context.args)) from None
    try:
        stack.start_postgres()
        stack.start_nats()
        stack.create_keys()
        code = stack.call(service, *context.args)
    except StepFailed as failure:
        Telling().failure(failure)
        code = 1
    finally:
        stack.stop()
    raise typer.Exit(code)


def call_running(directory: Path, service: str, *arguments: str) -> int:
    """The command against the servers of the run that goes on in this directory."""
    environment = Whereabouts.read(directory).settings(service, administrator=True)
    return programs.call(service, *arguments, environment=environment)


def customary_stack(directory: Path) -> Stack:
    """The stack on the customary ports, with the servers that PG and NATS name."""
    postgres_dsn, nats_url = os.environ.get("PG"), os.environ.get("NATS")
    given = {"postgres": postgres_dsn, "nats": nats_url}
    needed = [name for name in CUSTOMARY if not given.get(name)]
    return Stack(directory, partial(Addresses.customary, needed), postgres_dsn, nats_url)


def run_until_ended(stack: Stack, telling: Telling) -> int:
    """Up, watched, and down again, however it ends; the exit code."""
    started = time.monotonic()
    try:
        telling.line("Starting Milepost")
        for step in stack.steps():
            telling.step(step.name, step.action)
        telling.step("organization", lambda: found_organization(stack.whereabouts))
        token = write_down(stack.whereabouts)
        for line in banner(stack.whereabouts, token):
            telling.line(line)
        telling.line(f"Ready in {time.monotonic() - started:.1f} s.")
        Supervising(stack, telling).watch()
    except KeyboardInterrupt:
        return 0
    except StepFailed as failure:
        telling.failure(failure)
        return 1
    finally:
        stop(stack, telling)
    return 0


def stop(stack: Stack, telling: Telling) -> None:
    """In order, undisturbed by a second Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    started = time.monotonic()
    telling.line("Stopping the services, NATS and PostgreSQL …")
    stack.stop()
    (stack.whereabouts.directory / ENVIRONMENT_FILE).unlink(missing_ok=True)
    telling.line(
        f"Stopped in {time.monotonic() - started:.1f} s; the data stays in {relative(stack.whereabouts.directory)}"
    )


def say_already_running(telling: Telling, directory: Path, held: AlreadyHeld) -> None:
    telling.line(f"Milepost is already running here (process {held.pid}):")
    for line in addresses(Whereabouts.read(directory)):
        telling.line(line)
    telling.line(f"Stop it with Ctrl-C in its terminal, or: kill {held.pid}")


def interrupt_on(*numbers: int) -> None:
    """Other ways of being told to stop end the run as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, interrupt)


if __name__ == "__main__":
    sys.exit(command_line())
