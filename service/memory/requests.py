"""What requests call: the functions of one namespace.

A call is one round trip: the namespace is set and the function run in one pipeline, which
PostgreSQL runs as one transaction, so `set_config(…, true)` covers exactly this call and row level
security does the rest. Nothing of one request can reach the next one on the same connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

import msgspec
import psycopg
from psycopg.rows import class_row, dict_row, tuple_row
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads

from service.acting import actor
from service.memory.background import Background
from service.memory.faults import note_place
from service.memory.lenient import read_json
from service.memory.shapes import as_row
from service.memory.vectors import to_halfvector, to_halfvectors
from service.model import (
    ApiKey,
    Changed,
    Criterion,
    Decision,
    Event,
    Forgotten,
    Hit,
    Layer,
    MemoryRecord,
    Rated,
    Stored,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import numpy as np
    from numpy.typing import NDArray
    from psycopg.rows import AsyncRowFactory
    from psycopg_pool import AsyncConnectionPool

    from service.model import MemoryChange, NewMemory, SearchRequest

set_json_dumps(msgspec.json.encode)
set_json_loads(read_json)

Row = TypeVar("Row")

_IN_NAMESPACE = (
    "select set_config('magray.namespace', %s, true), set_config('magray.actor', %s, true)"
)


class Memory(Background):
    """The `memory` schema, typed. All methods raise `psycopg.Error` with our SQLSTATEs.

    Args:
        pool: connections acting as `memory_app`: each call sees the namespace it names.
        housekeeping: connections acting as `memory_operator`, for what spans namespaces. None:
            `pool` is allowed to.
    """

    def __init__(
        self, pool: AsyncConnectionPool, housekeeping: AsyncConnectionPool | None = None
    ) -> None:
        super().__init__(housekeeping or pool)
        self._pool = pool

    async def remember(
        self,
        memories: Sequence[NewMemory],
        vectors: Sequence[NDArray[np.float32] | None],
        *,
        idempotency_key: str | None = None,
    ) -> list[Stored]:
        """Store memories of any namespaces, all or none; one row each, in their order.

        Args:
            memories: 1 to 1000 memories.
            vectors: one float vector of the model's dimension for each memory, or None.
            idempotency_key: a retry with the same key answers as the first time.
        """
        places: dict[str, list[int]] = {}
        for place, memory in enumerate(memories):
            places.setdefault(memory.namespace, []).append(place)
        answers: dict[str, list[dict[str, Any]]] = {}
        async with self._pool.connection() as connection, connection.pipeline():
            # Always in the same order, so that two batches never deadlock.
            for namespace in sorted(places):
                await connection.execute(_IN_NAMESPACE, (namespace, actor()))
                cursor = connection.cursor(row_factory=dict_row, binary=True)
                try:
                    await cursor.execute(
                        "select r.id, %s as namespace, r.created, r.layer, r.kind, r.created_at,"
                        " r.expires_at, r.has_embedding"
                        " from memory.remember_many(%s, %s, %s, %s) as r order by r.ordinal",
                        (
                            *(namespace, namespace),
                            Jsonb([as_row(memories[place]) for place in places[namespace]]),
                            to_halfvectors([vectors[place] for place in places[namespace]]),
                            idempotency_key,
                        ),
                    )
                    answers[namespace] = await cursor.fetchall()
                except psycopg.Error as error:
                    note_place(error, places[namespace], vectors)
                    raise
        stored: list[Stored | None] = [None] * len(memories)
        for namespace, rows in answers.items():
            for place, row in zip(places[namespace], rows, strict=True):
                stored[place] = Stored(**row)
        return [row for row in stored if row is not None]

    async def get(self, namespace: str, memory_id: UUID) -> MemoryRecord:
        """A live memory by id; ML404 when there is none."""
        rows = await self._rows(
            namespace, MemoryRecord, "select * from memory.get(%s, %s)", (namespace, memory_id)
        )
        return rows[0]

    async def list_memories(
        self,
        namespace: str,
        *,
        limit: int,
        after: tuple[datetime, UUID] | None = None,
        layers: list[str] | None = None,
        kinds: list[str] | None = None,
        filters: dict[str, Any] | None = None,
    ) -> list[MemoryRecord]:
        """Live memories, newest first; `after` is the created_at and id of the last one seen."""
        created_at, memory_id = after or (None, None)
        return await self._rows(
            namespace,
            MemoryRecord,
            "select * from memory.list_memories(%s, %s, %s, %s, %s, %s, %s)",
            (namespace, limit, created_at, memory_id, layers, kinds, Jsonb(filters or {})),
        )

    async def export_memories(
        self,
        namespace: str,
        *,
        limit: int,
        after: tuple[datetime, int, UUID] | None = None,
        embeddings: bool = False,
    ) -> list[dict[str, Any]]:
        """Live memories, oldest first: `record`, JSON; created_at, turn and id for `after`."""
        created_at, turn, memory_id = after or (None, None, None)
        return await self._dicts(
            namespace,
            "select * from memory.export_memories(%s, %s, %s, %s, %s, %s)",
            (namespace, limit, created_at, turn, memory_id, embeddings),
        )

    async def search(
        self, request: SearchRequest, vector: NDArray[np.float32] | None
    ) -> tuple[list[Hit], int]:
        """The best `top_k` memories for a question, a vector or both, and the change token.

        The token is read before the search, in its transaction: an answer kept with it is never
        newer than the token says.
        """
        filters = msgspec.to_builtins(request.filters)
        layers, kinds = filters.pop("layers", None), filters.pop("kinds", None)
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row, binary=True)
            # One statement, and laterals for the order: the namespace is set, then the token read,
            # then searched. A pipeline of three statements takes 0.25 ms longer.
            await cursor.execute(
                "select t.token, s.* from"
                " (select set_config('magray.namespace', %s, true) as namespace) as n"
                " cross join lateral memory.change_token(n.namespace) as t (token)"
                " left join lateral memory.search("
                "n.namespace, %s, %b, %s, %s, %s, %s, now(), %s) as s on true",
                (
                    request.namespace,
                    request.query,
                    None if vector is None else to_halfvector(vector),
                    request.top_k,
                    layers,
                    kinds,
                    Jsonb(filters),
                    request.explain,
                ),
            )
            rows = await cursor.fetchall()
        # with nothing found there is one row: the token beside nulls
        hits = [
            Hit(**dict(zip(Hit.__struct_fields__, row[1:], strict=True))) for row in rows if row[1]
        ]
        return hits, int(rows[0][0])

    async def change_token(self, namespace: str) -> int:
        """A number that differs after every committed change of the namespace."""
        rows = await self._dicts(namespace, "select memory.change_token(%s) as token", (namespace,))
        return int(rows[0]["token"])

    async def update(
        self, namespace: str, memory_id: UUID, change: MemoryChange, *,
        if_match: list[str] | None = None,
    ) -> Changed:  # fmt: skip
        """Edit a memory; what it was stays in its history. ML412 when its etag is none of these."""
        rows = await self._rows(
            namespace,
            Changed,
            "select * from memory.update_memory(%s, %s, %s, p_if_match => %s)",
            (namespace, memory_id, Jsonb(msgspec.to_builtins(change)), if_match),
        )
        return rows[0]

    async def forget(
        self, namespace: str, memory_ids: list[UUID], *, dry_run: bool = False,
        if_match: list[str] | None = None,
    ) -> list[Forgotten]:  # fmt: skip
        """Delete memories permanently; returns those that were there. ML412 as `update`."""
        return await self._rows(
            namespace,
            Forgotten,
            "select * from memory.forget(%s, %s, %s, p_if_match => %s)",
            (namespace, memory_ids, dry_run, if_match),
        )

    async def forget_namespace(self, namespace: str, *, dry_run: bool = False) -> list[Forgotten]:
        """Delete a bounded batch of a namespace; call until it returns nothing."""
        return await self._rows(
            namespace,
            Forgotten,
            "select * from memory.forget_namespace(%s, %s)",
            (namespace, dry_run),
        )

    async def touch(
        self, namespace: str, memory_ids: list[UUID], *, session: str | None, source: str
    ) -> None:
        """Count a use of memories of one namespace."""
        await self._dicts(
            namespace,
            "select count(*) from memory.touch(%s, %s, %s, %s)",
            (namespace, memory_ids, session, source),
        )

    async def rate(
        self, namespace: str, memory_id: UUID, rating: float, *, session: str | None
    ) -> Rated:
        """Rate a memory from 1 to 5."""
        rows = await self._rows(
            namespace,
            Rated,
            "select * from memory.rate(%s, %s, %s::real, %s)",
            (namespace, memory_id, rating, session),
        )
        return rows[0]

    async def history(self, namespace: str, memory_id: UUID) -> list[Event]:
        """What happened to a memory, oldest first."""
        return await self._rows(
            namespace, Event, "select * from memory.history(%s, %s)", (namespace, memory_id)
        )

    async def explain(self, namespace: str, memory_id: UUID) -> list[Criterion]:
        """Each part of a memory's score and each criterion of its next step."""
        return await self._rows(
            namespace, Criterion, "select * from memory.explain(%s, %s)", (namespace, memory_id)
        )

    async def list_decisions(
        self,
        namespace: str,
        *,
        limit: int,
        after: tuple[datetime, UUID, str, str] | None = None,
        memory_id: UUID | None = None,
        actions: list[str] | None = None,
        layer: str | None = None,
        since: datetime | None = None,
    ) -> list[Decision]:
        """Decisions, newest first; `after` is at, id, action and layer of the last one seen."""
        return await self._rows(
            namespace,
            Decision,
            "select * from memory.list_decisions(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (namespace, limit, *(after or [None] * 4), memory_id, actions, layer, since),
        )

    async def layers(self, namespace: str) -> list[Layer]:
        """The layers' policy and what the namespace holds in each."""
        return await self._rows(
            namespace, Layer, "select * from memory.list_layers(%s)", (namespace,)
        )

    async def find_key(self, digest: bytes) -> ApiKey | None:
        """The usable API key of this SHA-256."""
        rows = await self._rows(None, ApiKey, "select * from memory.find_key(%s)", (digest,))
        return rows[0] if rows else None

    async def without_embedding(self, namespaces: Iterable[str], ids: list[UUID]) -> set[UUID]:
        """Which of these memories still wait for their vector."""
        waiting: set[UUID] = set()
        for namespace in namespaces:
            rows = await self._dicts(
                namespace, "select * from memory.without_embedding(%s, %s) as id", (namespace, ids)
            )
            waiting.update(row["id"] for row in rows)
        return waiting

    async def _rows(
        self,
        namespace: str | None,
        row: type[Row],
        statement: LiteralString,
        values: tuple[Any, ...],
    ) -> list[Row]:
        return await self._fetch(namespace, class_row(row), statement, values)

    async def _dicts(
        self, namespace: str | None, statement: LiteralString, values: tuple[Any, ...]
    ) -> list[dict[str, Any]]:
        return await self._fetch(namespace, dict_row, statement, values)

    async def _fetch(
        self,
        namespace: str | None,
        factory: AsyncRowFactory[Row],
        statement: LiteralString,
        values: tuple[Any, ...],
    ) -> list[Row]:
        async with self._pool.connection() as connection, connection.pipeline():
            if namespace is not None:
                await connection.execute(_IN_NAMESPACE, (namespace, actor()))
            cursor = connection.cursor(row_factory=factory, binary=True)
            await cursor.execute(statement, values)
            return await cursor.fetchall()
