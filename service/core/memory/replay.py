"""What a replay of an access trace calls: use and lifecycle, at the time it names."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls
from service.core.model.replay import Blocking, DayCount, Life, Moved, Remembered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class ReplayCalls(Calls):
    """The lifecycle under a clock of one's own: as `memory_owner`, in a database of one's own."""

    async def prepare(self, script: bytes) -> None:
        """Run the script that makes a database ready for a replay; no commit waits for the disk."""
        await self._connection.execute(script)
        await self._connection.execute("set synchronous_commit to off")

    async def has(self, function: str) -> bool:
        """Whether schema `memory` has a function of this name."""
        rows = await self._call.select(
            bool,
            "select exists (select from pg_proc where proname = %(function)s"
            " and pronamespace = 'memory'::regnamespace)",
            function=function,
        )
        return rows[0]

    async def shortest_life(self) -> timedelta:
        """The shortest time to live of a layer."""
        return (await self._call.select(timedelta, "select min(ttl) from memory_data.layer"))[0]

    async def remember(
        self, namespace: str, memories: Sequence[dict[str, Any]], now: datetime
    ) -> list[Remembered]:
        """Store memories; returns what became of each, in order."""
        return await self._call.select(
            Remembered,
            "select {columns} from memory.remember_many(p_namespace => %(namespace)s,"
            " p_memories => %(memories)s, p_now => %(now)s) order by ordinal",
            namespace=namespace,
            memories=Jsonb(list(memories)),
            now=now,
        )

    async def touch(
        self, namespace: str, ids: Sequence[UUID], session: str, now: datetime
    ) -> set[UUID]:
        """Count a use of memories; returns those that are there."""
        count = len(ids)
        rows = await self._call.select(
            UUID,
            "select id from memory.touch_many(p_namespaces => %(namespaces)s, p_ids => %(ids)s,"
            " p_sessions => %(sessions)s, p_sources => %(sources)s, p_now => %(now)s)",
            namespaces=[namespace] * count,
            ids=list(ids),
            sessions=[session] * count,
            sources=["touch"] * count,
            now=now,
        )
        return set(rows)

    async def evict(self, layer: str, size: int, now: datetime) -> list[UUID]:
        """Free at least `size` bytes in a layer; returns the ids that went."""
        return await self._call.select(
            UUID,
            "select id from memory.evict(p_layer => %(layer)s, p_bytes => %(size)s,"
            " p_now => %(now)s, p_limit => 1000000)",
            layer=layer,
            size=size,
            now=now,
        )

    async def learn_reuse(self, now: datetime) -> None:
        """Learn what eviction ranks by, where enough has happened since the last time."""
        await self._call.run("learn_reuse", p_now=now)

    async def purge_ghosts(self, now: datetime) -> None:
        """Forget how records evicted long ago were used."""
        await self._call.run("purge_ghosts", p_now=now)

    async def make_partitions(self, now: datetime) -> None:
        """Make the partitions that are to exist at `now`."""
        while await self._call.run("make_partitions", p_now=now):
            pass

    async def promote(self, now: datetime) -> None:
        """Let every record move up that meets its criteria."""
        await self._call.run("promote", p_limit=100_000, p_now=now)

    async def expire(self, now: datetime) -> None:
        """Drop all that is past: after a pause that is more than one call drops."""
        while await self._call.run("expire", p_now=now):
            pass

    async def promoted(self, now: datetime) -> dict[UUID, str]:
        """The records promoted at exactly `now`, and the layer each moved to."""
        rows = await self._call.select(
            Moved,
            "select {columns} from memory_data.decision where action = 'promote' and at = %(now)s",
            now=now,
        )
        return {row.id: row.to_layer for row in rows}

    async def where(self, ids: Sequence[UUID]) -> dict[UUID, datetime | None]:
        """When each of these live records expires; None: never."""
        rows = await self._call.select(
            Life,
            "select id, nullif(expires_at, 'infinity') as expires_at from memory._memories"
            " where id = any (%(ids)s)",
            ids=list(ids),
        )
        return {row.id: row.expires_at for row in rows}

    async def decisions_by_day(self, start: datetime) -> list[DayCount]:
        """Records decided about, by day since `start` and action."""
        return await self._call.select(
            DayCount,
            "select floor(extract(epoch from at - %(start)s) / 86400)::integer as day, action,"
            " sum(records)::bigint as records"
            " from memory_data.decision group by 1, 2 order by 1, 2",
            start=start,
        )

    async def blocking_criteria(self, layer: str, now: datetime) -> list[Blocking]:
        """How many records of a layer each criterion of promotion holds back."""
        return await self._call.rows("blocking_criteria", Blocking, p_layer=layer, p_now=now)

    async def count(self, now: datetime) -> int:
        """How many records are live at `now`."""
        rows = await self._call.select(
            int, "select count(*) from memory._memories where expires_at > %(now)s", now=now
        )
        return rows[0]
