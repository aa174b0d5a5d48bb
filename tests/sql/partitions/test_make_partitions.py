"""memory.make_partitions: ahead, never overlapping, secured as their parents are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.sql.calls import call, contents, found, one, rows, session, value

if TYPE_CHECKING:
    from psycopg import Connection

PARENTS = {"interact", "insights", "assets", "access_event", "decision", "revision"}

BOUNDS = """
select p.relname::text as parent, c.relname::text as name,
    (regexp_match(b.bound, 'FROM \\(''([^'']+)'''))[1]::timestamptz as starts,
    (regexp_match(b.bound, 'TO \\(''([^'']+)'''))[1]::timestamptz as ends
from pg_inherits as i
join pg_class as p on p.oid = i.inhparent and p.relkind = 'p'
join pg_class as c on c.oid = i.inhrelid
cross join lateral pg_get_expr(c.relpartbound, c.oid) as b (bound)
where p.relnamespace = 'memory_data'::regnamespace
order by parent, starts
"""


def make_all(db: Connection[Any], now: datetime) -> list[dict[str, Any]]:
    made = []
    while batch := call(db, "make_partitions", now=now):
        made += batch
    return made


def test_every_partitioned_table_has_its_partitions_ahead(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    make_all(db, now)
    bounds = rows(db, BOUNDS)
    assert {row["parent"] for row in bounds} == PARENTS
    reach = {
        "interact": timedelta(hours=24 + 7 * 8),
        "insights": timedelta(days=90 + 7 * 30),
        "assets": timedelta(days=7 * 365),
        "access_event": timedelta(days=7),
        "decision": timedelta(days=7 * 28),
        "revision": timedelta(days=7 * 28),
    }
    for parent, ahead in reach.items():
        mine = [row for row in bounds if row["parent"] == parent]
        assert min(row["starts"] for row in mine) <= now
        assert max(row["ends"] for row in mine) > now + ahead
    # nothing may land unnoticed where it never expires
    assert value(db, "select count(*) from pg_partitioned_table where partdefid <> 0") == 0


def test_a_second_run_makes_nothing(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    make_all(db, now)
    assert call(db, "make_partitions", now=now) == []


def test_a_run_is_bounded(db: Connection[Any]) -> None:
    later = datetime.now(UTC) + timedelta(days=4000)
    made = call(db, "make_partitions", now=later, limit=3)
    assert len(made) == 3
    # what is needed first comes first
    assert min(row["from_value"] for row in made) <= later
    assert len(call(db, "make_partitions", now=later, limit=3)) == 3


def test_years_are_replayed_without_a_gap_or_an_overlap(db: Connection[Any]) -> None:
    """PostgreSQL refuses an overlap; a gap would refuse a memory."""
    start = datetime.now(UTC)
    # 23 days at a time: every offset of a 30 day step against the months comes along
    for step in range(20):
        now = start + step * timedelta(days=23)
        made = make_all(db, now)
        assert step == 0 or made
        kinds = ("user_interaction", "pattern", "core_concept")
        for kind in kinds:
            one(db, "remember", namespace=f"n{step}", content=kind, kind=kind, now=now)
        at = {
            "namespace": f"n{step}",
            "ids": [one(db, "remember", namespace=f"n{step}", content="x", now=now)["id"]],
        }
        call(db, "touch", **at, now=now)
        call(db, "forget", **at, now=now)
    bounds = rows(db, BOUNDS)
    for earlier, later in pairwise(bounds):
        if earlier["parent"] == later["parent"] in {"insights", "assets", "decision", "revision"}:
            assert earlier["ends"] == later["starts"], (earlier, later)
    assert all(row["ends"] > row["starts"] for row in bounds)


def test_the_steps_are_the_designed_ones(db: Connection[Any]) -> None:
    make_all(db, datetime.now(UTC))
    widths = {
        parent: {row["ends"] - row["starts"] for row in rows(db, BOUNDS) if row["parent"] == parent}
        for parent in PARENTS
    }
    assert widths["interact"] == {timedelta(hours=8)}
    assert widths["insights"] == {timedelta(days=30)}
    assert widths["access_event"] == {timedelta(days=1)}
    assert widths["assets"] <= {timedelta(days=365), timedelta(days=366)}
    months = {
        row["starts"].astimezone(UTC).day
        for row in rows(db, BOUNDS)
        if row["parent"] in {"decision", "revision"}
    }
    assert months == {1}


def test_the_session_time_zone_changes_nothing(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    make_all(db, now)
    db.execute("set local timezone to 'Asia/Kathmandu'")
    assert call(db, "make_partitions", now=now) == []


def test_a_new_partition_is_secured_as_its_parent(db: Connection[Any]) -> None:
    made = make_all(db, datetime.now(UTC) + timedelta(days=4000))
    policies = """
        select c.relname::text as name, c.relrowsecurity and c.relforcerowsecurity as forced,
            array_agg(p.polroles::regrole[]::text || pg_get_expr(p.polqual, p.polrelid)
                || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') order by 1) as policies
        from pg_class as c join pg_policy as p on p.polrelid = c.oid
        where c.relnamespace = 'memory_data'::regnamespace group by c.oid"""
    secured = {row["name"]: row for row in rows(db, policies)}
    parents = {row["name"]: row["parent"] for row in rows(db, BOUNDS)}
    for partition in made:
        name = partition["partition_name"]
        mine, parents_own = secured[name], secured[parents[name]]
        assert mine["forced"]
        assert sorted(mine["policies"]) == sorted(parents_own["policies"])


def test_new_partitions_have_the_indexes_of_their_parent(db: Connection[Any]) -> None:
    make_all(db, datetime.now(UTC))
    counts = rows(
        db,
        "select p.relname as parent, (select count(*) from pg_index where indrelid = c.oid)"
        " - (select count(*) from pg_index where indrelid = p.oid) as more"
        " from pg_inherits as i join pg_class as p on p.oid = i.inhparent and p.relkind = 'p'"
        " join pg_class as c on c.oid = i.inhrelid",
    )
    assert len(counts) > 40
    # a partition of a layer has the index of exact search besides, which compression may take away
    layers = {"interact", "insights", "assets"}
    assert all(row["more"] == (row["parent"] in layers) for row in counts)


def test_a_memory_is_found_wherever_it_lies(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    for hours in range(1, 73):
        one(
            db,
            "remember",
            namespace="n",
            content=f"hour {hours}",
            ttl=timedelta(hours=hours),
            now=now,
        )
    parts = value(db, "select count(distinct tableoid) from memory_data.interact")
    assert parts >= 9
    assert len(found(db, "n", "hour", top_k=100, now=now)) == 72
    assert len(contents(call(db, "list_memories", namespace="n", limit=100, now=now))) == 72


def test_one_run_at_a_time(clone_url: str) -> None:
    later = datetime.now(UTC) + timedelta(days=4000)
    with session(clone_url) as first, session(clone_url) as second, first.transaction():
        assert call(first, "make_partitions", now=later, limit=1)
        assert call(second, "make_partitions", now=later, limit=1) == []
