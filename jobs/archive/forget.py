"""`magray forget`: memories out of layers, outbox and files, in bounded batches.

What is forgotten is out of every view at once. The files of the archive that held it are then
rewritten without it; where the store refuses, `magray archive run` tries again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobs.archive.write import Outcome, delete, erase, take

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from jobs.storage.store import Store
    from service.core.memory import Archive

_BATCH = 500
_PATIENCE = 60.0  # seconds to wait for another program that works on the files


@dataclass
class Forgotten:
    """What was forgotten.

    Attributes:
        memories: how many, in layers, outbox and files.
        outcome: files rewritten and deleted.
        waiting: what the archive still has to do: records of this namespace in files, and files to
            delete, any of which may hold some of it.
    """

    memories: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    waiting: int = 0


async def forget(
    archive: Archive,
    open_files: Callable[[], Store],
    namespace: str,
    *,
    ids: Sequence[UUID] | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Forgotten:
    """Forget a namespace, or some memories of it.

    Args:
        archive: the database.
        open_files: opens the store; called only when files hold something of it.
        namespace: whose memories.
        ids: only these.
        on_progress: called with the number forgotten in each batch.

    Raises:
        StorageError: the store cannot be opened; the memories are out of every view.
    """
    answer = Forgotten()
    if ids is None:
        while gone := await archive.forget(namespace, None, _BATCH):
            answer.memories += len(gone)
            on_progress(len(gone))
    else:
        for start in range(0, len(ids), _BATCH):
            gone = await archive.forget(namespace, ids[start : start + _BATCH], _BATCH)
            answer.memories += len(gone)
            on_progress(len(gone))
    if await _waiting(archive, namespace):
        store = open_files()
        if await take(archive, patience=_PATIENCE):
            await erase(archive, store, answer.outcome, namespace)
            await delete(archive, store, answer.outcome)
        else:
            answer.outcome.problems.append("another program works on the archive's files")
    answer.waiting = await _waiting(archive, namespace)
    return answer


async def _waiting(archive: Archive, namespace: str) -> int:
    """Forgotten records of the namespace in files, and files to be deleted."""
    backlog = await archive.backlog(namespace)
    return sum(row.waiting for row in backlog if row.item != "to write")
