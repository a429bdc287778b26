"""Follows the event stream of Milepost (server-sent events), and resumes it where it was after every interruption.

Needs MILEPOST_PROJECTS_URL, MILEPOST_API_KEY and the path of its ledger. Nothing but Python's standard library.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ledger import Ledger

# A ping comes every 15 seconds at most: twice that without a byte, and the connection is dead.
SILENCE_SECONDS_MAX = 30
PAUSE_SECONDS = 1.0
# What asking again does not mend: the key is wrong or was revoked, or the position belongs to another log.
FINAL = (401, 403, 404, 422)


def frames(after: int) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Every event after a position, as it happens, and how far that is; ends when server or network end it."""
    request = Request(  # noqa: S310 (whoever configures the address is trusted)
        f"{os.environ['MILEPOST_PROJECTS_URL']}/v1/events/stream",
        headers={
            "Authorization": f"Bearer {os.environ['MILEPOST_API_KEY']}",
            "Accept": "text/event-stream",
            "Last-Event-ID": str(after),
        },
    )
    with urlopen(request, timeout=SILENCE_SECONDS_MAX) as answer:  # noqa: S310
        frame: dict[str, str] = {}
        for line in answer:
            name, _, value = line.decode().rstrip("\r\n").partition(":")
            if name:
                frame[name] = value.removeprefix(" ")
                continue
            if "id" in frame:
                # A frame with a name of its own is no event: `ping` and `end` tell how far we have come.
                yield int(frame["id"]), [] if "event" in frame else [json.loads(frame["data"])]
            frame = {}


def main() -> None:
    """Until it is stopped, in whatever way: the next start goes on where this one was."""
    ledger = Ledger(Path(sys.argv[1]))
    while True:
        try:
            for position, events in frames(ledger.position):
                ledger.apply(events, up_to=position)
        except HTTPError as error:
            if error.code in FINAL:
                sys.exit(f"{error.code}: {error.read().decode(errors='replace')}")
        except (OSError, HTTPException, ValueError):
            pass
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
