"""What training calls: rows to learn from and to score, models, scores written back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from uuid import UUID


@dataclass(frozen=True)
class Rows:
    """Training or scoring rows.

    Attributes:
        columns: their names, those of the view `memory._sample`.
        values: one tuple a row.
    """

    columns: list[str]
    values: list[tuple[Any, ...]]


class Training(Calls):
    """The functions of training: as role `memory_operator`, on a connection of its own."""

    async def now(self) -> datetime:
        """The database's clock."""
        rows = await self._dicts("select now() as now")
        moment: datetime = rows[0]["now"]
        return moment

    async def lock(self) -> bool:
        """Whether this session may train; False while another one does."""
        rows = await self._dicts("select memory.lock_training() as locked")
        return bool(rows[0]["locked"])

    async def training_rows(
        self, now: datetime, *, horizon: timedelta | None, layer: str | None, limit: int
    ) -> Rows:
        """Records at moments of the past, with features and label, oldest moment first."""
        return await self._rows(
            "select * from memory.training_rows(%s, %s, %s, %s)", (now, horizon, layer, limit)
        )

    async def scoring_rows(
        self,
        now: datetime,
        *,
        horizon: timedelta | None,
        layer: str | None,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> Rows:
        """Live records with features, in the order of namespace and id, after the one given."""
        namespace, memory_id = after or ("", None)
        return await self._rows(
            "select * from memory.scoring_rows(%s, %s, %s, %s, %s, %s)",
            (now, limit, layer, horizon, namespace, memory_id),
        )

    async def count_records(self, layer: str | None) -> int:
        """How many live records there are to score, for a progress bar."""
        rows = await self._dicts(
            "select coalesce(sum(memories), 0) as memories from memory.layers"
            " where layer = coalesce(%s, layer)",
            (layer,),
        )
        return int(rows[0]["memories"])

    async def write_scores(
        self,
        namespaces: Sequence[str],
        ids: Sequence[UUID],
        scores: Sequence[float],
        model: int,
        now: datetime,
    ) -> int:
        """Write relevance back; returns how many records it was written for."""
        rows = await self._dicts(
            "select count(*) as written from memory.write_scores(%s, %s, %s, %s, %s)",
            (list(namespaces), list(ids), list(scores), model, now),
        )
        return int(rows[0]["written"])

    async def store_model(
        self,
        *,
        name: str,
        algorithm: str,
        layer: str | None,
        horizon: timedelta | None,
        rows: int,
        features: list[str],
        combination: dict[str, float],
        artifact: bytes,
        metrics: dict[str, Any],
        importances: dict[str, float],
        now: datetime,
    ) -> int:
        """Keep a trained model, not active yet; returns its id."""
        stored = await self._dicts(
            "select * from memory.store_model(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                name,
                algorithm,
                layer,
                horizon,
                rows,
                features,
                Jsonb(combination),
                artifact,
                Jsonb(metrics),
                Jsonb(importances),
                now,
            ),
        )
        return int(stored[0]["id"])

    async def activate_model(self, model: int | None, now: datetime) -> list[dict[str, Any]]:
        """Make a model the one in use, None for none; returns the models that changed."""
        return await self._dicts("select * from memory.activate_model(%s, %s)", (model, now))

    async def find_model(self, model: int | None = None) -> dict[str, Any] | None:
        """A stored model with its artifact, the active one by default."""
        rows = await self._dicts("select * from memory.find_model(%s)", (model,))
        return rows[0] if rows else None

    async def schedule_training(self, cron: str | None) -> list[dict[str, Any]]:
        """Retrain by a cron schedule, None for never; returns the jobs as they are now."""
        return await self._dicts("select * from memory.schedule_training(%s)", (cron,))

    async def _rows(self, statement: Any, values: tuple[Any, ...]) -> Rows:
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(statement, values)
        columns = [column.name for column in cursor.description or ()]
        return Rows(columns, await cursor.fetchall())
