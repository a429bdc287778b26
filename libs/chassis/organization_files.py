"""An organization as a file: what one service keeps of it as NDJSON, between a head and a foot that vouch for it.

The head says whose it is and which service wrote it; every line is an object of one member, which says of what kind
it is (`{"event": {…}}`); the foot counts the lines of each kind and has the SHA-256 of everything before it. Whoever
imports checks a file whole before using any of it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO
from uuid import UUID

FORMAT = "milepost-organization/2"
HEAD, FOOT = "head", "foot"
# No service writes a line that is nearly as long.
LINE_BYTES_MAX = 16 * 1024 * 1024

# Told how far the work is, and how far it goes.
Report = Callable[[int, int], None]


class NotImportable(Exception):
    """A file that can not be imported here; the message says which line, and why."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line: what it is, and its JSON. `number` counts from 1, where it was read from a file."""

    kind: str
    body: bytes
    number: int = 0


async def written(
    service: str, organization_id: UUID, items: AsyncIterator[Item], counts: Counter[str]
) -> AsyncIterator[bytes]:
    """The lines of a file; `counts` has those of each kind once the last one was taken."""
    digest = hashlib.sha256()
    head = {"format": FORMAT, "service": service, "organization_id": str(organization_id)}
    line = _line(HEAD, json.dumps(head).encode())
    digest.update(line)
    yield line
    async for item in items:
        line = _line(item.kind, item.body)
        digest.update(line)
        counts[item.kind] += 1
        yield line
    foot = {
        "lines": dict(sorted(counts.items())),
        "sha256": digest.hexdigest(),
        "exported_at": datetime.now(UTC).isoformat(),
    }
    yield _line(FOOT, json.dumps(foot).encode())


def checked(service: str, lines: Iterable[bytes]) -> UUID:
    """Whose file it is; raises `NotImportable` unless it is whole, and was written by this service."""
    digest, counts, foot = hashlib.sha256(), Counter[str](), None
    organization_id = None
    for item, line in _items(lines):
        if organization_id is None:
            organization_id = _owner(service, item)
        elif foot is not None:
            raise NotImportable(f"line {item.number}: something follows the last line")
        elif item.kind == FOOT:
            foot = _read(item)
        else:
            counts[item.kind] += 1
        if foot is None:
            digest.update(line)
    if organization_id is None:
        raise NotImportable(f"line 1: not the beginning of an export ({FORMAT})")
    if foot is None:
        raise NotImportable(f"it breaks off after {counts.total()} lines: its last line is missing")
    if foot.get("lines") != dict(counts) or foot.get("sha256") != digest.hexdigest():
        raise NotImportable("its lines are not those that were exported: one was changed, lost or added")
    return organization_id


def items_of(lines: Iterable[bytes]) -> Iterator[Item]:
    """What stands between head and foot, in order."""
    return (item for item, _ in _items(lines) if item.kind not in (HEAD, FOOT))


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of an open file; raises `NotImportable` for one that is longer than any export's."""
    number = 0
    while line := file.readline(LINE_BYTES_MAX):
        number += 1
        if len(line) == LINE_BYTES_MAX:
            raise NotImportable(f"line {number}: longer than a line of an export can be")
        yield line


def _line(kind: str, body: bytes) -> bytes:
    return b'{"%s":%s}\n' % (kind.encode(), body)


def _items(lines: Iterable[bytes]) -> Iterator[tuple[Item, bytes]]:
    for number, line in enumerate(lines, start=1):
        kind, separator, body = line.partition(b'":')
        if not (kind.startswith(b'{"') and separator and body.endswith(b"}\n")):
            raise NotImportable(f"line {number}: not a line of an export ({FORMAT})")
        yield Item(kind[2:].decode(errors="replace"), body[:-2], number), line


def _owner(service: str, item: Item) -> UUID:
    head = _read(item)
    try:
        if item.kind == HEAD and head["format"] == FORMAT:
            if head["service"] != service:
                raise NotImportable(f"it is an export of {head['service']}, and this is {service}")
            return UUID(head["organization_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise NotImportable(f"line 1: not the beginning of an export ({FORMAT})")


def _read(item: Item) -> dict[str, Any]:
    try:
        read = json.loads(item.body)
    except ValueError as error:
        raise NotImportable(f"line {item.number}: {error}") from None
    return read if isinstance(read, dict) else {}
