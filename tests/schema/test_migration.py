"""`migrate`: idempotent, all or nothing, one at a time, and it leaves nothing old behind."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa

from alembic import command
from service.core import migrate as module
from service.core.errors import SchemaError
from service.core.migrate import head_revision, migrate, sql_digest, sql_files
from service.core.paths import ALEMBIC_DIR, SQL_DIR
from tests.conftest import database_url
from tests.sql.calls import call, one, rows, session, value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg import Connection

CATALOGUE = """
select 'column' as what, c.oid::regclass::text || '.' || a.attname as name,
    format_type(a.atttypid, a.atttypmod) || a.attnotnull::text as definition
from pg_class as c join pg_attribute as a on a.attrelid = c.oid
where c.relnamespace in ('memory'::regnamespace, 'memory_data'::regnamespace)
    and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v')
union all
select 'index', i.indexname, i.indexdef from pg_indexes as i where i.schemaname = 'memory_data'
union all
select 'routine', p.oid::regprocedure::text,
    pg_get_functiondef(p.oid) || coalesce(p.proacl::text, '') || obj_description(p.oid)
from pg_proc as p where p.pronamespace = 'memory'::regnamespace
union all
select 'relation', c.oid::regclass::text,
    coalesce(c.relacl::text, '') || c.relowner::regrole::text || coalesce(pg_get_viewdef(c.oid), '')
from pg_class as c
where c.relnamespace in ('memory'::regnamespace, 'memory_data'::regnamespace)
    and c.relkind in ('r', 'p', 'v')
union all
select 'policy', p.tablename || ' ' || p.policyname,
    p.roles::text || p.qual || coalesce(p.with_check, '')
