"""Reads the event feed of Milepost over HTTP, page by page, and waits there for what happens next.

Needs MILEPOST_PROJECTS_URL, MILEPOST_API_KEY and the path of its ledger. Nothing but Python's standard library.
"""

import json
import os
import sys
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ledger import Ledger

WAIT_SECONDS = 5
PAUSE_SECONDS = 1.0
# What asking again does not mend: the key is wrong or was revoked, or the position belongs to another log.
FINAL = (401, 403, 404, 422)


def page(after: int) -> dict[str, Any]:
    """The next events; an empty page only after waiting for one."""
    request = Request(  # noqa: S310 (whoever configures the address is trusted)
        f"{os.environ['MILEPOST_PROJECTS_URL']}/v1/events?after={after}&limit=500",
        headers={
            "Authorization": f"Bearer {os.environ['MILEPOST_API_KEY']}",
            "Prefer": f"wait={WAIT_SECONDS}",
        },
    )
    with urlopen(request, timeout=WAIT_SECONDS + 10) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
    return found


def main() -> None:
    """Until it is stopped, in whatever way: the next start goes on where this one was."""
    ledger = Ledger(Path(sys.argv[1]))
    while True:
        try:
            found = page(ledger.position)
        except HTTPError as error:
            if error.code in FINAL:
                sys.exit(f"{error.code}: {error.read().decode(errors='replace')}")
            time.sleep(float(error.headers.get("Retry-After") or PAUSE_SECONDS))
        except (OSError, HTTPException, ValueError):
            time.sleep(PAUSE_SECONDS)
        else:
            ledger.apply(found["items"], up_to=found["next_after"])


if __name__ == "__main__":
    main()
