"""Hands a restored cluster over: from now on it runs its jobs and archives its own WAL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from service.core.database import connect
from service.core.embedded import EmbeddedServer
from service.core.embedded.site import HELD_BACK
from service.core.errors import NotRestorableError
from service.core.memory import Backups

if TYPE_CHECKING:
    from pathlib import Path


async def release(into: Path, server: EmbeddedServer | None = None) -> None:
    """Release a restored cluster; the next `magray serve` of that directory is the service.

    Raises:
        NotRestorableError: there is none, or it is not restored to its end.
    """
    note = into / HELD_BACK
    if not note.is_file():
        raise NotRestorableError(
            f"{into} is no restored cluster that is held back",
            hint="magray restore --to … --into DIRECTORY, then --promote --into DIRECTORY",
        )
    if '"state": "restored"' not in note.read_text():
        raise NotRestorableError(f"the restore into {into} did not end well", hint=f"rm -r {into}")
    server = server or EmbeddedServer(into)
    await anyio.to_thread.run_sync(server.start)
    try:
        async with connect(server.url()) as connection:
            await Backups(connection).set_jobs_enabled(True)
        note.rename(into / "released.json")
    finally:
        with anyio.CancelScope(shield=True):
            # the setting that keeps it from archiving can only be changed by a restart
            await anyio.to_thread.run_sync(lambda: server.stop(force=True))
