"""memory.plan_indexes: which partitions have earned a search index, and the statements work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.plans.conftest import seed
from tests.sql.calls import call, found, one, rows, session, value, vector
from tests.sql.filling import fill

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


def count_as_large(db: Connection[Any], *, exact_rows: int = 100) -> None:
    """Partitions of 50 rows are large, and namespaces of more than `exact_rows` are."""
    db.execute("update memory_data.layer set index_rows = 50")
    db.execute(
        "update memory_data.setting set value = %s where key = 'exact_rows'", (str(exact_rows),)
    )


def graphs(db: Connection[Any]) -> set[str]:
    """The partitions that have an HNSW or GIN index of their own."""
    return {
        row["name"]
        for row in rows(
            db,
            "select indrelid::regclass::text as name from pg_index as x"
            " join pg_class as c on c.oid = x.indexrelid join pg_am as a on a.oid = c.relam"
            " where c.relnamespace = 'memory_data'::regnamespace and a.amname in ('hnsw', 'gin')",
        )
    }


def build(db: Connection[Any], **arguments: Any) -> list[str]:
    """Do what is planned, as the service does; the statements."""
    statements = planned(db, **arguments)
    for statement in statements:
        db.execute(statement)
    assert planned(db, **arguments) == []
    return statements


def test_where_no_namespace_is_searched_by_index_nothing_is_built(db: Connection[Any]) -> None:
    """Partitions are large, their namespaces (600 memories) are not: inserts stay cheap."""
    count_as_large(db, exact_rows=600)
    assert planned(db) == []
    count_as_large(db, exact_rows=599)
    assert build(db)


def test_only_partitions_with_many_memories_of_the_large_one_get_theirs(
    db: Connection[Any],
) -> None:
    """A namespace that grew: where it has few, they are compared one by one."""
    count_as_large(db, exact_rows=1000)
    fill(db, "insights", 900, namespace="n0", seed=7)
    build(db)
    # 1,100 in insights, 200 in assets, twenty or forty in each partition of interact
    assert {name.split(".")[1].split("_")[0] for name in graphs(db)} == {"insights", "assets"}
    question = vector(*[0.3] * 8)
    exact = rows(
        db,
        "select content from memory._memories where namespace = 'n0'"
        " order by embedding <=> %s limit 20",
        question,
    )
    got = call(db, "search", namespace="n0", embedding=question, top_k=20, explain=True)
    assert len(got) == 20
    assert {row["explain"]["vectors"] for row in got} == {"hnsw"}
    assert len({row["content"] for row in got} & {row["content"] for row in exact}) >= 19


def test_what_was_ever_stored_is_not_what_is_there(db: Connection[Any]) -> None:
    """The counters of a namespace never go down; its memories are counted."""
    count_as_large(db, exact_rows=700)
    db.execute("update memory_data.change_counter set stored = 100000 where namespace = 'n0'")
    assert planned(db) == []


def test_one_that_stands_unused_is_dropped(db: Connection[Any]) -> None:
    count_as_large(db)
    build(db)
    assert len(graphs(db)) >= 3
    # a little smaller than the threshold is no reason
    count_as_large(db, exact_rows=700)
    assert not [one for one in planned(db) if "insights" in one or "assets" in one]
    count_as_large(db, exact_rows=20000)
    before = found(db, "n0", embedding=vector(1), top_k=5)
    dropped = build(db)
    assert dropped
    assert all(statement.startswith("drop index concurrently") for statement in dropped)
    closed = rows(
        db,
        "select 'memory_data.' || name as name from memory._layer_partitions(now()) where closed",
    )
    assert graphs(db) <= {row["name"] for row in closed}
    assert found(db, "n0", embedding=vector(1), top_k=5) == before


def test_a_closed_partition_keeps_what_it_earned(db: Connection[Any]) -> None:
    """Nothing enters it any more, whatever the size of its namespaces."""
    later = datetime.now(UTC) + timedelta(days=400)
    build(db, now=later)
    assert graphs(db)
    assert planned(db, now=later) == []


def test_one_that_is_closed_and_still_written_to_is_as_an_open_one(db: Connection[Any]) -> None:
    """Memories with a ttl of their own enter a partition that is closed for all others."""
    fill(db, "interact", 1200, namespace="brief", seed=8, ttl="1 hour")
    (partition,) = rows(
        db,
        "select distinct tableoid::regclass::text as name from memory_data.interact"
        " where namespace = 'brief'",
    )
    assert value(
        db,
        "select closed from memory._layer_partitions(now()) where name = %s",
        partition["name"].split(".")[1],
    )
    assert planned(db) == []
    # ten minutes later nobody writes to it any more
    later = datetime.now(UTC) + timedelta(minutes=11)
    assert {partition["name"].split(".")[1]} == {
        row["partition_name"] for row in call(db, "plan_indexes", now=later)
    }
    build(db, now=later)
    # and dropped, should it be written to again
    assert all("drop index" in statement for statement in build(db))


def test_without_an_index_a_large_namespace_is_compared_exactly(db: Connection[Any]) -> None:
    """The path of large namespaces, in partitions that have not earned an index (yet)."""
    db.execute("update memory_data.setting set value = '100' where key = 'exact_rows'")
    question = vector(*[0.3] * 8)
    exact = rows(
        db,
        "select content from memory._memories where namespace = 'n0'"
        " order by embedding <=> %s limit 50",
        question,
    )
    got = call(db, "search", namespace="n0", embedding=question, top_k=50, explain=True)
    assert [row["content"] for row in got] == [row["content"] for row in exact]
    assert {row["explain"]["vectors"] for row in got} == {"exact"}


def test_built_concurrently_they_are_used_and_not_planned_again(db: Connection[Any]) -> None:
    count_as_large(db)
    statements = planned(db)
    assert len(statements) >= 6
    before = found(db, "n0", embedding=vector(1), top_k=5)
    for statement in statements:
        db.execute(statement)
    assert planned(db) == []
    built = rows(
        db,
        "select a.amname::text as method, count(*) from pg_index as x"
        " join pg_class as c on c.oid = x.indexrelid join pg_am as a on a.oid = c.relam"
        " where c.relnamespace = 'memory_data'::regnamespace and a.amname in ('hnsw', 'gin')"
        " and x.indisvalid group by 1 order by 1",
    )
    assert [row["method"] for row in built] == ["gin", "hnsw"]
    assert sum(row["count"] for row in built) == len(statements)
    assert found(db, "n0", embedding=vector(1), top_k=5) == before


def test_an_index_left_invalid_is_dropped_first(db: Connection[Any]) -> None:
    count_as_large(db)
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
    count_as_large(db)
    with pytest.raises(psycopg.errors.ActiveSqlTransaction), db.transaction():
        db.execute(planned(db)[0])


def test_new_memories_are_found_beside_an_index(db: Connection[Any]) -> None:
    count_as_large(db)
    build(db)
    for i, kind in enumerate(("user_interaction", "pattern", "core_concept")):
        one(
            db,
            "remember",
            namespace="n0",
            content=f"newest {i}",
            kind=kind,
            embedding=vector(*[9.0] * 8),
        )
    assert set(found(db, "n0", embedding=vector(*[9.0] * 8), top_k=3)) == {
        f"newest {i}" for i in range(3)
    }
    assert value(db, "select count(*) from pg_indexes where indexname like '%%hnsw'") >= 3
