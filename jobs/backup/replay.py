"""Brings WAL to a restore, proves it has no gap, and finds the record where recovery must stop."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobs.backup.wal import (
    contiguous,
    events,
    names_from,
    segment_name,
    segment_number,
)
from service.core.errors import DamagedError, NotRestorableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from jobs.backup.repository import Repository
    from jobs.backup.target import Target
    from jobs.backup.wal import Event, Fork, Listing, StoredWal

_BATCH = 8  # segments brought before they are read


@dataclass(frozen=True)
class Stop:
    """Where recovery ends.

    Attributes:
        position: of the record that decides; None: as soon as the backup is consistent.
        inclusive: that record is still replayed.
        last: time of the last commit or abort before, None when there is none since the backup.
        told: what PostgreSQL tells of that: the one before, where it stops right after it.
    """

    position: int | None
    inclusive: bool
    last: datetime | None
    told: datetime | None


@dataclass
class Reader:
    """The WAL from a position on, brought into a folder as far as it is needed.

    Attributes:
        folder: gets the files under their own names, for recovery.
        scan: gets the same under names of one timeline, for pg_waldump.
    """

    repository: Repository
    listing: Listing
    timeline: int
    history: dict[int, Fork]
    start: int
    size: int
    folder: Path
    scan: Path
    advance: Callable[[int, int], None]
    missing: str = ""
    names: list[str] = field(default_factory=list)

    def events(self) -> Iterator[Event]:
        """Commits, aborts and restore points to the end of the unbroken run.

        Raises:
            DamagedError: a segment is not as it was archived.
        """
        names = names_from(self.history, self.timeline, self.start, self.size)
        run, self.missing = contiguous(names, self.listing)
        self.scan.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        known = self.start - 1
        begin = self.start
        for first in range(0, len(run), _BATCH):
            batch = run[first : first + _BATCH]
            for one in batch:
                self._bring(one)
            self.advance(first + len(batch), len(run))
            last = batch[-1]
            for event in events(
                self.repository.programs,
                self.scan,
                self.timeline,
                begin,
                self._scan_name(last.name),
                self.size,
                unfinished=not last.packed,
            ):
                if event.position > known:
                    known = begin = event.position
                    yield event

    def _bring(self, one: StoredWal) -> None:
        data = self.repository.wal.read(one, self.listing.system)
        path = self.folder / one.name
        path.write_bytes(data)
        os.link(path, self.scan / self._scan_name(one.name))
        self.names.append(one.name)

    def _scan_name(self, name: str) -> str:
        return segment_name(self.timeline, segment_number(name, self.size), self.size)


def find_stop(reader: Reader, target: Target, consistent: int) -> Stop:
    """The record where recovery must stop to be exactly at the target.

    Args:
        reader: the WAL from the backup on.
        target: what is asked for.
        consistent: position from which on the backup is whole.

    Raises:
        NotRestorableError: WAL does not prove that the target is reached.
    """
    last: Event | None = None
    before: Event | None = None
    try:
        for event in reader.events():
            if target.at is not None and event.at is not None:
                past = event.at > target.at if target.inclusive else event.at >= target.at
                if past:
                    return _before(event, last, consistent)
            if target.position is not None and event.position >= target.position:
                return _stop(target.position, last)
            if event.at is not None:
                before, last = last, event
    except DamagedError as error:
        reached = last.at.isoformat() if last and last.at else "the backup alone"
        error.detail += f"\nBefore that, WAL leads to {reached}."
        raise
    return _at_the_end(reader, target, last, before, consistent)


def _stop(position: int, last: Event | None) -> Stop:
    at = last.at if last else None
    return Stop(position, False, at, at)


def _before(event: Event, last: Event | None, consistent: int) -> Stop:
    if event.position < consistent:
        raise NotRestorableError(
            "the target lies within the backup", hint="magray restore with an earlier instant"
        )
    return _stop(event.position, last)


def _at_the_end(
    reader: Reader, target: Target, last: Event | None, before: Event | None, consistent: int
) -> Stop:
    at = last.at if last else None
    reached = target.latest or (
        target.at is not None and target.inclusive and at is not None and at == target.at
    )
    if reached:
        if last is None or last.position < consistent:
            return Stop(None, True, at, at)
        return Stop(last.position, True, at, before.at if before else None)
    raise NotRestorableError(
        f"WAL does not lead to {target}",
        detail=f"It is without a gap up to {reader.names[-1] if reader.names else 'nothing'}; "
        f"{reader.missing} is not there. The last commit in it is of "
        f"{at.isoformat() if at else 'before the backup'}.",
    )
