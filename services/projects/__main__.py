"""`python -m services.projects`: serve, or run one part of the service alone."""

import asyncio
from typing import Annotated

import typer

from libs.chassis import logging, server
from libs.chassis.migrations import migrate as apply_migrations
from libs.chassis.provisioning import provision
from libs.events.log.adopting import Divergence
from services.projects import adopting, organization_commands
from services.projects.admission.keys import AccountKey
from services.projects.app import MIGRATIONS, OWNER, program, relay_of
from services.projects.settings import ProjectsSettings
from services.projects.verifying import command as verifying

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
cli.add_typer(organization_commands.cli, name="organization")
cli.command("verify")(verifying.command)


@cli.command()
def serve() -> None:
    """Serve HTTP, and relay the log while this process leads."""
    settings = ProjectsSettings()
    server.serve("projects", settings, lambda stopping: program(settings, stopping))


@cli.command()
def relay() -> None:
    """Relay the log into NATS, without serving HTTP."""
    settings = ProjectsSettings()
    logging.configure("projects", log_format=settings.log_format, level=settings.log_level)
    running = relay_of(settings)
    if running is None:
        raise typer.BadParameter("MILEPOST_NATS_URL is missing")
    asyncio.run(running.run())


@cli.command()
def adopt_log(
    reason: Annotated[str, typer.Option(help="Why the log is right and the stream is not; it is kept.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Have the stream made anew from the log where it holds something else, as after a restore; say what follows."""
    try:
        told = asyncio.run(
            adopting.adopt_log(ProjectsSettings(), reason, lambda found: yes or _agreed(found))
        )
    except adopting.NothingToAdopt as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(told)


def _agreed(found: Divergence) -> bool:
    typer.echo(adopting.account_of(found))
    return typer.confirm("Is the log right, and are these events to be forgotten everywhere?")


@cli.command()
def nats_issuer() -> None:
    """Make a key pair for letting integrations into NATS, and print it."""
    key = AccountKey.new()
    typer.echo(f"MILEPOST_NATS_ISSUER_SEED={key.seed}  # secret, for projects")
    typer.echo(f"MILEPOST_NATS_ISSUER={key.public}  # public, for NATS")


@cli.command()
def migrate(
    admin_database_url: Annotated[
        str, typer.Option(envvar="MILEPOST_ADMIN_DATABASE_URL", help="An administrator of the server.")
    ],
) -> None:
    """Create the database and its roles where they are missing, and apply pending migrations."""
    settings = ProjectsSettings()
    logging.configure("projects", log_format=settings.log_format, level=settings.log_level)
    asyncio.run(_migrate(settings, admin_database_url))


async def _migrate(settings: ProjectsSettings, admin_database_url: str) -> None:
    dsns = [settings.database_url.get_secret_value(), settings.relay_dsn]
    admin_dsn = await provision(admin_database_url, dsns, OWNER)
    await apply_migrations(admin_dsn, MIGRATIONS, owner=OWNER)


if __name__ == "__main__":
    cli()
