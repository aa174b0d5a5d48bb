"""What training calls: rows to learn from and to score, models, scores written back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls, call_text
from service.core.model.operation import ScheduledTraining
from service.core.model.training import ModelChange, StoredModel, TrainedModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
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
        return (await self._call.select(datetime, "select now()"))[0]

    async def lock(self) -> bool:
        """Whether this session may train; False while another one does."""
        return await self._call.row("lock_training", bool)

    async def training_rows(
        self, now: datetime, *, horizon: timedelta | None, layer: str | None, limit: int
    ) -> Rows:
        """Records at moments of the past, with features and label, oldest moment first."""
        return await self._samples(
            "training_rows", p_now=now, p_horizon=horizon, p_layer=layer, p_limit=limit
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
        return await self._samples(
            "scoring_rows",
            p_now=now,
            p_limit=limit,
            p_layer=layer,
            p_horizon=horizon,
            p_after_namespace=namespace,
            p_after_id=memory_id,
        )

    async def count_records(self, layer: str | None) -> int:
        """How many live records there are to score, for a progress bar."""
        rows = await self._call.select(
            int,
            "select coalesce(sum(memories), 0)::bigint from memory.layers"
            " where layer = coalesce(%(layer)s, layer)",
            layer=layer,
        )
        return rows[0]

    async def write_scores(
        self,
        namespaces: Sequence[str],
        ids: Sequence[UUID],
        scores: Sequence[float],
        model: int,
        now: datetime,
    ) -> int:
        """Write relevance back; returns how many records it was written for."""
        return await self._call.run(
            "write_scores",
            p_namespaces=list(namespaces),
            p_ids=list(ids),
            p_scores=list(scores),
            p_model=model,
            p_now=now,
        )

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
        stored = await self._call.row(
            "store_model",
            StoredModel,
            p_name=name,
            p_algorithm=algorithm,
            p_layer=layer,
            p_horizon=horizon,
            p_rows=rows,
            p_features=features,
            p_combination=Jsonb(combination),
            p_artifact=artifact,
            p_metrics=Jsonb(metrics),
            p_importances=Jsonb(importances),
            p_now=now,
        )
        return stored.id

    async def activate_model(self, model: int | None, now: datetime) -> list[ModelChange]:
        """Make a model the one in use, None for none; returns the models that changed."""
        return await self._call.rows("activate_model", ModelChange, p_model=model, p_now=now)

    async def find_model(self, model: int | None = None) -> TrainedModel | None:
        """A stored model with its artifact, the active one by default."""
        return await self._call.first("find_model", TrainedModel, p_model=model)

    async def schedule_training(self, cron: str | None) -> list[ScheduledTraining]:
        """Retrain by a cron schedule, None for never; returns the jobs as they are now."""
        return await self._call.rows("schedule_training", ScheduledTraining, p_cron=cron)

    async def _samples(self, function: str, **parameters: Any) -> Rows:
        """Rows of the view `memory._sample`, whose columns differ from one version to the next."""
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(call_text(function, (), tuple(parameters)), parameters)
        columns = [column.name for column in cursor.description or ()]
        return Rows(columns, await cursor.fetchall())
