"""memory.archive: what nobody used for as long as the layer says, longest unused first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.archiving import LAYERS
from tests.sql.calls import call, one, refused, session, value

if TYPE_CHECKING:
    import uuid

    from psycopg import Connection

COLD = timedelta(days=30)
TICK = timedelta(microseconds=1)


def switch_on(db: Connection[Any], *layers: str) -> None:
    call(
        db,
        "apply_policy",
        policy={"layers": {layer: {"archive_after": "30 days"} for layer in layers}},
    )


def remember(db: Connection[Any], content: str, at: datetime, layer: str = "insights") -> uuid.UUID:
    made = one(db, "remember", namespace="n", content=content, kind=LAYERS[layer], now=at)
    identity: uuid.UUID = made["id"]
    return identity


def fill(db: Connection[Any], number: int, at: datetime) -> None:
    """So many memories of interact, in calls of at most 500."""
    for start in range(0, number, 500):
        memories = [{"content": f"m {i}"} for i in range(start, min(start + 500, number))]
        call(db, "remember_many", namespace="n", memories=memories, now=at)


def test_nothing_goes_unless_the_policy_says_so(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    remember(db, "old", now)
    assert call(db, "archive", now=now + timedelta(days=60)) == []
    switch_on(db, "assets")
    assert call(db, "archive", now=now + timedelta(days=60)) == []
    switch_on(db, "insights")
    assert len(call(db, "archive", now=now + timedelta(days=60))) == 1


def test_just_below_at_and_above_the_threshold(db: Connection[Any]) -> None:
    switch_on(db, "insights")
    now = datetime.now(UTC)
    call(db, "make_partitions", now=now - timedelta(hours=1))  # maybe the day before
    young = remember(db, "a microsecond short", now + TICK)
    exact, older = remember(db, "exactly", now), remember(db, "older", now - TICK)
    used = remember(db, "used since", now - timedelta(days=1))
    call(db, "touch", namespace="n", ids=[used], now=now + TICK)
    unused = remember(db, "used until then", now - timedelta(days=1))
    call(db, "touch", namespace="n", ids=[unused], now=now - timedelta(hours=1))
    told = call(db, "archive", layer="insights", now=now + COLD, dry_run=True)
    assert [row["id"] for row in told] == [unused, older, exact]
    assert [row["last_used"] for row in told] == [now - timedelta(hours=1), now - TICK, now]
    assert call(db, "archive", layer="insights", now=now + COLD) == told
    assert call(db, "archive", layer="insights", now=now + COLD) == []
    for memory in (young, used):
        assert one(db, "get", namespace="n", id=memory, now=now + COLD)


def test_pinned_and_expired_memories_stay(db: Connection[Any]) -> None:
    switch_on(db, "insights", "assets")
    now = datetime.now(UTC)
    one(db, "remember", namespace="n", content="pinned", kind="pattern", pinned=True, now=now)
    one(db, "remember", namespace="n", content="short", kind="pattern", ttl="40 days", now=now)
    assert call(db, "archive", now=now + timedelta(days=40)) == []
    assert len(call(db, "archive", now=now + timedelta(days=40) - TICK)) == 1


def test_a_batch_is_bounded_over_all_layers(db: Connection[Any]) -> None:
    switch_on(db, "insights", "assets")
    now = datetime.now(UTC)
    for number in range(3):
        for layer in ("insights", "assets"):
            remember(db, f"{layer} {number}", now + number * TICK, layer)
    later = now + timedelta(days=31)
    told = call(db, "archive", now=later, limit=4, dry_run=True)
    assert [row["layer"] for row in told] == ["insights"] * 2 + ["assets"] * 2
    assert call(db, "archive", now=later, limit=4) == told
    assert len(call(db, "archive", now=later, limit=4)) == 2
    assert value(db, "select count(distinct reason) from memory_data.archive_outbox") == 1
    assert value(db, "select min(reason) from memory_data.archive_outbox") == "unused for 30 days"


def test_a_full_layer_leaves_the_others_their_share(db: Connection[Any]) -> None:
    switch_on(db, "interact", "insights", "assets")
    db.execute("update memory_data.layer set archive_after = '12 hours'")
    now = datetime.now(UTC)
    fill(db, 9, now - timedelta(hours=1))
    late = remember(db, "of the last layer", now, "assets")
    answer = call(db, "archive", now=now + timedelta(hours=12), limit=5)
    assert [row["layer"] for row in answer] == ["interact"] * 4 + ["assets"]
    assert answer[-1]["id"] == late


@pytest.mark.own_clock
def test_one_run_of_the_job_takes_all_that_waited_an_hour(db: Connection[Any]) -> None:
    switch_on(db, "interact")
    db.execute("update memory_data.layer set archive_after = '12 hours' where name = 'interact'")
    fill(db, 1500, datetime.now(UTC) - timedelta(hours=13))
    assert one(db, "run_job", name="archive")["rows"] == 1500
    assert value(db, "select count(*) from memory_data.archive_outbox") == 1500


def test_a_layer_that_is_none_is_refused(db: Connection[Any]) -> None:
    with refused(db, "ML404", "attic"):
        call(db, "archive", layer="attic")


def test_a_second_one_leaves_it_to_the_first(clone_url: str) -> None:
    now = datetime.now(UTC)
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor(1) as pool:
        switch_on(first, "insights")
        remember(first, "cold", now)
        with first.transaction():
            assert len(call(first, "archive", now=now + COLD)) == 1
            assert pool.submit(call, second, "archive", now=now + COLD).result(30) == []
