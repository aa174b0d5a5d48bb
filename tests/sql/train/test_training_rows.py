"""memory.training_rows: which records at which moments, with what label."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, refused, value
from tests.sql.train.test_features import promote

if TYPE_CHECKING:
    from psycopg import Connection

# days ahead, for there are no partitions for uses of days ago
NOW = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=5)
HOUR = timedelta(hours=1)
START = NOW - 48 * HOUR


def fill(db: Connection[Any], count: int = 6, **fields: Any) -> list[Any]:
    fields = {"kind": "pattern", "now": START} | fields
    return [
        one(db, "remember", namespace="n", content=f"memory {n}", **fields)["id"]
        for n in range(count)
    ]


def used(db: Connection[Any], memory: Any, at: datetime) -> None:
    call(db, "touch", namespace="n", ids=[memory], now=at)


def drawn(db: Connection[Any], **arguments: Any) -> list[dict[str, Any]]:
    return call(db, "training_rows", **{"now": NOW, "horizon": HOUR} | arguments)


def test_every_record_at_several_moments_of_its_life(db: Connection[Any]) -> None:
    ids = fill(db)
    answer = drawn(db, moments=10)
    assert {row["id"] for row in answer} == set(ids)
    for memory in ids:
        moments = [row["at"] for row in answer if row["id"] == memory]
        assert len(moments) == 10
        steps = [(at - START) / (NOW - HOUR - START) * 10 for at in moments]
        assert [int(step) for step in steps] == list(range(10))


def test_no_label_reaches_beyond_now(db: Connection[Any]) -> None:
    fill(db)
    for horizon in (HOUR, 5 * HOUR):
        assert max(row["at"] for row in drawn(db, horizon=horizon)) <= NOW - horizon
    assert drawn(db, horizon=48 * HOUR + timedelta(seconds=1)) == []


def test_a_label_says_whether_it_was_used_within_the_horizon(db: Connection[Any]) -> None:
    memory, _ = fill(db, 2)
    use = START + 20 * HOUR
    used(db, memory, use)
    answer = drawn(db, horizon=4 * HOUR, moments=200)
    told = {row["at"]: row["label"] for row in answer if row["id"] == memory}
    assert {at for at, label in told.items() if label} == {
        at for at in told if at < use <= at + 4 * HOUR
    }
    assert any(told.values())
    assert not any(row["label"] for row in answer if row["id"] != memory)


def test_a_rating_is_no_use(db: Connection[Any]) -> None:
    (memory,) = fill(db, 1)
    used(db, memory, NOW - 2 * HOUR)
    call(db, "rate", namespace="n", id=memory, rating=5.0, now=START + 10 * HOUR)
    told = [row["label"] for row in drawn(db) if row["at"] < NOW - 4 * HOUR]
    assert told
    assert not any(told)


def test_the_same_call_draws_the_same(db: Connection[Any]) -> None:
    fill(db, 12)
    assert drawn(db, limit=50) == drawn(db, limit=50)
    assert len(drawn(db, limit=50)) == 50
    assert len(drawn(db, limit=5)) == 5


def test_what_happens_after_a_moment_changes_no_feature_of_it(db: Connection[Any]) -> None:
    ids = fill(db, 4)
    for memory in ids:
        used(db, memory, START + 5 * HOUR)
    before = {(row["id"], row["at"]): row for row in drawn(db)}
    for memory in ids:
        used(db, memory, START + 30 * HOUR)
    after = {(row["id"], row["at"]): row for row in drawn(db)}
    assert after.keys() == before.keys()
    early = [key for key in before if key[1] < START + 30 * HOUR]
    assert len(early) > 40
    for key in early:
        assert {**after[key], "label": None} == {**before[key], "label": None}


def test_expired_rows_still_stored_are_learned_from(db: Connection[Any]) -> None:
    (memory,) = fill(db, 1, ttl=timedelta(hours=24))
    moments = [row["at"] for row in drawn(db)]
    assert moments
    assert max(moments) < START + 24 * HOUR
    assert value(db, "select expires_at from memory._memories where id = %s", memory) < NOW


def test_layers_and_their_own_horizons(db: Connection[Any]) -> None:
    now = NOW - timedelta(days=5)
    fill(db, 3, now=now - 48 * HOUR)
    fill(db, 3, kind="user_interaction", now=now - 12 * HOUR)
    fill(db, 3, kind="core_concept", now=now - 48 * HOUR)
    assert {row["layer"] for row in drawn(db, now=now)} == {"interact", "insights", "assets"}
    assert {row["layer"] for row in drawn(db, now=now, layer="insights")} == {"insights"}
    own = drawn(db, now=now, horizon=None)
    # two days are shorter than the horizons of insights (7 days) and assets (30 days)
    assert {(row["layer"], row["horizon_seconds"]) for row in own} == {("interact", 6 * 3600)}


def test_a_promoted_record_stands_for_the_layer_it_was_in(db: Connection[Any]) -> None:
    moved, stayed = fill(db, 2)
    promote(db, moved, START + 40 * HOUR)
    layers = {
        (row["layer"], row["at"] < START + 40 * HOUR) for row in drawn(db) if row["id"] == moved
    }
    assert layers == {("insights", True), ("assets", False)}
    assert {row["layer"] for row in drawn(db) if row["id"] == stayed} == {"insights"}


def test_a_promoted_record_without_its_generation_does_not(db: Connection[Any]) -> None:
    """Those left behind are long gone: the promoted alone would tell of a layer used by all."""
    (moved,) = fill(db, 1)
    promote(db, moved, START + 40 * HOUR)
    db.execute("update memory_data.layer set ttl = '47 hours' where name = 'insights'")
    assert {row["layer"] for row in drawn(db)} == {"assets"}


def test_nothing_to_learn_from_is_no_row(db: Connection[Any]) -> None:
    assert drawn(db) == []
    fill(db, 1)
    assert drawn(db, limit=0) == []
    assert drawn(db, moments=0) == []


@pytest.mark.parametrize("function", ["training_rows", "scoring_rows"])
def test_a_horizon_and_a_layer_that_are_none_are_refused(
    db: Connection[Any], function: str
) -> None:
    with refused(db, "ML422", "longer than 0"):
        call(db, function, horizon=timedelta(0))
    with refused(db, "ML404", "attic", "interact, insights, assets"):
        call(db, function, layer="attic")
