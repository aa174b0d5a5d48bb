"""What a running service consists of, as the routes see it; put together in `service/app.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from service.background.backups import BackupKeeper
from service.background.supervisor import Supervisor
from service.background.touches import TouchBuffer
from service.core.embedding.worker import EmbeddingWorker
from service.core.memory import Memory, Watch
from service.search.recall import Recall
from service.web.metrics import KpiCollector


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts routes call.

    Attributes:
        memory: the database's functions.
        recall: answers searches.
        touches: counts uses.
        worker: embeds in the background; None without a provider.
        backups: takes, proves and restores backups.
        watch: KPIs and alerts.
        kpi_metrics: shows the KPIs to Prometheus.
        supervisor: knows whether the database is away, and why.
    """

    memory: Memory
    recall: Recall
    touches: TouchBuffer
    worker: EmbeddingWorker | None
    backups: BackupKeeper
    watch: Watch
    kpi_metrics: KpiCollector
    supervisor: Supervisor


# How a route asks for them; Litestar has nothing to validate here.
Services: TypeAlias = NamedDependency[SkipValidation[Parts]]
