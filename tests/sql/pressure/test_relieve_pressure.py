"""memory.relieve_pressure: borrow, compress, archive, evict, and stop when it is enough."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, carry_out, rows, session, value
from tests.sql.filling import add_missing, budget, build, cold, fill, measured, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from tests.sql.calls import Row


@pytest.fixture
def own(clone_url: str) -> Iterator[Connection[Any]]:
    """A session on a database of the test's own."""
    with session(clone_url) as db:
        add_missing(db)
        yield db


def relieved(db: Connection[Any], **arguments: Any) -> list[Row]:
    return call(db, "relieve_pressure", **arguments)


def summaries(answer: list[Row], action: str) -> list[Row]:
    """The rows of whole layers, partitions and budgets."""
    return [row for row in answer if row["action"] == action and "/" not in row["target"]]


def borrowed(db: Connection[Any], layer: str) -> int:
    return value(db, "select borrowed_bytes from memory_data.layer where name = %s", layer)


def counted(db: Connection[Any], layer: str) -> int:
    return value(db, "select count(*) from memory._memories where layer = %s", layer)


def test_without_pressure_nothing_happens(own: Connection[Any]) -> None:
    fill(own, "interact", 500)
    assert relieved(own) == []


# --- low: budget


def test_low_a_layer_that_needs_more_borrows_it(own: Connection[Any]) -> None:
    fill(own, "interact", 1000)
    size = budget(own, "interact", 70)
    (row,) = relieved(own, dry_run=True)
    assert (row["layer"], row["level"], row["action"]) == ("interact", "low", "borrow")
    assert borrowed(own, "interact") == 0
    assert relieved(own) == [row]
    assert row["bytes_before"] == size
    assert row["bytes_after"] == size + borrowed(own, "interact")
    after = measured(own, "interact")
    assert 58 < after["usage_percent"] <= 60
    assert after["level"] == "low"
    assert relieved(own) == []


@pytest.mark.parametrize(("percent", "borrows"), [(59, False), (61, True), (74, True)])
def test_only_what_is_needed_is_borrowed(
    own: Connection[Any], percent: float, borrows: bool
) -> None:
    fill(own, "interact", 1000)
    budget(own, "interact", percent)
    relieved(own)
    assert (borrowed(own, "interact") > 0) == borrows


def test_what_is_no_longer_needed_is_given_back(own: Connection[Any]) -> None:
    ids = fill(own, "interact", 2000)
    budget(own, "interact", 70)
    relieved(own)
    assert borrowed(own, "interact")
    call(own, "forget", namespace="n", ids=ids[:1500])
    settle(own)
    (row,) = relieved(own)
    assert row["action"] == "give back"
    assert borrowed(own, "interact") == 0


def test_what_the_owners_need_is_given_back_at_any_level(own: Connection[Any]) -> None:
    fill(own, "interact", 1000)
    size = budget(own, "interact", 70)
    # insights needs nothing of its own yet, and that is all there is to lend
    budget(own, "assets", 55)
    own.execute("update memory_data.layer set max_bytes = %s where name = 'insights'", (size * 2,))
    relieved(own)
    lent = borrowed(own, "interact")
    assert lent > size / 10
    fill(own, "insights", 2000)
    answer = relieved(own)
    assert [row["layer"] for row in summaries(answer, "give back")] == ["interact"]
    assert borrowed(own, "interact") < lent


@pytest.mark.parametrize(("limit", "total"), [(5, None), (100, 0)])
def test_lending_ends_at_its_limit_and_at_the_total(
    own: Connection[Any], limit: int, total: int | None
) -> None:
    fill(own, "interact", 1000)
    size = budget(own, "interact", 74)
    own.execute(
        "update memory_data.setting set value = %s where key = 'borrow_limit_percent'",
        (str(limit),),
    )
    if total is not None:
        # nothing is free: every layer has only what it uses
        for layer in ("insights", "assets"):
            budget(own, layer, 60)
    relieved(own)
    assert borrowed(own, "interact") <= (size * 0.05 if total is None else 0)


def test_pressure_above_low_borrows_nothing(own: Connection[Any]) -> None:
    fill(own, "interact", 1000)
    budget(own, "interact", 80)
    assert summaries(relieved(own), "borrow") == []


# --- medium: compression


