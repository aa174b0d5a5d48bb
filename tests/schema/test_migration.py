"""`migrate`: idempotent, all or nothing, one at a time, and it leaves nothing old behind."""

from __future__ import annotations

import hashlib
import re
import runpy
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from alembic.script import ScriptDirectory

from service.core import migrate as module
from service.core.errors import SchemaError
from service.core.migrate import head_revision, migrate, sql_digest, sql_files
from service.core.paths import ALEMBIC_DIR, SQL_DIR
from tests.sql.calls import call, one, rows, session, value

if TYPE_CHECKING:
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
        partitions = {
            row["name"]
            for row in rows(db, "select relname as name from pg_class where relispartition")
        }
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
        db.execute(
            "create function memory.gone() returns memory.records language sql as"
            " 'select * from memory.records limit 1'"
        )
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


# what the revisions since did, undone
_UNDO = """
delete from memory_data.schedule where kind = 'backup';
alter table memory_data.schedule drop constraint schedule_kind_check, drop column due_at cascade;
alter table memory_data.schedule
    add constraint schedule_kind_check check (kind in ('sql', 'program'));
"""


def at_revision(url: str, revision: str) -> None:
    """Make a database one of that revision, as old as the tables of 0001."""
    with session(url) as db:
        db.execute(_UNDO)
        db.execute("update memory_data.alembic_version set version_num = %s", (revision,))


def revision_of(db: Connection[Any]) -> str:
    found: str = value(db, "select version_num from memory_data.alembic_version")
    return found


def identities(db: Connection[Any]) -> list[dict[str, Any]]:
    """The tables' own numbers: a table that is made anew, or rewritten, has another."""
    return rows(
        db,
        "select oid::regclass::text, oid, relfilenode from pg_class"
        " where relnamespace = 'memory_data'::regnamespace order by 1",
    )


def test_a_database_at_0014_has_these_tables_and_none_is_made_anew(clone_url: str) -> None:
    with session(clone_url) as db:
        memory = one(db, "remember", namespace="n", content="stays")
        db.execute("update memory_data.setting set value = '7' where key = 'kpi_days'")
        call(db, "set_job", name="archive", cron="23 * * * *")
        before = picture(db)
        at_revision(clone_url, "0014")
        same = identities(db)
        policy = rows(db, "select * from memory_data.setting order by key")
        done = migrate(clone_url)
        assert (done.from_revision, done.to_revision) == ("0014", head_revision())
        assert revision_of(db) == head_revision()
        assert picture(db) == before
        assert identities(db) == same
        assert rows(db, "select * from memory_data.setting order by key") == policy
        assert one(db, "get", namespace="n", id=memory["id"])["content"] == "stays"
        # what an operator chose is nobody's to mend
        cron = "select cron from memory_data.schedule where name = 'archive'"
        assert value(db, cron) == "23 * * * *"
        assert migrate(clone_url).from_revision == head_revision()
        assert picture(db) == before


def test_two_recognise_a_database_at_0014_at_once(clone_url: str) -> None:
    at_revision(clone_url, "0014")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: migrate(clone_url), range(2)))
    assert sorted(str(answer.from_revision) for answer in answers) == sorted(
        ["0014", str(head_revision())]
    )
    with session(clone_url) as db:
        assert rows(db, "select version_num from memory_data.alembic_version") == [
            {"version_num": head_revision()}
        ]


def test_a_migration_that_fails_leaves_0014(
    clone_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_revision(clone_url, "0014")
    broken = SQL_DIR / "broken.sql"
    monkeypatch.setattr(module, "sql_files", lambda: [broken])  # there is no such file
    with session(clone_url) as db:
        before = picture(db)
        with pytest.raises(FileNotFoundError):
            migrate(clone_url)
        assert revision_of(db) == "0014"
        assert picture(db) == before


@pytest.mark.parametrize("revision", ["0001", "0002", "0009", "0010", "0013"])
def test_an_older_database_is_told_the_way_and_left_alone(clone_url: str, revision: str) -> None:
    at_revision(clone_url, revision)
    with session(clone_url) as db:
        before = picture(db)
        with pytest.raises(SchemaError, match="too old for this one") as refused:
            migrate(clone_url)
        assert f"revision {revision}" in refused.value.detail
        assert "580d9eb" in refused.value.detail
        assert refused.value.hint == "git checkout 580d9eb && magray migrate"
        assert picture(db) == before
        assert revision_of(db) == revision


@pytest.mark.parametrize("subject", ["layers", "alerts", "row_security"])
def test_a_revision_that_fails_leaves_an_empty_database_empty(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subject: str
) -> None:
    copy = tmp_path / "alembic"
    shutil.copytree(ALEMBIC_DIR, copy)
    with (copy / "versions" / "0001_tables" / f"{subject}.sql").open("a") as file:
        file.write("select 1 / 0;")
    monkeypatch.setattr(module, "ALEMBIC_DIR", copy)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty_url)
    monkeypatch.undo()
    schemas = "select count(*) from pg_namespace where starts_with(nspname, 'memory')"
    with psycopg.connect(empty_url, autocommit=True) as db:
        assert value(db, schemas) == 0
        assert migrate(empty_url).from_revision is None
        assert value(db, schemas) == 2


@pytest.mark.parametrize("newer", ["9999", "0015", "0002_later"])
def test_a_database_of_a_newer_program_is_left_alone(clone_url: str, newer: str) -> None:
    """A revision this program has not: a sentence, and nothing is changed."""
    at_revision(clone_url, newer)
    with session(clone_url) as db:
        before = picture(db)
    with pytest.raises(SchemaError, match="newer MAGRAY") as refused:
        migrate(clone_url)
    assert newer in refused.value.detail
    assert str(head_revision()) in refused.value.detail
    with session(clone_url) as db:
        assert picture(db) == before
        assert revision_of(db) == newer


def frozen_files() -> list[Path]:
    """The revisions and what they run."""
    return sorted(
        path for path in (ALEMBIC_DIR / "versions").rglob("*") if path.suffix in {".py", ".sql"}
    )


def test_revisions_are_frozen() -> None:
    """Who migrated once never runs a revision again: what is released is never edited."""
    frozen = dict(
        reversed(line.split()) for line in (ALEMBIC_DIR / "frozen.txt").read_text().splitlines()
    )
    here = {
        str(path.relative_to(ALEMBIC_DIR / "versions")): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in frozen_files()
    }
    assert len(frozen) > 1
    assert {name: here[name] for name in frozen} == frozen
    # the newest may be in the making
    newest = max(here).partition("/")[0].removesuffix(".py")
    assert {name.partition("/")[0].removesuffix(".py") for name in set(here) - set(frozen)} <= {
        newest
    }


def test_every_table_of_a_revision_is_run() -> None:
    folder = ALEMBIC_DIR / "versions" / "0001_tables"
    subjects = runpy.run_path(str(folder.with_suffix(".py")))["SUBJECTS"]
    assert sorted(subjects) == sorted(path.stem for path in folder.glob("*.sql"))


def test_the_id_of_a_revision_is_the_name_of_its_file() -> None:
    """No revision has a bare number: those are the ones before these."""
    script = ScriptDirectory.from_config(module._config())
    names = {Path(revision.path).stem: revision.revision for revision in script.walk_revisions()}
    assert len(names) >= 1
    for name, revision in names.items():
        assert revision == name
        assert re.fullmatch(r"\d{4}_[a-z_]{1,27}", name)
