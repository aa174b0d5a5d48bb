"""Every routine and view of schema memory keeps the rules of sql/; the catalogue is asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from service.core.migrate import migrate, sql_files
from service.core.paths import SQL_DIR
from tests.sql.calls import rows, value

if TYPE_CHECKING:
    from psycopg import Connection

# Without a pinned search_path, because `set` would forbid to inline them: SQL expressions over
# built-in functions and schema-qualified ones only.
INLINED = {
    "_content_stripe",
    "_criterion_bit",
    "_decayed_uses",
    "_detect_language",
    "_etag",
    "_idle_step",
    "_lexeme_query",
    "_passes",
    "_pinned_until",
    "_reuse_class",
    "_speaker",
    "_text_to_embed",
}

# What views an analyst reads compute from a row alone: no table, nothing but their arguments.
PURE = {
    "_backup_due",
    "_job_due",
    "_latest_plausible_start",
    "_next_due",
    "_parse_cron_field",
    "_layer_usage",  # how full the layers are, for memory.layers
}

# What an analyst may ask, and what answers it with the owner's rights.
ANALYST = {
    "search",
    "explain",
    "history",
    "kpis",
    "blocking_criteria",
    "_analyst_search",
    "_analyst_explain",
    "_analyst_history",
    "_analyst_kpis",
    "_sees_content",
}

# With their owner's rights, each for the reason it gives in its file.
SECURITY_DEFINER = {
    # what it is asked with reads no table of its own
    "_analyst_search",
    "_analyst_explain",
    "_analyst_history",
    "_analyst_kpis",
    "blocking_criteria",  # analysts may ask it as well
    "_sees_content",  # analysts read no setting
    "_forget_detached",  # what is no partition any more is its owner's alone
    "_extend_search_reach",  # policy rows are not the service's to change
    "_matching",  # `@@` is not leakproof: under row security it uses no index
    "_rare_lexemes",  # the same
    "_layer_usage",  # who reads memory.layers has no right to measure
    "_eviction_need",  # it measures
    "_return_empty_partitions",  # a partition is emptied by its owner
    "compress",  # an index is dropped by its owner
    "decompress",  # the same
    "measure_pressure",  # pgstattuple_approx is granted to the owner alone
    "code_digest",  # asked before anything is known about the caller
    "expire",  # a partition is dropped by the parent's owner
    "find_key",  # the table of keys is closed to the service
    "make_partitions",  # a partition is made by the parent's owner
    "purge_logs",  # and dropped by it
}

ROUTINES = """
select p.proname::text as name, p.oid::regprocedure::text as signature, l.lanname as language,
    p.prosecdef, coalesce(p.proconfig, '{}') as config, p.proowner::regrole::text as owner,
    obj_description(p.oid, 'pg_proc') as comment, p.provolatile, p.prosrc,
    has_function_privilege('memory_analyst', p.oid, 'execute') as analyst,
    exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
            where a.grantee = 0) as public
