"""Calling functions of schema `memory`: parameters by their names, rows as their types.

A call names the function, the type of its rows and the parameters as SQL has them:
`rows("list_keys", ListedKey)` asks for the columns that are the fields of `ListedKey`. The text of
a call depends on its names alone, so that the driver prepares it once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

from msgspec import UNSET
from psycopg.rows import class_row, scalar_row

from service.core.acting import actor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import AsyncConnection
    from psycopg.rows import AsyncRowFactory
    from psycopg_pool import AsyncConnectionPool

Row = TypeVar("Row")


@cache
def call_text(function: str, columns: tuple[str, ...], names: tuple[str, ...]) -> bytes:
    """The statement that calls a function.

    Args:
        function: its name in schema `memory`.
        columns: of its rows; none: all there are.
        names: of the parameters that are given; the others keep their defaults.
    """
    return f"select {_listed(columns)} from memory.{function}({_given(names)})".encode()  # noqa: S608 - names of this program


@cache
def run_text(function: str, names: tuple[str, ...]) -> bytes:
    """The statement that calls a function and counts its rows."""
    return f"select count(*) from memory.{function}({_given(names)})".encode()  # noqa: S608 - as above


@cache
def select_text(text: str, columns: tuple[str, ...]) -> bytes:
    """A statement with the columns of its rows where it says `{columns}`."""
    return text.replace("{columns}", _listed(columns)).encode()


def columns_of(row: Any) -> tuple[str, ...]:
    """The columns of a type of row: a struct's fields; none for the type of an only column."""
    columns: tuple[str, ...] = getattr(row, "__struct_fields__", ())
    return columns


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in columns) or "*"


def _given(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} => %({name})s" for name in names)


class Caller(ABC):
    """Calls functions; where and as whom is said by the subclass.

    A parameter that is `UNSET` is left out, so that the default of the function holds.
    """

    async def rows(self, function: str, row: type[Row], /, **parameters: Any) -> list[Row]:
        """What a function returns, each row as `row`: a struct, or the type of the one column."""
        given = {name: value for name, value in parameters.items() if value is not UNSET}
        return await self._fetch(
            _factory(row), call_text(function, columns_of(row), tuple(given)), given
        )

    async def row(self, function: str, row: type[Row], /, **parameters: Any) -> Row:
        """The first row of a function that always returns one."""
        return (await self.rows(function, row, **parameters))[0]

    async def first(self, function: str, row: type[Row], /, **parameters: Any) -> Row | None:
        """The first row of a function; None when it returns none, or null."""
        return next(iter(await self.rows(function, row, **parameters)), None)

    async def run(self, function: str, /, **parameters: Any) -> int:
        """Run a function for what it does; how many rows it returned."""
        given = {name: value for name, value in parameters.items() if value is not UNSET}
        (count,) = await self._fetch(_factory(int), run_text(function, tuple(given)), given)
        return count

    async def select(self, row: type[Row], text: LiteralString, /, **parameters: Any) -> list[Row]:
        """What another statement returns, a column for each field of `row`: as `select_text`."""
        return await self._fetch(_factory(row), select_text(text, columns_of(row)), parameters)

    @abstractmethod
    async def _fetch(
        self, factory: AsyncRowFactory[Row], text: bytes, values: Mapping[str, Any]
    ) -> list[Row]: ...


def _factory(row: type[Row]) -> AsyncRowFactory[Row]:
    return class_row(row) if columns_of(row) else scalar_row


class OnConnection(Caller):
    """Calls on one connection.

    Args:
        connection: autocommit; acts as a role that may run the functions.
        binary: ask for rows in binary: much faster for vectors; a `real` is told with more digits.
    """

    def __init__(self, connection: AsyncConnection[Any], *, binary: bool = False) -> None:
        self._connection = connection
        self._binary = binary

    async def _fetch(
        self, factory: AsyncRowFactory[Row], text: bytes, values: Mapping[str, Any]
    ) -> list[Row]:
        cursor = self._connection.cursor(row_factory=factory, binary=self._binary)
        await cursor.execute(text, values)
        return await cursor.fetchall()


class OnPool(Caller):
    """Each call on a connection of a pool, in the name of whoever is acting.

    Args:
        pool: its connections act as a role that may run the functions.
    """

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def _fetch(
        self, factory: AsyncRowFactory[Row], text: bytes, values: Mapping[str, Any]
    ) -> list[Row]:
        async with self._pool.connection() as connection, connection.pipeline():
            await self._prepare(connection, values)
            cursor = connection.cursor(row_factory=factory, binary=True)
            await cursor.execute(text, values)
            return await cursor.fetchall()

    async def _prepare(
        self,
        connection: AsyncConnection[Any],
        values: Mapping[str, Any],  # noqa: ARG002 - for subclasses
    ) -> None:
        """Set what holds for the transaction of this call alone."""
        if name := actor():
            await connection.execute("select set_config('magray.actor', %s, true)", (name,))


class Calls:
    """A set of functions called on one connection, outside any namespace.

    Args:
        connection: autocommit; acts as a role that may run the functions.
    """

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._call: Caller = OnConnection(connection)


class PooledCalls:
    """A set of functions each call of which takes a connection of a pool.

    Args:
        pool: its connections act as a role that may run the functions.
    """

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._call: Caller = OnPool(pool)
