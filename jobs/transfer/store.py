"""Stores what a reader reads, in batches; a batch is stored all or none.

The database recognises what it has, new memories by content hash and those of an export by id, so
an import that was interrupted is simply run again. Vectors follow when everything is stored
(`service/core/embedding/pending.py`).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import psycopg
from msgspec.structs import replace

from jobs.files.texts import unstorable
from jobs.transfer.item import EXPIRED, Fault, Item, Record, Skip
from jobs.transfer.outcome import Outcome, Skipped
from jobs.transfer.report import Report
from service.core.errors import ConflictError, FileError
from service.core.memory import to_vector
from service.core.memory.faults import named_fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
    from uuid import UUID

    import numpy as np
    from numpy.typing import NDArray

    from jobs.transfer.item import Entry
    from service.core.memory import Memory, Transfer
    from service.core.model.memories import NewMemory, Stored

Kept = TypeVar("Kept", Item, Record)

# What is rounded to infinity in 16 bits.
_ENDLESS = 65_520
# How many batches are read ahead, so that memories of the same namespace travel together.
_BATCHES_READ = 10
# And no more bytes of the file than about this, however long its lines are.
_BYTES_READ = 64 << 20


async def store(
    memory: Memory,
    entries: Iterable[Entry],
    *,
    batch: int,
    transfer: Transfer | None = None,
    report: Report | None = None,
    skip_faults: bool = False,
    dry_run: bool = False,
    on_progress: Callable[[Outcome], None] = lambda _: None,
) -> Outcome:
    """Store all memories of a file.

    Args:
        memory: where to.
        entries: from a reader; read as they are stored, so a file of any length fits.
        batch: memories in one transaction, 1 to 1000.
        transfer: for memories of an export, and a dry run.
        report: told what is not stored as the file says.
        skip_faults: go on past what the database refuses.
        dry_run: store nothing; what would become of everything is told the same way.
        on_progress: called after each batch.

    Raises:
        FileError: the reader failed, or the database refused a memory; says how many are stored.
    """
    work = _Import(memory, transfer, report or Report(), skip_faults=skip_faults, dry_run=dry_run)
    outcome = work.outcome
    try:
        for window in _windows(entries, batch * _BATCHES_READ):
            # Neighbours in the file may belong to many namespaces; the database is called once for
            # each namespace of a batch. The sort is stable: turns stay in order.
            items, records = work.sift(window)
            items.sort(key=lambda item: item.memory.namespace)
            for some in _parts(items, batch):
                await work.keep(some, work.remember)
                on_progress(outcome)
            records.sort(key=lambda record: record.namespace)
            for _, of_one in groupby(records, key=lambda record: record.namespace):
                for whole in _parts(list(of_one), batch):
                    await work.keep(whole, work.bring)
                    on_progress(outcome)
    except FileError as error:
        raise FileError(
            error.message,
            detail=f"{error.detail}\n{outcome.so_far()}".strip(),
            hint=error.hint or "mend the file and import it again: what is stored is recognised",
        ) from error
    return outcome


def _windows(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """Entries by the window; what was read before a reader's error comes before the error."""
    window: list[Entry] = []
    read = 0
    try:
        for entry in entries:
            window.append(entry)
            read += len(entry.raw)
            if len(window) == size or read > _BYTES_READ:
                yield window
                window, read = [], 0
    except FileError:
        yield window
        raise
    yield window


