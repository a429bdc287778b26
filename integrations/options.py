"""The options that the converters share, and the plain sentences in which they say what is wrong with one."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import IO, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from integrations.csv_log import Columns, UnusableFile
from integrations.event_log import Lifecycle, Options, TooManyStates
from integrations.sources import TooManyRecords, source_named
from integrations.timestamps import DateOrder, InstantReader
from integrations.xes import UnreadableLog
from libs.events.portfolio import StateCategory
from libs.events.raid import IssueKind

COLUMN_FIELDS = tuple(field.name for field in fields(Columns))
DEFAULT_URL = "http://127.0.0.1:8001"

Source = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Plain or gzipped.")
]
Output = Annotated[
    str, typer.Option(help="Where import lines go; `-` is standard output, the default unless --post.")
]
Post = Annotated[bool, typer.Option("--post", help="Send the lines to the projects service.")]
Url = Annotated[str, typer.Option(envvar="MILEPOST_PROJECTS_URL", help="Where the projects service answers.")]
Token = Annotated[
    str, typer.Option(envvar="MILEPOST_TOKEN", help="A token of the person who imports.", show_default=False)
]
SourceName = Annotated[
    str,
    typer.Option("--source", help="Keeps ids and keys of different sources apart; default: the file's name."),
]
ProjectName = Annotated[str, typer.Option(help="The project of the issues; default: the source's name.")]
Kind = Annotated[IssueKind, typer.Option(help="What kind of issue a case is.")]
Categories = Annotated[
    list[str] | None,
    typer.Option(
        "--category", metavar="STATE=CATEGORY", help="Overrule the guess for a state; may be repeated."
    ),
]
LifecycleUse = Annotated[
    Lifecycle, typer.Option("--lifecycle", help="What to make of lifecycle transitions.")
]
Zone = Annotated[str, typer.Option("--timezone", help="The IANA zone of timestamps without an offset.")]
DayFirst = Annotated[
    bool | None,
    typer.Option(
        "--day-first/--month-first",
        show_default=False,
        help="How to read 03/04/2026; untold, only dates that cannot mean two days are read.",
    ),
]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="FIELD=HEADER",
        help=f"Name a column that is not found by itself: {', '.join(COLUMN_FIELDS)}.",
    ),
]


@contextmanager
def told_plainly() -> Iterator[None]:
    """What is wrong with a file is a sentence on standard error, not a traceback."""
    try:
        yield
    except (UnusableFile, UnreadableLog, TooManyRecords, TooManyStates, EOFError, OSError) as error:
        raise typer.BadParameter(str(error) or type(error).__name__, param_hint="FILE") from error


@contextmanager
def decoded(file: IO[bytes], encoding: str) -> Iterator[IO[str]]:
    """The text of a file; bytes that are not in the encoding become lone surrogates, to be found later."""
    try:
        text = io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="")
    except LookupError:
        raise typer.BadParameter(f"{encoding} is no encoding", param_hint="--encoding") from None
    yield text
    text.detach()


def instant_reader(zone: str, is_day_first: bool | None = None) -> InstantReader:
    orders = {None: None, True: DateOrder.DAY_FIRST, False: DateOrder.MONTH_FIRST}
    return InstantReader(_zone_named(zone), orders[is_day_first])


def _zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise typer.BadParameter(f"{name} is no IANA time zone", param_hint="--timezone") from None


def log_options(
    file: Path,
    source: str,
    project_name: str,
    kind: IssueKind,
    categories: list[str] | None,
    lifecycle: Lifecycle,
    *,
    is_snapshots: bool = False,
) -> Options:
    name = source or source_named(file)
    return Options(
        source=name,
        project=project_name or name,
        kind=kind,
        categories=_categories(categories or []),
        lifecycle=lifecycle,
        is_snapshots=is_snapshots,
    )


def _categories(told: list[str]) -> Mapping[str, StateCategory]:
    pairs = _pairs(told, "--category")
    unknown = sorted(set(pairs.values()) - set(StateCategory))
    if unknown:
        known = ", ".join(StateCategory)
        raise typer.BadParameter(f"{unknown[0]} is not one of {known}", param_hint="--category")
    return {state: StateCategory(category) for state, category in pairs.items()}


def columns_named(told: list[str] | None) -> Columns:
    pairs = _pairs(told or [], "--column")
    unknown = sorted(set(pairs) - set(COLUMN_FIELDS))
    if unknown:
        raise typer.BadParameter(
            f"{unknown[0]} is not one of {', '.join(COLUMN_FIELDS)}", param_hint="--column"
        )
    return Columns(**pairs)


def _pairs(told: list[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in told:
        name, equals, value = each.rpartition("=")
        if not equals or not name.strip() or not value.strip():
            raise typer.BadParameter(f"{each} is not NAME=VALUE", param_hint=option)
        pairs[name.strip()] = value.strip()
    return pairs
