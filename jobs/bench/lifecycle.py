"""What the lifecycle costs: judging records for promotion at two sizes, counting uses, planning.

Each size in a database of its own: namespaces of 500, half of the records in interact, half in
insights, every one used, one in ten often enough to be looked at. What is compared between the
sizes is the time for each record that is there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from psycopg.rows import tuple_row

from service.core.memory import Operator, Use
from service.core.paths import SQL_DIR

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.scratch import Scratch
    from jobs.statistics import Floats

BATCH = 1_000  # uses in one call, about what a busy service collects in a second
_WARM = (
    3  # batches of the same records before: the first change after a checkpoint logs whole pages
)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What one size costs.

    Attributes:
        records: memories that are there, each with a usage row.
        candidates: those used often enough to be looked at, counted once a layer.
        judging: seconds to judge all of them, a number a run.
        again: the same once verdicts are stored.
        moved: what one scheduled run moved.
        moving: seconds of that run.
        touching: seconds for 1,000 uses, a number a batch.
        wal: bytes of log for one use, a number a batch.
        evicting: seconds to plan an eviction of a tenth of insights; None: cannot evict.
    """

    records: int
    candidates: int
    judging: Floats
    again: Floats
    moved: int
    moving: float
    touching: Floats
    wal: Floats
    evicting: float | None


async def measure(
    scratch: Scratch, *, records: int, runs: int, advance: Callable[[], None]
) -> Costs:
    """Fill an empty database and time everything in it.

    Args:
        scratch: the database; no memory in it.
        records: how many to make.
        runs: how often judging is timed, and half as many batches of uses.
        advance: called after each of `steps(runs)` steps.
    """
    async with await psycopg.AsyncConnection.connect(
        scratch.database.url, autocommit=True, row_factory=tuple_row
    ) as connection:
        await connection.execute(_text("records"), {"records": str(records)})
        await connection.execute(_text("lifecycle"))
        await Operator(connection).vacuum(
            *(f"memory_data.{table}" for table in ("interact", "insights", "usage", "recent_query"))
        )
        advance()
        judging = [await _timed(connection, "judged", advance) for _ in range(runs)]
        moving, moved = await _timed(connection, "moved", advance)
        await _timed(connection, "settled", lambda: None)
        again = [await _timed(connection, "judged", advance) for _ in range(runs)]
        touching, wal = await _touch(scratch, connection, runs, advance)
        evicting = None
        if await _can_evict(connection):
            evicting = (await _timed(connection, "evicted", lambda: None))[0]
        cursor = await connection.execute(_text("looked_at"))
        (candidates,) = await cursor.fetchone() or (0,)
        advance()
    return Costs(
        records=records,
        candidates=candidates,
        judging=np.array([seconds for seconds, _ in judging]),
        again=np.array([seconds for seconds, _ in again]),
        moved=moved,
        moving=moving,
        touching=touching,
        wal=wal,
        evicting=evicting,
    )


def steps(runs: int) -> int:
    """How often `measure` calls `advance`."""
    return 1 + runs + 1 + runs + runs + 1


async def _timed(
    connection: psycopg.AsyncConnection[Any], name: str, advance: Callable[[], None]
) -> tuple[float, int]:
    """Seconds of a statement and the rows it returned."""
    began = time.perf_counter()
    cursor = await connection.execute(_text(name))
    taken = time.perf_counter() - began
    advance()
    return taken, cursor.rowcount


async def _touch(
    scratch: Scratch,
    connection: psycopg.AsyncConnection[Any],
    runs: int,
    advance: Callable[[], None],
) -> tuple[Floats, Floats]:
    cursor = await connection.execute(_text("used_ids"), {"limit": BATCH})
    known = await cursor.fetchall()
    seconds, wal = [], []
    for place in range(-_WARM, runs):
        uses = [Use(space, memory, f"session {place}", "search") for space, memory in known]
        before = await _log_position(connection)
        began = time.perf_counter()
        await scratch.memory.touch_many(uses)
        taken = time.perf_counter() - began
        if place >= 0:
            seconds.append(taken)
            wal.append((await _log_position(connection) - before) / len(uses))
            advance()
    return np.array(seconds), np.array(wal)


async def _log_position(connection: psycopg.AsyncConnection[Any]) -> int:
    cursor = await connection.execute(_text("wal"))
    (position,) = await cursor.fetchone() or (0,)
    return int(position)


async def _can_evict(connection: psycopg.AsyncConnection[Any]) -> bool:
    cursor = await connection.execute(_text("can_evict"))
    (known,) = await cursor.fetchone() or (False,)
    return bool(known)


def _text(name: str) -> bytes:
    return (SQL_DIR / "bench" / f"{name}.sql").read_bytes()
