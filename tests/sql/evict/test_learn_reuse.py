"""memory.learn_reuse, purge_ghosts: what eviction learns from use, and how long it remembers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.sql.calls import call, one, rows, session, value

if TYPE_CHECKING:
    from psycopg import Connection

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
STEPS = 56
EDGES = np.concatenate([[0.0], 2 ** (np.arange(STEPS) / 2)])  # seconds


def remembered(db: Connection[Any], content: str, minutes: float = 0, **fields: Any) -> Any:
    fields = {"namespace": "n", "now": NOON + timedelta(minutes=minutes)} | fields
    return one(db, "remember", content=content, **fields)["id"]


def used(db: Connection[Any], memory: Any, *minutes: float, **arguments: Any) -> None:
    for minute in minutes:
        now = NOON + timedelta(minutes=minute)
        assert call(db, "touch", namespace="n", ids=[memory], now=now, **arguments)


def curve(db: Connection[Any], class_: int = 0) -> dict[str, Any]:
    (row,) = rows(
        db, "select * from memory_data.reuse_curve where layer = 'interact' and class = %s", class_
    )
    return row


@pytest.mark.parametrize(
    ("seconds", "step"),
    [(0, 0), (0.99, 0), (1, 1), (1.41, 1), (1.42, 2), (2, 3), (3600, 24), (1e9, 55), (1e30, 55)],
)
def test_idle_steps(db: Connection[Any], seconds: float, step: int) -> None:
    assert value(db, "select memory._idle_step(%s::float8)", seconds) == step
    if 0 < step < STEPS - 1:
        assert EDGES[step] <= seconds < EDGES[step + 1]


@pytest.mark.parametrize(
    ("uses", "gap", "class_"),
    [
        (1, None, 0),
        (1, 10, 0),
        (5, None, 0),
        (2, 0, 28),
        (2, 1, 28),
        (2, 2, 29),
        (3, 2, 57),
        (4, 2, 57),
        (5, 2, 85),
        (8, 2, 85),
        (9, 2, 113),
        (16, 2, 113),
        (17, 2, 141),
        (2_000_000_000, 1e12, 167),
    ],
)
def test_classes(db: Connection[Any], uses: int, gap: float | None, class_: int) -> None:
    assert value(db, "select memory._reuse_class(%s, %s::real)", uses, gap) == class_


def test_the_index_is_the_best_rate_of_all_times_to_keep(db: Connection[Any]) -> None:
    random = np.random.default_rng(3)
    for shape in (1.0, 8.0):
        hazard = np.clip(random.random(STEPS) ** shape, 1e-4, 0.999)
        (told,) = rows(db, "select memory._reuse_index(%s) as index", hazard.tolist())
        for start in range(STEPS):
            best, alive, time = 0.0, 1.0, 0.0
            for step in range(start, STEPS):
                width = EDGES[step + 1] - EDGES[step]
                time += alive * width * (1 - hazard[step] / 2)
                alive *= 1 - hazard[step]
                best = max(best, (1 - alive) / time)
            assert told["index"][start] == pytest.approx(3600 * best, rel=1e-9)


def test_uses_are_counted_by_class_and_idle_time(db: Connection[Any]) -> None:
    memory = remembered(db, "x")
    used(db, memory, 10, 20, 60)
    assert rows(
        db, "select layer, class, step, uses from memory_data.reuse order by class, step"
    ) == [
        {"layer": "interact", "class": 0, "step": 19, "uses": 1},
        {"layer": "interact", "class": 28 + 9, "step": 19, "uses": 1},
        {"layer": "interact", "class": 56 + 9, "step": 23, "uses": 1},
    ]
    (usage,) = rows(db, "select gap, past_uses from memory_data.usage")
    # 600, then (600 + 600) / 2, then (600 + 2400) / 2
    assert usage == {"gap": 1500, "past_uses": 0}


def test_a_use_that_does_not_count_teaches_nothing(db: Connection[Any]) -> None:
    memory = remembered(db, "x")
    used(db, memory, 10, session="a")
    before = rows(db, "select gap from memory_data.usage")
    used(db, memory, 10.5, session="a")
    assert value(db, "select sum(uses) from memory_data.reuse") == 1
    assert rows(db, "select gap from memory_data.usage") == before
    assert value(db, "select last_access from memory_data.usage") == NOON + timedelta(minutes=10.5)


def test_a_use_reported_late_is_no_negative_gap(db: Connection[Any]) -> None:
    memory = remembered(db, "x")
    used(db, memory, 10, 5, -1)
    assert value(db, "select gap from memory_data.usage") >= 0
    assert value(db, "select last_access from memory_data.usage") == NOON + timedelta(minutes=10)


def test_an_unused_layer_learns_nothing(db: Connection[Any]) -> None:
    remembered(db, "x")
    assert call(db, "learn_reuse", now=NOON) == []
    assert value(db, "select count(*) from memory_data.reuse_curve") == 0


def test_it_learns_when_records_come_back(db: Connection[Any]) -> None:
    """Used again after ten minutes or never: worth most shortly before, little afterwards."""
    memories = [remembered(db, f"memory {i}") for i in range(40)]
    for memory in memories[:30]:
        used(db, memory, 10)
    (told,) = call(db, "learn_reuse", now=NOON + timedelta(hours=5))
    assert told == {"layer": "interact", "records": 40, "uses": 30}
    recency = curve(db)["recency"]
    assert len(recency) == STEPS + 1
    assert recency[0] == 1
    assert int(np.argmax(recency)) == 19
    assert recency[19] > 5 * recency[20]


def test_it_learns_again_when_enough_has_happened(db: Connection[Any]) -> None:
    memory = remembered(db, "x")
    used(db, memory, *range(1, 41))
    learn = lambda minutes: call(  # noqa: E731
        db, "learn_reuse", now=NOON + timedelta(minutes=minutes)
    )
    # ten uses for the one record known are plenty: they are halved
    assert learn(41) == [{"layer": "interact", "records": 1, "uses": 40}]
    assert value(db, "select sum(uses) from memory_data.reuse") == pytest.approx(20)
    assert learn(42) == []
    used(db, memory, 43)
    assert learn(44) == []
    used(db, memory, 45)
    assert len(learn(46)) == 1
    assert learn(47) == []
    assert len(learn(46 + 60)) == 1


def test_two_at_once_learn_once(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second:
        memory = remembered(first, "x")
        used(first, memory, 10)
        with first.transaction():
            assert len(call(first, "learn_reuse", now=NOON)) == 1
            assert call(second, "learn_reuse", now=NOON) == []


def evicted(db: Connection[Any], count: int, day: int) -> list[Any]:
    now = NOON + timedelta(days=day)
    for i in range(count):
        one(db, "remember", namespace="n", content=f"day {day}, {i}", now=now)
    gone = call(db, "evict", layer="interact", bytes=10**9, limit=count, now=now)
    return [row["id"] for row in gone]


def test_ghosts_are_forgotten_after_their_days(db: Connection[Any]) -> None:
    db.execute("update memory_data.setting set value = '2' where key = 'ghost_days'")
    old, young = evicted(db, 2, 0), evicted(db, 3, 1)
    assert call(db, "purge_ghosts", now=NOON + timedelta(days=2)) == []
    now = NOON + timedelta(days=2, seconds=1)
    assert len(call(db, "purge_ghosts", now=now, limit=1)) == 1
    assert {row["id"] for row in call(db, "purge_ghosts", now=now)} <= set(old)
    left = rows(db, "select id from memory_data.ghost")
    assert {row["id"] for row in left} == set(young)


def test_the_longest_unused_ghosts_beyond_their_share_are_forgotten(db: Connection[Any]) -> None:
    db.execute("update memory_data.setting set value = '500' where key = 'ghosts_per_record'")
    old = evicted(db, 5, 0)
    db.execute(
        "insert into memory_data.ghost (namespace, content_hash, id, layer, uses, last_use)"
        " select 'n', int4send(i), uuidv7(), 'interact', 1, %s from generate_series(1, 1000) as i",
        (NOON + timedelta(hours=1),),
    )
    assert {row["id"] for row in call(db, "purge_ghosts", now=NOON)} == set(old)
    # a thousand are kept however few records there are, and more for three
    for i in range(3):
        remembered(db, f"live {i}")
    db.execute(
        "insert into memory_data.ghost (namespace, content_hash, id, layer, uses, last_use)"
        " select 'n', int4send(i), uuidv7(), 'interact', 1, %s"
        " from generate_series(1001, 1501) as i",
        (NOON + timedelta(hours=2),),
    )
    assert len(call(db, "purge_ghosts", now=NOON)) == 1
    assert value(db, "select count(*) from memory_data.ghost") == 1500
