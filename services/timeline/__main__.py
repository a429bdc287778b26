"""`python -m services.timeline`: serve, project alone, migrate, rebuild, and look after what is parked."""

import asyncio
from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from libs.chassis import server
from libs.events.feed import FeedUnavailable
from libs.events.parting import NotAdopted
from services.timeline import app as application
from services.timeline import operating, projections
from services.timeline.migrating import migrate_now
from services.timeline.rebuilding import RebuildFailed
from services.timeline.settings import (
    AdoptionSettings,
    MigrationSettings,
    ParkingSettings,
    RebuildSettings,
    Settings,
)

cli = typer.Typer(
    help="Timeline remembers what happened.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
parked = typer.Typer(help="Projects that wait because an event could not be applied.", no_args_is_help=True)
cli.add_typer(parked, name="parked")

Organization = Annotated[UUID, typer.Argument(help="The organization's id.")]
Sequence = Annotated[str, typer.Argument(help="As `parked list` shows it: project-<uuid> or a stream.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept for ever.")]


@cli.command()
def serve() -> None:
    """Answer questions over HTTP, and keep the read models in step while this replica leads."""
    settings = Settings()
    server.serve("timeline", settings, partial(application.program, settings))


@cli.command()
def projecting() -> None:
    """Keep the read models in step, without answering questions."""
    settings = Settings()
    server.serve("timeline", settings, partial(application.projecting_program, settings))


@cli.command()
def migrate() -> None:
    """Create the database, its roles, its books and the schemas of its read models, as far as they are missing."""
    settings = MigrationSettings()
    done = migrate_now(
        settings.admin_database_url.get_secret_value(),
        settings.database_url.get_secret_value(),
        settings.internal_database_url.get_secret_value(),
    )
    for each in done:
        typer.echo(f"applied {each}")
    typer.echo("timeline is up to date")


@cli.command()
def rebuild(
    projection: Annotated[str, typer.Argument(help=f"{', '.join(projections.PROJECTIONS)}, or all.")] = "all",
) -> None:
    """Fill a read model, or all in one pass, anew from the log beside the live ones, then switch."""
    titles = list(projections.PROJECTIONS) if projection == "all" else [_known(projection)]
    try:
        operating.rebuild_now(titles, RebuildSettings())
    except RebuildFailed as error:
        typer.echo(f"not rebuilt: {error}", err=True)
        raise typer.Exit(1) from error


@cli.command()
def rollback(
    projection: Annotated[str, typer.Argument(help=f"One of {', '.join(projections.PROJECTIONS)}.")],
) -> None:
    """Put the read model that a rebuild replaced back, caught up."""
    try:
        result = asyncio.run(operating.roll_back(_known(projection), RebuildSettings()))
    except RebuildFailed as error:
        typer.echo(f"not rolled back: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{result.names[0]} is the earlier one again, at position {result.position}")


@cli.command()
def adopt_log() -> None:
    """Read everything anew, where timeline knows of events that the log does not have; after projects adopt-log."""
    try:
        reached = asyncio.run(operating.adopt_log(AdoptionSettings()))
    except (NotAdopted, FeedUnavailable) as error:
        typer.echo(f"nothing was changed: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(
        f"forgotten up to position {reached:,}; the replica that leads reads the log from its beginning"
    )


@parked.command("list")
def list_parked() -> None:
    """Every project or stream that waits, oldest first."""
    for each in asyncio.run(operating.parked_sequences(_database_url())):
        typer.echo(
            f"{each.org_id}  {each.sequence}  at {each.position}  {each.events} events wait  {each.code}: {each.detail}"
        )


@parked.command()
def show(organization: Organization, sequence: Sequence) -> None:
    """The events of a sequence that wait, in order."""
    for line in asyncio.run(operating.parked_events(_database_url(), organization, sequence)):
        typer.echo(line)


@parked.command()
def retry(organization: Organization, sequence: Sequence, reason: Reason) -> None:
    """Have the leader apply what waits, from its first event on."""
    _decide(organization, sequence, "retry", reason)


@parked.command()
def skip(organization: Organization, sequence: Sequence, reason: Reason) -> None:
    """Have the leader leave out the first event that waits, and apply the others."""
    _decide(organization, sequence, "skip", reason)


def _decide(organization: UUID, sequence: str, decision: str, reason: str) -> None:
    number = asyncio.run(operating.decide(_database_url(), organization, sequence, decision, reason))
    typer.echo(f"decision {number}: the leader will {decision} {sequence}")


def _known(projection: str) -> str:
    if projection not in projections.PROJECTIONS:
        raise typer.BadParameter(f"there is no projection {projection}")
    return projection


def _database_url() -> str:
    return ParkingSettings().internal_database_url.get_secret_value()


if __name__ == "__main__":
    cli()
