"""A restored cluster while it recovers, and what it is asked before it is handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio.to_thread

from service.core.database import UNMIGRATED, connect
from service.core.embedded import EmbeddedServer
from service.core.errors import CheckError, NotRestorableError, PlatformError
from service.core.memory import Backups

if TYPE_CHECKING:
    from pathlib import Path

    from jobs.backup.programs import Programs
    from service.core.model.backups import Replayed


def start_recovery(
    server: EmbeddedServer,
    options: dict[str, str],
    durable: bool,
    memory: int | None,
    system_dir: Path,
    bin_dir: Path | None = None,
) -> EmbeddedServer:
    """Start a cluster that recovers to its target and then opens.

    Raises:
        NotRestorableError: it did not get there; with the lines of its log.
    """
    (server.pgdata / "recovery.signal").touch(mode=0o600)
    starting = EmbeddedServer(
        server.data_dir,
        durable=durable,
        memory=memory,
        system_dir=system_dir,
        options=options,
        bin_dir=bin_dir,
    )
    try:
        starting.start()
    except PlatformError as error:
        raise NotRestorableError(
            "PostgreSQL could not recover to the target", detail=error.detail, hint=error.hint
        ) from error
    return starting


async def recovered(server: EmbeddedServer) -> tuple[Replayed, dict[str, list[str]]]:
    """Ask where recovery ended and what the layers hold; jobs are switched off on the way.

    Raises:
        CheckError: it has not ended.
    """
    async with connect(server.url()) as connection:
        backups = Backups(connection)
        facts = await backups.replayed()
        if facts.in_recovery:
            raise CheckError("the restored cluster is still in recovery")
        layers: dict[str, list[str]] = {}
        try:
            await backups.set_jobs_enabled(False)
            layers = await backups.digests()
        except UNMIGRATED:
            pass  # backed up before it was ever migrated
        return facts, layers


async def check_cluster(server: EmbeddedServer, programs: Programs) -> dict[str, Any]:
    """Check every table and b-tree against its heap.

    Raises:
        CheckError: something is corrupt.
    """
    arguments = ["--heapallindexed", "--no-password", "--no-dependent-toast", "--jobs=1"]
    command = [*arguments, server.url()]
    done = await anyio.to_thread.run_sync(lambda: programs.run("pg_amcheck", command, check=False))
    if done.returncode != 0:
        raise CheckError(
            "tables or indexes of the restored cluster are corrupt",
            detail=(done.stdout + done.stderr).strip()[-1500:],
        )
    return {"amcheck": "every table and b-tree is whole"}