def _parts(items: Sequence[Kept], size: int) -> Iterator[Sequence[Kept]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


class _Import:
    """One import under way."""

    def __init__(
        self,
        memory: Memory,
        transfer: Transfer | None,
        report: Report,
        *,
        skip_faults: bool,
        dry_run: bool,
    ) -> None:
        self.outcome = Outcome()
        self._memory = memory
        self._transfer = transfer
        self._report = report
        self._skip_faults = skip_faults
        self._dry_run = dry_run
        # a dry run stores nothing by which the next batch would recognise what stood in the last
        self._seen: set[bytes] = set()

    def sift(self, window: Iterable[Entry]) -> tuple[list[Item], list[Record]]:
        """The new memories and those of an export in a window; what is neither is counted."""
        now = datetime.now(UTC)
        items: list[Item] = []
        records: list[Record] = []
        for entry in window:
            match entry:
                case Skip():
                    self._skip(entry.place, entry.reason, entry.raw)
                case Fault():
                    self._note_fault(entry.place, entry.error, entry.raw)
                case Record():
                    records.append(entry)
                case Item() if entry.expires_at is not None and entry.expires_at <= now:
                    self._skip(entry.place, EXPIRED, entry.raw)
                case Item():
                    items.append(entry)
        return items, records

    async def keep(
        self, items: Sequence[Kept], put: Callable[[Sequence[Kept]], Awaitable[None]]
    ) -> None:
        """Put a batch into the database in one transaction; if it is refused, find out why.

        Going on past faults, its halves are tried, down to the memory that is to blame.
        """
        try:
            await put(items)
        except psycopg.Error as refused:
            if not _is_about_data(refused):
                raise
            if not self._skip_faults:
                raise await self._blame(items, put, refused) from refused
            if len(items) == 1:
                self._note_fault(items[0].place, _fault(refused, items), items[0].raw)
                return
            middle = len(items) // 2
            await self.keep(items[:middle], put)
            await self.keep(items[middle:], put)

    async def remember(self, items: Sequence[Item]) -> None:
        """Store new memories, and count them."""
        memories = [_with_ttl(item) for item in items]
        vectors = [None if one.embedding is None else to_vector(one.embedding) for one in memories]
        if self._dry_run:
            rows = await self._preview(memories, vectors)
        else:
            rows = await self._memory.remember(memories, vectors)
        for one, row in zip(memories, rows, strict=True):
            self.outcome.namespaces.add(one.namespace)
            if not row.has_embedding:
                self.outcome.waiting.append((row.namespace, row.id))
            if row.created and self._is_new(
                one.namespace, one.kind, one.session, one.content, one.metadata
            ):
                self.outcome.new += 1
                self.outcome.add_stored(row.layer, row.expires_at, pinned=one.pinned)
            else:
                self.outcome.known += 1

    async def bring(self, records: Sequence[Record]) -> None:
        """Put memories of an export of one namespace in as they were, and count them."""
        namespace = records[0].namespace
        rows = await self._needed().import_records(
            namespace, [record.raw for record in records], dry_run=self._dry_run
        )
        self.outcome.namespaces.add(namespace)
        for record, row in zip(records, rows, strict=True):
            outcome, twin = row.outcome, str(row.twin)
            if outcome == "stored" and not self._is_new(namespace, row.id):
                outcome = "known"
            elif outcome == "stored" and not self._is_new(namespace, row.content_hash):
                outcome, twin = "same content", "another of the file"
            match outcome:
                case "stored":
                    self.outcome.add_stored(row.layer, row.expires_at, pinned=row.pinned)
                    if record.model and not row.has_embedding:
                        dropped = self.outcome.dropped_vectors
                        dropped[record.model] = dropped.get(record.model, 0) + 1
                case "expired":
                    self._skip(record.place, EXPIRED, record.raw)
                    continue
                case "same content":
                    self.outcome.known += 1
                    self._note_elsewhere(record, row.id, twin)
                    continue
                case "archived":
                    self.outcome.known += 1
                    self.outcome.archived += 1
                    continue
                case _:
                    self.outcome.known += 1
            if not row.has_embedding:
                self.outcome.waiting.append((namespace, row.id))

    async def _preview(
        self, memories: Sequence[NewMemory], vectors: Sequence[NDArray[np.float32] | None]
    ) -> list[Stored]:
        """What storing would answer, in the order of the memories."""
        rows: list[Stored] = []
        transfer = self._needed()
        pairs = zip(memories, vectors, strict=True)
        for namespace, some in groupby(pairs, key=lambda pair: pair[0].namespace):
            ours = list(some)
            rows += await transfer.preview(
                namespace, [one for one, _ in ours], [vector for _, vector in ours]
            )
        return rows

    def _needed(self) -> Transfer:
        if self._transfer is None:
            raise ValueError("memories of an export and dry runs need a `transfer`")
        return self._transfer

    def _is_new(self, *what: Any) -> bool:
        """Whether a dry run meets this for the first time."""
        if not self._dry_run:
            return True
        digest = hashlib.blake2b(msgspec.json.encode(what), digest_size=16).digest()
        if digest in self._seen:
            return False
        self._seen.add(digest)
        return True

    async def _blame(
        self,
        items: Sequence[Kept],
        put: Callable[[Sequence[Kept]], Awaitable[None]],
        refused: psycopg.Error,
    ) -> FileError:
        """The error about the memory for which a batch was refused."""
        # The places in the error count within a namespace, so each goes alone now.
        for _, some in groupby(items, key=_namespace):
            ours = list(some)
            try:
                await put(ours)
            except psycopg.Error as error:
                if not _is_about_data(error):
                    raise
                if named_fault(error) is None and not _unstorable(ours):
                    # PostgreSQL says what, but not where: one after the other
                    for one in ours:
                        try:
                            await put([one])
                        except psycopg.Error as found:
                            return _fault(found, [one])
                return _fault(error, ours)
        return _fault(refused, items)

    def _skip(self, place: str, reason: str, raw: bytes) -> None:
        self.outcome.skip(reason, place)
        self._report.add(place, reason, raw)

    def _note_fault(self, place: str, error: FileError, raw: bytes) -> None:
        reason = error.message.rpartition(f"{place}: ")[2].rpartition(f"{place} ")[2]
        self.outcome.skip(reason, place, error.detail)
        self.outcome.faults += 1
        self._report.add(place, reason, raw, error.detail)

    def _note_elsewhere(self, record: Record, theirs: UUID, ours: UUID | str) -> None:
        told = f"{theirs} lives here as {ours}"
        if not self.outcome.elsewhere.count:
            self.outcome.elsewhere = Skipped(told, 0, record.place)
        self.outcome.elsewhere.count += 1
        self._report.add(record.place, f"known under another id: {told}", record.raw)


def _with_ttl(item: Item) -> NewMemory:
    """The memory; an end given as a time counted from now."""
    if item.expires_at is None:
        return item.memory
    left = (item.expires_at - datetime.now(UTC)).total_seconds()
    return replace(item.memory, ttl=max(left, 0.001))


def _namespace(item: Item | Record) -> str:
    return item.memory.namespace if isinstance(item, Item) else item.namespace


def _is_about_data(error: psycopg.Error) -> bool:
    return error.sqlstate is not None and error.sqlstate.startswith(("22", "23", "ML4"))


def _unstorable(items: Sequence[Item | Record]) -> tuple[str, str] | None:
    """Place and reason of the first memory with a text or vector PostgreSQL cannot store."""
    for item in items:
        if not isinstance(item, Item):
            continue
        if fault := unstorable(msgspec.to_builtins(item.memory)):
            return item.place, fault
        if any(abs(number) >= _ENDLESS for number in item.memory.embedding or ()):
            return item.place, "$.embedding holds a number beyond 65504"
    return None


def _fault(error: psycopg.Error, items: Sequence[Item | Record]) -> FileError:
    """What PostgreSQL says of a batch of one namespace, with the place in the file."""
    message = error.diag.message_primary or str(error)
    detail = error.diag.message_detail or ""
    hint = error.diag.message_hint or ""
    if named := named_fault(error):
        place = items[named.place].place
        # of what contradicts what is there the hint is one for the caller of a command
        return FileError(
            f"{place}: {named.reason}",
            detail=detail,
            hint=hint if error.sqlstate == ConflictError.code else "",
        )
    if found := _unstorable(items):
        return FileError(f"{found[0]}: {found[1]}", detail=detail)
    if len(items) == 1:
        return FileError(f"{items[0].place}: {message}", detail=detail)
    return FileError(f"{items[0].place} to {items[-1].place}: {message}", detail=detail)
