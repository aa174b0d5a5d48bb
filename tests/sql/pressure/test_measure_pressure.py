"""memory.measure_pressure: what is on disk, what is used, and the level with its hysteresis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one, rows, session, value
from tests.sql.filling import budget, cold, fill, measured, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

LAYERS = ["interact", "insights", "assets"]


@pytest.fixture
def own(clone_url: str) -> Iterator[Connection[Any]]:
    """A session on a database of the test's own, where counters and sizes are real."""
    with session(clone_url) as db:
        yield db


@pytest.mark.parametrize(
    ("usage", "was", "level"),
    [
        (74.99, None, "low"),
        (75, None, "medium"),
        (89.99, None, "medium"),
        (90, None, "high"),
        (1000, None, "high"),
        (0, None, "low"),
        (75, "low", "medium"),
        (74.99, "low", "low"),
        (90, "low", "high"),
        (70, "medium", "medium"),
        (69.99, "medium", "low"),
        (90, "medium", "high"),
        (85, "high", "high"),
        (84.99, "high", "medium"),
        (70, "high", "medium"),
        (69.99, "high", "low"),
    ],
)
def test_levels_at_each_side_of_every_threshold(
    db: Connection[Any], usage: float, was: str | None, level: str
) -> None:
    assert value(db, "select memory._pressure_level(%s, %s, 75, 90, 5)", float(usage), was) == level


def test_one_row_a_layer_and_the_total(own: Connection[Any]) -> None:
    for layer in LAYERS:
        fill(own, layer, 300)
    answer = call(own, "measure_pressure")
    assert [row["layer"] for row in answer] == [*LAYERS, "total"]
    for row in answer:
        parts = row["heap_bytes"] + row["index_bytes"] + row["toast_bytes"]
        assert row["disk_bytes"] == parts
        assert parts == row["live_bytes"] + row["empty_bytes"] + row["free_bytes"]
        assert row["free_bytes"] == row["reusable_bytes"] + row["stranded_bytes"]
        assert row["budget_bytes"] == row["max_bytes"] + row["borrowed_bytes"]
        assert row["method"] == "pgstattuple_approx"
        used = 100 * row["live_bytes"] / row["budget_bytes"]
        assert row["usage_percent"] == pytest.approx(used, abs=0.006)
    *layers, total = answer
    columns = ("heap_bytes", "index_bytes", "toast_bytes", "live_bytes", "empty_bytes", "max_bytes")
    for column in columns:
        assert total[column] == sum(row[column] for row in layers), column


def test_a_full_table_is_hardly_free(own: Connection[Any]) -> None:
    fill(own, "interact", 3000)
    assert measured(own, "interact")["fragmentation_percent"] < 8


def test_deleted_bytes_are_free_at_once_and_stay_on_disk(own: Connection[Any]) -> None:
    ids = fill(own, "interact", 2000)
    before = measured(own, "interact")
    call(own, "forget", namespace="n", ids=ids[:1000])
    own.execute("select pg_stat_force_next_flush()")
    dead = measured(own, "interact")
    assert dead["disk_bytes"] >= before["disk_bytes"]
    assert dead["live_bytes"] == pytest.approx(before["live_bytes"] / 2, rel=0.03)
    settle(own)
    vacuumed = measured(own, "interact")
    assert vacuumed["live_bytes"] == pytest.approx(dead["live_bytes"], rel=0.05)
    # the partition of a day still takes new memories
    assert vacuumed["reusable_bytes"] > 0.3 * before["disk_bytes"]


def test_free_bytes_of_a_closed_partition_are_stranded(own: Connection[Any]) -> None:
    ids = fill(own, "insights", 2000)
    call(own, "forget", namespace="n", ids=ids[:1000])
    settle(own)
    now = measured(own, "insights")
    assert now["stranded_bytes"] == 0 < now["reusable_bytes"]
    later = measured(own, "insights", now=cold())
    assert later["reusable_bytes"] == 0
    assert later["stranded_bytes"] == pytest.approx(now["reusable_bytes"], rel=0.2)


def test_a_past_partition_presses_no_more(own: Connection[Any]) -> None:
    fill(own, "insights", 1000)
    before = measured(own, "insights", now=cold(60))
    gone = measured(own, "insights", now=cold(130))
    assert gone["disk_bytes"] == before["disk_bytes"] > 500_000
    assert before["live_bytes"] > 200_000
    assert gone["live_bytes"] == 0


def test_what_did_not_change_is_not_read_again(own: Connection[Any]) -> None:
    fill(own, "interact", 600)
    fill(own, "insights", 600)
    assert measured(own, "total")["scanned"] == 2
    assert measured(own, "total")["scanned"] == 0
    fill(own, "insights", 600, namespace="m")
    assert {row["layer"]: row["scanned"] for row in call(own, "measure_pressure")} == {
        "interact": 1,  # vacuumed
        "insights": 1,
        "assets": 0,
        "total": 2,
    }
    # a few rows among hundreds change nothing worth a look, the sizes are new all the same
    one(own, "remember", namespace="n", content="x", kind="pattern")
    own.execute("select pg_stat_force_next_flush()")
    assert measured(own, "total")["scanned"] == 0


def test_without_the_right_it_estimates_and_says_so(own: Connection[Any]) -> None:
    ids = fill(own, "interact", 1000)
    own.execute("revoke execute on function public.pgstattuple_approx from memory_owner")
    assert measured(own, "interact")["method"] == "estimate"
    before = measured(own, "interact")
    call(own, "forget", namespace="n", ids=ids[:500])
    own.execute("select pg_stat_force_next_flush()")
    after = measured(own, "interact")
    assert after["live_bytes"] == pytest.approx(before["live_bytes"] / 2, rel=0.05)