from pg_proc as p join pg_language as l on l.oid = p.prolang
where p.pronamespace = 'memory'::regnamespace
"""


@pytest.fixture
def routines(db: Connection[Any]) -> list[dict[str, Any]]:
    found = rows(db, ROUTINES)
    assert len(found) > 50
    return found


def test_a_file_is_a_function_of_its_name(
    db: Connection[Any], routines: list[dict[str, Any]]
) -> None:
    by_folder: dict[str, list[str]] = {"functions": [], "views": []}
    for path in sql_files():
        folder = path.relative_to(SQL_DIR).parts[0]
        if folder in by_folder and path.name != "grants.sql":
            by_folder[folder].append(path.stem)
    assert sorted(by_folder["functions"]) == sorted(row["name"] for row in routines)
    views = rows(
        db,
        "select relname::text as name from pg_class"
        " where relnamespace = 'memory'::regnamespace and relkind in ('v', 'm')",
    )
    assert sorted(by_folder["views"]) == sorted(row["name"] for row in views)


def test_every_public_function_has_tests_in_its_subject() -> None:
    """A file named after it, wherever that stands, or calls in the folder of its subject."""
    tests = SQL_DIR.parent / "tests"
    named = {path.stem for path in tests.rglob("test_*.py")}
    texts = {
        folder.name: "".join(path.read_text() for path in folder.glob("test_*.py"))
        for folder in (tests / "sql").iterdir()
    }
    public = [
        path
        for path in (SQL_DIR / "functions").rglob("*.sql")
        if not path.name.startswith("_") and path.name != "grants.sql"
    ]
    assert len(public) > 50
    untested = {
        path.stem
        for path in public
        if f"test_{path.stem}" not in named
        and f'"{path.stem}"' not in texts[path.parent.name]
        and f"memory.{path.stem}(" not in texts[path.parent.name]
    }
    assert untested == set()


def test_every_routine_says_what_it_does(routines: list[dict[str, Any]]) -> None:
    assert [row["name"] for row in routines if not (row["comment"] or "").endswith(".")] == []


def test_every_view_says_what_it_shows(db: Connection[Any]) -> None:
    mute = rows(
        db,
        "select relname::text from pg_class where relnamespace = 'memory'::regnamespace"
        " and relkind = 'v' and obj_description(oid, 'pg_class') is null",
    )
    assert mute == []


def test_no_sum_is_handed_out_as_numeric(db: Connection[Any]) -> None:
    """What adds up integers is numeric, and JSON has no such number: drivers make text of it."""
    found = rows(
        db,
        "select c.relname || '.' || a.attname as name from pg_class as c"
        " join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = 'memory'::regnamespace"
        " and a.atttypid in ('numeric'::regtype, 'numeric[]'::regtype)"
        " union all"
        " select p.oid::regprocedure::text from pg_proc as p"
        " where p.pronamespace = 'memory'::regnamespace"
        " and pg_get_function_result(p.oid) like '%%numeric%%'",
    )
    assert [row["name"] for row in found] == []


def test_every_column_of_a_view_says_what_it_is(db: Connection[Any]) -> None:
    columns = rows(
        db,
        "select c.relname || '.' || a.attname as name,"
        " col_description(c.oid, a.attnum) as comment from pg_class as c"
        " join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relnamespace = 'memory'::regnamespace and c.relkind = 'v'"
        " and c.relname not like '\\_%%'",
    )
    assert len(columns) > 150
    assert [row["name"] for row in columns if not (row["comment"] or "").endswith(".")] == []


def test_every_table_says_what_it_holds(db: Connection[Any]) -> None:
    mute = rows(
        db,
        "select relname::text from pg_class where relnamespace = 'memory_data'::regnamespace"
        " and relkind in ('r', 'p') and not relispartition and relname <> 'alembic_version'"
        " and obj_description(oid, 'pg_class') is null",
    )
    assert mute == []


def test_every_search_path_is_pinned(routines: list[dict[str, Any]]) -> None:
    pinned = {"search_path=pg_catalog, pg_temp", "search_path=pg_catalog, public, pg_temp"}
    loose = {row["name"] for row in routines if not pinned & set(row["config"])}
    assert loose == INLINED
    assert {row["language"] for row in routines if row["name"] in INLINED} == {"sql"}


def test_nobody_runs_anything_by_default(routines: list[dict[str, Any]]) -> None:
    assert [row["name"] for row in routines if row["public"]] == []
    assert {row["name"] for row in routines if row["analyst"]} == PURE | ANALYST
    assert {row["provolatile"] for row in routines if row["analyst"]} <= {"s", "i"}
    assert all("memory_data" not in row["prosrc"] for row in routines if row["name"] in PURE)


def test_owners_rights_are_an_explicit_list(routines: list[dict[str, Any]]) -> None:
    definers = {row["name"] for row in routines if row["prosecdef"]}
    assert definers == SECURITY_DEFINER
    assert {row["owner"] for row in routines} == {"memory_owner"}
    # what runs with the owner's rights looks nowhere a caller could have put something
    for row in routines:
        if row["prosecdef"]:
            (path,) = (entry for entry in row["config"] if entry.startswith("search_path="))
            assert path.endswith("pg_temp")


def test_the_owner_is_no_superuser_and_cannot_log_in(db: Connection[Any]) -> None:
    roles = rows(
        db,
        "select rolname::text, rolsuper or rolcanlogin or rolbypassrls or rolcreaterole"
        " or rolcreatedb or rolreplication as may from pg_roles where rolname like 'memory\\_%%'",
    )
    assert len(roles) == 4
    assert [row["rolname"] for row in roles if row["may"]] == []


def test_dynamic_sql_quotes_what_it_is_given(routines: list[dict[str, Any]]) -> None:
    """Names by %I, values by parameters or %L; %s only for what the catalogue says."""
    # the last two are constant texts, about tables that are there with pg_cron only
    allowed = {"plan_indexes", "purge_job_runs", "reconcile_schedule"}
    suspects = {
        row["name"]
        for row in routines
        if row["language"] == "plpgsql" and "execute '" in row["prosrc"].replace("\n", " ")
    }
    assert suspects <= allowed


def test_our_own_errors_have_detail_and_hint(routines: list[dict[str, Any]]) -> None:
    for row in routines:
        for statement in row["prosrc"].split("raise exception")[1:]:
            text = statement.split("end if;")[0]
            assert "errcode = 'ML" in text, row["name"]
            assert "detail =" in text, row["name"]
            assert "hint =" in text, row["name"]


@pytest.mark.full
def test_plpgsql_check_finds_nothing(server_url: str, clone_url: str) -> None:
    """Bodies are checked against tables and types; needs a server with the extension."""
    url = clone_url
    debian = os.environ.get("MAGRAY_DEBIAN_DATABASE_URL")
    if debian:
        migrate(debian)
        url = debian
    with psycopg.connect(url) as db:
        if not value(
            db, "select exists (select from pg_available_extensions where name = 'plpgsql_check')"
        ):
            pytest.skip("the server has no plpgsql_check; make test-full starts one that has")
        db.execute("create extension if not exists plpgsql_check")
        faults = rows(
            db,
            "select f.functionid::text, f.lineno, f.level, f.message, f.detail"
            " from pg_proc as p"
            " join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'"
            " cross join lateral plpgsql_check_function_tb(p.oid, other_warnings => true,"
            " extra_warnings => true, performance_warnings => false) as f"
            " where p.pronamespace = 'memory'::regnamespace and p.prorettype <> 'trigger'::regtype",
        )
        db.rollback()
    # What dynamic SQL returns, plpgsql_check cannot know; memory._nearest_hnsw sets ef_search for
    # its own statement, which is why a stable function calls set_config.
    real = [
        row
        for row in faults
        if row["detail"] != "cannot to determine result of dynamic SQL"
        and (row["functionid"], row["message"])
        != ("memory._nearest_hnsw", "routine is marked as STABLE, but expression is VOLATILE")
    ]
    assert real == []
