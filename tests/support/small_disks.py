"""Disks that can be filled: file systems of their own, in memory, mounted where a server keeps its data.

A disk is filled by taking away what is free of it, so that every program that needs one more block is told so.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.support.eventually import eventually

ROOM_MEGABYTES = 2_048
# Where each server of a stack keeps what must not be lost.
PLACES = {"postgres": "postgres", "nats": "nats/store"}


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """What is mounted at `directory`."""

    directory: Path

    async def fill(self) -> None:
        """From now on no block is free; whoever writes meanwhile is waited for."""

        def is_full() -> None:
            used = self._blocks().f_blocks - self._blocks().f_bfree
            resized = _mount("-o", f"remount,nr_blocks={used}", str(self.directory))
            assert resized, f"{self.directory} is written to"
            assert self._blocks().f_bfree == 0, f"{self.directory} has room"

        await eventually(is_full)

    def make_room(self) -> None:
        """All of the room that there was."""
        assert _mount("-o", f"remount,size={ROOM_MEGABYTES}m", str(self.directory))

    def _blocks(self) -> os.statvfs_result:
        return os.statvfs(self.directory)


@contextmanager
def small_disks(directory: Path) -> Iterator[Mapping[str, SmallDisk]]:
    """A disk for each server of the stack that will run in this directory, by name; none where nobody may mount one.

    What is on them is gone afterwards.
    """
    with ExitStack() as mounted:
        places = PLACES if may_mount() else {}
        yield {name: mounted.enter_context(_mounted(directory / each)) for name, each in places.items()}


@contextmanager
def _mounted(directory: Path) -> Iterator[SmallDisk]:
    directory.mkdir(parents=True)
    assert _mount("-t", "tmpfs", "-o", f"size={ROOM_MEGABYTES}m,mode=0755", "milepost", str(directory))
    try:
        yield SmallDisk(directory)
    finally:
        # Lazily: a program that is being ended may still stand in it.
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def unmount_beneath(directory: Path) -> None:
    """Whatever a test that was killed has left mounted there."""
    for each in psutil.disk_partitions(all=True):
        if Path(each.mountpoint).is_relative_to(directory):
            subprocess.run(["umount", "--lazy", each.mountpoint], check=False)


@cache
def may_mount() -> bool:
    """Whether whoever runs this may have disks; root may, outside of most containers."""
    with TemporaryDirectory() as directory:
        if not _mount("-t", "tmpfs", "-o", "size=1m", "milepost", directory):
            return False
        subprocess.run(["umount", directory], check=True)
        return True


def _mount(*arguments: str) -> bool:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
