"""Who sees what: row level security on every table of a namespace, and the roles' privileges."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from tests.sql.calls import call, found, make_model, one, refused, rows, value, vector

if TYPE_CHECKING:
    from psycopg import Connection

KINDS = ("user_interaction", "pattern", "core_concept")
LAYERS = ("interact", "insights", "assets")

TENANT_TABLES = """
select c.oid::regclass::text as name, c.relrowsecurity, c.relforcerowsecurity, c.relispartition
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid and a.attname = 'namespace' and not a.attisdropped
where c.relnamespace = 'memory_data'::regnamespace and c.relkind in ('r', 'p')
"""


def seed(db: Connection[Any], namespace: str) -> list[Any]:
    """A row of this namespace in every table that has a namespace; ids."""
    ids = []
    model = make_model(db, f"of {namespace}")
    for kind in KINDS:
        made = one(
            db,
            "remember",
            namespace=namespace,
            content=f"secret of {namespace}",
            kind=kind,
            embedding=vector(1),
            idempotency_key=kind,
        )
        at = {"namespace": namespace, "id": made["id"]}
        call(db, "touch", namespace=namespace, ids=[made["id"]])
        call(db, "update_memory", **at, changes={"pinned": True})
        call(db, "note_embedding_failure", **at, error="x")
        db.execute(
            "insert into memory_data.score (namespace, id, relevance, model, scored_at)"
            " values (%s, %s, 0.5, %s, now())",
            (namespace, made["id"], model),
        )
        ids.append(made["id"])
    call(db, "note_queries", namespaces=[namespace], embeddings=[vector(1)])
    extra = one(db, "remember", namespace=namespace, content="to be forgotten")
    call(db, "forget", namespace=namespace, ids=[extra["id"]])
    # the others are pinned, and so is everybody else's
    extra = one(db, "remember", namespace=namespace, content="to be evicted")
    assert one(db, "evict", layer="interact", bytes=1)["id"] == extra["id"]
    seed_archive(db, namespace)
    return ids


def seed_archive(db: Connection[Any], namespace: str) -> None:
    """A record in the outbox, one in a file, one forgotten that a file still holds."""
    archived = [
        one(db, "remember", namespace=namespace, content=f"archived {number}")["id"]
        for number in range(3)
    ]
    for moved in (archived[:2], archived[2:]):
        call(
            db,
            "_hand_to_archive",
            layer="interact",
            namespaces=[namespace] * len(moved),
            ids=moved,
            reason="test",
        )
        if len(moved) == 2:
            seqs = [
                row["seq"] for row in call(db, "archive_batch") if row["namespace"] == namespace
            ]
            file = uuid.uuid4()
            call(
                db,
                "register_archive",
                id=file,
                file=f"{file}.parquet",
                tier="local",
                bytes=1,
                seqs=seqs,
            )
    call(db, "forget", namespace=namespace, ids=archived[:1])


def become(db: Connection[Any], role: str, namespace: str | None = None) -> None:
    db.execute("select set_config('magray.namespace', %s, true)", (namespace or "",))
    db.execute(f"set local role {role}")


def test_row_security_is_forced_on_every_table_of_a_namespace(db: Connection[Any]) -> None:
    tables = rows(db, TENANT_TABLES)
    assert sum(row["relispartition"] for row in tables) > 40
    assert sum(not row["relispartition"] for row in tables) >= 10
    open_ones = [
        row["name"] for row in tables if not (row["relrowsecurity"] and row["relforcerowsecurity"])
    ]
    assert open_ones == []


def test_every_table_of_a_namespace_has_the_services_policy(db: Connection[Any]) -> None:
    for row in rows(db, TENANT_TABLES):
        policies = rows(
            db,
            "select roles::text[], cmd, permissive, qual, with_check from pg_policies"
            " where schemaname || '.' || tablename = %s",
            row["name"],
        )
        by_role = {tuple(policy["roles"]): policy for policy in policies}
        assert set(by_role) == {("memory_app",), ("memory_owner",), ("memory_operator",)}
        app = by_role[("memory_app",)]
        assert app["cmd"] == "ALL"
        # evaluated once a query, and null (so: no row) without a namespace
        assert "namespace = ( SELECT NULLIF(current_setting('magray.namespace'" in app["qual"]
        assert app["with_check"] is None


def test_without_a_namespace_the_service_sees_nothing(db: Connection[Any]) -> None:
    ids = seed(db, "n")
    become(db, "memory_app")
    for layer in LAYERS:
        assert value(db, f"select count(*) from memory_data.{layer}") == 0  # noqa: S608
    assert found(db, "n", "secret") == []
    assert found(db, "n", embedding=vector(1)) == []
    assert call(db, "list_memories", namespace="n") == []
    with refused(db, "ML404"):
        call(db, "get", namespace="n", id=ids[0])
    assert value(db, "select memory.change_token('n')") == 0


def test_the_service_sees_its_namespace_and_no_other(db: Connection[Any]) -> None:
    mine, theirs = seed(db, "n"), seed(db, "m")
    tables = [row["name"] for row in rows(db, TENANT_TABLES) if not row["relispartition"]]
    for table in tables:
        assert value(db, f"select count(distinct namespace) from {table}") == 2, table  # noqa: S608
    become(db, "memory_app", "n")
    for table in tables:
        seen = rows(db, f"select distinct namespace from {table}")  # noqa: S608
        assert seen == [{"namespace": "n"}], table
    # whatever namespace a call names
    assert len(found(db, "n", "secret")) == 3
    assert found(db, "m", "secret") == []
    assert found(db, "m", embedding=vector(1)) == []
    assert call(db, "list_memories", namespace="m") == []
    assert call(db, "forget", namespace="m", ids=theirs) == []
    assert call(db, "touch", namespace="m", ids=theirs) == []
    for function in ("get", "explain", "history"):
        assert call(db, function, namespace="n", id=mine[0])
        with refused(db, "ML404"):
            call(db, function, namespace="m", id=theirs[0])
    assert call(db, "forget_namespace", namespace="m") == []
    db.execute("reset role")
    assert value(db, "select count(*) from memory._memories where namespace = 'm'") == 3


def test_the_service_writes_its_namespace_only(db: Connection[Any]) -> None:
    (theirs, *_) = seed(db, "m")
    become(db, "memory_app", "n")
    assert one(db, "remember", namespace="n", content="mine", embedding=vector(1))["created"]
    for arguments in ({}, {"kind": "pattern"}, {"kind": "core_concept"}):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
            call(db, "remember", namespace="m", content="not mine", **arguments)
    with refused(db, "ML404"):
        call(db, "update_memory", namespace="m", id=theirs, changes={"pinned": True})
    with refused(db, "ML404"):
        call(db, "rate", namespace="m", id=theirs, rating=1.0)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
        db.execute("update memory_data.interact set namespace = 'm'")
    assert db.execute("delete from memory_data.interact where namespace = 'm'").rowcount == 0


@pytest.mark.parametrize(
    "statement",
    [
        "select id from memory._matching('m', null, 'secret', 9, now())",
        "select memory._rare_lexemes('m', '{secret}', 9, now())",
    ],
)
def test_functions_with_the_owners_rights_check_the_namespace_themselves(
    db: Connection[Any], statement: str
) -> None:
    seed(db, "m")
    assert rows(db, statement)
    become(db, "memory_app", "n")
    with refused(db, "ML403", '"m"'):
        rows(db, statement)
    become(db, "memory_app")
    with refused(db, "ML403", '"m"'):
        rows(db, statement)
    become(db, "memory_app", "m")
    assert rows(db, statement)


def test_a_partition_asked_by_its_own_name_gives_no_more(db: Connection[Any]) -> None:
    seed(db, "n")
    seed(db, "m")
    partitions = [row["name"] for row in rows(db, TENANT_TABLES) if row["relispartition"]]
    filled = [name for name in partitions
              if value(db, f"select count(distinct namespace) from {name}") == 2]  # noqa: S608 # fmt: skip
    assert len(filled) >= 5
    become(db, "memory_app", "n")
    for name in filled:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
            db.execute(f"select from {name}")
    # and if somebody grants it, the partition's own policies hold
    db.execute("reset role")
    for name in filled:
        db.execute(f"grant select, insert on {name} to memory_app")
    become(db, "memory_app", "n")
    for name in filled:
        assert rows(db, f"select distinct namespace from {name}") == [{"namespace": "n"}]  # noqa: S608
    become(db, "memory_app")
    for name in filled:
        assert value(db, f"select count(*) from {name}") == 0  # noqa: S608


@pytest.mark.parametrize("table", ["api_key", "alembic_version"])
def test_the_service_reads_no_keys(app_db: Connection[Any], table: str) -> None:
    for verb in ("select * from", "delete from"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app_db.transaction():
            app_db.execute(f"{verb} memory_data.{table}")


@pytest.mark.parametrize(
    "statement",
    [
        "update memory_data.layer set max_bytes = 1",
        "update memory_data.setting set value = '1'",
        "delete from memory_data.promotion_rule",
        "insert into memory_data.code_state (digest) values ('x')",
        "update memory_data.schedule set command = 'drop schema memory'",
        "update memory_data.embedding_model set active = false",
        "insert into memory_data.job_run (job, runner) values ('expire', 'manual')",
        "select * from memory.expire()",
        "select * from memory.run_lifecycle()",
        "select * from memory.run_job('expire')",
        "select * from memory.set_job('expire', p_enabled => false)",
        "select memory.allow_jobs(false)",
        "select * from memory.apply_policy('{}')",
        "select * from memory.create_key('a', 'b', 'c', '{*}', '{admin}')",
        "select * from memory.list_keys()",
        "select * from memory.revoke_key('a')",
        "select * from memory.make_partitions()",
        "select memory.store_code_digest('x')",
        "select * from memory.promote()",
        "select * from memory.blocking_criteria('interact')",
        "select * from memory_data.promotion_run",
        "update memory_data.model set active = true",
        "select * from memory.records",
        "drop table memory_data.interact",
        "alter table memory_data.interact disable row level security",
        "drop policy interact_app on memory_data.interact",
        "set role memory_owner",
        "create table public.mine (a integer)",
        "create table memory_data.mine (a integer)",
        "create function memory.mine() returns integer language sql as 'select 1'",
    ],
)
def test_the_service_cannot_change_the_house(db: Connection[Any], statement: str) -> None:
    db.execute("create role service_login in role memory_app")
    db.execute("set local session authorization service_login")
    db.execute("set local role memory_app")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute(statement)


# --- analysts


def test_an_analyst_reads_the_public_views_and_nothing_else(db: Connection[Any]) -> None:
    seed(db, "n")
    relations = rows(
        db,
        "select c.oid::regclass::text as name from pg_class as c"
        " where c.relnamespace in ('memory'::regnamespace, 'memory_data'::regnamespace)"
        " and c.relkind in ('r', 'p', 'v', 'S')"
        " and has_schema_privilege('memory_analyst', c.relnamespace, 'usage')"
        " and has_table_privilege('memory_analyst', c.oid,"
        "     'select, insert, update, delete, truncate, references, trigger')",
    )
    views = [
        "memory.alerts",
        "memory.archives",
        "memory.backups",
        "memory.decisions",
        "memory.evictions",
        "memory.jobs",
        "memory.kpi_catalogue",
        "memory.kpi_history",
        "memory.layers",
        "memory.models",
        "memory.outages",
        "memory.promotions",
        "memory.records",
        "memory.shortened",
        "memory.unembedded",
    ]
    assert sorted(row["name"] for row in relations) == views
    for name in views:
        assert not value(
            db, "select has_table_privilege('memory_analyst', %s, 'insert, update, delete')", name
        )
    become(db, "memory_analyst")
    for name in views:
        db.execute(sql.SQL("select * from {}").format(sql.Identifier(*name.split("."))))
    jobs = rows(db, "select * from memory.jobs where enabled")
    # no backup was taken: none is due
    assert all(row["next_due"] for row in jobs if row["kind"] != "backup")
    assert not any(row["next_due"] for row in jobs if row["kind"] == "backup")
    for statement in (
        "select * from memory_data.interact",
        "select * from memory_data.api_key",
        "select * from memory_data.schedule",
        "select * from memory._live",
        "select * from memory._decided",
        "select * from memory._memories",
        "select * from memory.get('n', gen_random_uuid())",
        "select * from memory.forget_namespace('n')",
        "select * from memory.touch('n', '{}')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
            db.execute(statement)


def test_an_analyst_answers_what_is_in_each_layer(db: Connection[Any]) -> None:
    seed(db, "n")
    one(db, "remember", namespace="m", content="another", kind="pattern")
    db.execute("set constraints all immediate")
    become(db, "memory_analyst")
    layers = rows(db, "select * from memory.layers")
    assert [row["layer"] for row in layers] == list(LAYERS)
    interact, insights, assets = layers
    assert (interact["memories"], insights["memories"], assets["memories"]) == (1, 2, 1)
    assert insights["namespaces"] == 2
    assert interact["accesses"] == 1
    assert all(row["bytes"] > 0 and row["disk_bytes"] > 0 for row in layers)
    assert all(row["partitions"] >= 8 for row in layers)
    assert insights["without_embedding"] == 1


def test_an_analyst_answers_per_namespace_and_kind_how_old_big_and_used(
    db: Connection[Any],
) -> None:
    ids = seed(db, "n")
    call(db, "rate", namespace="n", id=ids[1], rating=4.0)
    one(db, "remember", namespace="n", content="unused", kind="pattern")
    become(db, "memory_analyst")
    told = rows(
        db,
        "select namespace, layer, kind, count(*) as memories, max(age) >= '0' as aged,"
        " sum(bytes) > 0 as sized, sum(access_count) as uses, max(rating) as rating,"
        " bool_or(last_access is null) as some_never"
        " from memory.records group by 1, 2, 3 order by 2, 3",
    )
    by_kind = {row["kind"]: row for row in told}
    assert set(by_kind) == set(KINDS)
    pattern = by_kind["pattern"]
    assert (pattern["layer"], pattern["memories"], pattern["uses"]) == ("insights", 2, 1)
    assert (pattern["rating"], pattern["some_never"]) == (4, True)
    assert all(row["aged"] and row["sized"] for row in told)


def test_an_analyst_answers_why_a_memory_moved(db: Connection[Any]) -> None:
    ids = seed(db, "n")
    db.execute("update memory_data.promotion_rule set threshold = -1")
    db.execute("update memory_data.route set overrides = '{}'")
    assert [row["id"] for row in call(db, "promote", layer="interact")] == ids[:1]
    become(db, "memory_analyst")
    (row,) = rows(db, "select * from memory.promotions")
    assert (row["namespace"], row["id"], row["route"]) == ("n", ids[0], "high_value")
    assert (row["kind"], row["to_kind"]) == ("user_interaction", "solution")
    assert (row["access_count"], row["model"]) == (1, "fixed weighting")
    actions = rows(db, "select action from memory.decisions where id = %s", ids[0])
    assert actions == [{"action": "promote"}]


def test_expired_memories_are_in_no_view(db: Connection[Any]) -> None:
    one(db, "remember", namespace="n", content="x", ttl="1 microsecond")
    # the views ask now(), which is the start of the transaction: make it past
    db.execute("update memory_data.interact set expires_at = now()")
    become(db, "memory_analyst")
    assert value(db, "select count(*) from memory.records") == 0
    assert value(db, "select sum(memories) from memory.layers") == 0


def test_the_operator_runs_the_lifecycle_over_all_namespaces(db: Connection[Any]) -> None:
    seed(db, "n")
    become(db, "memory_operator")
    assert value(db, "select count(*) from memory._memories") == 3
    assert call(db, "make_partitions") == []
    policy = {"layers": {"interact": {"promotion_threshold": 0.6}}, "settings": {"hnsw_m": 24}}
    assert len(call(db, "apply_policy", policy=policy)) == 2
    key = {"name": "a", "prefix": "b", "namespaces": ["n"], "scopes": ["read"]}
    assert one(db, "create_key", **key, digest=bytes(32))["name"] == "a"
    assert len(call(db, "list_keys")) == len(call(db, "revoke_key", prefix="b")) == 1
    assert call(db, "promote") == []
    assert len(call(db, "blocking_criteria", layer="interact")) == 6
    assert call(db, "check_database")
    assert call(db, "plan_indexes") == []
    # three in the layers, one in the outbox, one in a file
    assert len(call(db, "forget_namespace", namespace="n")) == 5