def test_the_level_is_kept_with_since(own: Connection[Any]) -> None:
    fill(own, "interact", 1000)
    first, second, third = cold(0), cold(0.001), cold(0.002)
    budget(own, "interact", 80, now=first)
    row = measured(own, "interact", now=first)
    assert (row["level"], row["since"]) == ("medium", first)
    # hysteresis: not low before 70%
    budget(own, "interact", 71, now=second)
    row = measured(own, "interact", now=second)
    assert (row["level"], row["since"]) == ("medium", first)
    budget(own, "interact", 69, now=third)
    row = measured(own, "interact", now=third)
    assert (row["level"], row["since"]) == ("low", third)
    # and not medium again before 75%
    budget(own, "interact", 74, now=third)
    assert measured(own, "interact", now=third)["level"] == "low"


def test_a_dry_run_keeps_nothing(own: Connection[Any]) -> None:
    fill(own, "interact", 600)
    budget(own, "interact", 95)
    assert measured(own, "interact", dry_run=True)["level"] == "high"
    assert rows(own, "select * from memory_data.pressure") == []
    assert rows(own, "select * from memory_data.partition_size") == []


def test_the_total_has_a_budget_of_its_own(own: Connection[Any]) -> None:
    fill(own, "interact", 3000)
    total = measured(own, "total")
    assert total["budget_bytes"] == value(own, "select sum(max_bytes) from memory_data.layer")
    own.execute("update memory_data.setting set value = '1' where key = 'total_max_mb'")
    total = measured(own, "total")
    assert total["budget_bytes"] == 1 << 20
    assert total["level"] == "high"


def test_two_at_once_do_not_wait_for_each_other(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second:
        fill(first, "interact", 300)
        second.execute("set statement_timeout = '20s'")
        with first.transaction():
            mine = call(first, "measure_pressure")
            theirs = call(second, "measure_pressure")
        assert [row["live_bytes"] for row in mine] == [row["live_bytes"] for row in theirs]
        assert {row["since"] for row in mine} != {row["since"] for row in theirs}


@pytest.mark.parametrize("role", ["memory_operator", "memory_owner"])
def test_who_may_measure(own: Connection[Any], role: str) -> None:
    own.execute(f"set role {role}")
    assert len(call(own, "measure_pressure")) == 4


# --- usage is one thing


def told(own: Connection[Any]) -> dict[str, dict[str, float]]:
    """What each of those who tell usage says of each layer."""
    kpis = {row["scope"]: row["value"] for row in call(own, "kpis") if row["kpi"] == "usage"}
    view = rows(own, "select layer, used_percent from memory.layers")
    levels = call(own, "layer_levels")
    own.execute("set role memory_analyst")
    analyst = rows(own, "select layer, used_percent from memory.layers")
    own.execute("reset role")
    return {
        "kpis": {layer: kpis[layer] for layer in LAYERS},
        "view": {row["layer"]: row["used_percent"] for row in view},
        "analyst": {row["layer"]: row["used_percent"] for row in analyst},
        "dashboard": {row["layer"]: row["usage_percent"] for row in levels},
        "measured": {
            row["layer"]: row["usage_percent"]
            for row in call(own, "measure_pressure")
            if row["layer"] != "total"
        },
    }


def test_whoever_tells_usage_tells_the_same(own: Connection[Any]) -> None:
    ids = fill(own, "interact", 600)
    fill(own, "insights", 300)
    budget(own, "interact", 70)
    call(own, "relieve_pressure")  # borrows, so that the budget is not max_bytes
    assert value(own, "select borrowed_bytes > 0 from memory_data.layer where name = 'interact'")
    call(own, "forget", namespace="n", ids=ids[:200])
    settle(own)
    first, *others = told(own).values()
    assert first["interact"] > 20
    assert others == [first] * 4


def test_an_empty_layer_uses_nothing_and_is_not_fragmented(own: Connection[Any]) -> None:
    for row in call(own, "measure_pressure"):
        assert (row["live_bytes"], row["free_bytes"], row["usage_percent"]) == (0, 0, 0)
        assert row["disk_bytes"] == row["empty_bytes"] > 0
        assert row["fragmentation_percent"] == 0


def test_what_emptied_indexes_still_take_is_not_used(own: Connection[Any]) -> None:
    """vacuum returned the heap of a partition, and its indexes keep their pages."""
    for layer in LAYERS:
        ids = fill(own, layer, 600)
        call(own, "forget", namespace="n", ids=ids)
        settle(own)
        row = measured(own, layer)
        assert row["free_bytes"] > 100_000, layer
        assert row["live_bytes"] == 0, layer
    own.execute("revoke execute on function public.pgstattuple_approx from memory_owner")
    assert measured(own, "total")["method"] == "estimate"
    assert measured(own, "total")["live_bytes"] == 0


def test_usage_goes_to_nothing_as_the_rows_go(own: Connection[Any]) -> None:
    """Few rows on many pages: what is left of a partition counts by its rows, vacuumed or not."""
    ids = fill(own, "interact", 3000)
    full = measured(own, "interact")["live_bytes"]
    call(own, "forget", namespace="n", ids=[one for i, one in enumerate(ids) if i % 50])
    call(own, "_forget_partition_sizes", layer="interact", dry_run=False)
    assert measured(own, "interact")["live_bytes"] == pytest.approx(full / 50, rel=0.1)
    settle(own)
    assert measured(own, "interact")["live_bytes"] < full / 20
