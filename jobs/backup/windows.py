"""Which instants can be restored, and by which timeline: from backups and archived WAL alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.backup.chain import Window, bases, chain_of, merge
from jobs.backup.wal import (
    contiguous,
    events,
    names_from,
    parse_lsn,
    segment_name,
    segment_number,
)
from service.core.errors import BackupError, NotRestorableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jobs.backup.catalogue import Backup, Catalogue
    from jobs.backup.repository import Repository
    from jobs.backup.wal import Fork, Listing, StoredWal


def windows_of(repository: Repository, known: Catalogue) -> list[Window]:
    """Every window, oldest first."""
    found: list[Window] = []
    for system in sorted({one.manifest.system for one in known.backups}):
        listing = repository.wal.listing(int(system))
        ends = _Ends(repository, listing)
        for timeline in listing.timelines():
            found += _on_timeline(repository, known, listing, timeline, ends)
    return merge(found)


def _on_timeline(
    repository: Repository, known: Catalogue, listing: Listing, timeline: int, ends: _Ends
) -> list[Window]:
    try:
        history = repository.wal.history(listing, timeline)
    except BackupError:
        return []
    system = str(listing.system)
    born = ends.born(timeline, history)
    if born is None and history:
        return []
    found = []
    for base in bases(known.backups, system, timeline, history):
        try:
            chain_of(base, known.backups)
        except NotRestorableError:
            continue
        made = base.manifest
        names = names_from(history, timeline, parse_lsn(made.start_lsn), made.segment_size)
        run, _ = contiguous(names, listing)
        if not run or int(run[-1].name[:8], 16) != timeline:
            continue
        until = ends.last_of(run)
        since = made.stopped_at if born is None else max(made.stopped_at, born)
        if until is not None and until >= since:
            found.append(Window(system, timeline, since, until))
    return found


class _Ends:
    """Times of first and last commits, each looked up once."""

    def __init__(self, repository: Repository, listing: Listing) -> None:
        self._repository = repository
        self._listing = listing
        self._last: dict[str, datetime | None] = {}

    def last_of(self, run: Sequence[StoredWal]) -> datetime | None:
        """The last commit in a run of segments."""
        if not run:
            return None
        key = run[-1].name
        if key not in self._last:
            self._last[key] = self._search(run)
        return self._last[key]

    def _search(self, run: Sequence[StoredWal]) -> datetime | None:
        """Look from the end: mostly the last segment has it."""
        for count in (1, 4, 16, 64, len(run)):
            tail = run[-count:]
            times = _times(self._repository, self._listing.system, tail)
            if times or count >= len(run):
                return max(times, default=None)
        return None

    def born(self, timeline: int, history: dict[int, Fork]) -> datetime | None:
        """The first commit on a timeline of its own; None for the first, or when there is none."""
        if timeline not in history:
            return None
        # the first of its segments may be older than its archiving
        size, fork = 1 << 24, history[timeline].position
        own = sorted(name for name in self._listing.segments if int(name[:8], 16) == timeline)
        if not own:
            return None
        first = segment_number(own[0], size)
        run, _ = contiguous(
            (segment_name(timeline, first + i, size) for i in range(1 << 20)), self._listing
        )
        start = max(fork, first * size)
        for count in (1, 4, 16, 64):
            after = _times(self._repository, self._listing.system, run[:count], start)
            if after:
                return min(after)
        return None


def _times(
    repository: Repository, system: int, run: Sequence[StoredWal], start: int | None = None
) -> list[datetime]:
    """Times of the commits in a few segments; empty where they cannot be read."""
    if not run:
        return []
    timeline, size = int(run[-1].name[:8], 16), 1 << 24
    with tempfile.TemporaryDirectory(prefix="magray-wal-") as name:
        try:
            for one in run:
                target = segment_name(timeline, segment_number(one.name, size), size)
                (Path(name) / target).write_bytes(repository.wal.read(one, system))
            begin = start if start is not None else segment_number(run[0].name, size) * size
            last = segment_name(timeline, segment_number(run[-1].name, size), size)
            return [
                event.at
                for event in events(
                    repository.programs,
                    Path(name),
                    timeline,
                    begin,
                    last,
                    size,
                    unfinished=not run[-1].packed,
                )
                if event.at is not None
            ]
        except BackupError:
            return []


def timeline_at(windows: Sequence[Window], system: str, instant: datetime) -> int:
    """The timeline that was written at an instant.

    Raises:
        NotRestorableError: two were, or none.
    """
    live = sorted({w.timeline for w in windows if w.system == system and instant in w})
    if len(live) == 1:
        return live[0]
    if live:
        raise NotRestorableError(
            f"{len(live)} timelines were written at {instant.isoformat()}",
            detail=f"Timelines {', '.join(map(str, live))}.",
            hint=f"magray restore --timeline {live[-1]} …",
        )
    raise NotRestorableError(f"nothing leads to {instant.isoformat()}")


def usable(base: Backup, known: Catalogue) -> bool:
    """Whether a backup's whole chain is there."""
    try:
        chain_of(base, known.backups)
    except NotRestorableError:
        return False
    return True
