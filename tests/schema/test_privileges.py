"""What each role may do is what `privileges.txt` says, line by line.

`MAGRAY_TEST_REWRITE=1 pytest tests/schema/test_privileges.py` writes the file anew; what changed
in it is then for a reviewer to see.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.core.migrate import migrate
from service.core.paths import SQL_DIR
from tests.sql.calls import rows, session

if TYPE_CHECKING:
    from psycopg import Connection

SNAPSHOT = Path(__file__).with_name("privileges.txt")

# All that anybody but the owner holds; partitions hold nothing of their own.
PRIVILEGES = """
with held (kind, name, acl) as (
    select 'schema', n.nspname::text, coalesce(n.nspacl, acldefault('n', n.nspowner))
    from pg_namespace as n where n.nspname in ('memory', 'memory_data')
    union all
    select case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end,
        c.oid::regclass::text,
        coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char",
                                      c.relowner))
    from pg_class as c
    where c.relnamespace in ('memory'::regnamespace, 'memory_data'::regnamespace)
        and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
    select 'column', c.oid::regclass::text || '.' || a.attname::text, a.attacl
    from pg_attribute as a join pg_class as c on c.oid = a.attrelid
    where c.relnamespace in ('memory'::regnamespace, 'memory_data'::regnamespace)
    union all
    select 'function', p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
    from pg_proc as p
    where p.pronamespace in ('memory'::regnamespace, 'memory_data'::regnamespace)
    union all
    select 'default for', d.defaclobjtype::text, d.defaclacl from pg_default_acl as d
)
select h.kind || ' ' || h.name || ' '
    || case a.grantee when 0 then 'public' else a.grantee::regrole::text end || ': '
    || string_agg(lower(a.privilege_type) || case when a.is_grantable then ' and grant' else '' end,
                  ', ' order by a.privilege_type) as line
from held as h cross join lateral aclexplode(h.acl) as a
where a.grantee <> 'memory_owner'::regrole
group by h.kind, h.name, a.grantee
"""


def test_privileges_are_those_of_the_snapshot(db: Connection[Any]) -> None:
    found = "".join(f"{line}\n" for line in sorted(row["line"] for row in rows(db, PRIVILEGES)))
    if os.environ.get("MAGRAY_TEST_REWRITE"):
        SNAPSHOT.write_text(found)
    assert found.splitlines() == SNAPSHOT.read_text().splitlines()


def test_a_privilege_that_no_file_names_is_taken_back(clone_url: str) -> None:
    with session(clone_url) as db:
        before = rows(db, PRIVILEGES)
        for statement in (
            "grant truncate on memory_data.interact to memory_app",
            "grant select on memory_data.api_key to public",
            "grant update (overrides) on memory_data.route to memory_analyst",
            "grant select on memory._live to memory_analyst",
            "grant execute on function memory.store_code_digest to public",
            "grant create on schema memory to memory_operator",
            "grant usage on schema memory_data to memory_analyst",
        ):
            db.execute(statement)
        given = {row["line"] for row in rows(db, PRIVILEGES)}
        assert len(given - {row["line"] for row in before}) == 7
        migrate(clone_url)
        assert sorted(row["line"] for row in rows(db, PRIVILEGES)) == sorted(
            row["line"] for row in before
        )


def test_a_subject_grants_functions_of_its_own_only() -> None:
    folders = [path for path in (SQL_DIR / "functions").iterdir() if path.is_dir()]
    assert len(folders) > 10
    for folder in folders:
        own = {path.stem for path in folder.glob("*.sql")}
        for statement in (folder / "grants.sql").read_text().split(";"):
            if "execute on function" in statement:
                assert set(re.findall(r"memory\.(\w+)", statement)) <= own, folder.name


def test_every_function_stands_in_the_folder_of_a_subject() -> None:
    assert list((SQL_DIR / "functions").glob("*.sql")) == []
