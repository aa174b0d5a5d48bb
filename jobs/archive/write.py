"""`magray archive run`: the outbox into files, forgotten records out of files, old files away.

Whatever dies in between is made good by the next run. A file's name is noted as one to be deleted
before it is written, and taken off that list when it is registered, in the transaction that empties
the outbox; so a file is either registered, or on the list.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import structlog

from jobs.archive import parquet
from service.core.errors import (
    ConflictError,
    DamagedObjectError,
    MagrayError,
    MissingObjectError,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.storage.store import Store
    from service.core.memory import Archive
    from service.core.model.archive import OutboxRecord, Rewrite

log = structlog.get_logger("magray.archive")

_TRIES = 5  # of a batch whose records keep leaving the outbox


@dataclass
class Outcome:
    """What a run did.

    Attributes:
        files: files written.
        written: records in them.
        erased: forgotten records taken out of older files.
        rewritten: files written anew without them.
        deleted: objects deleted from the store.
        problems: what could not be done and is tried again next time.
    """

    files: int = 0
    written: int = 0
    erased: int = 0
    rewritten: int = 0
    deleted: int = 0
    problems: list[str] = field(default_factory=list)


async def take(archive: Archive, *, patience: float = 0) -> bool:
    """Take the archive's files; False when another program still has them after `patience` s."""
    until = anyio.current_time() + patience
    while not (taken := await archive.lock()) and anyio.current_time() < until:  # noqa: ASYNC110
        await anyio.sleep(0.2)
    return taken


async def run(
    archive: Archive,
    store: Store,
    *,
    file_rows: int,
    file_bytes: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Do everything that waits; the caller holds the archive's lock.

    Args:
        archive: the database.
        store: where the files are.
        file_rows: most records in a file.
        file_bytes: about the most bytes of records in a file.
        on_progress: called with the number of records of each file.

    Raises:
        StorageError: a file could not be written; what was written before is registered.
    """
    outcome = Outcome()
    while written := await _write_file(archive, store, file_rows, file_bytes):
        outcome.files += 1
        outcome.written += written
        on_progress(written)
    await erase(archive, store, outcome)
    await delete(archive, store, outcome)
    return outcome


async def _write_file(archive: Archive, store: Store, file_rows: int, file_bytes: int) -> int:
    """Write the next file; the number of its records, 0 when nothing waits."""
    site = await archive.site()
    for tries in range(1, _TRIES + 1):
        rows = await archive.batch(file_rows, file_bytes)
        if not rows:
            return 0
        first = rows[0]
        # The same records make the same archive, whoever writes it.
        made = uuid.uuid5(uuid.UUID(site), f"{first.seq} {first.namespace} {first.id}")
        data = await anyio.to_thread.run_sync(_encode, rows)
        name = parquet.name_of(site, f"{first.archived_at:%Y/%m}", made, data)
        await archive.announce(name)
        await store.put_verified(name, data, replace=True)
        await _check_rows(store, name, len(rows))
        try:
            await archive.register(made, name, store.tier, len(data), [row.seq for row in rows])
        except psycopg.Error as error:
            if error.sqlstate != ConflictError.code or tries == _TRIES:
                raise
            log.info("the outbox changed while a file was written", file=name)
            continue
        log.info("file written", file=name, records=len(rows), bytes=len(data))
        return len(rows)
    return 0


def _encode(rows: list[OutboxRecord]) -> bytes:
    return parquet.write(parquet.to_table(rows))


async def _check_rows(store: Store, name: str, expected: int) -> None:
    """Read a file as a restore would, before anything relies on it."""
    table = await anyio.to_thread.run_sync(parquet.read, name, await store.get(name))
    if table.num_rows != expected:
        raise StorageError(
            f"{name} holds {table.num_rows} records instead of {expected}",
            hint="magray archive run",
        )


async def erase(
    archive: Archive, store: Store, outcome: Outcome, namespace: str | None = None
) -> None:
    """Rewrite the files with forgotten records (of a namespace); `outcome` tells what fails."""
    seen: set[Any] = set()
    while work := [one for one in await archive.work(namespace) if one.archive not in seen]:
        for one in work:
            seen.add(one.archive)
            try:
                outcome.erased += await _rewrite(archive, store, one)
                outcome.rewritten += 1
            except MagrayError as error:
                outcome.problems.append(error.message)
                log.warning("file not rewritten", file=one.file, error=error.message)


async def _rewrite(archive: Archive, store: Store, work: Rewrite) -> int:
    """Write a file anew without the forgotten records; returns how many went."""
    was: str = work.file
    try:
        data = await store.get(was)
        table = await anyio.to_thread.run_sync(parquet.read, was, data)
    except (MissingObjectError, DamagedObjectError) as error:
        fault = "missing" if isinstance(error, MissingObjectError) else "damaged"
        await archive.note_check(work.archive, fault)  # for `magray check` to tell
        raise type(error)(
            f"{error.message}: {len(work.ids)} records cannot be erased from it",
            detail=error.detail,
            hint=f"magray archive clean --accept-{fault} --dry-run",
        ) from error
    rest = parquet.without(table, work.namespaces, work.ids)
    if not rest.num_rows:
        return await archive.replace(work, None, store.tier, None, 0)
    site, year, month, made, _ = was.split("/")
    new = await anyio.to_thread.run_sync(parquet.write, rest)
    name = parquet.name_of(site, f"{year}/{month}", made, new)
    await archive.announce(name)
    await store.put_verified(name, new, replace=True)
    await _check_rows(store, name, rest.num_rows)
    erased = await archive.replace(work, name, store.tier, len(new), rest.num_rows)
    log.info("file rewritten", was=was, file=name, erased=erased)
    return erased


async def delete(archive: Archive, store: Store, outcome: Outcome) -> None:
    """Delete the files that must leave the store; what fails is told and tried again next time."""
    for one in await archive.files():
        if not one.leaving:
            continue
        try:
            await store.delete(one.file)
        except StorageError as error:
            outcome.problems.append(error.message)
            await archive.note_deletion(one.file, error.in_a_line)
            log.warning("file not deleted", file=one.file, error=error.message)
        else:
            await archive.note_deletion(one.file)
            outcome.deleted += 1
