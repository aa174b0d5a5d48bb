"""A record that moves while others read, use, edit, rate and forget it: never lost, never twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, found, one, rows, session, until_waiting, value, vector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

NOW = datetime.now(UTC)


def seed(url: str, count: int = 1, namespace: str = "n") -> list[Any]:
    """Memories that pass every criterion of their step; ids."""
    with session(url) as db:
        ids = [
            one(
                db,
                "remember",
                namespace=namespace,
                content=f"lantern {number}",
                kind="session_data",
                session="s",
                importance=1.0,
                embedding=vector(1, number),
                now=NOW - timedelta(hours=20),
            )["id"]
            for number in range(count)
        ]
        db.execute(
            "insert into memory_data.usage (namespace, id, access_count, first_access, last_access,"
            " rating_sum, rating_count, context_relevance)"
            " select %s, i, 50, %s, %s, 5, 1, 1 from unnest(%s::uuid[]) as i",
            (namespace, NOW - timedelta(hours=20), NOW, ids),
        )
    return ids


@contextmanager
def moving(url: str, count: int = 1) -> Iterator[None]:
    """Inside, the records have moved in a transaction that has not committed yet."""
    with psycopg.connect(url) as mover:
        assert len(call(mover, "promote", now=NOW)) == count
        yield
        mover.commit()


def meanwhile(url: str, count: int, act: Callable[[Connection[Any]], Any]) -> Any:
    """What `act` answers when it is begun while records move, and waits for them if it must."""
    with session(url) as other, ThreadPoolExecutor(1) as pool:
        with moving(url, count):
            work = pool.submit(act, other)
            until_waiting(other, work)
        return work.result(20)


def layers(url: str) -> list[str]:
    with session(url) as db:
        return [row["layer"] for row in rows(db, "select layer from memory._memories")]


def test_a_use_is_counted(clone_url: str) -> None:
    (memory,) = seed(clone_url)
    (row,) = meanwhile(
        clone_url, 1, lambda db: call(db, "touch", namespace="n", ids=[memory], now=NOW)
    )
    assert (row["id"], row["access_count"]) == (memory, 51)
    with session(clone_url) as db:
        usage = rows(db, "select access_count, verdict from memory_data.usage")
    assert usage == [{"access_count": 51, "verdict": None}]


def test_a_rating_is_counted(clone_url: str) -> None:
    (memory,) = seed(clone_url)
    row = meanwhile(
        clone_url, 1, lambda db: one(db, "rate", namespace="n", id=memory, rating=1.0, now=NOW)
    )
    assert (row["rating"], row["rating_count"]) == (3, 2)


def test_an_edit_is_made_in_the_new_layer(clone_url: str) -> None:
    (memory,) = seed(clone_url)
    row = meanwhile(
        clone_url,
        1,
        lambda db: one(
            db, "update_memory", namespace="n", id=memory, now=NOW, changes={"content": "a kettle"}
        ),
    )
    assert (row["layer"], row["kind"]) == ("insights", "pattern")
    with session(clone_url) as db:
        assert found(db, "n", "kettle") == ["a kettle"]
        assert value(db, "select content from memory_data.revision") == "lantern 0"


def test_an_edit_to_a_kind_that_no_longer_fits_is_refused(clone_url: str) -> None:
    (memory,) = seed(clone_url)
    with pytest.raises(psycopg.Error, match="belongs to layer interact"):
        meanwhile(
            clone_url,
            1,
            lambda db: one(
                db,
                "update_memory",
                namespace="n",
                id=memory,
                now=NOW,
                changes={"kind": "recent_query"},
            ),
        )
    assert layers(clone_url) == ["insights"]


@pytest.mark.parametrize("role", [None, "memory_app"])
def test_what_is_forgotten_is_gone_from_the_new_layer(clone_url: str, role: str | None) -> None:
    ids = seed(clone_url, 3)

    def forget(db: Connection[Any]) -> list[dict[str, Any]]:
        db.execute("select set_config('magray.namespace', 'n', false)")
        if role:
            db.execute(f"set role {role}")
        return call(db, "forget", namespace="n", ids=ids[::-1], now=NOW)

    gone = meanwhile(clone_url, 3, forget)
    assert sorted(row["id"] for row in gone) == sorted(ids)
    assert {row["layer"] for row in gone} == {"insights"}
    assert layers(clone_url) == []
    with session(clone_url) as db:
        assert value(db, "select count(*) from memory_data.usage") == 0


def test_a_vector_arrives_in_the_new_layer(clone_url: str) -> None:
    (memory,) = seed(clone_url)
    with session(clone_url) as db:
        db.execute("update memory_data.interact set embedding = null, model = null")
    written = meanwhile(
        clone_url,
        1,
        lambda db: call(
            db,
            "write_embeddings",
            namespaces=["n"],
            ids=[memory],
            documents=["lantern 0"],
            embeddings=[vector(1)],
            model="test-model",
        ),
    )
    assert [row["id"] for row in written] == [memory]
    with session(clone_url) as db:
        assert found(db, "n", embedding=vector(1)) == ["lantern 0"]


@pytest.mark.parametrize(
    "look",
    [
        lambda db: [row["layer"] for row in call(db, "search", namespace="n", query="lantern")],
        lambda db: [row["layer"] for row in call(db, "search", namespace="n", embedding=vector(1))],
        lambda db: [row["layer"] for row in call(db, "list_memories", namespace="n")],
    ],
)
def test_a_reader_sees_it_before_and_after_and_never_waits(
    clone_url: str, look: Callable[[Connection[Any]], list[str]]
) -> None:
    seed(clone_url)
    with session(clone_url) as reader:
        reader.execute("set lock_timeout = '1ms'")
        with moving(clone_url):
            assert look(reader) == ["interact"]
        assert look(reader) == ["insights"]


def before_it_moves(url: str, act: Callable[[Connection[Any]], Any]) -> list[dict[str, Any]]:
    """What promote moves when it had to wait for a transaction that did `act`."""
    with psycopg.connect(url) as writer, session(url) as mover, ThreadPoolExecutor(1) as pool:
        act(writer)
        work = pool.submit(call, mover, "promote", now=NOW)
        until_waiting(mover, work)
        writer.commit()
        return work.result(20)


def test_what_is_forgotten_first_does_not_move(clone_url: str) -> None:
    ids = seed(clone_url, 3)
    moved = before_it_moves(
        clone_url, lambda db: call(db, "forget", namespace="n", ids=ids[:2], now=NOW)
    )
    assert [row["id"] for row in moved] == ids[2:]
    assert layers(clone_url) == ["insights"]
    with session(clone_url) as db:
        assert value(db, "select count(*) from memory_data.usage") == 1
        decided = rows(db, "select action from memory_data.decision order by action")
        assert [row["action"] for row in decided] == ["forget", "forget", "promote"]


def test_an_edit_first_moves_along(clone_url: str) -> None:
    (memory,) = seed(clone_url)
    moved = before_it_moves(
        clone_url,
        lambda db: one(
            db,
            "update_memory",
            namespace="n",
            id=memory,
            now=NOW,
            changes={"content": "a kettle", "pinned": True},
        ),
    )
    assert [row["id"] for row in moved] == [memory]
    with session(clone_url) as db:
        (row,) = rows(db, "select layer, content, pinned from memory.records")
    assert row == {"layer": "insights", "content": "a kettle", "pinned": True}


def test_a_kind_changed_first_is_judged_next_time(clone_url: str) -> None:
    (memory,) = seed(clone_url)
    moved = before_it_moves(
        clone_url,
        lambda db: one(
            db, "update_memory", namespace="n", id=memory, now=NOW, changes={"kind": "recent_query"}
        ),
    )
    assert moved == []
    assert layers(clone_url) == ["interact"]
    with session(clone_url) as db:
        assert value(db, "select count(*) from memory_data.decision") == 0
        assert [row["route"] for row in call(db, "promote", now=NOW)] == ["high_score"]


def test_a_second_run_steps_aside(clone_url: str) -> None:
    seed(clone_url)
    notices: list[str] = []
    with session(clone_url) as other:
        other.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        with moving(clone_url):
            assert call(other, "promote", now=NOW) == []
    assert notices == ["promote is already running"]
    assert layers(clone_url) == ["insights"]


def test_under_use_edits_and_searches_nothing_is_lost_or_seen_twice(clone_url: str) -> None:
    """Four sessions work on 60 memories while they move in batches of four."""
    ids = seed(clone_url, 60)
    done = Event()
    kept, dropped = ids[:40], ids[40:]

    def touching() -> int:
        times = 0
        with session(clone_url) as db:
            while not done.is_set():
                call(db, "touch", namespace="n", ids=kept[::-1], session=f"t{times}", now=NOW)
                times += 1
        return times

    def editing() -> int:
        times = 0
        with session(clone_url) as db:
            while not done.is_set():
                one(
                    db,
                    "update_memory",
                    namespace="n",
                    id=kept[times % 40],
                    changes={"importance": times % 2},
                    now=NOW,
                )
                times += 1
        return times

    def reading() -> int:
        times = 0
        with session(clone_url) as db:
            while not done.is_set():
                for arguments in ({"query": "lantern"}, {"embedding": vector(1)}):
                    seen = [
                        row["id"]
                        for row in call(db, "search", namespace="n", top_k=100, **arguments)
                    ]
                    assert len(seen) == len(set(seen))
                    assert set(kept) <= set(seen)
                times += 1
        return times

    def forgetting() -> list[Any]:
        with session(clone_url) as db:
            return [
                row["id"]
                for start in range(0, 20, 5)
                for row in call(
                    db, "forget", namespace="n", ids=dropped[start : start + 5], now=NOW
                )
            ]

    with ThreadPoolExecutor(4) as pool:
        touched, edited, read = (pool.submit(work) for work in (touching, editing, reading))
        gone = pool.submit(forgetting)
        try:
            with session(clone_url) as db:
                for _ in range(40):
                    call(db, "promote", limit=4, now=NOW)
            assert sorted(gone.result(60)) == sorted(dropped)
        finally:
            done.set()
        times = touched.result(60)
        assert edited.result(60) > 0
        assert read.result(60) > 0
        assert times > 0
    with session(clone_url) as db:
        left = rows(db, "select id, layer from memory._memories")
        assert sorted(row["id"] for row in left) == sorted(kept)
        counts = rows(db, "select access_count from memory_data.usage")
        assert [row["access_count"] for row in counts] == [50 + times] * 40
        revisions = value(db, "select count(*) from memory_data.revision")
        assert revisions == edited.result()
        # an importance of 0 may keep some back; whatever moved has one decision
        moved = {row["id"] for row in left if row["layer"] == "insights"}
        assert len(moved) > 20
        decided = rows(db, "select id from memory.promotions")
        assert len(decided) == len({row["id"] for row in decided})
        assert moved <= {row["id"] for row in decided} <= moved | set(dropped)
