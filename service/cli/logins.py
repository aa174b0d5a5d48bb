"""`magray logins`: who may ask the database itself, with psql, DBeaver or Grafana."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from service.cli.output import json_option, print_facts, print_rows
from service.core.backend import open_database
from service.core.database import connect
from service.core.logs import configure_logs
from service.core.memory import LOGIN_ROLES, Logins
from service.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.core.backend import Database

Answer = TypeVar("Answer")


@click.group()
def logins() -> None:
    """Make, list and revoke logins of the database."""


@logins.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(list(LOGIN_ROLES)),
    default="analyst",
    show_default=True,
    help="An analyst reads, an operator also runs the lifecycle and backups.",
)
@json_option
def create(name: str, role: str, as_json: bool) -> None:
    """Make a login and print its password: it is shown once and stored nowhere."""
    password = secrets.token_urlsafe(24)

    async def work(logins: Logins, database: Database, settings: Settings) -> dict[str, Any]:
        await logins.create(name, LOGIN_ROLES[role], password)
        return {
            "login": name,
            "role": role,
            "password": password,
            "connect": _way(database, settings, name),
        }

    print_facts(_with_logins(work), as_json=as_json)


@logins.command(name="list")
@json_option
def list_logins(as_json: bool) -> None:
    """List the logins that act as an analyst or an operator."""
    rows = _with_logins(lambda logins, *_: logins.list_logins())
    print_rows(rows, as_json=as_json, empty="There is no login yet: magray logins create julia")


@logins.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only say which login would go.")
@json_option
def revoke(name: str, dry_run: bool, as_json: bool) -> None:
    """End the sessions of a login that was made here, and drop it."""
    rows = _with_logins(lambda logins, *_: logins.revoke(name, dry_run=dry_run))
    print_rows(rows, as_json=as_json, empty="")


def _way(database: Database, settings: Settings, name: str) -> str:
    """How this login gets in."""
    if database.server is None:
        return f"as MAGRAY_DATABASE_URL says, with the user {name}"
    if settings.postgres_port is None:
        return f"magray psql -U {name}; over loopback with MAGRAY_POSTGRES_PORT=5433 magray serve"
    return f"postgresql://{name}@127.0.0.1:{settings.postgres_port}/magray"


def _with_logins(work: Callable[[Logins, Database, Settings], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        settings = load_settings()
        configure_logs(settings.model_copy(update={"log_level": "warning"}))
        async with (
            open_database(settings, makes=False) as database,
            connect(database.url) as connection,
        ):
            return await work(Logins(connection), database, settings)

    return asyncio.run(run())
