"""`magray archive verify` and `clean`: are the files whole, and are there objects nobody knows?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from jobs.archive import parquet
from jobs.archive.write import Outcome, delete, erase
from service.errors import DamagedObjectError, MissingObjectError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.storage.store import Store, StoredObject
    from service.memory import Archive


async def verify(
    archive: Archive,
    store: Store,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> list[dict[str, Any]]:
    """Read every file and compare bytes, digest and rows with what was registered.

    Returns:
        One row a file: file, state (ok, damaged, missing), detail.
    """
    files = [one for one in await archive.files() if not one["leaving"]]
    answer = []
    for number, one in enumerate(files, 1):
        state, detail = await _check(store, one)
        await archive.note_check(one["archive"], None if state == "ok" else state)
        answer.append({"file": one["file"], "state": state, "detail": detail})
        on_progress(number, len(files))
    return answer


async def _check(store: Store, one: dict[str, Any]) -> tuple[str, str]:
    try:
        data = await store.get(one["file"])
        table = await anyio.to_thread.run_sync(parquet.read, one["file"], data)
    except MissingObjectError as error:
        return "missing", error.message
    except DamagedObjectError as error:
        return "damaged", error.detail or error.message
    if table.num_rows != one["rows"]:
        return "damaged", f"{table.num_rows} rows instead of {one['rows']}"
    return "ok", f"{table.num_rows} rows, {len(data)} bytes"


@dataclass
class Cleaned:
    """What a clean-up did, or would do.

    Attributes:
        orphans: objects nobody knows.
        kept: objects nobody knows that are the only ones of an archive whose own file is missing:
            after a restore of the database to a moment before the file was rewritten.
        copies: copies of restored records that were queued for erasure.
        outcome: erasures and deletions carried out.
    """

    orphans: list[StoredObject] = field(default_factory=list)
    kept: list[StoredObject] = field(default_factory=list)
    copies: int = 0
    outcome: Outcome = field(default_factory=Outcome)


async def clean(
    archive: Archive, store: Store, *, copies_after_days: float | None, dry_run: bool
) -> Cleaned:
    """Delete what lies in this database's folder of the store and belongs to no archive.

    The caller holds the archive's lock, so no file is being written.

    Args:
        archive: the database.
        store: where the files are.
        copies_after_days: drop the copies of records restored longer ago than this; None: keep.
        dry_run: only tell.
    """
    answer = Cleaned()
    known = await archive.files()
    there = await store.names(f"{await archive.site()}/")
    registered = {row["file"] for row in known}
    lost = _lost_folders(known, {one.name for one in there})
    for one in there:
        if one.name not in registered:
            successor = one.name.rpartition("/")[0] in lost
            (answer.kept if successor else answer.orphans).append(one)
    if copies_after_days is not None:
        answer.copies = await _drop_copies(archive, copies_after_days, dry_run=dry_run)
    if dry_run:
        return answer
    for one in answer.orphans:
        try:
            await store.delete(one.name)
            answer.outcome.deleted += 1
        except StorageError as error:
            answer.outcome.problems.append(error.message)
    await erase(archive, store, answer.outcome)
    await delete(archive, store, answer.outcome)
    return answer


async def _drop_copies(archive: Archive, days: float, *, dry_run: bool) -> int:
    dropped = 0
    while rows := await archive.drop_copies(days, dry_run=dry_run):
        dropped += len(rows)
        if dry_run:  # it would tell the same rows for ever
            break
    return dropped


def _lost_folders(known: list[dict[str, Any]], there: set[str]) -> set[str]:
    """Folders of archives whose registered file is not in the store."""
    return {
        one["file"].rpartition("/")[0]
        for one in known
        if not one["leaving"] and one["file"] not in there
    }
