"""Reads XES event logs (IEEE 1849) as a stream: traces are cases, with or without XML namespaces."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, iterparse

from integrations.event_log import LogEvent
from integrations.noticing import Notice
from integrations.timestamps import InstantReader


@dataclass(frozen=True, slots=True)
class Keys:
    """The attributes of a trace and its events that say what an event log needs to know."""

    case_id: str = "concept:name"
    activity: str = "concept:name"
    timestamp: str = "time:timestamp"
    resource: str = "org:resource"
    group: str = "org:group"
    lifecycle: str = "lifecycle:transition"
    title: str = "description"


class UnreadableLog(Exception):
    """The file as a whole cannot be read from some place on; the message says where and why."""


def read(
    file: IO[bytes], keys: Keys, instants: InstantReader, encoding: str | None = None
) -> Iterator[LogEvent | Notice]:
    """Events in the order of the file; an event without case, activity or instant is a bad notice.

    Raises `UnreadableLog` where the XML breaks off, declares entities or has an unknown encoding.
    """
    number = 0
    try:
        for trace_number, trace in enumerate(_traces(file, encoding), start=1):
            attributes = _attributes(trace)
            case_id = attributes.get(keys.case_id) or f"trace {trace_number}"
            if not attributes.get(keys.case_id):
                yield Notice("unnamed_case", f"trace {trace_number} has no {keys.case_id}")
            for element in trace:
                if _tag(element) == "event":
                    number += 1
                    yield _event(number, case_id, attributes, _attributes(element), keys, instants)
    except ParseError as error:
        raise UnreadableLog(f"the XML breaks after event {number}: {error}") from error
    except DefusedXmlException as error:
        raise UnreadableLog(f"the XML declares what a log has no need of: {error}") from error
    except (LookupError, ValueError) as error:
        raise UnreadableLog(f"the XML cannot be decoded after event {number}: {error}") from error


def _traces(file: IO[bytes], encoding: str | None) -> Iterator[Element]:
    """Each trace once it is complete; what was read is let go, so memory follows the longest trace."""
    parser = DefusedXMLParser(encoding=encoding) if encoding else None
    root: Element | None = None
    for moment, element in iterparse(file, events=("start", "end"), parser=parser):
        if root is None:
            root = element
        elif moment == "end" and _tag(element) == "trace":
            yield element
            root.clear()


def _event(
    number: int,
    case_id: str,
    trace: dict[str, str],
    event: dict[str, str],
    keys: Keys,
    instants: InstantReader,
) -> LogEvent | Notice:
    try:
        at = instants.read(event.get(keys.timestamp, ""))
    except ValueError as error:
        return Notice("no_instant", f"{case_id}: {error}", number, is_bad=True)
    return LogEvent(
        number=number,
        case_id=case_id,
        at=at,
        activity=event.get(keys.activity, ""),
        lifecycle=event.get(keys.lifecycle, ""),
        resource=event.get(keys.resource, ""),
        group=event.get(keys.group, ""),
        title=trace.get(keys.title, ""),
    )


def _attributes(element: Element) -> dict[str, str]:
    """The attributes directly in a trace or an event; the first of a name counts."""
    found: dict[str, str] = {}
    for child in element:
        name: Any = child.get("key")
        if name is not None and name not in found:
            found[name] = child.get("value", "")
    return found


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
