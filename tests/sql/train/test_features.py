"""memory._features, and what it is made of: each number by hand, and nothing after its moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, rows, value, vector

if TYPE_CHECKING:
    from psycopg import Connection

# Days ahead, for there are no partitions for uses of days ago; on a full minute, so that uses some
# seconds apart fall into one.
NOW = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=5)
HOUR = timedelta(hours=1)


def remembered(db: Connection[Any], content: str = "x", ago: float = 10, **fields: Any) -> Any:
    """A memory entered `ago` hours before NOW; its id."""
    fields = {"kind": "pattern", "now": NOW - ago * HOUR} | fields
    return one(db, "remember", namespace="n", content=content, **fields)["id"]


def used(db: Connection[Any], memory: Any, *ago: float, session: str | None = None) -> None:
    for hours in ago:
        now = NOW - hours * HOUR
        call(db, "touch", namespace="n", ids=[memory], session=session, now=now)


def features(
    db: Connection[Any], memory: Any, ago: float = 0, horizon: timedelta | None = HOUR
) -> dict[str, Any]:
    times = [NOW - ago * HOUR]
    return one(db, "_features", namespaces=["n"], ids=[memory], times=times, horizon=horizon)


def test_times_are_in_horizons(db: Connection[Any]) -> None:
    memory = remembered(db, ago=10, created_at=NOW - 20 * HOUR)
    used(db, memory, 7, 3, 2)
    row = features(db, memory)
    assert row["horizon_seconds"] == 3600
    assert row["age"] == pytest.approx(20)
    assert row["time_in_layer"] == pytest.approx(10)
    assert row["idle"] == pytest.approx(2)
    assert [row[f"gap_{n}"] for n in (1, 2, 3)] == pytest.approx([1, 4, 3])
    assert row["gap_mean"] == pytest.approx(8 / 3)
    assert row["gap_deviation"] == pytest.approx(1.5275, abs=1e-4)
    assert row["idle_ratio"] == pytest.approx(2 / (8 / 3))
    assert row["uses_decayed"] == pytest.approx(0.5**7 + 0.5**3 + 0.5**2)
    assert features(db, memory, horizon=2 * HOUR)["idle"] == pytest.approx(1)


def test_without_a_horizon_the_layers_own_is_the_measure(db: Connection[Any]) -> None:
    memory = remembered(db, ago=24)
    assert features(db, memory, horizon=None)["age"] == pytest.approx(1 / 7)


def test_a_memory_never_used_has_its_entry_and_no_rhythm(db: Connection[Any]) -> None:
    row = features(db, remembered(db, ago=4))
    assert row["idle"] == pytest.approx(4)
    assert row["uses_16"] == row["uses_decayed"] == row["sessions"] == row["rating_count"] == 0
    unknown = (
        "gap_1",
        "gap_2",
        "gap_mean",
        "gap_deviation",
        "idle_ratio",
        "rating_mean",
        "query_similarity",
        "novelty",
    )
    assert [row[name] for name in unknown] == [None] * len(unknown)


@pytest.mark.parametrize(
    ("window", "just_inside", "at_its_end"),
    [("uses_quarter", 0.24, 0.25), ("uses_1", 0.99, 1), ("uses_4", 3.99, 4), ("uses_16", 15.9, 16)],
)
def test_windows_end_where_they_say(
    db: Connection[Any], window: str, just_inside: float, at_its_end: float
) -> None:
    memory = remembered(db, ago=40)
    used(db, memory, at_its_end)
    assert features(db, memory)[window] == 0
    used(db, memory, just_inside)
    assert features(db, memory)[window] == 1


def test_uses_of_a_session_and_minute_are_one(db: Connection[Any]) -> None:
    memory = remembered(db)
    for seconds in (0, 10, 20):
        used(db, memory, 1 - seconds / 3600, session="a")
    used(db, memory, 1, session="b")
    used(db, memory, 0.5, session="b")
    row = features(db, memory)
    assert (row["uses_4"], row["sessions"]) == (3, 2)


def test_what_the_record_is(db: Connection[Any]) -> None:
    memory = remembered(db, kind="solution", importance=0.75, pinned=True)
    for rating in (2.0, 5.0):
        call(db, "rate", namespace="n", id=memory, rating=rating, now=NOW - HOUR)
    row = features(db, memory)
    size = value(db, "select size from memory_data.insights where id = %s", memory)
    assert row["hint"] == 0.75
    assert row["pinned"] == 1
    assert row["kind_weight"] == 0.7
    assert row["layer_position"] == 2
    assert row["size"] == size
    assert (row["rating_mean"], row["rating_count"]) == (3.5, 2)
    assert row["uses_16"] == 0


@pytest.mark.parametrize("ago", [0, 2.5, 8])
def test_nothing_after_the_moment_changes_a_feature(db: Connection[Any], ago: float) -> None:
    memory = remembered(db, "first words", kind="pattern", importance=0.4, embedding=vector(1))
    used(db, memory, 9, 8.5, session="a")
    before = features(db, memory, ago)
    at = NOW - ago * HOUR
    for minutes in (1, 30, 90):
        now = at + timedelta(minutes=minutes)
        call(db, "touch", namespace="n", ids=[memory], session="later", now=now)
    call(db, "rate", namespace="n", id=memory, rating=5.0, now=at + HOUR)
    for changes in (
        {"content": "other and longer words", "importance": 0.9},
        {"kind": "solution", "pinned": True, "content": "yet other words"},
    ):
        call(db, "update_memory", namespace="n", id=memory, changes=changes, now=at + HOUR)
    remembered(db, "a newcomer", ago=ago - 1, embedding=vector(1))
    after = features(db, memory, ago)
    # a new text waits for a vector: what was said of the old one is gone
    assert after.pop("novelty") is None
    before.pop("novelty")
    # the words are indexed beside the content and weigh a few bytes
    assert after.pop("size") == pytest.approx(before.pop("size"), abs=64)
    assert after == before


def promote(db: Connection[Any], memory: Any, at: datetime) -> None:
    """Move a memory from insights to assets, as memory.promote leaves it."""
    db.execute(
        "with moved as (delete from memory_data.insights where id = %s returning *)"
        " insert into memory_data.assets select namespace, id, 'documentation', content,"
        " content_hash, embedding, model, search, language, metadata, session, turn, importance,"
        " pinned, created_at, %s, 'infinity', size from moved",
        (memory, at),
    )
    db.execute(
        "insert into memory_data.decision"
        " (namespace, id, at, action, layer, to_layer, kind, to_kind)"
        " values ('n', %s, %s, 'promote', 'insights', 'assets', 'pattern', 'documentation')",
        (memory, at),
    )


def test_a_promotion_after_the_moment_is_taken_back(db: Connection[Any]) -> None:
    now = NOW + timedelta(hours=2)
    memory = remembered(db, ago=5)
    used(db, memory, 1)
    before = features(db, memory)
    promote(db, memory, now)
    assert features(db, memory) == before
    row = features(db, memory, ago=-3)
    assert (row["layer"], row["kind"]) == ("assets", "documentation")
    assert row["time_in_layer"] == pytest.approx(1)
    assert row["age"] == pytest.approx(8)


def test_edits_before_and_after_a_promotion_are_taken_back(db: Connection[Any]) -> None:
    memory = remembered(db, ago=5)
    at = {"namespace": "n", "id": memory}
    call(db, "update_memory", **at, changes={"kind": "solution"}, now=NOW + HOUR)
    promote(db, memory, NOW + 2 * HOUR)
    call(db, "update_memory", **at, changes={"kind": "core_concept"}, now=NOW + 3 * HOUR)
    kinds = [features(db, memory, ago=-hours)["kind"] for hours in (0, 1.5, 2.5, 3.5)]
    assert kinds == ["pattern", "pattern", "documentation", "core_concept"]


def test_before_it_was_there_a_record_has_no_features(db: Connection[Any]) -> None:
    memory = remembered(db, ago=5)
    assert call(db, "_features", namespaces=["n"], ids=[memory], times=[NOW - 6 * HOUR]) == []
    assert call(db, "_features", namespaces=["m"], ids=[memory], times=[NOW]) == []
    assert call(db, "_features", namespaces=[], ids=[], times=[]) == []


def test_labels_and_moments_keep_their_places(db: Connection[Any]) -> None:
    first, second = remembered(db, "a"), remembered(db, "b", ago=3)
    answer = call(
        db,
        "_features",
        namespaces=["n"] * 4,
        ids=[second, first, first, second],
        times=[NOW, NOW - 5 * HOUR, NOW, NOW - 9 * HOUR],
        labels=[True, False, None, True],
        horizon=HOUR,
    )
    told = {(row["id"], round(row["age"])): row["label"] for row in answer}
    assert told == {(second, 3): True, (first, 5): False, (first, 10): None}


def test_the_last_256_uses_count(db: Connection[Any]) -> None:
    memory = remembered(db, ago=20)
    db.execute(
        "insert into memory_data.access_event (namespace, id, at, source)"
        " select 'n', %s, %s - n * interval '2 minutes', 'get' from generate_series(1, 300) as n",
        (memory, NOW),
    )
    db.execute(
        "insert into memory_data.usage (namespace, id, access_count, first_access, last_access)"
        " select 'n', %s, 300, %s - interval '600 minutes', %s - interval '2 minutes'",
        (memory, NOW, NOW),
    )
    row = features(db, memory)
    assert row["uses_16"] == 256
    assert row["idle"] == pytest.approx(2 / 60)


def test_the_parts_are_those_of_the_scores(db: Connection[Any]) -> None:
    """What the ML score is trained on is what memory._promotion_scores hands it."""
    plain = remembered(db, "plain", ago=30)
    busy = remembered(db, "busy", ago=200, importance=0.9, kind="solution")
    used(db, busy, 100, 50, 20, 3)
    used(db, busy, 3, session="a")
    rated = remembered(db, "rated", ago=100, importance=0.1)
    used(db, rated, 60)
    for rating in (4.0, 5.0):
        call(db, "rate", namespace="n", id=rated, rating=rating, now=NOW - HOUR)
    ids = [plain, busy, rated]
    scores = {
        row["id"]: row
        for row in call(
            db, "_promotion_scores", layer="insights", namespaces=["n"] * 3, ids=ids, now=NOW
        )
    }
    for memory in ids:
        row, score = features(db, memory, horizon=None), scores[memory]
        for part in ("recency", "frequency", "importance"):
            assert row[part] == pytest.approx(score[part], abs=1e-6), part
        assert row["fixed_weighting"] == pytest.approx(score["ml_score"], abs=1e-6)
        assert score["model"] == "fixed weighting"


def test_novelty_is_the_distance_to_what_came_before(db: Connection[Any]) -> None:
    first = remembered(db, "first", ago=9, embedding=vector(1))
    copy = remembered(db, "copy", ago=8, embedding=vector(1, 0.01))
    new = remembered(db, "new", ago=7, embedding=vector(0, 0, 1), kind="core_concept")
    bare = remembered(db, "bare", ago=6)
    call(
        db,
        "remember",
        namespace="m",
        content="foreign",
        embedding=vector(0, 0, 1),
        kind="pattern",
        now=NOW - 20 * HOUR,
    )
    found = {
        row["id"]: row["novelty"]
        for row in call(db, "_novelty", namespaces=["n"] * 5, ids=[first, copy, new, bare, new])
    }
    assert set(found) == {copy, new}
    assert found[copy] == pytest.approx(0, abs=1e-3)
    assert found[new] == pytest.approx(1, abs=1e-3)


def test_novelty_looks_at_64_memories(db: Connection[Any]) -> None:
    remembered(db, "twin", ago=9, embedding=vector(1))
    for n in range(63):
        remembered(db, f"other {n}", ago=8, embedding=vector(0, 1))
    near = remembered(db, "64 after", ago=7, embedding=vector(1))
    far = remembered(db, "65 after", ago=6.9, embedding=vector(0, 0, 1))
    found = {
        row["id"]: row["novelty"]
        for row in call(db, "_novelty", namespaces=["n"] * 2, ids=[near, far])
    }
    assert found[near] == pytest.approx(0, abs=1e-3)
    assert found[far] == pytest.approx(1, abs=1e-3)
    remembered(db, "between", ago=7.5, embedding=vector(0, 1))
    (row,) = call(db, "_novelty", namespaces=["n"], ids=[near])
    assert row["novelty"] == pytest.approx(1, abs=1e-3)


def test_similarity_is_to_the_questions_asked_by_then(db: Connection[Any]) -> None:
    memory = remembered(db, embedding=vector(1))
    (model,) = rows(db, "select id from memory_data.embedding_model where active")
    db.execute(
        "insert into memory_data.recent_query (namespace, slot, embedding, model, at) values"
        " ('n', 0, %(far)s, %(model)s, %(early)s), ('n', 1, %(near)s, %(model)s, %(late)s),"
        " ('m', 0, %(near)s, %(model)s, %(early)s)",
        {
            "far": vector(1, 1),
            "near": vector(1, 0.01),
            "model": model["id"],
            "early": NOW - 4 * HOUR,
            "late": NOW - 2 * HOUR,
        },
    )
    assert features(db, memory, ago=5)["query_similarity"] is None
    assert features(db, memory, ago=3)["query_similarity"] == pytest.approx(0.7071, abs=1e-3)
    assert features(db, memory)["query_similarity"] == pytest.approx(1, abs=1e-3)
