"""memory.expire: partitions past are dropped, everything stays answerable, nobody waits for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, one, refused, rows, session, until_waiting, value, vector

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from psycopg import Connection

NOW = datetime.now(UTC)
LIVES = {"user_interaction": timedelta(hours=24), "pattern": timedelta(days=90)}
TINY = timedelta(microseconds=1)


def remember(db: Connection[Any], content: str, namespace: str = "n", **more: Any) -> UUID:
    made: UUID = one(db, "remember", namespace=namespace, content=content, **{"now": NOW, **more})[
        "id"
    ]
    return made


def prepare(db: Connection[Any], now: datetime) -> None:
    """What the other jobs do: a decision needs a partition to be written to."""
    while call(db, "make_partitions", now=now):
        pass


def bounds(db: Connection[Any], memory: UUID) -> tuple[str, datetime]:
    """The partition a memory lies in, and its end."""
    name = value(
        db,
        "select tableoid::regclass::text from (select tableoid, id from memory_data.interact"
        " union all select tableoid, id from memory_data.insights) as m where id = %s",
        memory,
    ).removeprefix("memory_data.")
    (end,) = (
        row["ends"]
        for row in rows(db, "select * from memory._partitions_of_table(%s)", name.split("_")[0])
        if row["name"] == name
    )
    return name, end


def exists(db: Connection[Any], partition: str) -> bool:
    return bool(value(db, "select to_regclass(%s) is not null", f"memory_data.{partition}"))


def dropped(answer: list[dict[str, Any]]) -> dict[str, int]:
    """Partition → records of those that hold some."""
    return {
        row["partition_name"]: row["records"]
        for row in answer
        if row["action"] == "drop" and row["records"]
    }


@pytest.mark.parametrize("kind", LIVES)
@pytest.mark.parametrize("offset", [-TINY, timedelta(0), TINY])
def test_a_partition_goes_when_its_end_is_past(
    db: Connection[Any], kind: str, offset: timedelta
) -> None:
    memory = remember(db, "x", kind=kind)
    name, end = bounds(db, memory)
    prepare(db, end)
    answer = dropped(call(db, "expire", now=end + offset))
    if offset < timedelta(0):
        assert name not in answer
        assert exists(db, name)
    else:
        assert answer[name] == 1
        assert not exists(db, name)


def test_what_lives_stays(db: Connection[Any]) -> None:
    gone = remember(db, "short", ttl="1 hour")
    stays = [remember(db, "long"), remember(db, "pattern", kind="pattern")]
    later = bounds(db, gone)[1]
    call(db, "expire", now=later)
    for memory in stays:
        assert one(db, "get", namespace="n", id=memory, now=later)
    with refused(db, "ML404"):
        call(db, "get", namespace="n", id=gone, now=later)


def test_each_namespace_has_its_decision_and_reads_no_other(db: Connection[Any]) -> None:
    ids = {name: [remember(db, f"{i}", name) for i in range(3 + len(name))] for name in ("a", "bb")}
    end = max(bounds(db, one_id)[1] for some in ids.values() for one_id in some)
    call(db, "expire", now=end)
    decisions = rows(
        db,
        "select namespace, layer, id, records, detail, length(members) as bytes"
        " from memory_data.decision where action = 'expire' and at = %s order by namespace",
        end,
    )
    assert [(row["namespace"], row["records"], row["id"]) for row in decisions] == [
        ("a", 4, None),
        ("bb", 5, None),
    ]
    for row in decisions:
        mine = ids[row["namespace"]]
        assert (row["detail"]["from_id"], row["detail"]["to_id"]) == (
            str(min(mine)),
            str(max(mine)),
        )
        assert row["bytes"] == 3 * len(mine)
    db.execute("select set_config('magray.namespace', 'a', true)")
    db.execute("set local role memory_app")
    seen = rows(db, "select namespace from memory_data.decision where action = 'expire'")
    assert seen == [{"namespace": "a"}]
    told = call(db, "history", namespace="a", id=ids["a"][0], now=end)
    assert told[-1]["event"] == "expire"
    assert told[-1]["detail"]["layer"] == "interact"
    with refused(db, "ML404"):
        call(db, "history", namespace="a", id=ids["bb"][0], now=end)


def test_why_is_it_gone_is_answered_from_the_moment_it_expires(db: Connection[Any]) -> None:
    memory = remember(db, "x", ttl="1 hour")
    end = bounds(db, memory)[1]
    at = {"namespace": "n", "id": memory}
    assert [e["event"] for e in call(db, "history", **at, now=NOW)] == ["created"]
    (told,) = call(db, "history", **at, now=NOW + timedelta(hours=1))
    assert (told["event"], told["at"]) == ("expire", NOW + timedelta(hours=1))
    call(db, "expire", now=end)
    (told,) = call(db, "history", **at, now=end)
    assert (told["event"], told["at"]) == ("expire", end)
    (partition,) = told["detail"]["detail"]["partitions"]
    assert partition.startswith("interact_")


def test_an_id_of_the_same_range_that_was_not_there_is_not_told_as_expired(
    db: Connection[Any],
) -> None:
    first = remember(db, "first", ttl="1 hour")
    lives = remember(db, "lives", ttl="30 hours")
    forgotten = remember(db, "forgotten", ttl="1 hour")
    last = remember(db, "last", ttl="1 hour")
    call(db, "forget", namespace="n", ids=[forgotten], now=NOW)
    end = bounds(db, first)[1]
    assert first < lives < last
    call(db, "expire", now=end)
    for memory, events in ((first, ["expire"]), (last, ["expire"]), (forgotten, ["forget"])):
        told = call(db, "history", namespace="n", id=memory, now=end)
        assert [event["event"] for event in told] == events
    told = call(db, "history", namespace="n", id=lives, now=end)
    assert [event["event"] for event in told] == ["created"]


def test_a_dry_run_tells_what_the_real_one_does(db: Connection[Any]) -> None:
    for i in range(3):
        remember(db, f"{i}", "ab"[i % 2], embedding=vector(1))
        remember(db, f"p{i}", kind="pattern", ttl="1 hour")
        remember(db, f"asset {i}", kind="core_concept", ttl="1 hour")
    remember(db, "pinned", pinned=True)
    later = NOW + timedelta(days=60)
    prepare(db, later)

    def order(row: dict[str, Any]) -> str:
        return str(sorted(row.items(), key=str))

    told = call(db, "expire", now=later, dry_run=True)
    assert value(db, "select count(*) from memory_data.decision where action = 'expire'") == 0
    assert value(db, "select count(*) from memory._memories") == 10
    done = call(db, "expire", now=later)
    assert sorted(done, key=order) == sorted(told, key=order)
    assert {row["action"] for row in done} == {"drop", "delete", "renew"}
    assert value(db, "select count(*) from memory._memories") == 1
    # what a second run finds are empty partitions, more than one run drops
    while rest := call(db, "expire", now=later):
        assert {(row["action"], row["records"]) for row in rest} <= {("drop", 0), ("free", 0)}


def expired_partitions(db: Connection[Any], now: datetime) -> dict[str, Any]:
    """What `magray check` says of them."""
    (told,) = (
        row
        for row in call(db, "check_database", now=now)
        if row["condition"] == "expired partitions"
    )
    return told


def gone_tables(db: Connection[Any], partition: str) -> list[str]:
    """What was taken out under this name; before midnight the day of another layer goes as well."""
    found = rows(db, "select tablename from pg_tables where tablename like 'gone%%' order by 1")
    return [row["tablename"] for row in found if row["tablename"].endswith(f"_{partition}")]


def freed(answer: list[dict[str, Any]], table: str) -> list[dict[str, Any]]:
    return [row for row in answer if row["partition_name"] == table]


def test_the_next_run_frees_what_was_taken_out(db: Connection[Any]) -> None:
    memory = remember(db, "x", ttl="1 hour", embedding=vector(1))
    name, end = bounds(db, memory)
    prepare(db, end)
    assert dropped(call(db, "expire", now=end)) == {name: 1}
    (gone,) = gone_tables(db, name)
    # where the clock was set back, a partition of the same time is made again meanwhile
    prepare(db, NOW)
    assert exists(db, name)
    (told,) = freed(call(db, "expire", now=NOW, dry_run=True), gone)
    assert (told["action"], told["records"]) == ("free", 0)
    assert gone_tables(db, name) == [gone]
    assert freed(call(db, "expire", now=NOW), gone) == [told]
    assert gone_tables(db, name) == []
    assert call(db, "expire", now=NOW) == []


def test_what_was_taken_out_and_is_in_use_is_freed_later(clone_url: str) -> None:
    with session(clone_url) as db, session(clone_url) as dump:
        name, end = bounds(db, remember(db, "x", ttl="1 hour"))
        call(db, "expire", now=end)
        (gone,) = gone_tables(db, name)
        with dump.transaction():
            dump.execute(f"lock table memory_data.{gone} in access share mode")
            assert freed(call(db, "expire", now=end), gone) == []
            told = expired_partitions(db, end)
            assert not told["ok"]
            assert str(dump.info.backend_pid) in told["detail"]
        assert len(freed(call(db, "expire", now=end), gone)) == 1


def test_assets_go_one_by_one_and_only_by_a_ttl_of_their_own(db: Connection[Any]) -> None:
    mortal = [remember(db, f"m{i}", kind="core_concept", ttl="1 hour") for i in range(5)]
    stays = remember(db, "stays", kind="core_concept")
    call(db, "rate", namespace="n", id=mortal[0], rating=4.0, now=NOW)
    just = NOW + timedelta(hours=1)
    assert [r for r in call(db, "expire", now=just - TINY) if r["action"] == "delete"] == []
    gone: list[Any] = []
    while batch := [r for r in call(db, "expire", now=just, limit=2) if r["action"] == "delete"]:
        assert len(batch) <= 2
        gone += [row["from_id"] for row in batch]
    assert sorted(gone) == sorted(mortal)
    later = NOW + timedelta(days=3000)
    prepare(db, later)
    call(db, "expire", now=later)
    assert one(db, "get", namespace="n", id=stays, now=later)
    told = call(db, "history", namespace="n", id=mortal[0], now=later)
    assert [event["event"] for event in told] == ["rated", "expire"]
    assert value(
        db,
        "select array_agg(id order by id) from memory_data.decision where action = 'expire'"
        " and layer = 'assets'",
    ) == sorted(mortal)


@pytest.mark.parametrize("kind", [*LIVES, "core_concept"])
def test_a_pinned_memory_never_expires(db: Connection[Any], kind: str) -> None:
    memory = remember(db, "stays", kind=kind, pinned=True, ttl="1 hour", embedding=vector(1))
    call(db, "touch", namespace="n", ids=[memory], now=NOW)
    now = NOW
    for days in (0, 1, 100, 400):
        now = NOW + timedelta(days=days)
        prepare(db, now)
        call(db, "expire", now=now)
        row = one(db, "get", namespace="n", id=memory, now=now)
        assert (row["content"], row["pinned"], row["access_count"]) == ("stays", True, 1)
        assert row["created_at"] == NOW
        assert row["expires_at"] is None or row["expires_at"] > now
        found = call(db, "search", namespace="n", query="stays", embedding=vector(1), now=now)
        assert [hit["id"] for hit in found] == [memory]
    # unpinned it lives to the end of what it was given last
    call(db, "update_memory", namespace="n", id=memory, changes={"pinned": False}, now=now)
    if kind in LIVES:
        end = one(db, "get", namespace="n", id=memory, now=now)["expires_at"]
        assert end - now == LIVES[kind]
        prepare(db, end + timedelta(days=40))
        call(db, "expire", now=end + timedelta(days=40))
        with refused(db, "ML404"):
            call(db, "get", namespace="n", id=memory, now=end)


@pytest.mark.parametrize("offset", [-TINY, timedelta(0), TINY])
def test_a_pinned_memory_is_renewed_when_half_its_life_is_over(
    db: Connection[Any], offset: timedelta
) -> None:
    memory = remember(db, "x", pinned=True)
    answer = call(db, "renew_pinned", now=NOW + timedelta(hours=12) + offset)
    assert [row["id"] for row in answer] == ([memory] if offset > timedelta(0) else [])


def test_pinned_beyond_the_limit_keep_their_partition(db: Connection[Any]) -> None:
    ids = {remember(db, f"{i}", pinned=True) for i in range(5)}
    name, end = bounds(db, min(ids))
    for left in (3, 1):
        answer = call(db, "expire", now=end, limit=2)
        assert sum(row["action"] == "renew" for row in answer) == 2
        assert name not in dropped(answer)
        assert exists(db, name)
        assert value(db, f"select count(*) from memory_data.{name}") == left  # noqa: S608
        # nothing is decided that did not happen
        assert value(db, "select count(*) from memory_data.decision where at = %s", end) == 0
    call(db, "expire", now=end, limit=2)
    assert not exists(db, name)
    assert {row["id"] for row in call(db, "list_memories", namespace="n", now=end)} == ids


def test_only_one_runs(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second, first.transaction():
        remember(first, "x")
        later = NOW + timedelta(days=1)
        assert call(first, "expire", now=later)
        assert call(second, "expire", now=later) == []


@pytest.mark.parametrize(
    "use",
    [
        "select count(*) from memory.records",
        "select * from memory.search('n', 'long')",
        "select count(*) from memory_data.{partition}",
    ],
)
def test_a_long_reader_keeps_the_partition_and_makes_nobody_wait(clone_url: str, use: str) -> None:
    with session(clone_url) as db, session(clone_url) as reader, session(clone_url) as other:
        memory = remember(db, "long ago")
        name, end = bounds(db, memory)
        later = end + timedelta(hours=1)
        with reader.transaction():
            reader.execute(use.format(partition=name))
            with ThreadPoolExecutor(1) as pool:
                work = pool.submit(call, db, "expire", now=later)
                while not work.done():
                    # a reader that had to queue behind the drop would be cancelled
                    other.execute("set lock_timeout = '200ms'")
                    other.execute("select count(*) from memory.records")
            assert name not in dropped(work.result())
            assert exists(other, name)
            assert value(other, "select count(*) from memory_data.decision") == 0
            told = expired_partitions(other, later)
            assert not told["ok"]
            assert str(reader.info.backend_pid) in told["detail"]
        assert dropped(call(db, "expire", now=later)) == {name: 1}
        assert not exists(other, name)


def test_a_partition_in_use_by_its_own_name_keeps_only_itself(clone_url: str) -> None:
    """The table is free and its lock is had; the one partition is not waited for."""
    with session(clone_url) as db, session(clone_url) as holder:
        short, long = remember(db, "short", ttl="1 hour"), remember(db, "long", ttl="20 hours")
        (kept, _), (gone, end) = bounds(db, short), bounds(db, long)
        assert kept != gone
        with holder.transaction():
            holder.execute(f"lock table memory_data.{kept} in access share mode")
            assert value(db, "select memory._detach_partition('interact', %s)", kept) is False
        assert value(db, "select memory._detach_partition('interact', %s)", kept) is True
        assert dropped(call(db, "expire", now=end)) == {gone: 1}


def test_an_edit_that_waits_finds_its_renewed_memory(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor(1) as pool:
        memory = remember(first, "x", pinned=True)
        later = NOW + timedelta(hours=13)
        with first.transaction():
            assert call(first, "renew_pinned", now=later)
            change = {"namespace": "n", "id": memory, "changes": {"importance": 0.9}}
            work = pool.submit(call, second, "update_memory", **change, now=later)
            until_waiting(second, work)
        assert [row["id"] for row in work.result()] == [memory]
        row = one(first, "get", namespace="n", id=memory, now=later)
        assert row["importance"] == pytest.approx(0.9)


def test_a_detach_left_unfinished_is_finished(clone_url: str) -> None:
    with session(clone_url) as db, session(clone_url) as reader, session(clone_url) as other:
        memory = remember(db, "x")
        name, end = bounds(db, memory)
        reader.autocommit = False
        reader.execute("select count(*) from memory_data.interact")
        other.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(
                f"alter table memory_data.interact detach partition memory_data.{name} concurrently"
            )
        assert value(db, "select count(*) from pg_inherits where inhdetachpending") == 1
        reader.rollback()
        assert dropped(call(db, "expire", now=end)) == {name: 1}
        assert value(db, "select count(*) from pg_inherits where inhdetachpending") == 0
        assert not exists(db, name)
        told = call(db, "history", namespace="n", id=memory, now=end)
        assert told[-1]["event"] == "expire"


LATER: dict[str, Callable[[datetime], datetime]] = {
    "before": lambda end: end - TINY,
    "at": lambda end: end,
    "after": lambda end: end + TINY,
}


@pytest.mark.parametrize("when", LATER)
def test_partitions_are_made_and_dropped_apart(db: Connection[Any], when: str) -> None:
    """A memory can be stored right before, at and after a drop."""
    memory = remember(db, "x")
    moment = LATER[when](bounds(db, memory)[1])
    call(db, "expire", now=moment)
    again = remember(db, "again", now=moment)
    assert one(db, "get", namespace="n", id=again, now=moment)
