"""`magray migrate`: bring a database to this program's tables, functions and policy."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import psycopg
import rich_click as click

from service.cli.output import json_option, print_rows
from service.core.backend import (
    Database,
    bring_up_to_date,
    load_embedder,
    load_unseen,
    model_of,
    open_database,
    open_pools,
)
from service.core.database import connect, is_unprepared
from service.core.errors import ConfigError, EmbeddingUnavailable
from service.core.keys import first_key
from service.core.logs import configure_logs
from service.core.memory import Logins, Operator
from service.core.migrate import Model, head_revision, sql_digest
from service.core.secret_files import FIRST_KEY, SERVICE_LOGIN, SERVICE_PASSWORD, secret
from service.core.settings import Settings, load_settings


@click.command()
@click.option(
    "--replace-model",
    is_flag=True,
    help="Drop the vectors of another embedding model; the service embeds everything anew.",
)
@click.option(
    "--dry-run", is_flag=True, help="With --replace-model: only say what would be dropped."
)
@click.option(
    "--secrets",
    "secrets_dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also prepare for services elsewhere: the login magray with the password in DIR, and a "
    "first API key in DIR/key.",
)
@json_option
def migrate(replace_model: bool, dry_run: bool, secrets_dir: Path | None, as_json: bool) -> None:
    """Migrate the database and apply the policy of magray.toml to its rows."""
    settings = load_settings()
    configure_logs(settings.model_copy(update={"log_level": "warning"}))
    dropped = asyncio.run(_migrate(settings, replace_model=replace_model, dry_run=dry_run))
    if secrets_dir is not None and not dry_run:
        asyncio.run(_prepare_services(settings, secrets_dir))
    row = {"revision": head_revision(), "digest": sql_digest()[:12], "vectors_dropped": dropped}
    print_rows([row], as_json=as_json, empty="")


async def _migrate(settings: Settings, *, replace_model: bool, dry_run: bool) -> int:
    """Migrate; returns how many vectors of another model were dropped, or would be."""
    if dry_run and not replace_model:
        raise ConfigError("--dry-run goes with --replace-model", hint="magray check")
    away: EmbeddingUnavailable | None = None
    embedder = None
    try:
        embedder = load_embedder(settings)
    except EmbeddingUnavailable as error:
        if replace_model:
            raise
        away = error
    model = model_of(settings, embedder)
    if embedder is not None:
        embedder.close()
    if replace_model and model is None:
        raise ConfigError(
            "provider none has no model of its own",
            hint="set MAGRAY_EMBEDDING__DIM to the dimension of the vectors you bring",
        )
    async with open_database(settings) as database:
        dropped = 0
        if away is not None and (unseen := await load_unseen(settings, database, away)):
            model = model_of(settings, unseen)
            unseen.close()
        if replace_model and model is not None:
            model = replace(model, replace=True)
            dropped = await _vectors_to_drop(database, model)
        if not dry_run:
            await bring_up_to_date(database, settings, model)
        return dropped


async def _prepare_services(settings: Settings, secrets_dir: Path) -> None:
    """A login for services, with nothing but their rights, and a key for whoever calls them."""
    password = secret(secrets_dir, SERVICE_PASSWORD)
    async with open_database(settings) as database:
        async with connect(database.url) as connection:
            await Logins(connection).ensure_service(SERVICE_LOGIN, password)
        async with (
            connect(database.url, role="memory_owner") as connection,
            open_pools(database, settings) as (_, memory),
        ):
            await first_key(Operator(connection), memory, secrets_dir / FIRST_KEY)


async def _vectors_to_drop(database: Database, model: Model) -> int:
    """How many vectors of another model there are; none in a database never migrated."""
    try:
        async with connect(database.url, role="memory_owner") as connection:
            operator = Operator(connection)
            if await operator.active_model() != (model.name, model.dim):
                return await operator.count_vectors()
    except psycopg.Error as error:
        if not is_unprepared(error):
            raise
    return 0
