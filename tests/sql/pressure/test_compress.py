"""memory.compress and memory.decompress: fewer bytes, the same answers, and all the way back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pgvector import HalfVector

from tests.conftest import DIM
from tests.sql.calls import call, one, refused, rows, session, until_waiting, value, vector
from tests.sql.filling import build, cold, fill, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from tests.sql.calls import Row

ROWS = 1200
QUERIES = np.random.default_rng(9).normal(size=(15, DIM)).astype(np.float16)


@pytest.fixture
def own(clone_url: str) -> Iterator[Connection[Any]]:
    """A database with a partition of insights that is cold in a month, and has its indexes."""
    with session(clone_url) as db:
        fill(db, "insights", ROWS)
        fill(db, "insights", 100, namespace="m", seed=2)
        build(db, cold())
        yield db


def compress(db: Connection[Any]) -> Row:
    """All the way; the row of the last step."""
    (begun,) = call(db, "compress", now=cold())
    assert begun["state"] == "building"
    build(db, cold())
    (done,) = call(db, "compress", now=cold())
    assert done["state"] == "compressed"
    return done


def decompress(db: Connection[Any]) -> Row:
    (begun,) = call(db, "decompress", now=cold())
    assert begun["state"] == "decompressing"
    build(db, cold())
    (done,) = call(db, "decompress", now=cold())
    assert done["state"] == "decompressed"
    return done


def answers(db: Connection[Any], namespace: str = "n", **arguments: Any) -> list[list[Any]]:
    """Ids and scores of a few searches."""
    hits = [
        call(
            db,
            "search",
            namespace=namespace,
            embedding=HalfVector(query),
            now=cold(),
            **arguments,
        )
        for query in QUERIES
    ]
    return [[(hit["id"], round(hit["score"], 6)) for hit in one] for one in hits]


def indexes(db: Connection[Any], partition: str) -> set[str]:
    found = rows(
        db, "select indexname::text as name from pg_indexes where tablename = %s", partition
    )
    ends = {row["name"].rsplit("_", 1)[1] for row in found}
    return ends & {"exact", "hnsw", "bits", "words"}


def disk(db: Connection[Any], partition: str) -> int:
    return value(
        db, "select pg_total_relation_size(format('memory_data.%%I', %s::text))", partition
    )


def test_answers_are_the_same_before_after_and_back(own: Connection[Any]) -> None:
    ways: list[Row] = [
        {},
        {"namespace": "m"},
        {"query": "memory 7"},
        {"kinds": ["pattern"]},
        {"top_k": 100},
    ]
    before = [answers(own, **way) for way in ways]
    partition = compress(own)["partition_name"]
    assert indexes(own, partition) == {"bits", "words"}
    assert [answers(own, **way) for way in ways] == before
    assert decompress(own)["partition_name"] == partition
    assert indexes(own, partition) == {"exact", "hnsw", "words"}
    assert [answers(own, **way) for way in ways] == before


def test_a_large_namespace_is_searched_by_the_small_index(own: Connection[Any]) -> None:
    exact = answers(own)
    compress(own)
    own.execute("update memory_data.setting set value = '100' where key = 'exact_rows'")
    (hit, *_) = call(
        own, "search", namespace="n", embedding=HalfVector(QUERIES[0]), now=cold(), explain=True
    )
    assert hit["explain"]["vectors"] == "hnsw"
    found = answers(own)
    shared = [len(set(a) & set(b)) for a, b in zip(exact, found, strict=True)]
    assert all(len(one) == 10 for one in found)
    # eight dimensions make codes of 16 bits; the scores of what is found are those of whole vectors
    assert np.mean(shared) > 9
    for top_k in (1, 100, 300):
        assert all(len(one) == top_k for one in answers(own, top_k=top_k))
    filtered = answers(own, filters={"metadata": {}})
    assert all(len(one) == 10 for one in filtered)


def test_bytes_are_returned_and_told(own: Connection[Any]) -> None:
    dry = call(own, "compress", now=cold(), dry_run=True)
    assert dry == call(own, "compress", now=cold())
    build(own, cold())
    partition = dry[0]["partition_name"]
    before = disk(own, partition)
    dry = call(own, "compress", now=cold(), dry_run=True)
    assert disk(own, partition) == before
    (done,) = call(own, "compress", now=cold())
    assert [done] == dry
    assert done["bytes_before"] == before
    assert done["bytes_after"] == disk(own, partition) < before
    (decision,) = rows(own, "select * from memory_data.decision where action = 'compress'")
    assert decision["layer"] == "insights"
    assert decision["records"] == done["rows"] == ROWS + 100
    assert decision["detail"]["returned_bytes"] == before - done["bytes_after"]
    assert decision["detail"]["partition"] == partition


def test_a_small_partition_is_done_at_once(clone_url: str) -> None:
    with session(clone_url) as db:
        fill(db, "insights", 200)
        before = answers(db)
        (done,) = call(db, "compress", now=cold())
        assert done["state"] == "compressed"
        assert build(db, cold()) == []
        assert answers(db) == before
        (back,) = call(db, "decompress", now=cold())
        assert [name.rsplit("_", 1)[1] for name in build(db, cold())] == ["exact"]
        (back,) = call(db, "decompress", now=cold())
        assert back["state"] == "decompressed"
        assert answers(db) == before


@pytest.mark.parametrize("layer", ["interact", "insights", "assets"])
def test_open_partitions_stay_as_they_are(clone_url: str, layer: str) -> None:
    with session(clone_url) as db:
        fill(db, layer, 300)
        assert call(db, "compress") == []
        # an hour before it has been closed for a day, for two of the layers
        assert call(db, "compress", layer=layer, now=cold(0.2)) == []


def test_the_moment_a_partition_turns_cold(own: Connection[Any]) -> None:
    bound = value(
        own, "select p.ends from memory._layer_partitions(now(), 'insights') as p where p.rows > 0"
    )
    turns = bound - timedelta(days=90) + timedelta(hours=24)
    assert call(own, "compress", now=turns - timedelta(seconds=1), dry_run=True) == []
    assert len(call(own, "compress", now=turns, dry_run=True)) == 1
    last = bound - timedelta(seconds=1)
    assert len(call(own, "compress", now=last, dry_run=True)) == 1
    assert call(own, "compress", now=bound, dry_run=True) == []


@pytest.mark.parametrize(("used", "compressed"), [(65, True), (66, False)])
def test_what_is_used_much_stays(own: Connection[Any], used: int, compressed: bool) -> None:
    ids = [
        row["id"]
        for row in rows(own, "select id from memory._memories where namespace = 'n' limit %s", used)
    ]
    call(own, "make_partitions", now=cold(31.5))
    call(own, "touch", namespace="n", ids=ids, now=cold(31.5))
    # 5% of 1,300
    assert bool(call(own, "compress", now=cold(), dry_run=True)) == compressed


def test_limit_and_layer_are_obeyed(own: Connection[Any]) -> None:
    assert call(own, "compress", layer="interact", now=cold(), dry_run=True) == []
    assert call(own, "compress", now=cold(), limit=0, dry_run=True) == []
    assert len(call(own, "compress", layer="insights", now=cold(), dry_run=True)) == 1


def test_indexes_that_went_are_not_planned_again(own: Connection[Any]) -> None:
    partition = compress(own)["partition_name"]
    assert call(own, "plan_indexes", now=cold()) == []
    assert call(own, "compress", now=cold()) == []
    own.execute(f"drop index memory_data.{partition}_bits")
    (plan,) = call(own, "plan_indexes", now=cold())
    assert plan["index_name"] == f"{partition}_bits"


def test_a_compression_under_way_is_taken_back(own: Connection[Any]) -> None:
    (begun,) = call(own, "compress", now=cold())
    build(own, cold())
    (back,) = call(own, "decompress", now=cold())
    assert back["state"] == "decompressed"
    assert indexes(own, begun["partition_name"]) == {"exact", "hnsw", "words"}
    assert rows(own, "select * from memory_data.compression") == []


def test_memories_are_forgotten_changed_and_added(own: Connection[Any]) -> None:
    partition = compress(own)["partition_name"]
    own.execute("update memory_data.setting set value = '100' where key = 'exact_rows'")
    (first, second, *_) = call(own, "search", namespace="n", embedding=vector(1), now=cold())
    call(own, "forget", namespace="n", ids=[first["id"]])
    call(own, "update_memory", namespace="n", id=second["id"], changes={"content": "changed"})
    after = call(own, "search", namespace="n", embedding=vector(1), now=cold(), top_k=50)
    assert not {first["id"], second["id"]} & {row["id"] for row in after}
    pending = call(own, "pending_embeddings")
    call(
        own,
        "write_embeddings",
        namespaces=["n"],
        ids=[second["id"]],
        documents=[row["document"] for row in pending],
        embeddings=[vector(1)],
        model="test-model",
    )
    ends = value(
        own,
        "select p.ends from memory._layer_partitions(now(), 'insights') as p where p.name = %s",
        partition,
    )
    # what a promotion or a caller's own ttl puts into it
    added = one(
        own,
        "remember",
        namespace="n",
        content="added",
        kind="pattern",
        embedding=vector(1, 0.01),
        now=cold(),
        ttl=ends - cold() - timedelta(hours=1),
    )
    held = value(
        own, "select tableoid::regclass::text from memory_data.insights where id = %s", added["id"]
    )
    assert held == f"memory_data.{partition}"
    found = call(own, "search", namespace="n", embedding=vector(1), now=cold(), top_k=2)
    assert [row["id"] for row in found] == [second["id"], added["id"]]


def test_row_security_holds(own: Connection[Any]) -> None:
    compress(own)
    own.execute("update memory_data.setting set value = '10' where key = 'exact_rows'")
    own.execute("set role memory_app")
    for namespace, seen in (("n", 10), ("x", 0)):
        own.execute("select set_config('magray.namespace', %s, false)", (namespace,))
        hits = call(own, "search", namespace="n", embedding=vector(1), now=cold())
        assert len(hits) == seen


def test_a_reader_keeps_it_from_dropping_and_is_not_kept_waiting(clone_url: str) -> None:
    with session(clone_url) as db, session(clone_url) as reader:
        fill(db, "insights", 200)
        with reader.transaction():
            reader.execute("select count(*) from memory_data.insights")
            assert call(db, "compress", now=cold()) == []
            assert value(db, "select count(*) from memory_data.compression") == 0
        (done,) = call(db, "compress", now=cold())
        assert done["state"] == "compressed"


def test_readers_and_writers_go_on_while_it_waits(clone_url: str) -> None:
    with (
        session(clone_url) as db,
        session(clone_url) as holder,
        session(clone_url) as other,
        ThreadPoolExecutor() as pool,
    ):
        ids = fill(db, "insights", 200)
        with holder.transaction():
            holder.execute("select count(*) from memory_data.insights")
            work = pool.submit(call, db, "compress", now=cold())
            until_waiting(db, work)
            # behind the waiting lock, and freed with it
            other.execute("set statement_timeout = '10s'")
            assert len(call(other, "search", namespace="n", embedding=vector(1))) == 10
            call(other, "forget", namespace="n", ids=ids[:1])
            assert work.result() == []


def test_one_run_at_a_time(own: Connection[Any], clone_url: str) -> None:
    with session(clone_url) as second, own.transaction():
        assert call(own, "compress", now=cold())
        assert call(second, "compress", now=cold()) == []
        assert call(second, "decompress", now=cold()) == []


def test_a_rolled_back_compression_never_was(own: Connection[Any]) -> None:
    call(own, "compress", now=cold())
    build(own, cold())
    before = answers(own)
    with own.transaction(force_rollback=True):
        assert call(own, "compress", now=cold())[0]["state"] == "compressed"
    assert answers(own) == before
    assert value(own, "select state from memory_data.compression") == "building"


def test_a_dropped_partition_is_forgotten(own: Connection[Any]) -> None:
    partition = compress(own)["partition_name"]
    own.execute(f"drop table memory_data.{partition}")
    settle(own)
    assert call(own, "compress", now=cold()) == []
    assert rows(own, "select * from memory_data.compression") == []


def test_a_layer_that_is_none_is_refused(db: Connection[Any]) -> None:
    for function in ("compress", "decompress"):
        with refused(db, "ML404", 'layer "nosuch" does not exist'):
            call(db, function, layer="nosuch")
