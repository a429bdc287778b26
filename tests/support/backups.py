"""Backups as docs/operating.md makes them: one database at a time, with the tools of PostgreSQL."""

import asyncio
from pathlib import Path

from deploy.local.postgres import binaries
from deploy.local.stack import Stack


async def back_up(stack: Stack, service: str, file: Path) -> None:
    """The whole database of a service, as it is at one instant; commands may go on."""
    await _run("pg_dump", "--format=custom", f"--file={file}", stack.whereabouts.database_dsn(service))


async def restore(stack: Stack, service: str, file: Path) -> None:
    """Put the database back as it was, with its service stopped meanwhile; the service is ready again afterwards."""
    await asyncio.to_thread(stack.processes[service].stop)
    admin = stack.whereabouts.admin_dsn
    await _run("psql", "--quiet", "--command", f"drop database milepost_{service} with (force)", admin)
    await _run("pg_restore", "--create", f"--dbname={admin}", str(file))
    await asyncio.to_thread(stack.start_service, service)


async def _run(program: str, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        binaries() / program, *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await process.communicate()
    assert process.returncode == 0, f"{program}: {complaint.decode()}"
