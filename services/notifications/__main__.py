"""The program of the notifications service: `python -m services.notifications serve`."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from libs.access.access_log.entries import record_operator
from libs.chassis import server
from libs.chassis.postgres import Database
from libs.events import parking
from libs.events.feed import Feed, FeedUnavailable
from libs.events.parting import NotAdopted
from services.notifications import adopting, app, organization_commands
from services.notifications.adopting import TakenBack
from services.notifications.migrating import migrate_database
from services.notifications.settings import AdoptionSettings, MigrationSettings, ParkingSettings, Settings

Result = TypeVar("Result")

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tells people what they asked to hear.",
)
parked = typer.Typer(no_args_is_help=True, help="Projects whose events could not be told.")
cli.add_typer(parked, name="parked")
cli.add_typer(organization_commands.cli, name="organization")

Organization = Annotated[UUID, typer.Argument(help="The organization's id.")]
Sequence = Annotated[str, typer.Argument(help="The sequence, as `parked list` shows it.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
By = Annotated[str, typer.Option(help="Who decides; it is kept.")]


@cli.command()
def serve() -> None:
    """Serve HTTP, tell people, and send webhooks."""
    settings = Settings()
    server.serve("notifications", settings, partial(app.program, settings))


@cli.command()
def delivering() -> None:
    """Only send webhooks."""
    settings = Settings()
    server.serve("notifications-delivering", settings, partial(app.delivering_alone, settings))


@cli.command()
def migrate() -> None:
    """Create what is missing: the database, its roles and tables. May be repeated at any time."""
    settings = MigrationSettings()
    applied = asyncio.run(
        migrate_database(
            settings.admin_database_url.get_secret_value(),
            settings.database_url.get_secret_value(),
            settings.internal_database_url.get_secret_value(),
        )
    )
    for each in applied:
        typer.echo(f"applied {each}")
    typer.echo("notifications is up to date")


@cli.command()
def adopt_log(
    position: Annotated[int, typer.Option(min=0, help="What `adopt-log` of projects names.")],
) -> None:
    """Go back to where the log and this service are alike, where it told of events that the log does not have."""
    settings = AdoptionSettings()

    async def adopt() -> TakenBack:
        async with Feed(settings.projects_url, settings.current_service_token) as feed:
            return await adopting.adopt_log(settings, feed, position)

    try:
        gone = asyncio.run(adopt())
    except (NotAdopted, FeedUnavailable) as error:
        typer.echo(f"nothing was changed: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(
        f"taken back: {gone.messages:,} messages in inboxes and {gone.deliveries:,} deliveries, of which"
        f" {gone.delivered:,} had reached their webhooks; goes on behind position {position:,}"
    )


@parked.command("list")
def list_parked() -> None:
    """What waits, and why."""
    for each in asyncio.run(_with_database(_list)):
        typer.echo(f"{each.org_id} {each.sequence} at {each.position}: {each.events} events, {each.detail}")


@parked.command()
def retry(org_id: Organization, sequence: Sequence, reason: Reason = "", by: By = "operator") -> None:
    """Tell what waits, in order."""
    _decide(org_id, sequence, "retry", reason, by)


@parked.command()
def skip(org_id: Organization, sequence: Sequence, reason: Reason, by: By = "operator") -> None:
    """Leave out the first event that waits, and tell the rest."""
    _decide(org_id, sequence, "skip", reason, by)


def _decide(org_id: UUID, sequence: str, decision: str, reason: str, by: str) -> None:
    async def decide(database: Database) -> int:
        async with database.transaction() as connection:
            await record_operator(connection, by, f"parked {decision} {sequence}", org_id)
            return await parking.decide(connection, org_id, sequence, decision, reason, by)

    decision_id = asyncio.run(_with_database(decide))
    typer.echo(f"decision {decision_id} is recorded; the service that leads carries it out within seconds")


async def _list(database: Database) -> list[parking.ParkedSequence]:
    async with database.connection() as connection:
        return await parking.list_parked(connection)


async def _with_database(work: Callable[[Database], Awaitable[Result]]) -> Result:
    settings = ParkingSettings()
    database = await Database.connect(
        settings.internal_database_url.get_secret_value(),
        application_name="notifications operator",
        patience_seconds=5,
    )
    try:
        return await work(database)
    finally:
        await database.close()


if __name__ == "__main__":
    cli()
