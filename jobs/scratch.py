"""A database of its own on the configured server, dropped at the end: no memory is touched."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import psycopg
import sqlalchemy as sa

from service.core.backend import (
    Database,
    bring_up_to_date,
    model_of,
    open_database,
    open_pools,
)
from service.core.errors import PlatformError
from service.core.memory import Operator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.core.embedding.cache import CachedEmbedder
    from service.core.memory import Memory
    from service.core.settings import Settings

_PREFIX = "magray_bench_"


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """An empty, migrated database.

    Attributes:
        database: where it is.
        memory: its functions, acting as `memory_app`.
    """

    database: Database
    memory: Memory


@asynccontextmanager
async def scratch_database(
    settings: Settings, embedder: CachedEmbedder | None
) -> AsyncIterator[Scratch]:
    """Make a database on the configured server, the embedded one or another, and drop it.

    Args:
        settings: where the server is, and the policy.
        embedder: whose vectors it stores; None: none, or those the settings say.

    Raises:
        PlatformError: the login may not create databases.
        psycopg.Error: it could not be migrated.
    """
    async with (
        open_database(settings) as database,
        await psycopg.AsyncConnection.connect(database.url, autocommit=True) as connection,
    ):
        operator = Operator(connection)
        await _sweep(operator)
        name = _PREFIX + uuid.uuid4().hex[:12]
        try:
            await operator.create_database(name)
        except psycopg.errors.InsufficientPrivilege as error:
            raise PlatformError(
                "a benchmark needs a database of its own, and the login may not create one",
                detail=str(error).strip(),
                hint="env -u MAGRAY_DATABASE_URL magray bench …, which uses the embedded server",
            ) from error
        try:
            scratch = Database(url=_sibling(database.url, name), server=database.server)
            await bring_up_to_date(scratch, settings, model_of(settings, embedder))
            async with open_pools(scratch, settings) as (_, memory):
                yield Scratch(database=scratch, memory=memory)
        finally:
            with anyio.CancelScope(shield=True):
                await operator.drop_database(name)


async def _sweep(operator: Operator) -> None:
    """Drop what a killed benchmark left; one that runs is connected, and so cannot be dropped."""
    for name in await operator.databases(_PREFIX):
        with suppress(psycopg.errors.ObjectInUse):
            await operator.drop_database(name)


def _sibling(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    parsed = sa.make_url(url).set(database=name, drivername="postgresql")
    return parsed.render_as_string(hide_password=False)
