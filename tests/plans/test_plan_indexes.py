"""memory.plan_indexes: which partitions have earned a search index, and the statements work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.plans.conftest import seed
from tests.sql.calls import call, found, one, rows, session, value, vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection


@pytest.fixture
def db(clone_url: str) -> Iterator[Connection[Any]]:
    seed(clone_url)
    with session(clone_url) as connection:
        yield connection


def planned(db: Connection[Any], **arguments: Any) -> list[str]:
    return [row["statement"] for row in call(db, "plan_indexes", **arguments)]


def test_small_growing_partitions_have_earned_nothing(db: Connection[Any]) -> None:
    assert planned(db) == []


def test_closed_partitions_have_earned_theirs(db: Connection[Any]) -> None:
    """Nothing new enters a partition whose end lies before the shortest of new lives."""
    later = datetime.now(UTC) + timedelta(days=400)
    db.execute("update memory_data.setting set value = '24' where key = 'hnsw_m'")
    statements = planned(db, now=later)
    closed = {row["partition_name"] for row in call(db, "plan_indexes", now=later)}
    assert any(name.startswith("assets") for name in closed)
    assert any(name.startswith("insights") for name in closed)
    assert all("concurrently" in statement for statement in statements)
    hnsw = [statement for statement in statements if "hnsw" in statement]
    assert hnsw
    assert all("m = 24, ef_construction = 200" in statement for statement in hnsw)


def test_built_concurrently_they_are_used_and_not_planned_again(db: Connection[Any]) -> None:
    db.execute("update memory_data.layer set index_rows = 50")
    statements = planned(db)
    assert len(statements) >= 6
    before = found(db, "n0", embedding=vector(1), top_k=5)
    for statement in statements:
        db.execute(statement)
    assert planned(db) == []
    built = rows(
        db, "select a.amname::text as method, count(*) from pg_index as x"
        " join pg_class as c on c.oid = x.indexrelid join pg_am as a on a.oid = c.relam"
        " where c.relnamespace = 'memory_data'::regnamespace and a.amname in ('hnsw', 'gin')"
        " and x.indisvalid group by 1 order by 1",
    )  # fmt: skip
    assert [row["method"] for row in built] == ["gin", "hnsw"]
    assert sum(row["count"] for row in built) == len(statements)
    assert found(db, "n0", embedding=vector(1), top_k=5) == before


def test_an_index_left_invalid_is_dropped_first(db: Connection[Any]) -> None:
    db.execute("update memory_data.layer set index_rows = 50")
    row = next(row for row in call(db, "plan_indexes") if "hnsw" in row["statement"])
    db.execute(row["statement"])
    # what a cancelled CREATE INDEX CONCURRENTLY leaves
    db.execute(
        "update pg_index set indisvalid = false where indexrelid = %s::regclass",
        (f"memory_data.{row['index_name']}",),
    )
    again = {row["index_name"]: row["statement"] for row in call(db, "plan_indexes")}
    assert again[row["index_name"]].startswith("drop index concurrently")
    db.execute(again[row["index_name"]])
    assert row["statement"] in planned(db)
    db.execute(row["statement"])
    assert row["statement"] not in planned(db)


def test_they_cannot_block_in_a_transaction(db: Connection[Any]) -> None:
    db.execute("update memory_data.layer set index_rows = 50")
    with pytest.raises(psycopg.errors.ActiveSqlTransaction), db.transaction():
        db.execute(planned(db)[0])


def test_new_memories_are_found_beside_an_index(db: Connection[Any]) -> None:
    db.execute("update memory_data.layer set index_rows = 50")
    db.execute("update memory_data.setting set value = '100' where key = 'exact_rows'")
    for statement in planned(db):
        db.execute(statement)
    for i, kind in enumerate(("user_interaction", "pattern", "core_concept")):
        one(db, "remember", namespace="n0", content=f"newest {i}", kind=kind,
            embedding=vector(*[9.0] * 8))  # fmt: skip
    assert set(found(db, "n0", embedding=vector(*[9.0] * 8), top_k=3)) == {
        f"newest {i}" for i in range(3)
    }
    assert value(db, "select count(*) from pg_indexes where indexname like '%%hnsw'") >= 3
