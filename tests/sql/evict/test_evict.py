"""memory.evict: who goes, in which order, how much, and who is left alone."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.calls import call, one, refused, rows, session, until_waiting, value, vector

if TYPE_CHECKING:
    from psycopg import Connection

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
LATER = NOON + timedelta(hours=3)


def remembered(db: Connection[Any], content: str, minutes: float = 0, **fields: Any) -> Any:
    """The id of a memory stored so many minutes after noon."""
    fields = {"namespace": "n", "now": NOON + timedelta(minutes=minutes)} | fields
    return one(db, "remember", content=content, **fields)["id"]


def used(db: Connection[Any], memory: Any, *minutes: float) -> None:
    for minute in minutes:
        now = NOON + timedelta(minutes=minute)
        assert call(db, "touch", namespace="n", ids=[memory], now=now)


def evict(db: Connection[Any], **arguments: Any) -> list[dict[str, Any]]:
    return call(db, "evict", **{"layer": "interact", "bytes": 1, "now": LATER} | arguments)


def live(db: Connection[Any]) -> set[Any]:
    return {row["id"] for row in rows(db, "select id from memory._memories")}


def learned(db: Connection[Any]) -> None:
    """A layer in which what is used often is used again, and what is not is not."""
    often = [remembered(db, f"often {i}") for i in range(20)]
    for i in range(200):
        remembered(db, f"once {i}", i / 10)
    for minute in range(10, 120, 10):
        for memory in often:
            used(db, memory, minute)
    call(db, "learn_reuse", now=NOON + timedelta(hours=2))


# --- order


def test_without_anything_learned_the_longest_unused_go_first(db: Connection[Any]) -> None:
    ids = [remembered(db, f"memory {i}", i) for i in range(5)]
    used(db, ids[0], 10)
    gone = evict(db, bytes=10**9, limit=3)
    assert [row["id"] for row in gone] == [ids[1], ids[2], ids[3]]
    assert live(db) == {ids[0], ids[4]}


def test_worth_is_importance_times_recency_by_size(db: Connection[Any]) -> None:
    learned(db)
    told = evict(db, bytes=10**9, dry_run=True)
    assert len(told) == 220
    for row in told:
        assert row["worth"] == pytest.approx(row["importance"] * row["recency"] / row["size"])
        assert row["freed_bytes"] == row["size"]
    assert [row["worth"] for row in told] == sorted(row["worth"] for row in told)


def test_what_is_used_often_stays_though_it_lay_idle_as_long(db: Connection[Any]) -> None:
    learned(db)
    often = remembered(db, "often again", 0)
    used(db, often, *range(5, 100, 5))
    once = remembered(db, "once again", 95)
    worth = {row["id"]: row for row in evict(db, bytes=10**9, dry_run=True)}
    assert worth[often]["importance"] > 2 * worth[once]["importance"]
    assert worth[often]["worth"] > worth[once]["worth"]


def test_recency_is_1_at_first_and_is_learned(db: Connection[Any]) -> None:
    learned(db)
    fresh = remembered(db, "fresh", 180)
    recency = {row["id"]: row["recency"] for row in evict(db, bytes=10**9, dry_run=True)}
    assert recency[fresh] == 1
    assert recency[fresh] == max(recency.values())
    assert min(recency.values()) < 0.5


def test_the_larger_of_two_alike_goes_first(db: Connection[Any]) -> None:
    remembered(db, "small")
    large = remembered(db, "large " * 500)
    assert [row["id"] for row in evict(db)] == [large]


def test_a_vector_counts_with_its_share_of_the_index(db: Connection[Any]) -> None:
    db.execute("update memory_data.setting set value = '0' where key = 'record_overhead_bytes'")
    plain = remembered(db, "plain")
    embedded = remembered(db, "embed", embedding=vector(1))
    size = {row["id"]: row["size"] for row in evict(db, bytes=10**9, dry_run=True)}
    stored = {row["id"]: row["size"] for row in rows(db, "select id, size from memory._memories")}
    assert size[plain] == stored[plain]
    assert size[embedded] == stored[embedded] + 8 * 2 + 8


@pytest.mark.parametrize(
    ("policy", "factor"),
    [("lru_with_importance", 2), ("importance_based", 16), ("manual", 16)],
)
def test_what_is_said_of_a_memory_weighs_by_policy(
    db: Connection[Any], policy: str, factor: float
) -> None:
    db.execute(
        "update memory_data.layer set eviction_policy = %s where name = 'interact'", (policy,)
    )
    db.execute(
        "update memory_data.kind set weight = importance from (values"
        " ('session_data', 0.0), ('user_interaction', 0.5), ('recent_query', 1.0))"
        " as v (kind, importance) where name = v.kind"
    )
    low = remembered(db, "a", importance=0.0, kind="session_data")
    middle = remembered(db, "b", importance=0.5)
    high = remembered(db, "c", importance=1.0, kind="recent_query")
    importance = {row["id"]: row["importance"] for row in evict(db, bytes=10**9, dry_run=True)}
    assert importance[high] / importance[middle] == pytest.approx(factor)
    assert importance[middle] / importance[low] == pytest.approx(factor)


def test_a_rating_weighs_too(db: Connection[Any]) -> None:
    good, bad = remembered(db, "good"), remembered(db, "bad")
    call(db, "rate", namespace="n", id=good, rating=5.0, now=NOON)
    call(db, "rate", namespace="n", id=bad, rating=1.0, now=NOON)
    assert [row["id"] for row in evict(db)] == [bad]


# --- how much


def test_it_ends_when_the_bytes_are_reached_and_not_before(db: Connection[Any]) -> None:
    for i in range(6):
        remembered(db, f"memory {i}", i)
    sizes = [row["size"] for row in evict(db, bytes=10**9, dry_run=True)]
    three = sum(sizes[:3])
    for bytes_, count in ((0, 0), (1, 1), (three - 1, 3), (three, 3), (three + 1, 4)):
        assert len(evict(db, bytes=bytes_, dry_run=True)) == count
    assert len(evict(db, bytes=three)) == 3
    assert len(evict(db, bytes=0)) == 0
    assert len(live(db)) == 3


def test_it_ends_at_the_limit(db: Connection[Any]) -> None:
    for i in range(5):
        remembered(db, f"memory {i}", i)
    assert len(evict(db, bytes=10**9, limit=2)) == 2
    assert len(evict(db, bytes=10**9)) == 3
    assert evict(db, bytes=10**9) == []


def test_pinned_expired_and_other_layers_are_no_candidates(db: Connection[Any]) -> None:
    while call(db, "make_partitions", now=NOON):
        pass
    pinned = remembered(db, "pinned", pinned=True)
    expired = remembered(db, "expired", ttl=timedelta(hours=1))
    other = remembered(db, "other", kind="pattern")
    assert evict(db, bytes=10**9) == []
    assert live(db) == {pinned, expired, other}


@pytest.mark.parametrize(
    ("arguments", "state", "word"),
    [
        ({"layer": "attic"}, "ML404", "interact"),
        ({"bytes": -1}, "ML422", "-1"),
        ({"bytes": None}, "ML422", "null"),
        ({"limit": 0}, "ML422", "0 records"),
    ],
)
def test_what_makes_no_sense_is_refused(
    db: Connection[Any], arguments: dict[str, Any], state: str, word: str
) -> None:
    with refused(db, state, word):
        evict(db, **arguments)


# --- what is left


def test_a_dry_run_tells_the_same_and_changes_nothing(db: Connection[Any]) -> None:
    learned(db)
    before, token = live(db), value(db, "select memory.change_token('n')")
    told = evict(db, bytes=20_000, dry_run=True)
    assert live(db) == before
    assert value(db, "select memory.change_token('n')") == token
    assert value(db, "select count(*) from memory_data.decision where action = 'evict'") == 0
    assert evict(db, bytes=20_000) == told
    assert before - live(db) == {row["id"] for row in told}
    assert value(db, "select memory.change_token('n')") != token


def test_each_eviction_is_a_decision_and_a_row_of_the_view(db: Connection[Any]) -> None:
    memory = remembered(db, "secret")
    used(db, memory, 30)
    (gone,) = evict(db)
    (decision,) = rows(db, "select * from memory_data.decision where action = 'evict'")
    assert (decision["id"], decision["at"], decision["layer"]) == (memory, LATER, "interact")
    assert decision["score"] == gone["worth"]
    assert decision["criteria"] == {
        name: {"value": gone[name]} for name in ("importance", "recency", "size")
    }
    assert "secret" not in str(decision)
    (seen,) = rows(db, "select * from memory.evictions")
    assert (seen["id"], seen["action"], seen["kind"]) == (memory, "evict", "user_interaction")
    assert (seen["uses"], seen["last_use"]) == (2, NOON + timedelta(minutes=30))
    assert (seen["worth"], seen["bytes"]) == (gone["worth"], gone["size"])
    (event,) = call(db, "history", namespace="n", id=memory)
    assert event["event"] == "evict"


def test_equal_memories_go_together_and_name_the_job_that_sent_them(db: Connection[Any]) -> None:
    twins = {remembered(db, "x"), remembered(db, "y")}
    # as an edit once could make them
    db.execute("update memory_data.interact set content_hash = 'same'")
    (run,) = rows(
        db,
        "insert into memory_data.job_run (job, runner) values ('pressure', 'manual') returning id",
    )
    db.execute("select set_config('magray.job_run', %s, true)", (str(run["id"]),))
    assert {row["id"] for row in evict(db, bytes=1 << 30)} == twins
    decisions = rows(db, "select id, job_run from memory_data.decision where action = 'evict'")
    assert {row["id"] for row in decisions} == twins
    assert {row["job_run"] for row in decisions} == {run["id"]}
    assert value(db, "select count(*) from memory_data.ghost") == 1


def test_what_hangs_on_a_record_goes_with_it(db: Connection[Any]) -> None:
    memory = remembered(db, "x")
    used(db, memory, 30)
    call(db, "update_memory", namespace="n", id=memory, changes={"importance": 0.1}, now=NOON)
    evict(db)
    for table in ("usage", "access_event", "revision"):
        assert value(db, f"select count(*) from memory_data.{table}") == 0, table  # noqa: S608
    with refused(db, "ML404"):
        call(db, "get", namespace="n", id=memory)


def test_many_namespaces_are_evicted_at_once(db: Connection[Any]) -> None:
    ids = {remembered(db, "x", namespace=f"n{i}") for i in range(5)}
    gone = evict(db, bytes=10**9)
    assert {row["id"] for row in gone} == ids
    assert {row["namespace"] for row in gone} == {f"n{i}" for i in range(5)}


# --- what is remembered of the evicted


def test_a_memory_that_comes_back_gets_its_history(db: Connection[Any]) -> None:
    memory = remembered(db, "again")
    used(db, memory, 10, 20)
    call(db, "rate", namespace="n", id=memory, rating=4.0, now=NOON)
    evict(db)
    back = remembered(db, "again", 200)
    assert back != memory
    (usage,) = rows(db, "select * from memory_data.usage where id = %s", back)
    assert (usage["past_uses"], usage["access_count"]) == (3, 0)
    assert usage["gap"] == pytest.approx((600 + 180 * 60) / 2)
    assert (usage["rating_sum"], usage["rating_count"]) == (4, 1)
    assert value(db, "select count(*) from memory_data.ghost") == 0
    # its return after three hours is a use eviction learns from
    assert (
        value(db, "select uses from memory_data.reuse where step = memory._idle_step(10800)") == 1
    )


def test_a_forgotten_memory_leaves_no_ghost(db: Connection[Any]) -> None:
    first, second = remembered(db, "first"), remembered(db, "second", 1)
    evict(db, bytes=10**9)
    call(db, "forget", namespace="n", ids=[first])
    ghosts = "select id from memory_data.ghost"
    assert rows(db, ghosts) == [{"id": second}]
    call(db, "forget_namespace", namespace="n", dry_run=True)
    assert rows(db, ghosts) == [{"id": second}]
    call(db, "forget_namespace", namespace="n")
    assert rows(db, ghosts) == []


# --- with others


def test_a_record_somebody_edits_is_passed_over(clone_url: str) -> None:
    with session(clone_url) as editor, session(clone_url) as db:
        ids = [remembered(db, f"memory {i}", i) for i in range(3)]
        with editor.transaction():
            call(editor, "update_memory", namespace="n", id=ids[0], changes={"pinned": True})
            assert [row["id"] for row in evict(db)] == [ids[1]]
        assert [row["id"] for row in evict(db, bytes=10**9)] == [ids[2]]
        assert live(db) == {ids[0]}


def test_two_at_once_do_not_evict_twice(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second:
        notices: list[str] = []
        second.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        ids = {remembered(first, f"memory {i}", i) for i in range(4)}
        with first.transaction():
            gone = evict(first, bytes=1)
            assert evict(second, bytes=10**9) == []
            assert "evict is already running in layer interact" in notices
            assert evict(second, layer="insights", bytes=10**9) == []
        assert live(second) == ids - {row["id"] for row in gone}


def test_what_is_used_while_it_is_chosen_stays(clone_url: str) -> None:
    with (
        session(clone_url) as reader,
        session(clone_url) as db,
        ThreadPoolExecutor() as pool,
    ):
        memory = remembered(db, "used at the last moment")
        used(db, memory, 1)
        with reader.transaction():
            used(reader, memory, 170)
            waiting = pool.submit(evict, db)
            until_waiting(db, waiting)
        assert waiting.result(60) == []
        assert live(db) == {memory}


def test_the_service_may_not_evict(app_db: Connection[Any]) -> None:
    for function in ("evict('interact', 1)", "learn_reuse()", "purge_ghosts()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app_db.transaction():
            app_db.execute(f"select * from memory.{function}")  # noqa: S608


# --- whatever happened before


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("remember"), st.integers(1, 400), st.booleans()),
        st.tuples(st.just("touch"), st.integers(0, 30), st.booleans()),
        st.tuples(st.just("learn"), st.just(0), st.booleans()),
    ),
    min_size=3,
    max_size=25,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS, bytes_=st.integers(0, 8000))
def test_nobody_of_higher_worth_goes_while_a_lower_one_stays(
    db: Connection[Any], steps: list[tuple[str, int, bool]], bytes_: int
) -> None:
    db.execute("savepoint one_example")
    ids, minute = [], 0
    pinned = set()
    for what, number, flag in steps:
        minute += number
        if what == "remember":
            memory = remembered(
                db,
                f"{uuid.uuid4()} " * (1 + number % 7),
                minute / 10,
                pinned=flag,
                importance=number % 11 / 10,
            )
            ids.append(memory)
            if flag:
                pinned.add(memory)
        elif what == "touch" and ids:
            used(db, ids[number % len(ids)], minute / 10)
        elif what == "learn":
            call(db, "learn_reuse", now=NOON + timedelta(minutes=minute / 10))
    now = NOON + timedelta(minutes=minute / 10 + 5)
    ranked = {row["id"]: row for row in evict(db, bytes=10**9, now=now, dry_run=True)}
    assert set(ranked) == set(ids) - pinned
    gone = evict(db, bytes=bytes_, now=now)
    stay = live(db) - pinned
    assert stay == set(ranked) - {row["id"] for row in gone}
    assert [ranked[row["id"]] for row in gone] == gone
    if gone and stay:
        assert max(row["worth"] for row in gone) <= min(ranked[one]["worth"] for one in stay)
    freed = sum(row["freed_bytes"] for row in gone)
    assert freed >= bytes_ or not stay
    assert not gone or freed - gone[-1]["freed_bytes"] < bytes_
    db.execute("rollback to one_example")