def test_medium_compresses_cold_partitions(own: Connection[Any]) -> None:
    fill(own, "insights", 1200)
    now = cold()
    build(own, now)
    budget(own, "insights", 80, now=now)
    dry = relieved(own, now=now, dry_run=True)
    (begun,) = relieved(own, now=now)
    assert [begun] == dry
    assert (begun["level"], begun["action"], begun["detail"]["state"]) == (
        "medium",
        "compress",
        "building",
    )
    assert [name.rsplit("_", 1)[1] for name in build(own, now)] == ["bits"]
    (done,) = relieved(own, now=now)
    assert done["detail"]["state"] == "compressed"
    assert done["detail"]["returned_bytes"] == done["bytes_before"] - done["bytes_after"] > 0
    assert counted(own, "insights") == 1200


# --- high: eviction


def test_high_evicts_until_usage_is_below_and_stops(own: Connection[Any]) -> None:
    fill(own, "interact", 3000)
    budget(own, "interact", 120)
    now = datetime.now(UTC)  # the worth of a memory changes with time
    dry = relieved(own, now=now, dry_run=True)
    real = relieved(own, now=now)
    assert dry == real
    (evicted,) = summaries(real, "evict")
    going = [row for row in real if row["target"].startswith("n/")]
    assert len(going) == evicted["detail"]["records"] > 500
    assert evicted["detail"]["returned_bytes"] == 0
    assert evicted["detail"]["reusable_bytes"] == evicted["bytes_before"] - evicted["bytes_after"]
    assert all(row["detail"]["worth"] is not None for row in going)
    assert counted(own, "interact") == 3000 - len(going)
    # nothing is vacuumed yet, and no more goes for that
    assert relieved(own) == []
    after = measured(own, "interact")
    assert 80 < after["usage_percent"] < 85
    assert after["level"] == "medium"
    left = counted(own, "interact")
    settle(own)
    assert relieved(own) == []
    assert counted(own, "interact") == left


def test_small_steps_reach_the_budget_too(own: Connection[Any]) -> None:
    fill(own, "interact", 2000)
    budget(own, "interact", 110)
    steps = 0
    while summaries(answer := relieved(own, limit=100), "evict"):
        steps += 1
        assert steps < 20
        for row in summaries(answer, "report"):
            assert "at most 100 memories" in row["detail"]["why"]
    assert steps > 3
    assert measured(own, "interact")["usage_percent"] < 85
    left = counted(own, "interact")
    assert summaries(relieved(own, limit=100), "evict") == []
    assert counted(own, "interact") == left


@pytest.mark.parametrize(("percent", "evicts"), [(89.5, False), (90.5, True)])
def test_only_high_evicts(own: Connection[Any], percent: float, evicts: bool) -> None:
    fill(own, "interact", 1000)
    budget(own, "interact", percent)
    assert bool(summaries(relieved(own), "evict")) == evicts


def test_pinned_memories_stay(own: Connection[Any]) -> None:
    fill(own, "interact", 500, pinned=True)
    fill(own, "interact", 1000, namespace="m", seed=2)
    budget(own, "interact", 200)
    answer = relieved(own)
    assert value(own, "select count(*) from memory.records where pinned") == 500
    assert counted(own, "interact") < 1500
    assert summaries(answer, "report") == []
    # what is pinned alone is too much: the rest goes, and the relief says what is in its way
    budget(own, "interact", 300)
    (report,) = summaries(relieved(own), "report")
    assert counted(own, "interact") == 500
    assert report["detail"]["over_bytes"] > 0
    assert "pinned" in report["detail"]["why"]
    assert "max_size_mb" in report["detail"]["hint"]
    (again,) = relieved(own)
    assert again["action"] == "report"


def test_a_manual_layer_is_only_reported(own: Connection[Any]) -> None:
    fill(own, "assets", 1500)
    size = budget(own, "assets", 150)
    (row,) = summaries(relieved(own), "report")
    assert (row["layer"], row["level"]) == ("assets", "high")
    assert row["detail"]["over_bytes"] == row["bytes_before"] - round(size * 0.84)
    assert counted(own, "assets") == 1500
    # what a dry run says is to be done is done, and is enough
    (row,) = summaries(relieved(own, dry_run=True), "report")
    carry_out(own, row["detail"]["hint"])
    assert 80 < measured(own, "assets")["usage_percent"] < 85
    assert relieved(own) == []


def test_the_total_is_paid_by_the_fullest_layer_that_gives(own: Connection[Any]) -> None:
    fill(own, "interact", 1500)
    fill(own, "assets", 1500)
    budget(own, "interact", 50)
    budget(own, "assets", 60)
    own.execute("update memory_data.setting set value = '1' where key = 'total_max_mb'")
    assert measured(own, "total", dry_run=True)["level"] == "high"
    answer = relieved(own)
    assert [row["layer"] for row in summaries(answer, "evict")] == ["interact"]
    assert counted(own, "assets") == 1500
    assert counted(own, "interact") < 1500


