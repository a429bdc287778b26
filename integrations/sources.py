"""Opens source files, plain or gzipped, so that reading them moves a progress bar."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar, cast

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

RECORDS_MAX = 2_000_000
_GZIP = b"\x1f\x8b"
_SUFFIXES = (".gz", ".jsonl", ".ndjson", ".json", ".csv", ".xes", ".xml", ".txt")

Record = TypeVar("Record")


class TooManyRecords(Exception):
    """The file holds more than a conversion keeps in memory; split it by project."""


@contextmanager
def opened(path: Path, console: Console) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where they are gzipped, with a progress bar on the console."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar as progress, path.open("rb") as file:
        task = progress.add_task(f"Reading {path.name}", total=path.stat().st_size)
        is_gzipped = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        watched = cast("IO[bytes]", progress.wrap_file(file, task_id=task))
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=watched)) if is_gzipped else watched


def source_named(path: Path) -> str:
    """`volvo-closed-problems.xes.gz` is the source `volvo-closed-problems`, in whatever format it comes."""
    name = path.name
    while name.lower().endswith(_SUFFIXES):
        name = name[: name.rindex(".")]
    return name or path.name


def bounded(records: Iterable[Record], records_max: int = RECORDS_MAX) -> Iterator[Record]:
    """The records, up to so many; raises `TooManyRecords` at the next one."""
    for count, record in enumerate(records):
        if count == records_max:
            raise TooManyRecords(f"more than {records_max:,} records; split the file by project")
        yield record
