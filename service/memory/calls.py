"""Calling functions of schema `memory` on one connection, rows as dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from psycopg import AsyncConnection


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
