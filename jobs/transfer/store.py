"""Stores what a reader reads, in batches; a batch is stored all or none.

The database recognises what it has by content hash, so an import that was interrupted is simply run
again. Vectors follow when everything is stored (`embed.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import psycopg

from jobs.transfer.item import FileError, Item, Skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from uuid import UUID

    from jobs.transfer.item import Entry
    from service.memory import Memory

# How memory.remember_many names a fault: its place in the batch, then what is wrong.
_FAULT = re.compile(r"memory (\d+): (.*)", re.DOTALL)
# How many batches are read ahead, so that memories of the same namespace travel together.
_BATCHES_READ = 10


@dataclass
class Skipped:
    """How often something was skipped, and where first."""

    reason: str
    count: int
    first: str


@dataclass
class Outcome:
    """What became of a file.

    Attributes:
        stored: memories that are new.
        known: memories that were there already, or stood in the file before.
        waiting: of both, namespace and id of those that have no vector yet.
        layers: where the new ones went, by layer.
    """

    stored: int = 0
    known: int = 0
    waiting: list[tuple[str, UUID]] = field(default_factory=list)
    skipped: dict[str, Skipped] = field(default_factory=dict)
    namespaces: set[str] = field(default_factory=set)
    layers: dict[str, int] = field(default_factory=dict)

    @property
    def without_vector(self) -> int:
        """Memories of the file that have no vector yet."""
        return len(self.waiting)

    @property
    def read(self) -> int:
        """Entries of the file seen so far."""
        return self.stored + self.known + sum(one.count for one in self.skipped.values())


async def store(
    memory: Memory,
    entries: Iterable[Entry],
    *,
    batch: int,
    on_progress: Callable[[Outcome], None] = lambda _: None,
) -> Outcome:
    """Store all memories of a file.

    Args:
        memory: where to.
        entries: from a reader; read as they are stored, so a file of any length fits.
        batch: memories in one transaction, 1 to 1000.
        on_progress: called after each batch.

    Raises:
        FileError: the reader failed, or the database refused a memory; says how many are stored.
    """
    outcome = Outcome()
    try:
        for window in _windows(entries, batch * _BATCHES_READ):
            items: list[Item] = []
            for entry in window:
                if isinstance(entry, Skip):
                    _note(outcome, entry)
                else:
                    items.append(entry)
            # Neighbours in the file may belong to many namespaces; the database is called once for
            # each namespace of a batch. The sort is stable: turns stay in order.
            items.sort(key=lambda item: item.memory.namespace)
            for start in range(0, len(items), batch):
                await _store(memory, items[start : start + batch], outcome)
                on_progress(outcome)
    except FileError as error:
        raise FileError(
            error.message,
            detail=f"{error.detail}\n{_so_far(outcome)}".strip(),
            hint=error.hint or "mend the file and import it again: what is stored is recognised",
        ) from error
    return outcome


def _windows(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """Entries by the window; what was read before a reader's error comes before the error."""
    window: list[Entry] = []
    try:
        for entry in entries:
            window.append(entry)
            if len(window) == size:
                yield window
                window = []
    except FileError:
        yield window
        raise
    yield window


async def _store(memory: Memory, items: Sequence[Item], outcome: Outcome) -> None:
    """Store a batch in one transaction; if it is refused, find out which memory is to blame."""
    try:
        await _remember(memory, items, outcome)
    except psycopg.Error as refused:
        if not _is_about_data(refused):
            raise
        # The places in the error count within a namespace, so each goes alone now.
        for _, some in groupby(items, key=lambda item: item.memory.namespace):
            alone = list(some)
            try:
                await _remember(memory, alone, outcome)
            except psycopg.Error as error:
                if not _is_about_data(error):
                    raise
                raise _fault(error, alone) from error


async def _remember(memory: Memory, items: Sequence[Item], outcome: Outcome) -> None:
    memories = [item.memory for item in items]
    vectors = [
        None if one.embedding is None else np.asarray(one.embedding, dtype=np.float32)
        for one in memories
    ]
    for row in await memory.remember(memories, vectors):
        outcome.namespaces.add(row.namespace)
        if not row.has_embedding:
            outcome.waiting.append((row.namespace, row.id))
        if row.created:
            outcome.stored += 1
            outcome.layers[row.layer] = outcome.layers.get(row.layer, 0) + 1
        else:
            outcome.known += 1


def _is_about_data(error: psycopg.Error) -> bool:
    return error.sqlstate is not None and error.sqlstate.startswith(("22", "23", "ML4"))


def _fault(error: psycopg.Error, items: Sequence[Item]) -> FileError:
    message = error.diag.message_primary or str(error)
    detail = error.diag.message_detail or ""
    if match := _FAULT.match(message):
        return FileError(f"{items[int(match[1]) - 1].place}: {match[2]}", detail=detail)
    return FileError(f"{items[0].place} to {items[-1].place}: {message}", detail=detail)


def _note(outcome: Outcome, skip: Skip) -> None:
    known = outcome.skipped.setdefault(skip.reason, Skipped(skip.reason, 0, skip.place))
    known.count += 1


def _so_far(outcome: Outcome) -> str:
    return f"{outcome.stored:,} memories were stored, {outcome.known:,} were known already."
