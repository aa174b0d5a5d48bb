"""Single memories and namespaces from a past instant, back into the live database."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from jobs.backup.restore import open_folder, restore
from jobs.backup.take import quiet
from service.core.database import connect
from service.core.embedded import EmbeddedServer
from service.core.memory import Backups

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from jobs.backup.repository import Repository
    from jobs.backup.target import Target
    from service.core.backend import Database
    from service.core.model.backups import BroughtBack

    Progress = Callable[[str, int, int | None], None]

_BATCH = 500


async def bring_back(
    repository: Repository,
    database: Database,
    target: Target,
    namespace: str,
    ids: Sequence[UUID] | None = None,
    *,
    dry_run: bool = False,
    progress: Progress = quiet,
    **options: Any,
) -> list[BroughtBack]:
    """Restore the instant into a scratch directory and copy what is asked for.

    Args:
        repository: backups and WAL.
        database: the live one.
        target: the instant.
        namespace: whose memories.
        ids: these only; None: the whole namespace.
        dry_run: only tell what would become of each.
        progress: told stage, done, total.
        options: of the restore.

    Returns:
        One row a record.
    """
    folder = open_folder("magray-past-")
    made = {key: options[key] for key in ("durable", "memory", "system_dir") if key in options}
    try:
        await restore(repository, target, folder / "data", progress=progress, **options)
        server = EmbeddedServer(folder / "data", bin_dir=repository.settings.bin_dir, **made)
        await anyio.to_thread.run_sync(server.start)
        try:
            async with connect(server.url()) as connection:
                records = await Backups(connection).records_of(namespace, ids)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(lambda: server.stop(force=True))
        rows: list[BroughtBack] = []
        async with connect(database.url) as connection:
            live = Backups(connection)
            for first in range(0, len(records), _BATCH):
                batch = records[first : first + _BATCH]
                rows += await live.bring_back(namespace, batch, dry_run=dry_run)
        return rows
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))
