"""`magray sql`: print the SQL a migration runs, for review."""

from __future__ import annotations

import rich_click as click

from service.core.migrate import rebuild_statements


@click.command()
def sql() -> None:
    """Print the SQL that `magray migrate` runs beside the Alembic revisions, in order."""
    for text in rebuild_statements():
        click.echo(text)
