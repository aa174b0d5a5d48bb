"""What an installation does besides answering, in one process of it: jobs, backups, messages."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from service.background.indexes import IndexBuilder
from service.background.schedule import Scheduler
from service.background.watch.channels import make_channels
from service.background.watch.notifier import Notifier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.background.backups import BackupKeeper
    from service.core.backend import Backend


@asynccontextmanager
async def housework(backend: Backend, keeper: BackupKeeper) -> AsyncIterator[None]:
    """Run it all while the block runs; several processes may, but one is enough.

    Args:
        backend: the database and the settings.
        keeper: takes backups.
    """
    url = backend.database.url
    parts = (
        Notifier(url, make_channels(backend.settings.alerts)),
        keeper,
        Scheduler(url),
        IndexBuilder(url),
    )
    async with AsyncExitStack() as stack:
        for part in parts:
            await stack.enter_async_context(part.running())
        yield