from pg_policies as p where p.schemaname = 'memory_data'
order by 1, 2, 3
"""


def picture(db: Connection[Any]) -> list[dict[str, Any]]:
    """Tables, routines, privileges and policies as the catalogue has them."""
    return rows(db, CATALOGUE)


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    """A database nothing was done to yet."""
    name = f"magray_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield database_url(server_url, name)
        connection.execute(f"drop database {name} with (force)")


def test_a_second_run_changes_nothing(empty_url: str) -> None:
    first = migrate(empty_url)
    assert (first.from_revision, first.to_revision) == (None, head_revision())
    with session(empty_url) as db:
        before = picture(db)
        call(db, "make_partitions")
        memory = one(db, "remember", namespace="n", content="stays")
        second = migrate(empty_url)
        assert second.from_revision == second.to_revision == head_revision()
        assert second.digest == first.digest
        assert one(db, "get", namespace="n", id=memory["id"])["content"] == "stays"
        partitions = {row["name"] for row in rows(
            db, "select relname as name from pg_class where relispartition")}  # fmt: skip
        after = [row for row in picture(db) if not any(name in row["name"] for name in partitions)]
    assert after == before


def test_the_digest_of_the_folder_is_stored(shared_url: str) -> None:
    with session(shared_url) as db:
        assert value(db, "select memory.code_digest()") == sql_digest()


def test_another_text_is_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, files = sql_digest(), sql_files()
    copy = tmp_path / files[0].name
    copy.write_bytes(files[0].read_bytes())
    monkeypatch.setattr(module, "sql_files", lambda: [copy, *files[1:]])
    assert sql_digest() == before
    copy.write_bytes(files[0].read_bytes() + b"\n")
    assert sql_digest() != before
    copy.rename(tmp_path / "renamed.sql")
    monkeypatch.setattr(module, "sql_files", lambda: [tmp_path / "renamed.sql", *files[1:]])
    assert sql_digest() != before


def test_a_function_in_another_folder_is_the_same_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, order = sql_digest(), [path.name for path in sql_files()]
    shutil.copytree(SQL_DIR, tmp_path / "sql")
    folders = sorted(path for path in (tmp_path / "sql" / "functions").iterdir())
    assert len(folders) > 10
    for number, folder in enumerate(folders):
        folder.rename(folder.with_name(f"{len(folders) - number:02} {folder.name}"))
    monkeypatch.setattr(module, "SQL_DIR", tmp_path / "sql")
    assert [path.name for path in sql_files()] == order
    assert sql_digest() == before


@pytest.mark.parametrize(
    "text",
    [
        "create function memory.broken() returns integer language sql as 'select 1'; selec;",
        "create view memory.broken as select no_such_column from memory_data.layer;",
        "do $$ begin raise exception 'no' using errcode = 'ML500'; end $$;",
    ],
)
def test_a_broken_file_leaves_everything_as_it_was(
    clone_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    broken = tmp_path / "sql" / "broken.sql"
    broken.parent.mkdir()
    broken.write_text(text)
    files, sql_dir = sql_files(), module.SQL_DIR
    with session(clone_url) as db:
        before = picture(db)
        # the whole of the old schema was dropped by then, and most of the new one is there
        monkeypatch.setattr(module, "sql_files", lambda: [*files[:-1], broken, files[-1]])
        monkeypatch.setattr(module, "SQL_DIR", tmp_path / "sql")
        for path in sql_dir.glob("*.sql"):
            (tmp_path / "sql" / path.name).write_bytes(path.read_bytes())
        with pytest.raises(psycopg.Error) as caught:
            migrate(clone_url)
        assert any("broken.sql" in note for note in caught.value.__notes__)
        assert picture(db) == before


def test_overloads_and_renamed_functions_are_dropped(clone_url: str) -> None:
    with session(clone_url) as db:
        before = picture(db)
        db.execute(
            "create function memory.get(p_id uuid) returns text language sql as 'select null::text'"
        )
        db.execute("create function memory.gone() returns memory.records language sql as"
                   " 'select * from memory.records limit 1'")  # fmt: skip
        db.execute("create procedure memory.done() language sql as 'select 1'")
        db.execute("create view memory.old as select * from memory.records")
        migrate(clone_url)
        assert picture(db) == before


def test_other_signatures_are_replaced_as_well(clone_url: str) -> None:
    with session(clone_url) as db:
        before = picture(db)
        db.execute("drop function memory.code_digest()")
        db.execute(
            "create function memory.code_digest() returns integer language sql as 'select 1'"
        )
        db.execute("drop view memory.records")
        db.execute("create view memory.records as select 1 as other")
        migrate(clone_url)
        assert picture(db) == before


def test_what_somebody_else_built_on_ours_lives_on(clone_url: str) -> None:
    with session(clone_url) as db:
        db.execute("create schema reports")
        db.execute("create view reports.mine as select * from memory.records")
        migrate(clone_url)
        assert value(db, "select count(*) from reports.mine") == 0


def test_what_somebody_else_built_on_what_must_go_stops_the_migration(clone_url: str) -> None:
    with session(clone_url) as db:
        db.execute("create schema reports")
        db.execute("create view memory.old as select * from memory.records")
        db.execute("create view reports.mine as select * from memory.old")
        before = picture(db)
        with pytest.raises(psycopg.errors.DependentObjectsStillExist, match="reports"):
            migrate(clone_url)
        assert picture(db) == before


def test_privileges_somebody_gave_are_taken_back(clone_url: str) -> None:
    with session(clone_url) as db:
        before = picture(db)
        db.execute("grant execute on function memory.create_key to public")
        db.execute("grant select on memory.records to memory_app")
        migrate(clone_url)
        assert picture(db) == before


def test_two_migrations_at_once_both_end_well(empty_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: migrate(empty_url), range(2)))
    assert sorted(str(answer.from_revision) for answer in answers) == sorted(
        ["None", str(head_revision())]
    )
    with session(empty_url) as db:
        assert value(db, "select count(*) from memory_data.alembic_version") == 1


def test_callers_see_the_old_or_the_new_functions_never_none(clone_url: str) -> None:
    with session(clone_url) as db, ThreadPoolExecutor(1) as pool:
        work = pool.submit(lambda: [migrate(clone_url) for _ in range(20)])
        calls = 0
        while not work.done() or calls < 10:
            one(db, "remember", namespace="n", content=f"memory {calls}")
            calls += 1
        assert len(work.result()) == 20
        assert value(db, "select count(*) from memory._memories") == calls


def test_operators_changes_to_the_schedule_stay(clone_url: str) -> None:
    with session(clone_url) as db:
        db.execute(
            "update memory_data.schedule set enabled = false, cron = '0 0 * * *', command = 'old'"
            " where name = 'partitions'"
        )
        migrate(clone_url)
        (row,) = rows(
            db, "select enabled, cron, command from memory_data.schedule where name = 'partitions'"
        )
    assert (row["enabled"], row["cron"]) == (False, "0 0 * * *")
    assert "make_partitions" in row["command"]


def test_the_archive_of_an_older_database_runs_as_often_as_a_new_one(clone_url: str) -> None:
    cron = "select cron from memory_data.schedule where name = 'archive'"
    hourly = "23 * * * *"
    with session(clone_url) as db:
        new = value(db, cron)
        assert new != hourly
        db.execute("update memory_data.schedule set cron = %s where name = 'archive'", (hourly,))
        migrate(clone_url)
        assert value(db, cron) == new
        # an operator who wants it once an hour keeps it
        call(db, "set_job", name="archive", cron=hourly)
        migrate(clone_url)
        assert value(db, cron) == hourly


def test_a_member_of_the_owner_may_migrate_a_prepared_database(clone_url: str) -> None:
    with session(clone_url) as db:
        name = f"deployer_{uuid.uuid4().hex[:8]}"
        db.execute(f"create role {name} login in role memory_owner")
        before = picture(db)
        try:
            migrate(clone_url.replace("postgresql://postgres@", f"postgresql://{name}@"))
            assert picture(db) == before
        finally:
            db.execute(f"drop role {name}")


def migrate_to(url: str, revision: str) -> None:
    """The tables as an earlier version left them; nothing of schema `memory`."""
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    with engine.begin() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute((SQL_DIR / "bootstrap.sql").read_bytes())
        driver.execute("set local role memory_owner")
        config = module._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_uses_survive_the_new_order_of_their_columns(empty_url: str) -> None:
    """Revision 0010 rebuilds the table: rows, key, policies and defaults stay."""
    migrate_to(empty_url, "0009")
    facts = (
        "select to_jsonb(u) as row from memory_data.usage as u order by namespace, id",
        "select * from pg_policies where tablename = 'usage' order by policyname",
        "select conname, pg_get_constraintdef(oid) from pg_constraint"
        " where conrelid = 'memory_data.usage'::regclass order by 1",
        "select relrowsecurity, relforcerowsecurity, reloptions, relowner::regrole::text,"
        " obj_description(oid) from pg_class where oid = 'memory_data.usage'::regclass",
        "select column_name, column_default, is_nullable, data_type"
        " from information_schema.columns"
        " where table_schema = 'memory_data' and table_name = 'usage' order by 1",
    )
    with session(empty_url) as db:
        db.execute(
            "insert into memory_data.usage select 'n' || i % 3, gen_random_uuid(), i, now(),"
            " now() + i * interval '1 s', i, 1, 0.5, i, i, i / 2.0 from generate_series(1, 50) as i"
        )
        db.execute("insert into memory_data.usage (namespace, id) values ('n', gen_random_uuid())")
        before = [rows(db, fact) for fact in facts]
        db.execute(
            "create table memory_data.decision_old partition of memory_data.decision"
            " for values from ('2026-01-01') to ('2026-02-01')"
        )
        db.execute("alter table memory_data.decision_old owner to memory_owner")
        decide = (
            "insert into memory_data.decision (namespace, at, action, layer)"
            " values ('n', '2026-01-02', 'forget', 'assets')"
        )
        db.execute(decide)
    migrate(empty_url)
    with session(empty_url) as db:
        assert [rows(db, fact) for fact in facts] == before
        assert len(before[0]) == 51
        # nobody knows who decided before 0011 asked
        db.execute(decide)
        actors = rows(db, "select actor, 'login ' || session_user as me from memory.decisions")
        assert [row["actor"] for row in actors] == [None, actors[0]["me"]]


def test_a_database_of_a_newer_program_is_left_alone(clone_url: str) -> None:
    """A revision this program has not: a sentence, and nothing is changed."""
    with session(clone_url) as db:
        db.execute("update memory_data.alembic_version set version_num = '9999'")
        before = picture(db)
    with pytest.raises(SchemaError, match="newer MAGRAY") as refused:
        migrate(clone_url)
    assert "9999" in refused.value.detail
    assert str(head_revision()) in refused.value.detail
    with session(clone_url) as db:
        assert picture(db) == before
        assert value(db, "select version_num from memory_data.alembic_version") == "9999"


def test_revisions_are_frozen() -> None:
    """Who migrated once never runs a revision again: what is released is never edited."""
    frozen = dict(
        reversed(line.split()) for line in (ALEMBIC_DIR / "frozen.txt").read_text().splitlines()
    )
    here = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (ALEMBIC_DIR / "versions").glob("[0-9]*.py")
    }
    assert {name: here[name] for name in frozen} == frozen
    assert set(here) - set(frozen) <= {max(here)}
