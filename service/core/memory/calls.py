"""Calling functions of schema `memory` outside any namespace, rows as dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool


class Calls:
    """A set of functions called on one connection, outside any namespace.

    Args:
        connection: autocommit; acts as a role that may run the functions.
    """

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def _dicts(
        self, statement: LiteralString, values: tuple[Any, ...] = (), *, binary: bool = False
    ) -> list[dict[str, Any]]:
        cursor = self._connection.cursor(row_factory=dict_row, binary=binary)
        await cursor.execute(statement, values)
        return await cursor.fetchall()


class PooledCalls:
    """A set of functions each call of which takes a connection of a pool.

    Args:
        pool: its connections act as a role that may run the functions.
    """

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def _dicts(
        self, statement: LiteralString, values: tuple[Any, ...] = ()
    ) -> list[dict[str, Any]]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row, binary=True)
            await cursor.execute(statement, values)
            return await cursor.fetchall()
