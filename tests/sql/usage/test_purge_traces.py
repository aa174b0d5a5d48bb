"""memory.purge_traces: what hung on records that are gone goes, the rest stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, rows, session, until_waiting, value

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC)


def used(db: Connection[Any], content: str, namespace: str = "n", **more: Any) -> Any:
    """A memory with a trace in every table."""
    made = one(db, "remember", namespace=namespace, content=content, now=NOW, **more)
    at = {"namespace": namespace, "id": made["id"]}
    call(db, "touch", namespace=namespace, ids=[made["id"]], now=NOW)
    for importance in (0.1, 0.2):
        call(db, "update_memory", **at, changes={"importance": importance}, now=NOW)
    call(db, "note_embedding_failure", **at, error="x")
    return made["id"]


def traces(db: Connection[Any], memory: Any) -> set[str]:
    """The tables in which something hangs on a memory."""
    return {
        table
        for table in ("usage", "embedding_failure", "revision", "access_event")
        if value(db, f"select count(*) from memory_data.{table} where id = %s", memory)  # noqa: S608
    }


def make_gone(db: Connection[Any], *memories: Any) -> None:
    """As if their partition had been dropped."""
    db.execute("delete from memory_data.interact where id = any (%s)", (list(memories),))


def purge_all(db: Connection[Any], **arguments: Any) -> list[dict[str, Any]]:
    """Every table once round, in batches."""
    # each table begins anew at its own end, so no call is the last one of all
    rounds = 10 // arguments.get("limit", 10) + 2
    return [row for _ in range(rounds) for row in call(db, "purge_traces", **arguments)]


def test_traces_of_what_is_gone_go_and_no_others(db: Connection[Any]) -> None:
    stays, gone = used(db, "stays"), used(db, "gone")
    make_gone(db, gone)
    answer = call(db, "purge_traces", dry_run=True)
    assert traces(db, gone) == {"usage", "embedding_failure", "revision", "access_event"}
    assert call(db, "purge_traces") == answer
    assert {row["table_name"] for row in answer} == {"usage", "embedding_failure", "revision"}
    assert {row["id"] for row in answer} == {gone}
    # every single use stays for training
    assert traces(db, gone) == {"access_event"}
    assert traces(db, stays) == {"usage", "embedding_failure", "revision", "access_event"}
    assert call(db, "purge_traces") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
def test_batches_reach_every_row(db: Connection[Any], limit: int) -> None:
    ids = [used(db, f"{i}", f"n{i % 2}") for i in range(4)]
    make_gone(db, *ids[1:3])
    for _ in range(2):
        gone = purge_all(db, limit=limit)
        assert {row["id"] for row in gone if row["table_name"] == "usage"} <= set(ids[1:3])
    assert traces(db, ids[1]) == traces(db, ids[2]) == {"access_event"}
    assert "usage" in traces(db, ids[0]) & traces(db, ids[3])


def test_a_record_on_its_way_keeps_what_it_has(clone_url: str) -> None:
    """Gone from one layer and not yet in the next, as others see it: never both."""
    with session(clone_url) as mover, session(clone_url) as db, ThreadPoolExecutor(1) as pool:
        memory = used(mover, "x")
        kept = rows(mover, "select * from memory_data.usage")
        with mover.transaction():
            make_gone(mover, memory)
            work = pool.submit(call, db, "purge_traces")
            assert work.result() == []
            mover.execute("delete from memory_data.usage")
            mover.execute("rollback")
        assert rows(db, "select * from memory_data.usage") == kept

        # back from elsewhere, with its use, while the purge waits for nothing
        make_gone(mover, memory)
        with mover.transaction():
            mover.execute("update memory_data.usage set access_count = 9")
            work = pool.submit(call, db, "purge_traces")
            until_waiting(db, work)
            assert "usage" not in {row["table_name"] for row in work.result()}
        assert traces(db, memory) >= {"usage"}


def test_counters_of_namespaces_that_hold_something_stay(db: Connection[Any]) -> None:
    used(db, "stays", "full")
    make_gone(db, used(db, "gone", "empty"))
    answer = call(db, "purge_traces")
    gone = [row["namespace"] for row in answer if row["table_name"] == "change_counter"]
    assert gone == ["empty"]
    left = rows(db, "select distinct namespace from memory_data.change_counter")
    assert left == [{"namespace": "full"}]


def test_a_writer_at_work_keeps_its_counters(clone_url: str) -> None:
    with session(clone_url) as writer, session(clone_url) as db:
        memory = one(writer, "remember", namespace="n", content="first")["id"]
        make_gone(writer, memory)
        with writer.transaction():
            one(writer, "remember", namespace="n", content="second")
            assert call(db, "purge_traces") == []
        assert value(db, "select sum(stored) from memory_data.change_counter") == 2
