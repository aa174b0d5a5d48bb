"""memory.touch, touch_many: what counts as a use, and what is kept of each."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.calls import call, one, refused, rows, session, until_waiting, value

if TYPE_CHECKING:
    from psycopg import Connection

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def remembered(db: Connection[Any], content: str = "x", **fields: Any) -> Any:
    fields = {"kind": "core_concept", "now": NOON} | fields
    return one(db, "remember", namespace="n", content=content, **fields)["id"]


def count_after(db: Connection[Any], memory: Any, seconds: float, **arguments: Any) -> int:
    now = NOON + timedelta(seconds=seconds)
    return one(db, "touch", namespace="n", ids=[memory], now=now, **arguments)["access_count"]


def test_a_use_counts_once_a_session_and_minute(db: Connection[Any]) -> None:
    memory = remembered(db)
    assert count_after(db, memory, 0, session="a") == 1
    assert count_after(db, memory, 10, session="a") == 1
    assert count_after(db, memory, 10, session="b") == 2
    assert count_after(db, memory, 10) == 3
    assert count_after(db, memory, 20) == 3
    assert count_after(db, memory, 61, session="a") == 4


def test_a_memory_in_steady_use_counts_every_minute(db: Connection[Any]) -> None:
    """One use every 20 seconds for 10 minutes is 10 uses counted, not one."""
    memory = remembered(db)
    counts = [count_after(db, memory, seconds, session="a") for seconds in range(0, 600, 20)]
    assert counts[-1] == 10


def test_every_use_is_an_event(db: Connection[Any]) -> None:
    memory = remembered(db)
    for seconds, source in ((0, "get"), (1, "search"), (2, "touch")):
        count_after(db, memory, seconds, session="a", source=source)
    events = rows(
        db,
        "select at, session, source, rating from memory_data.access_event where id = %s"
        " order by at",
        memory,
    )
    assert [(event["at"] - NOON).total_seconds() for event in events] == [0, 1, 2]
    assert [event["source"] for event in events] == ["get", "search", "touch"]
    assert {event["session"] for event in events} == {"a"}
    assert {event["rating"] for event in events} == {None}


def test_first_and_last_access_are_kept(db: Connection[Any]) -> None:
    memory = remembered(db)
    for seconds in (5, 500, 100):
        count_after(db, memory, seconds)
    (usage,) = rows(
        db, "select first_access, last_access from memory_data.usage where id = %s", memory
    )
    assert usage["last_access"] == NOON + timedelta(seconds=500)
    assert usage["first_access"] == NOON + timedelta(seconds=5)


def test_many_are_touched_in_one_call(db: Connection[Any]) -> None:
    memories = [
        remembered(db, f"memory {i}", kind=kind)
        for i, kind in enumerate(("user_interaction", "pattern", "core_concept"))
    ]
    answer = call(db, "touch", namespace="n", ids=[*memories, memories[0]], now=NOON)
    assert {row["id"]: row["access_count"] for row in answer} == dict.fromkeys(memories, 1)
    assert value(db, "select count(*) from memory_data.access_event where namespace = 'n'") == 3


def test_only_what_is_live_and_ones_own_is_touched(db: Connection[Any]) -> None:
    short = remembered(db, "short", ttl=timedelta(hours=1))
    foreign = one(db, "remember", namespace="m", content="foreign", now=NOON)["id"]
    ids = [short, foreign, uuid.uuid4(), None]
    assert call(db, "touch", namespace="n", ids=ids, now=NOON + timedelta(hours=1)) == []
    assert call(db, "touch", namespace="n", ids=[], now=NOON) == []
    for table in ("usage", "access_event"):
        assert value(db, f"select count(*) from memory_data.{table}") == 0  # noqa: S608


def test_a_rating_is_no_use(db: Connection[Any]) -> None:
    memory = remembered(db)
    call(db, "rate", namespace="n", id=memory, rating=4.0, session="a", now=NOON)
    assert count_after(db, memory, 1, session="a") == 1


def test_an_unknown_source_is_refused(db: Connection[Any]) -> None:
    memory = remembered(db)
    for source in ("gossip", "rate"):
        with refused(db, "ML422", source, "search"):
            count_after(db, memory, 0, source=source)


def test_two_sessions_that_touch_at_once_count_once(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor() as pool:
        memory = remembered(first)
        with first.transaction():
            assert count_after(first, memory, 0, session="a") == 1
            waiting = pool.submit(count_after, second, memory, 1, session="a")
            until_waiting(second, waiting)
        assert waiting.result(60) == 1
        assert value(first, "select count(*) from memory_data.access_event") == 2


def test_uses_of_many_namespaces_are_counted_in_one_call(db: Connection[Any]) -> None:
    mine = remembered(db)
    other = one(db, "remember", namespace="m", content="x", now=NOON)["id"]
    answer = call(
        db,
        "touch_many",
        namespaces=["n", "m", "m", "n"],
        ids=[mine, other, mine, mine],
        sessions=["a", None, None, "b"],
        sources=["get", "search", "touch", "get"],
        now=NOON,
    )
    counts = {(row["namespace"], row["id"]): row["access_count"] for row in answer}
    assert counts == {("n", mine): 2, ("m", other): 1}
