"""The tables are those of schema.sql, to the letter: who changes one sees it in the change's diff.

Rewrite the file, after a new revision, with:

    MAGRAY_TEST_REWRITE=1 .venv/bin/python -m pytest tests/schema/test_tables.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql

from service.core.migrate import migrate
from tests.sql.calls import rows, session, value

if TYPE_CHECKING:
    from psycopg import Connection

HERE = Path(__file__).parent
SNAPSHOT = HERE / "schema.sql"
HEADER = """\
-- The tables of schema memory_data, and the rows a new database begins with, as PostgreSQL has them
-- after `magray migrate`. Never run; tests/schema/test_tables.py compares it, and rewrites it.
"""

# Policy that begins as rows, in the order of its key; columns that are of the moment.
SEEDS = {
    "layer": "position",
    "kind": "name",
    "promotion_rule": "layer, criterion",
    "route": "name",
    "setting": "key",
    "search_basis": "only_row",
    "schedule": "name",
    "alert_rule": "name",
}
OF_THE_MOMENT = {"schedule": {"since"}}

FUNCTIONS = """
select pg_get_functiondef(p.oid) || e';\ncomment on function ' || p.oid::regprocedure || e' is\n'
    || quote_literal(obj_description(p.oid)) || e';\n' as text
from pg_proc as p where p.pronamespace = 'memory_data'::regnamespace
order by p.proname collate "C"
"""


def schema(db: Connection[Any]) -> str:
    """Tables, functions and first rows of memory_data as readable SQL; the same for the same."""
    tables = (HERE / "schema_query.sql").read_bytes()
    # whatever is in the search path names its objects without their schema
    db.execute("set search_path to pg_catalog")
    texts = [text for query in (FUNCTIONS, tables) for (text,) in db.execute(query)]
    db.execute("reset search_path")
    return "\n".join([HEADER, *texts, *(seeds(db, *seed) for seed in SEEDS.items())])


def seeds(db: Connection[Any], table: str, order: str) -> str:
    """The rows of a table as one insert, a line each."""
    columns = [
        row["name"]
        for row in rows(
            db,
            "select attname as name from pg_attribute where attnum > 0 and not attisdropped"
            " and attrelid = %s::regclass order by attnum",
            f"memory_data.{table}",
        )
        if row["name"] not in OF_THE_MOMENT.get(table, ())
    ]
    found = rows(
        db,
        sql.SQL("select concat_ws(', ', {}) as text from memory_data.{} order by {}")
        .format(
            sql.SQL(", ").join(
                sql.SQL("quote_nullable({}::text)").format(sql.Identifier(name)) for name in columns
            ),
            sql.Identifier(table),
            sql.SQL(order),
        )
        .as_string(db),
    )
    lines = ",\n".join(f"    ({row['text']})" for row in found)
    return f"insert into memory_data.{table} ({', '.join(columns)}) values\n{lines};\n"


def test_the_tables_are_those_of_the_snapshot(empty_url: str) -> None:
    migrate(empty_url)
    with session(empty_url) as db:
        # chosen at random, and found in the server's configuration
        db.execute(
            "update memory_data.setting set value = '\"of this database\"'"
            " where key in ('archive_site', 'cron_timezone')"
        )
        now = schema(db)
    if os.environ.get("MAGRAY_TEST_REWRITE"):
        SNAPSHOT.write_text(now)
    assert now.splitlines() == SNAPSHOT.read_text().splitlines()


def test_the_layers_have_the_same_columns_in_the_same_order(db: Connection[Any]) -> None:
    """`memory._store` writes a row of any of them by the order of its columns."""
    columns = {
        layer: value(
            db,
            "select array_agg(attname || ' ' || format_type(atttypid, atttypmod) order by attnum)"
            " from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped",
            f"memory_data.{layer}",
        )
        for layer in ("interact", "insights", "assets")
    }
    assert columns["interact"] == columns["insights"] == columns["assets"]
    assert len(columns["interact"]) == 18
