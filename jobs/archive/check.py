"""`magray archive verify` and `clean`: are the files whole, and are there objects nobody knows?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from jobs.archive import parquet
from jobs.archive.write import Outcome, delete, erase
from service.core.errors import (
    DamagedObjectError,
    MissingObjectError,
    StorageError,
    UnreadableObjectError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from jobs.storage.store import Store, StoredObject
    from service.core.memory import Archive
    from service.core.model.archive import KnownFile

_BATCH = 1000
_FAULTS = ("damaged", "missing")


async def verify(
    archive: Archive,
    store: Store,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> list[dict[str, Any]]:
    """Read every file and compare bytes, digest and rows with what was registered.

    Returns:
        One row a file: file, state (ok, damaged, missing, or unreadable: whole, but written by
        another version), detail.
    """
    files = [one for one in await archive.files() if not one.leaving]
    answer = []
    for number, one in enumerate(files, 1):
        state, detail = await _check(store, one)
        await archive.note_check(one.archive, state if state in _FAULTS else None)
        answer.append({"file": one.file, "state": state, "detail": detail})
        on_progress(number, len(files))
    return answer


async def _check(store: Store, one: KnownFile) -> tuple[str, str]:
    try:
        data = await store.get(one.file)
        table = await anyio.to_thread.run_sync(parquet.read, one.file, data)
    except MissingObjectError as error:
        return "missing", error.message
    except DamagedObjectError as error:
        return "damaged", error.detail or error.message
    except UnreadableObjectError as error:
        return "unreadable", error.detail or error.message
    if table.num_rows != one.rows:
        return "damaged", f"{table.num_rows} rows instead of {one.rows}"
    return "ok", f"{table.num_rows} rows, {len(data)} bytes"


@dataclass
class Faulty:
    """A registered file that is not in the store, or not whole there.

    Attributes:
        file: its name.
        fault: missing or damaged.
        settled: what it held was settled, or would be.
        erased: forgotten records that went with it.
        lost: records that lay in it alone.
        copies: records that live, or lie in another file too.
    """

    file: str
    fault: str
    settled: bool = False
    erased: int = 0
    lost: int = 0
    copies: int = 0


@dataclass
class Cleaned:
    """What a clean-up did, or would do.

    Attributes:
        orphans: objects nobody knows.
        kept: objects nobody knows that are the only ones of an archive whose own file is missing:
            after a restore of the database to a moment before the file was rewritten.
        faulty: files that are gone, without one in `kept`, or known to be damaged.
        copies: copies of restored records that were queued for erasure.
        outcome: erasures and deletions carried out.
    """

    orphans: list[StoredObject] = field(default_factory=list)
    kept: list[StoredObject] = field(default_factory=list)
    faulty: list[Faulty] = field(default_factory=list)
    copies: int = 0
    outcome: Outcome = field(default_factory=Outcome)


async def clean(
    archive: Archive,
    store: Store,
    *,
    copies_after_days: float | None,
    accept: Collection[str] = (),
    dry_run: bool,
) -> Cleaned:
    """Delete what lies in this database's folder of the store and belongs to no archive.

    The caller holds the archive's lock, so no file is being written.

    Args:
        archive: the database.
        store: where the files are.
        copies_after_days: drop the copies of records restored longer ago than this; None: keep.
        accept: missing, damaged or both: files with that fault are lost. Settle what they
            held; a damaged one is deleted.
        dry_run: only tell.

    Raises:
        StorageError: the store cannot be read, so nothing is known to be missing.
    """
    answer = Cleaned()
    known = await archive.files()
    site = await archive.site()
    if "missing" in accept:
        store.require_folder(site)
    there = await store.names(f"{site}/")
    registered = {row.file for row in known}
    lost = _lost_folders(known, {one.name for one in there})
    for one in there:
        if one.name not in registered:
            successor = one.name.rpartition("/")[0] in lost
            (answer.kept if successor else answer.orphans).append(one)
    answer.faulty = await _missing(
        archive, store, known, there, accept="missing" in accept, dry_run=dry_run
    )
    answer.faulty += await _damaged(
        archive, store, known, accept="damaged" in accept, dry_run=dry_run
    )
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


async def _missing(
    archive: Archive,
    store: Store,
    known: list[KnownFile],
    there: list[StoredObject],
    *,
    accept: bool,
    dry_run: bool,
) -> list[Faulty]:
    """Files that are gone and left no other one in their folder; settled if that is accepted."""
    names = {one.name for one in there}
    folders = {name.rpartition("/")[0] for name in names}
    answer = []
    for one in known:
        name = one.file
        if one.leaving or name in names or name.rpartition("/")[0] in folders:
            continue
        missing = Faulty(name, "missing", settled=accept)
        if accept:
            try:  # the store itself says so, not only its list
                await store.get(name)
            except MissingObjectError:
                await _settle(archive, one, missing, dry_run=dry_run)
            else:
                continue
        answer.append(missing)
    return answer


async def _damaged(
    archive: Archive, store: Store, known: list[KnownFile], *, accept: bool, dry_run: bool
) -> list[Faulty]:
    """Files some check or try found damaged and that still are; settled if that is accepted."""
    noted = {row.file for row in await archive.archives() if row.state == "damaged"}
    answer = []
    for one in known:
        if one.file not in noted:
            continue
        state, _ = await _check(store, one)
        if state not in _FAULTS and not dry_run:
            await archive.note_check(one.archive, None)  # mended meanwhile
        if state != "damaged":
            continue  # or told as missing
        damaged = Faulty(one.file, "damaged", settled=accept)
        if accept:
            await _settle(archive, one, damaged, dry_run=dry_run)
        answer.append(damaged)
    return answer


async def _settle(archive: Archive, one: KnownFile, faulty: Faulty, *, dry_run: bool) -> None:
    # a dry run would tell the same batch for ever; no file holds more than its rows
    limit = one.rows if dry_run else _BATCH
    while rows := await archive.settle_archive(one.archive, one.file, limit, dry_run=dry_run):
        told = Counter(row.outcome for row in rows)
        faulty.erased += told["erased"]
        faulty.lost += told["lost"]
        faulty.copies += told["copy"]
        if dry_run:
            return


async def _drop_copies(archive: Archive, days: float, *, dry_run: bool) -> int:
    dropped = 0
    while rows := await archive.drop_copies(days, dry_run=dry_run):
        dropped += len(rows)
        if dry_run:  # it would tell the same rows for ever
            break
    return dropped


def _lost_folders(known: list[KnownFile], there: set[str]) -> set[str]:
    """Folders of archives whose registered file is not in the store."""
    return {
        one.file.rpartition("/")[0] for one in known if not one.leaving and one.file not in there
    }
