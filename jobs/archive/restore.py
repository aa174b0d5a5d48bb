"""`magray archive restore`: archived memories back into their layers.

Every file that is needed is fetched and checked before the first record is brought back, so a
damaged one stops the restore while nothing is half restored. Records come back in batches; a
restore that was killed is simply run again.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from jobs.archive import parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from jobs.storage.store import Store
    from service.core.memory import Archive
    from service.core.model.archive import Returned

_BATCH = 500


@dataclass
class Restored:
    """What a restore did, or would do.

    Attributes:
        restored: records that came back.
        live: ids that live in their layer already, and were left as they are.
        same_content: ids that stay in the archive, because another memory with their content lives.
        absent: ids asked for that the archive does not hold.
        files: files of the archive that were read.
    """

    restored: int = 0
    live: list[UUID] = field(default_factory=list)
    same_content: list[UUID] = field(default_factory=list)
    absent: list[UUID] = field(default_factory=list)
    files: int = 0


async def restore(
    archive: Archive,
    store: Store,
    namespace: str,
    *,
    ids: Sequence[UUID] | None = None,
    file: str | None = None,
    dry_run: bool = False,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> Restored:
    """Bring records of a namespace back.

    Args:
        archive: the database.
        store: where the files are.
        namespace: whose records.
        ids: only these.
        file: only those of this file, named as `magray archive list` names it.
        dry_run: check the files and tell what would come back.
        on_progress: called with the records done and their total.

    Raises:
        DamagedObjectError: a file is not what was written; nothing was restored.
        UnreadableObjectError: another version wrote a file; nothing was restored.
        StorageError: a file is missing or the store refused; nothing was restored.
    """
    places = await archive.find(namespace, ids, file)
    total = sum(len(place.ids) for place in places)
    found = {one for place in places for one in place.ids}
    answer = Restored(absent=[one for one in ids or () if one not in found])
    with tempfile.TemporaryDirectory(prefix="magray-archive-") as folder:
        copies = {}
        for number, place in enumerate(places):
            if place.file is not None:
                copies[place.file] = Path(folder, str(number))
                await _fetch(store, place.file, copies[place.file])
        answer.files = len(copies)
        done = 0
        told: set[bytes] | None = set() if dry_run else None
        for place in places:
            name = place.file
            table = None if name is None else parquet.read(name, copies[name].read_bytes())
            for ids_ in _batches(place.ids):
                rows = (
                    await archive.restore_outbox(namespace, ids_, dry_run=dry_run)
                    if table is None or place.archive is None
                    else await archive.restore(
                        namespace,
                        place.archive,
                        parquet.records(table, namespace, ids_),
                        dry_run=dry_run,
                    )
                )
                _count(answer, rows, told)
                done += len(ids_)
                on_progress(done, total)
    return answer


async def _fetch(store: Store, file: str, copy: Path) -> None:
    """Fetch a file, check it, and keep it on disk: many may be needed."""
    data = await store.get(file)
    await anyio.to_thread.run_sync(parquet.check, file, data)
    await anyio.Path(copy).write_bytes(data)


def _count(answer: Restored, rows: list[Returned], told: set[bytes] | None) -> None:
    """Count a batch; `told`: contents a dry run told as restored, which it cannot find alive."""
    for row in rows:
        outcome, content = row.outcome, bytes(row.content_hash)
        if outcome == "live":
            answer.live.append(row.id)
        elif outcome != "restored" or (told is not None and content in told):
            answer.same_content.append(row.id)
        else:
            answer.restored += 1
            if told is not None:
                told.add(content)


def _batches(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]
