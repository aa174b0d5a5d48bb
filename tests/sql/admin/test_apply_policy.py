"""memory.apply_policy: a configuration becomes policy rows, and drift is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from service.core.settings import Settings
from tests.sql.calls import call, one, refused, rows, session, value

if TYPE_CHECKING:
    from psycopg import Connection

POLICY = {
    "layers": {
        "interact": {"ttl": "48 hours", "max_bytes": 1 << 20, "promotion_threshold": 0.6},
        "insights": {"eviction_policy": "manual"},
    },
    "settings": {"hnsw_m": 24, "query_cache_ttl_minutes": 2.5},
}


def picture(db: Connection[Any]) -> list[Any]:
    return [
        rows(db, f"select * from memory_data.{table} order by 1, 2")  # noqa: S608
        for table in ("layer", "setting", "promotion_rule")
    ]


def test_a_dry_run_tells_what_a_run_does_and_changes_nothing(db: Connection[Any]) -> None:
    before = picture(db)
    told = call(db, "apply_policy", policy=POLICY, dry_run=True)
    assert picture(db) == before
    assert call(db, "apply_policy", policy=POLICY) == told
    assert picture(db) != before
    assert call(db, "apply_policy", policy=POLICY) == []
    by_item = {row["item"]: (row["was"], row["becomes"]) for row in told}
    assert by_item == {
        "layer interact ttl": ("24:00:00", "48 hours"),
        "layer interact max_bytes": (str(512 << 20), str(1 << 20)),
        "layer interact promotion_threshold": ("0.7", "0.6"),
        "layer insights eviction_policy": ("importance_based", "manual"),
        "setting hnsw_m": ("16", "24"),
        "setting query_cache_ttl_minutes": ("30", "2.5"),
    }


def test_the_rows_say_it(db: Connection[Any]) -> None:
    call(db, "apply_policy", policy=POLICY)
    (layer,) = rows(
        db,
        "select ttl, max_bytes, promotion_threshold, reach from memory_data.layer"
        " where name = 'interact'",
    )
    assert layer == {
        "ttl": timedelta(hours=48),
        "max_bytes": 1 << 20,
        "promotion_threshold": 0.6,
        "reach": timedelta(hours=56),
    }
    threshold = value(
        db,
        "select threshold from memory_data.promotion_rule"
        " where layer = 'interact' and criterion = 'ml_score'",
    )
    assert threshold == 0.6
    call(db, "make_partitions")
    made = one(db, "remember", namespace="n", content="lives longer")
    assert made["expires_at"] - made["created_at"] == timedelta(hours=48)


def test_the_default_settings_are_no_drift(db: Connection[Any]) -> None:
    assert call(db, "apply_policy", policy=Settings().policy(), dry_run=True) == []


def test_numbers_are_compared_as_numbers(db: Connection[Any]) -> None:
    policy = (
        '{"layers": {"interact": {"promotion_threshold": 0.70, "max_bytes": 536870912.0,'
        ' "ttl": "1440 minutes"}}, "settings": {"hnsw_m": 16.0}}'
    )
    assert call(db, "apply_policy", policy=policy) == []


def test_null_is_permanent(db: Connection[Any]) -> None:
    call(db, "apply_policy", policy={"layers": {"assets": {"ttl": "3650 days"}}})
    now_limited = one(db, "remember", namespace="n", content="x", kind="core_concept")
    assert now_limited["expires_at"] is not None
    call(db, "apply_policy", policy={"layers": {"assets": {"ttl": None}}})
    permanent = one(db, "remember", namespace="n", content="y", kind="core_concept")
    assert permanent["expires_at"] is None


def test_the_archives_keys_are_policy_too(db: Connection[Any]) -> None:
    policy = {"layers": {"insights": {"archive_first": True, "archive_after": "2592000 seconds"}}}
    told = call(db, "apply_policy", policy=policy, dry_run=True)
    assert [(row["item"], row["was"], row["becomes"]) for row in told] == [
        ("layer insights archive_after", None, "2592000 seconds"),
        ("layer insights archive_first", "false", "true"),
    ]
    assert call(db, "apply_policy", policy=policy) == told
    assert call(db, "apply_policy", policy=policy) == []
    assert rows(
        db, "select archive_first, archive_after from memory_data.layer where name = 'insights'"
    ) == [{"archive_first": True, "archive_after": timedelta(days=30)}]
    call(db, "apply_policy", policy={"layers": {"insights": {"archive_after": None}}})
    assert value(db, "select count(archive_after) from memory_data.layer") == 0


LEAST = 11 * 8 * 8192  # eleven partitions of 8 hours, a page for each of eight indexes


def test_a_budget_is_at_least_what_an_empty_layer_takes(
    db: Connection[Any], clone_url: str
) -> None:
    before = picture(db)
    for size in (0, 1000, LEAST - 1):
        for dry_run in (False, True):
            policy = {"layers": {"interact": {"max_bytes": size}}}
            with refused(db, "ML422", str(LEAST), "max_size_mb = 1"):
                call(db, "apply_policy", policy=policy, dry_run=dry_run)
    # a longer life has more partitions
    policy = {"layers": {"interact": {"max_bytes": LEAST, "ttl": "32 hours"}}}
    with refused(db, "ML422", str(LEAST + 8 * 8192)):
        call(db, "apply_policy", policy=policy)
    with refused(db, "ML422", "max_size_mb = 685"):
        call(db, "apply_policy", policy={"layers": {"interact": {"ttl": "87600 hours"}}})
    assert picture(db) == before
    call(db, "apply_policy", policy={"layers": {"interact": {"max_bytes": LEAST}}})
    # where no test left anything behind, not even what it rolled back
    with session(clone_url) as untouched:
        empty = [row["disk_bytes"] for row in call(untouched, "measure_pressure", dry_run=True)]
    assert empty[0] == value(db, "select max_bytes from memory_data.layer where name = 'interact'")


def test_ttl_and_budget_change_at_once_in_either_direction(db: Connection[Any]) -> None:
    small = {"max_bytes": LEAST, "ttl": "24:00:00"}
    large = {"max_bytes": LEAST + 8 * 8192, "ttl": "32:00:00"}
    for layer in (small, large, small):
        call(db, "apply_policy", policy={"layers": {"interact": layer}})
        assert call(db, "apply_policy", policy={"layers": {"interact": layer}}) == []


def test_the_total_is_at_least_what_empty_layers_take(db: Connection[Any]) -> None:
    with refused(db, "ML422", "at least 2"):
        call(db, "apply_policy", policy={"settings": {"total_max_mb": 1}})
    call(db, "apply_policy", policy={"settings": {"total_max_mb": 2}})
    call(db, "apply_policy", policy={"settings": {"total_max_mb": None}})


def test_the_rows_refuse_it_too(db: Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), db.transaction():
        db.execute("update memory_data.layer set max_bytes = 1 where name = 'assets'")
