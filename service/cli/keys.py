"""`magray keys`: make, list and revoke API keys."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import rich_click as click

from service.cli.output import json_option, print_rows
from service.core.backend import open_database
from service.core.database import connect
from service.core.keys import ALL_NAMESPACES, SCOPES, create_key
from service.core.logs import configure_logs
from service.core.memory import Operator
from service.core.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Answer = TypeVar("Answer")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    help="Bind it to this namespace; repeat for more. Default: all.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="What it may do; default: read and write.",
)
@json_option
def create(name: str, namespaces: tuple[str, ...], scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a key and print it: it is shown once and stored nowhere."""
    bound = list(namespaces) or [ALL_NAMESPACES]
    allowed = list(scopes) or ["read", "write"]
    key = _with_operator(
        lambda operator: create_key(operator, name, namespaces=bound, scopes=allowed)
    )
    row = {"key": key, "name": name, "namespaces": bound, "scopes": allowed}
    print_rows([row], as_json=as_json, empty="")


@keys.command(name="list")
@json_option
def list_keys(as_json: bool) -> None:
    """List the keys; a key is named by its prefix."""
    rows = _with_operator(lambda operator: operator.list_keys())
    print_rows(rows, as_json=as_json, empty="There is no key yet: magray keys create --name app")


@keys.command()
@click.argument("prefix")
@click.option("--dry-run", is_flag=True, help="Only say which keys would be revoked.")
@json_option
def revoke(prefix: str, dry_run: bool, as_json: bool) -> None:
    """Revoke the keys of this prefix; services forget them within five seconds."""
    rows = _with_operator(lambda operator: operator.revoke_key(prefix, dry_run=dry_run))
    print_rows(rows, as_json=as_json, empty="")


def _with_operator(work: Callable[[Operator], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        settings = load_settings()
        configure_logs(settings.model_copy(update={"log_level": "warning"}))
        async with (
            open_database(settings, makes=False) as database,
            connect(database.url, role="memory_owner") as connection,
        ):
            return await work(Operator(connection))

    return asyncio.run(run())
