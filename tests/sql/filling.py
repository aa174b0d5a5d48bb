"""Filled layers for the tests of pressure, and stand-ins for the functions a relief calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from pgvector import HalfVector

from tests.conftest import DIM
from tests.sql.calls import call, value

if TYPE_CHECKING:
    from psycopg import Connection

    from tests.sql.calls import Row

KINDS = {"interact": "user_interaction", "insights": "pattern", "assets": "core_concept"}

# As memory.evict and memory.archive are agreed: oldest first, a record at the layer's bytes a row.
_STAND_INS = """
create function memory.evict(p_layer text, p_bytes bigint, p_now timestamptz default now(),
    p_limit integer default 1000, p_dry_run boolean default false)
returns table (namespace text, id uuid, layer text, kind text, size integer, importance real,
    recency double precision, worth double precision, action text, freed_bytes bigint)
language plpgsql as $$
#variable_conflict use_column
declare v_each bigint; v_ids uuid[];
begin
    select max(m.live_bytes) / greatest(
        (select count(*) from memory._memories as r where r.layer = p_layer), 1)
    into v_each from memory.measure_pressure(p_now, true) as m where m.layer = p_layer;
    select array_agg(c.id) into v_ids from (
        select m.id from memory._memories as m where m.layer = p_layer and not m.pinned
        order by m.created_at, m.id limit least(p_limit, ceil(p_bytes / v_each::numeric))) as c;
    return query select m.namespace, m.id, m.layer, m.kind, m.size, m.importance,
        1::double precision, m.importance::double precision / m.size, 'evict'::text, v_each
        from memory._memories as m where m.id = any (v_ids) order by m.created_at, m.id;
    if not p_dry_run then
        perform memory._delete_records(p_layer, m.namespace, array[m.id]) from memory._memories as m
        where m.id = any (v_ids);
    end if;
end $$;
"""
_ARCHIVE = """
create function memory.archive(p_layer text, p_now timestamptz default now(),
    p_limit integer default 1000, p_dry_run boolean default false)
returns table (namespace text, id uuid, layer text, kind text, size integer)
language plpgsql as $$ begin end $$;
"""


def add_missing(db: Connection[Any]) -> None:
    """Put the stand-ins where the functions they stand for are not there."""
    for name, text in (("evict", _STAND_INS), ("archive", _ARCHIVE)):
        if not value(
            db,
            "select exists (select from pg_proc where proname = %s"
            " and pronamespace = 'memory'::regnamespace)",
            name,
        ):
            db.execute("set role memory_owner")
            db.execute(text.encode())
            db.execute("reset role")


def fill(
    db: Connection[Any], layer: str, count: int, *, namespace: str = "n", seed: int = 1, **more: Any
) -> list[Any]:
    """Store memories with vectors in a layer; ids. Vacuumed, so that what is free is free."""
    random = np.random.default_rng(seed)
    ids = []
    for start in range(0, count, 500):
        size = min(500, count - start)
        memories = [
            {"content": f"{layer} memory {start + i} of {namespace}", "kind": KINDS[layer], **more}
            for i in range(size)
        ]
        vectors = random.normal(size=(size, DIM)).astype(np.float16)
        answer = call(
            db,
            "remember_many",
            namespace=namespace,
            memories=memories,
            embeddings=[HalfVector(one) for one in vectors],
        )
        ids += [row["id"] for row in answer]
    settle(db)
    return ids


def settle(db: Connection[Any]) -> None:
    """Make the counters of this session visible, and vacuum the layers."""
    db.execute("select pg_stat_force_next_flush()")
    db.execute("vacuum (analyze) memory_data.interact, memory_data.insights, memory_data.assets")


def measured(db: Connection[Any], layer: str, **arguments: Any) -> Row:
    """One row of memory.measure_pressure."""
    (row,) = [row for row in call(db, "measure_pressure", **arguments) if row["layer"] == layer]
    return row


def budget(db: Connection[Any], layer: str, percent: float, **arguments: Any) -> int:
    """Give a layer the budget of which it uses so much; returns it."""
    live = measured(db, layer, dry_run=True, **arguments)["live_bytes"]
    size = max(round(live * 100 / percent), 1)
    allow_small_budgets(db)
    db.execute(
        "update memory_data.layer set max_bytes = %s, borrowed_bytes = 0 where name = %s",
        (size, layer),
    )
    return size


def allow_small_budgets(db: Connection[Any]) -> None:
    """Let a layer have less than it takes while it is empty, so that few memories fill it."""
    db.execute(
        "alter table memory_data.layer drop constraint if exists layer_budget_of_an_empty_layer"
    )


def overfill(db: Connection[Any], layer: str) -> None:
    """Give a layer a memory and no room for it: its pressure is high."""
    allow_small_budgets(db)
    call(db, "remember", namespace="pressed", content="too much", kind=KINDS[layer])
    db.execute("update memory_data.layer set max_bytes = 1 where name = %s", (layer,))


def cold(days: float = 32) -> datetime:
    """A moment at which the insights partition filled today is closed and cold."""
    return datetime.now(UTC) + timedelta(days=days)


def build(db: Connection[Any], now: datetime) -> list[str]:
    """Build what memory.plan_indexes plans, as the service does; names."""
    built = []
    while plan := call(db, "plan_indexes", now=now):
        db.execute(plan[0]["statement"])
        built.append(plan[0]["index_name"])
    return built
