"""The doors of the converters: files of others, of which a bad line is told and costs no other."""

import io
from contextlib import suppress

from integrations import csv_log, milestone_records, xes
from integrations.csv_log import Columns, UnusableFile
from integrations.event_log import LogEvent
from integrations.import_line import ImportLine, printable
from integrations.noticing import Notice
from integrations.timestamps import DateOrder, InstantReader
from integrations.xes import Keys, UnreadableLog

READERS = [InstantReader(order=order) for order in (None, *DateOrder)]


def csv(content: bytes) -> None:
    file = io.StringIO(content.decode("utf-8", errors="surrogateescape"), newline="")
    with suppress(UnusableFile):
        for found in csv_log.read(csv_log.open_table(file, Columns()), READERS[0]):
            sayable(found)


def log_of_xes(content: bytes) -> None:
    with suppress(UnreadableLog):
        for found in xes.read(io.BytesIO(content), Keys(), READERS[0]):
            sayable(found)


def milestones(content: bytes) -> None:
    for found in milestone_records.read(io.BytesIO(content), "source"):
        assert isinstance(found, Notice) or printable(found.milestone)


def timestamp(content: bytes) -> None:
    for reader in READERS:
        with suppress(ValueError):
            assert reader.read(content.decode(errors="replace")).tzinfo is not None


def sayable(found: LogEvent | Notice) -> None:
    """What was read can be sent."""
    if isinstance(found, LogEvent):
        title = printable(found.title)
        ImportLine(printable(found.case_id), "raise", "issue-1", found.at, {"title": title}).to_json()
