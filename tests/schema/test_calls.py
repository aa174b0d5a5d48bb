"""What Python calls is what the database has: names of parameters, columns and their types.

Every call and statement in `service/core/memory` is found in its source, evaluated there and held
against the catalogue; nothing is listed here.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import types
import typing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from pgvector import HalfVector

import service.core.memory
from service.core.memory.calls import call_text, columns_of, run_text, select_text
from tests.sql.calls import rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from psycopg import Connection

# What the driver makes of each type; `Any` stands for whatever JSON holds.
PYTHON = {
    "boolean": bool,
    "smallint": int,
    "integer": int,
    "bigint": int,
    "real": float,
    "double precision": float,
    "text": str,
    "name": str,
    "uuid": UUID,
    "bytea": bytes,
    "timestamp with time zone": datetime,
    "interval": timedelta,
    "jsonb": Any,
    "halfvec": HalfVector,
}
BY_NAME = {"rows", "row", "first", "run", "_samples"}


@dataclass(frozen=True)
class Call:
    """A call of a function, or a statement (`function` empty), as it stands in the source."""

    place: str
    function: str
    row: Any
    given: frozenset[str]
    optional: frozenset[str]
    text: bytes


def modules() -> Iterator[ModuleType]:
    for one in pkgutil.iter_modules(service.core.memory.__path__):
        if one.name != "calls":
            yield importlib.import_module(f"service.core.memory.{one.name}")


def calls_of(module: ModuleType) -> Iterator[Call]:
    """The calls of a module; what is no literal there is no call of this kind."""

    def value(node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), place, "eval"), vars(module))  # noqa: S307 - our source

    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        way = node.func.attr
        place = f"{module.__name__}:{node.lineno}"
        names = tuple(one.arg for one in node.keywords if one.arg)
        if way == "select":
            row, text = map(value, node.args)
            text = select_text(text, columns_of(row))
            assert set(names) == set(re.findall(r"%\((\w+)\)", text.decode())), place
            yield Call(place, "", row, frozenset(names), frozenset(), text)
        elif way in BY_NAME and node.args and isinstance(node.args[0], ast.Constant):
            function, *row = map(value, node.args)
            optional = {one.arg for one in node.keywords if "UNSET" in ast.dump(one.value)}
            text = (
                call_text(function, columns_of(row[0]), names) if row else run_text(function, names)
            )
            kind = row[0] if row else int if way == "run" else None
            yield Call(place, function, kind, frozenset(names), frozenset(optional), text)


CALLS = [call for module in modules() for call in calls_of(module)]


def described(db: Connection[Any], text: bytes) -> list[tuple[str, str]]:
    """Names and types of the columns a statement returns, which PostgreSQL plans but not runs."""
    numbers: dict[str, int] = {}
    bare = re.sub(
        r"%\((\w+)\)[sbt]",
        lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}",
        text.decode(),
    )
    prepared = db.pgconn.prepare(b"", bare.replace("%%", "%").encode())
    assert not prepared.error_message, f"{prepared.error_message} in {bare}"
    told = db.pgconn.describe_prepared(b"")
    return [
        (
            (told.fname(place) or b"").decode(),
            rows(db, "select format_type(%s, null) as name", told.ftype(place))[0]["name"],
        )
        for place in range(told.nfields)
    ]


def fits(declared: Any, sql: str) -> bool:
    """Whether a value of an SQL type is one of a Python type."""
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin is typing.Annotated:
        return fits(arguments[0], sql)
    if origin in (types.UnionType, typing.Union):
        return any(fits(one, sql) for one in arguments if one is not type(None))
    if sql.endswith("[]"):
        return origin is list and fits(arguments[0], sql.removesuffix("[]"))
    return PYTHON[sql] is Any or declared is PYTHON[sql]


def test_every_statement_is_found() -> None:
    """No SQL that reads or calls schema memory stands anywhere but in a call that is checked."""
    assert len(CALLS) > 90
    checked = b"\n".join(call.text for call in CALLS).decode()
    for module in modules():
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if re.match(r"\s*(select|with)\b", text) and "memory." in text:
                    piece = text.partition("{columns}")[2] or text
                    assert piece in checked, f"{module.__name__}:{node.lineno}"
        source = inspect.getsource(module)
        assert "_dicts" not in source
        assert not re.search(r"%s.*%s.*%s", source), module.__name__


@pytest.mark.parametrize("call", [one for one in CALLS if one.function], ids=lambda one: one.place)
def test_parameters_have_the_names_of_the_function(db: Connection[Any], call: Call) -> None:
    (found,) = rows(
        db,
        "select proargnames[1 : pronargs] as names, pronargs - pronargdefaults as needed"
        " from pg_proc where pronamespace = 'memory'::regnamespace and proname = %s",
        call.function,
    )
    names = found["names"] or []
    assert call.given <= set(names)
    assert set(names[: found["needed"]]) <= call.given - call.optional


@pytest.mark.parametrize("call", CALLS, ids=lambda one: one.place)
def test_rows_have_the_columns_of_the_statement(db: Connection[Any], call: Call) -> None:
    columns = described(db, call.text)
    if call.row is None:  # rows whose columns are asked of the database
        return
    fields = typing.get_type_hints(call.row, include_extras=True) if columns_of(call.row) else None
    if fields is None:
        assert fits(call.row, columns[0][1]), columns
        return
    assert {name for name, _ in columns} == set(columns_of(call.row))
    wrong = {name: sql for name, sql in columns if not fits(fields[name], sql)}
    assert wrong == {}
