"""What a replay of an access trace calls: use and lifecycle, at the time it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from uuid import UUID


class ReplayCalls(Calls):
    """The lifecycle under a clock of one's own: as `memory_owner`, in a database of one's own."""

    async def prepare(self, script: bytes) -> None:
        """Run the script that makes a database ready for a replay; no commit waits for the disk."""
        await self._connection.execute(script)
        await self._connection.execute("set synchronous_commit to off")

    async def has(self, function: str) -> bool:
        """Whether schema `memory` has a function of this name."""
        rows = await self._dicts(
            "select exists (select from pg_proc where proname = %s"
            " and pronamespace = 'memory'::regnamespace) as there",
            (function,),
        )
        return bool(rows[0]["there"])

    async def shortest_life(self) -> timedelta:
        """The shortest time to live of a layer."""
        rows = await self._dicts("select min(ttl) as life from memory_data.layer")
        life: timedelta = rows[0]["life"]
        return life

    async def remember(
        self, namespace: str, memories: Sequence[dict[str, Any]], now: datetime
    ) -> list[dict[str, Any]]:
        """Store memories; returns id, layer and expires_at of each, in order."""
        return await self._dicts(
            "select id, layer, expires_at"
            " from memory.remember_many(%s, %s, p_now => %s) order by ordinal",
            (namespace, Jsonb(list(memories)), now),
        )

    async def touch(
        self, namespace: str, ids: Sequence[UUID], session: str, now: datetime
    ) -> set[UUID]:
        """Count a use of memories; returns those that are there."""
        count = len(ids)
        rows = await self._dicts(
            "select id from memory.touch_many(%s, %s, %s, %s, %s)",
            ([namespace] * count, list(ids), [session] * count, ["touch"] * count, now),
        )
        return {row["id"] for row in rows}

    async def evict(self, layer: str, size: int, now: datetime) -> list[UUID]:
        """Free at least `size` bytes in a layer; returns the ids that went."""
        rows = await self._dicts(
            "select id from memory.evict(%s, %s, %s, p_limit => 1000000)", (layer, size, now)
        )
        return [row["id"] for row in rows]

    async def learn_reuse(self, now: datetime) -> None:
        """Learn what eviction ranks by, where enough has happened since the last time."""
        await self._dicts("select layer from memory.learn_reuse(%s)", (now,))

    async def purge_ghosts(self, now: datetime) -> None:
        """Forget how records evicted long ago were used."""
        await self._dicts("select count(*) from memory.purge_ghosts(%s)", (now,))

    async def make_partitions(self, now: datetime) -> None:
        """Make the partitions that are to exist at `now`."""
        while await self._dicts("select * from memory.make_partitions(%s)", (now,)):
            pass

    async def promote(self, now: datetime) -> None:
        """Let every record move up that meets its criteria."""
        await self._dicts("select * from memory.promote(p_limit => 100000, p_now => %s)", (now,))

    async def expire(self, now: datetime) -> None:
        """Drop all that is past: after a pause that is more than one call drops."""
        while await self._dicts("select * from memory.expire(%s)", (now,)):
            pass

    async def promoted(self, now: datetime) -> dict[UUID, str]:
        """The records promoted at exactly `now`, and the layer each moved to."""
        rows = await self._dicts(
            "select id, to_layer from memory_data.decision where action = 'promote' and at = %s",
            (now,),
        )
        return {row["id"]: row["to_layer"] for row in rows}

    async def where(self, ids: Sequence[UUID]) -> dict[UUID, datetime | None]:
        """When each of these live records expires; None: never."""
        rows = await self._dicts(
            "select id, nullif(expires_at, 'infinity') as expires_at from memory._memories"
            " where id = any (%s)",
            (list(ids),),
        )
        return {row["id"]: row["expires_at"] for row in rows}

    async def decisions_by_day(self, start: datetime) -> list[dict[str, Any]]:
        """Records decided about, by day since `start` and action."""
        return await self._dicts(
            "select floor(extract(epoch from at - %s) / 86400)::integer as day, action,"
            " sum(records)::bigint as records"
            " from memory_data.decision group by 1, 2 order by 1, 2",
            (start,),
        )

    async def blocking_criteria(self, layer: str, now: datetime) -> list[dict[str, Any]]:
        """How many records of a layer each criterion of promotion holds back."""
        return await self._dicts("select * from memory.blocking_criteria(%s, %s)", (layer, now))

    async def count(self, now: datetime) -> int:
        """How many records are live at `now`."""
        rows = await self._dicts(
            "select count(*) as records from memory._memories where expires_at > %s", (now,)
        )
        return int(rows[0]["records"])
