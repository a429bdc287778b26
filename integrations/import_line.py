"""One line of an import: a command, when it was true, and the key under which it is sent only once.

Ids and keys are derived from names in the source, so converting a file again gives the same bytes
and sending it again is a replay.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from pydantic_core import to_json

NAMESPACE = UUID("6c2b9a7e-5a0f-5d0b-9a55-7e2f2b1f4c11")
KEY_LENGTH_MAX = 255
NAME_LENGTH_MAX = 200
_DIGEST_LENGTH = 12
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\s]+")


@dataclass(frozen=True, slots=True)
class ImportLine:
    """A command for one stream; `body` holds the command's fields without `effective_at` and its own id."""

    key: str
    command: str
    stream: str
    effective_at: datetime
    body: Mapping[str, Any]
    on_behalf_of: UUID | None = None

    def to_json(self) -> bytes:
        """The line as it is sent, without its line break."""
        fields: dict[str, Any] = {
            "key": self.key,
            "command": self.command,
            "stream": self.stream,
            "effective_at": rfc3339(self.effective_at),
        }
        if self.on_behalf_of is not None:
            fields["on_behalf_of"] = str(self.on_behalf_of)
        return to_json({**fields, "body": self.body})


def rfc3339(moment: datetime) -> str:
    """An instant with the offset it was written with; `Z` where that is zero."""
    return re.sub(r"\+00:00$", "Z", moment.isoformat())


def ndjson(lines: Iterable[ImportLine]) -> Iterator[bytes]:
    return (line.to_json() + b"\n" for line in lines)


def identity(*names: str) -> UUID:
    """The id of the thing with these names, the first being its source: equal names, equal id."""
    return uuid5(NAMESPACE, joined(names))


def key(*names: str) -> str:
    """A key made of names and numbers, as readable as its 255 characters allow."""
    text = joined(printable(name) for name in names)
    if len(text) <= KEY_LENGTH_MAX and all(name == printable(name) for name in names):
        return text
    return shortened(text, KEY_LENGTH_MAX, of=joined(names))


def joined(names: Iterable[str]) -> str:
    """Names with `/` between them, and no doubt about where one ends."""
    return "/".join(name.replace("%", "%25").replace("/", "%2F") for name in names)


def printable(text: str) -> str:
    """A text on one line: white space and what cannot be printed become single spaces."""
    return _UNPRINTABLE.sub(" ", text).strip()


def shortened(text: str, length_max: int, of: str | None = None) -> str:
    """The text, cut to `length_max` with a digest of the whole (or of `of`) to keep it distinct."""
    whole = text if of is None else of
    if len(text) <= length_max and of is None:
        return text
    digest = sha256(whole.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    return f"{text[: length_max - _DIGEST_LENGTH - 1].rstrip()}~{digest}"
