"""Calling the functions of `memory` from tests: any of them, and what must be refused."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests import clock
from tests.conftest import DIM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from psycopg import Connection

Row = dict[str, Any]


def call(db: Connection[Any], function: str, **arguments: Any) -> list[Row]:
    """Rows of `memory.<function>(p_<name> => value, …)`."""
    if clock.moved_to and "now" not in arguments and _takes_now(db, function):
        arguments["now"] = datetime.now(UTC)
    names = [
        sql.SQL("{} => {}").format(sql.Identifier(f"p_{name}"), sql.Placeholder(name))
        for name in arguments
    ]
    query = sql.SQL("select * from memory.{}({})").format(
        sql.Identifier(function), sql.SQL(", ").join(names)
    )
    with db.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            query, {name: _sent(value) for name, value in arguments.items()}
        ).fetchall()


def carry_out(db: Connection[Any], hint: str) -> None:
    """Run the call of a function that a hint gives, as of the tests' now."""
    if clock.moved_to:
        at = sql.Literal(datetime.now(UTC)).as_string(db)
        hint = f"{hint.rstrip(';')[:-1]}, p_now => {at})"
    db.execute(hint.encode())


def one(db: Connection[Any], function: str, **arguments: Any) -> Row:
    """The only row of a call."""
    (row,) = call(db, function, **arguments)
    return row


def rows(db: Connection[Any], query: str, *parameters: Any) -> list[Row]:
    """Rows of a query of the test's own."""
    with db.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def value(db: Connection[Any], query: str, *parameters: Any) -> Any:
    """The only value of a query of the test's own."""
    row = db.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def found(
    db: Connection[Any], namespace: str, query: str | None = None, **arguments: Any
) -> list[str]:
    """Contents a search finds, best first."""
    answer = call(db, "search", namespace=namespace, query=query, **arguments)
    assert {row["namespace"] for row in answer} <= {namespace}
    return [row["content"] for row in answer]


def vector(*numbers: float, dim: int = DIM) -> HalfVector:
    """A vector that starts with these numbers; the rest is 0."""
    return HalfVector(np.pad(np.array(numbers, dtype=np.float32), (0, dim - len(numbers))))


@contextmanager
def refused(db: Connection[Any], sqlstate: str, *words: str) -> Iterator[None]:
    """What is done inside fails with this SQLSTATE, says these words, and gives detail and hint."""
    # Opens the test's transaction if nothing did: the block below must be a savepoint within it, or
    # a call that is wrongly accepted would be committed.
    db.execute("select")
    with pytest.raises(psycopg.Error) as caught, db.transaction():
        yield
    diag = caught.value.diag
    assert caught.value.sqlstate == sqlstate, caught.value
    text = f"{diag.message_primary} {diag.message_detail}"
    for word in words:
        assert word in text
    assert diag.message_detail
    assert diag.message_hint


def session(url: str, role: str | None = None) -> Connection[Any]:
    """One more session on a database; every statement commits."""
    conninfo = make_conninfo(url, options=f"-c role={role}") if role else url
    connection = psycopg.connect(conninfo, autocommit=True)
    register_vector(connection)
    return connection


def until_waiting(waiter: Connection[Any], work: Future[Any]) -> None:
    """Return when `work`, done in the session `waiter`, waits for a lock, or has ended."""
    with psycopg.connect(waiter.info.dsn, autocommit=True) as watcher:
        while not work.done() and not value(
            watcher,
            "select exists (select from pg_locks where pid = %s and not granted)",
            waiter.info.backend_pid,
        ):
            pass


_TAKES_NOW: dict[str, bool] = {}


def _takes_now(db: Connection[Any], function: str) -> bool:
    if function not in _TAKES_NOW:
        _TAKES_NOW[function] = value(
            db,
            "select exists (select from pg_proc where pronamespace = 'memory'::regnamespace"
            " and proname = %s and 'p_now' = any (proargnames))",
            function,
        )
    return _TAKES_NOW[function]


def _sent(argument: Any) -> Any:
    match argument:
        case dict():
            return Jsonb(argument)
        case list() if argument and isinstance(argument[0], dict):
            return Jsonb(argument)
        case float():
            # a literal without a type fits real as well as double precision
            return str(argument)
        case _:
            return argument


def contents(answer: Sequence[Row]) -> list[str]:
    """The contents of rows, in their order."""
    return [row["content"] for row in answer]


def make_model(db: Connection[Any], name: str, *, active: bool = False, **weights: float) -> int:
    """The id of a stored model whose ML score has these weights; the others are 0."""
    parts = ("intercept", "relevance", "recency", "frequency", "importance")
    made: int = value(
        db,
        "insert into memory_data.model (name, algorithm, trained_at, rows, features, combination,"
        " metrics, importances, active)"
        " values (%s, 'none', now(), 1, '{age}', %s, '{}', '{}', %s) returning id",
        name,
        Jsonb({part: weights.get(part, 0) for part in parts}),
        active,
    )
    return made
