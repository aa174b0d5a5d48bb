"""memory.layer_levels: how full each layer is, as measure_pressure says, beside its policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, one, rows, session

if TYPE_CHECKING:
    from psycopg import Connection

MEASURED = ("live_bytes", "disk_bytes", "budget_bytes", "borrowed_bytes", "usage_percent", "level")


def test_a_row_a_layer_in_their_order_as_measured(db: Connection[Any]) -> None:
    measured = {row["layer"]: row for row in call(db, "measure_pressure", dry_run=True)}
    levels = call(db, "layer_levels")
    assert [row["layer"] for row in levels] == ["interact", "insights", "assets"]
    for row in levels:
        assert {name: row[name] for name in MEASURED} == {
            name: measured[row["layer"]][name] for name in MEASURED
        }


def test_policy_and_kinds_are_the_layers_own(db: Connection[Any]) -> None:
    db.execute(
        "update memory_data.layer set eviction_policy = 'manual', ttl = '3 days'"
        " where name = 'interact'"
    )
    kinds = rows(db, "select layer, name from memory_data.kind")
    levels = {row["layer"]: row for row in call(db, "layer_levels")}
    assert levels["interact"]["eviction_policy"] == "manual"
    assert levels["interact"]["ttl"].days == 3
    for layer, row in levels.items():
        assert row["kinds"] == sorted(kind["name"] for kind in kinds if kind["layer"] == layer)


def test_memories_are_those_the_server_counted(clone_url: str) -> None:
    with session(clone_url) as db:
        for number in range(3):
            one(db, "remember", namespace="n", content=f"{number}")
        db.execute("analyze memory_data.interact")
        levels = {row["layer"]: row["memories"] for row in call(db, "layer_levels")}
    assert levels == {"interact": 3, "insights": 0, "assets": 0}


def test_it_is_not_for_the_service(db: Connection[Any]) -> None:
    db.execute("set local role memory_app")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        call(db, "layer_levels")
