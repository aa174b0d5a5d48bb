"""Connections: the pool the service uses, as role `memory_app`, and single ones for commands.

Every connection of the pool acts as `memory_app`, on which row level security is forced; the
namespace of a request is set for its transaction only (`service/core/memory/`).
"""

from __future__ import annotations

import select
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types import TypeInfo
from psycopg_pool import AsyncConnectionPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# What PostgreSQL and the driver say of a database that was never migrated.
UNMIGRATED = (psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedFunction)
# A database that is away, or has no connection free; one that is lost in the midst of a call shows
# itself as either.
LOST = (psycopg.OperationalError, psycopg.InterfaceError)

# The service's statements are short; what takes longer than this is stuck.
_STATEMENT_TIMEOUT = "60s"


def is_unprepared(error: psycopg.Error) -> bool:
    """Whether a database refused because no migration has made schema and roles yet."""
    return isinstance(error, UNMIGRATED) or 'role "memory_' in str(error)


async def _configure(connection: AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)
    await register_vector_async(connection)


async def _check(connection: AsyncConnection[Any]) -> None:
    """Notice a connection the server closed, without a round trip for those it did not.

    An idle connection has nothing to read; if there is something, it is most likely the end.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool.check_connection(connection)


def service_conninfo(
    url: str, *, role: str = "memory_app", timeout: str = "0", lock_timeout: str = "0"
) -> str:
    """A connection string whose sessions start as `role`, in UTC; 0 bounds nothing."""
    options = (
        f"-c role={role} -c timezone=UTC -c statement_timeout={timeout}"
        f" -c lock_timeout={lock_timeout}"
    )
    return make_conninfo(url, options=options, application_name="magray")


def without_password(url: str) -> tuple[str, dict[str, str]]:
    """A connection string for a program's command line, which everybody sees, and its environment.

    Returns:
        The string without the password, and `PGPASSWORD` if there is one.
    """
    parts = conninfo_to_dict(url)
    password = parts.pop("password", None)
    return make_conninfo("", **parts), {} if password is None else {"PGPASSWORD": str(password)}


def make_pool(url: str, *, size: int, role: str = "memory_app") -> AsyncConnectionPool:
    """A closed pool of at most `size` connections acting as `role`; open it with `async with`."""
    return AsyncConnectionPool(
        make_conninfo(
            service_conninfo(url, role=role, timeout=_STATEMENT_TIMEOUT), connect_timeout=8
        ),
        # more are there as soon as they are asked for; they are handed out in turn, and a lone
        # caller who always meets the same backend finds its caches warm
        min_size=1,
        max_size=size,
        open=False,
        timeout=10,
        # not longer: the pauses between attempts double, and a database that is back is to be found
        reconnect_timeout=5,
        max_idle=60,
        configure=_configure,
        check=_check,
        name=role,
    )


@asynccontextmanager
async def connect(
    url: str, *, role: str | None = None, bound: str = "0", lock_timeout: str = "0"
) -> AsyncIterator[AsyncConnection[Any]]:
    """One autocommit connection for a command, as the login itself or as `role`.

    `bound` (statement_timeout) and `lock_timeout` go with a role; 0 bounds nothing.
    """
    conninfo = make_conninfo(url, application_name="magray")
    if role is not None:
        conninfo = service_conninfo(url, role=role, timeout=bound, lock_timeout=lock_timeout)
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        if await TypeInfo.fetch(connection, "vector") is not None:
            await register_vector_async(connection)
        yield connection
