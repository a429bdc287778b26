"""Where the tests find histories: the committed facts always, the whole files where `MILEPOST_DATA` is set."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rich.console import Console

from integrations.sources import opened

REPOSITORY = Path(__file__).parents[3]
FACTS = REPOSITORY / "integrations" / "facts"
DATA = Path(os.environ["MILEPOST_DATA"]) if os.environ.get("MILEPOST_DATA") else None


used: set[str] = set()


def whole_or_extract(whole: str, extract: str) -> tuple[Path, bool]:
    """The whole file where the data is, else the committed extract of it; and whether it is the whole.

    Remembers which in `used`, so that a run without the data does not look like one with it.
    """
    if DATA is None:
        used.add(f"{extract}, the committed extract (MILEPOST_DATA is not set)")
        return FACTS / extract, False
    path = DATA / whole
    assert path.is_file(), f"MILEPOST_DATA is set, but there is no {path}"
    used.add(f"{path}, the whole file")
    return path, True


@contextmanager
def reading(path: Path) -> Iterator[IO[bytes]]:
    with opened(path, Console(quiet=True)) as file:
        yield file
