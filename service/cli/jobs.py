"""`magray jobs`: the background work without the service, beside services started without it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import rich_click as click
import structlog

from service.background.backups import BackupKeeper
from service.background.housework import housework
from service.background.supervisor import Supervisor
from service.cli.told import until_told
from service.core.backend import open_backend
from service.core.logs import configure_logs
from service.core.memory import Watch
from service.core.settings import EmbeddingSettings, load_settings

if TYPE_CHECKING:
    from service.core.settings import Settings

log = structlog.get_logger("magray.jobs")


@click.command()
def jobs() -> None:
    """Run jobs, backups and alert messages; services beside it set MAGRAY_JOBS=false."""
    settings = load_settings()
    configure_logs(settings)
    # it embeds nothing: whatever model the database uses is right
    nothing = EmbeddingSettings(provider="none")
    asyncio.run(_jobs(settings.model_copy(update={"jobs": True, "embedding": nothing})))


async def _jobs(settings: Settings) -> None:
    async with open_backend(settings) as backend:
        memory = backend.memory
        pools = (backend.pool, memory.housekeeping)
        supervisor = Supervisor(backend.database, pools, Watch(memory.housekeeping))
        async with supervisor.running(), housework(backend, BackupKeeper(backend)):
            log.info("jobs run here")
            await until_told()
