"""`python -m services.timeline`: serve, project alone, migrate, rebuild, and look after what is parked."""

from functools import partial

import typer

from libs.chassis import server
from services.timeline import app as application
from services.timeline.migrating import migrate_now
from services.timeline.settings import MigrationSettings, Settings

cli = typer.Typer(help="Timeline remembers what happened.", no_args_is_help=True, add_completion=False)


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
        settings.admin_database_url.get_secret_value(), settings.database_url.get_secret_value()
    )
    for each in done:
        typer.echo(f"applied {each}")
    typer.echo("timeline is up to date")


if __name__ == "__main__":
    cli()