def test_what_a_manual_layer_is_over_costs_no_other_its_memories(own: Connection[Any]) -> None:
    fill(own, "assets", 1500)
    fill(own, "interact", 100)
    budget(own, "interact", 60)
    budget(own, "insights", 60)
    budget(own, "assets", 800)
    assert measured(own, "total", dry_run=True)["level"] == "high"
    assert measured(own, "interact", dry_run=True)["level"] == "low"
    answer = relieved(own)
    assert [row["layer"] for row in summaries(answer, "report")] == ["assets"]
    assert summaries(answer, "evict") == []
    assert counted(own, "interact") == 100


def test_a_dry_run_archives_and_evicts_whom_the_real_one_does(own: Connection[Any]) -> None:
    fill(own, "interact", 100, namespace="old")
    own.execute("update memory_data.interact set entered_at = now() - interval '2 hours'")
    fill(own, "interact", 1000)
    own.execute("update memory_data.layer set archive_after = '1 hour' where name = 'interact'")
    budget(own, "interact", 130)
    now = datetime.now(UTC)
    told, done = relieved(own, now=now, dry_run=True), relieved(own, now=now)

    def going(answer: list[Row], action: str) -> set[str]:
        return {row["target"] for row in answer if row["action"] == action and "/" in row["target"]}

    assert len(going(told, "archive")) == 100
    assert going(told, "archive") == going(done, "archive")
    # the free space they find may differ by what a vacuum between them did
    assert len(going(told, "evict") ^ going(done, "evict")) <= 3 < len(going(done, "evict"))


def test_a_budget_of_a_megabyte_keeps_what_fits_it(own: Connection[Any]) -> None:
    """2,100 memories of six times the budget: the layer is not emptied, vacuumed or not."""
    fill(own, "interact", 1050)
    fill(own, "interact", 1050, namespace="m", seed=2)
    budget(own, "interact", 600)
    assert summaries(relieved(own), "evict")
    # a hundredth of what was there is known no better, and is six hundredths of the budget
    assert 75 < measured(own, "interact")["usage_percent"] < 85
    left = counted(own, "interact")
    assert 250 < left < 350
    for _ in range(2):
        settle(own)
        assert relieved(own) == []
        assert measured(own, "interact")["level"] == "medium"
    assert counted(own, "interact") == left


def test_what_indexes_of_emptied_partitions_take_is_returned(own: Connection[Any]) -> None:
    ids = fill(own, "interact", 1000)
    fill(own, "insights", 10)
    call(own, "forget", namespace="n", ids=ids)
    settle(own)
    before = measured(own, "interact")
    assert before["disk_bytes"] > before["empty_bytes"] + 100_000
    told = relieved(own, dry_run=True)
    assert measured(own, "interact")["disk_bytes"] == before["disk_bytes"]
    done = relieved(own)
    assert told == done
    assert {(row["layer"], row["action"]) for row in done} == {("interact", "return")}
    after = measured(own, "interact")
    assert after["disk_bytes"] == after["empty_bytes"] == before["empty_bytes"]
    assert relieved(own) == []
    assert counted(own, "insights") == 10
    fill(own, "interact", 10)
    assert counted(own, "interact") == 10


def test_nobody_waits_for_what_is_returned(own: Connection[Any], clone_url: str) -> None:
    ids = fill(own, "interact", 1000)
    call(own, "forget", namespace="n", ids=ids)
    settle(own)
    with session(clone_url) as reader, reader.transaction():
        assert rows(reader, "select * from memory_data.interact") == []
        own.execute("set lock_timeout = '10s'")
        assert relieved(own) == []
    assert {row["action"] for row in relieved(own)} == {"return"}


def test_two_reliefs_at_once_do_not_both_run(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second:
        add_missing(first)
        fill(first, "interact", 1000)
        budget(first, "interact", 100)
        with first.transaction():
            assert summaries(relieved(first), "evict")
            assert relieved(second) == []


def test_the_operator_may_relieve(own: Connection[Any]) -> None:
    fill(own, "interact", 1000)
    budget(own, "interact", 100)
    own.execute("set role memory_operator")
    assert summaries(relieved(own), "evict")


def test_it_is_scheduled(db: Connection[Any]) -> None:
    (job,) = rows(db, "select cron, command from memory_data.schedule where name = 'pressure'")
    assert job == {"cron": "* * * * *", "command": "select * from memory.relieve_pressure()"}
