"""One trace, the same bytes: the real functions beside the policies of caches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio.to_thread

from jobs.scratch import scratch_database
from jobs.simulate.replay import Outcome, Replay
from jobs.simulate.rivals import policy_names, run_policy
from service.core.database import connect
from service.core.memory import ReplayCalls
from service.core.paths import SQL_DIR

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.simulate.trace import Trace
    from service.core.settings import Settings

EVICT, LIFECYCLE = "memory.evict", "the lifecycle"


async def replay(
    settings: Settings,
    trace: Trace,
    *,
    budget: int,
    lifecycle: bool,
    advance: Callable[[int], None],
) -> Outcome:
    """Replay a trace in a scratch database.

    Args:
        settings: where the server is, and the policy.
        trace: what is asked for.
        budget: bytes the memories may take.
        lifecycle: with promotion and expiry; False: eviction alone.
        advance: told how many requests were done since the last time.
    """
    async with (
        scratch_database(settings, None) as scratch,
        connect(scratch.database.url, role="memory_owner") as connection,
    ):
        calls = ReplayCalls(connection)
        await calls.prepare((SQL_DIR / "bench" / "trace.sql").read_bytes())
        run = Replay(calls, trace, budget=budget, lifecycle=lifecycle, advance=advance)
        return await run.run()


def outcome_row(policy: str, outcome: Outcome) -> dict[str, Any]:
    """A row of the comparison for a replay."""
    return _row(policy, outcome.object_misses, outcome.byte_misses)


async def rival_rows(
    trace: Trace, budget: int, advance: Callable[[int], None]
) -> list[dict[str, Any]]:
    """A row of the comparison for each policy that can be run here."""
    rows = []
    for name in policy_names(budget):
        misses = await anyio.to_thread.run_sync(run_policy, name, trace, budget, advance)
        rows.append(_row(name, misses.objects, misses.bytes))
    return rows


def _row(policy: str, objects: float, bytes_: float) -> dict[str, Any]:
    return {
        "policy": policy,
        "objects_missed": round(objects, 4),
        "bytes_missed": round(bytes_, 4),
        "objects_hit": round(1 - objects, 4),
        "bytes_hit": round(1 - bytes_, 4),
    }
