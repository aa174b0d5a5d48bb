"""Proves the newest chain: restores it into a scratch directory and compares what it holds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from jobs.backup import catalogue
from jobs.backup.chain import chain_of
from jobs.backup.restore import open_folder, restore
from jobs.backup.take import quiet
from jobs.backup.target import Target
from jobs.backup.windows import usable
from service.core.database import connect
from service.core.embedded import EmbeddedServer
from service.core.errors import CheckError, NotRestorableError
from service.core.memory import Backups

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.backup.catalogue import Backup
    from jobs.backup.repository import Repository

    Progress = Callable[[str, int, int | None], None]

_RECALL = 0.9  # of the approximate search, against exact


@dataclass
class Proof:
    """What a drill found.

    Attributes:
        chain: the backups it restored.
        proven_until: everything up to here was shown to come back.
        seconds: from nothing to a checked database.
        layers: layer → memories and digest, equal to what the backup recorded.
        recall: of the vector indexes against exact search, None where there is no index.
    """

    chain: list[str]
    proven_until: datetime
    seconds: float
    layers: dict[str, list[str]]
    recall: float | None
    checks: dict[str, Any] = field(default_factory=dict)


async def drill(
    repository: Repository,
    *,
    scratch: Path | None = None,
    progress: Progress = quiet,
    durable: bool = True,
    memory: int | None = None,
    system_dir: Path = Path("/var/lib"),
) -> Proof:
    """Restore the newest chain to the moment its last backup recorded, and compare.

    Args:
        repository: where the backups are.
        scratch: a folder to restore below; by default the system's for temporary files.
        progress: told stage, done, total.
        durable: False only in tests.
        memory: bytes the restored server may plan with.
        system_dir: where root puts what the server's user cannot reach.

    Raises:
        CheckError: what came back is not what was backed up.
        BackupError: it cannot be restored at all.
    """
    newest = _newest(repository)
    began = datetime.now(UTC)
    folder = open_folder("magray-drill-", scratch)
    options: dict[str, Any] = {"durable": durable, "memory": memory, "system_dir": system_dir}
    try:
        restored = await restore(
            repository,
            _target(newest),
            folder / "data",
            system=newest.manifest.system,
            timeline=newest.manifest.timeline,
            progress=progress,
            **options,
        )
        seconds = (datetime.now(UTC) - began).total_seconds()
        witness = newest.manifest.witness
        if witness is not None and restored.layers != witness.layers:
            error = CheckError(
                f"backup {newest.id} does not bring back what was there",
                detail=f"It recorded {witness.layers}, restored were {restored.layers}.",
                hint="magray backup full",
            )
            catalogue.quarantine(newest, error)
            raise error
        progress("searching", 0, None)
        server = EmbeddedServer(folder / "data", bin_dir=repository.settings.bin_dir, **options)
        recall = await _recall(server)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))
    for one in chain_of(newest, repository.catalogue().backups):
        one.verdict.proven_at = began
        catalogue.store_verdict(one)
    return Proof(
        restored.chain,
        newest.manifest.stopped_at,
        seconds,
        restored.layers,
        recall,
        restored.checks,
    )


def _newest(repository: Repository) -> Backup:
    known = repository.catalogue()
    for one in reversed(known.backups):
        if usable(one, known):
            return one
    known.require_keys()
    raise NotRestorableError("there is no backup to prove", hint="magray backup full")


def _target(one: Backup) -> Target:
    if one.manifest.witness is not None:
        return Target(name=one.manifest.witness.name)
    return Target(at=one.manifest.stopped_at)


async def _recall(server: EmbeddedServer) -> float | None:
    """Start what was restored once more, as its owner would, and search in it.

    Raises:
        CheckError: the vector indexes miss what is there.
    """
    await anyio.to_thread.run_sync(server.start)
    try:
        async with connect(server.url()) as connection:
            recall = await Backups(connection).ann_recall()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: server.stop(force=True))
    if recall is not None and recall < _RECALL:
        raise CheckError(
            "the vector indexes of the restored database miss what is there",
            detail=f"Recall@10 against exact search is {recall:.3f}.",
        )
    return recall
