"""Archived WAL: what there is, whether it is without a gap, what it commits and when.

Segments lie in a local archive as `archive_wal.py` stores them, in a bucket below `wal/`, and, with
`magray backup stream`, as they come in a folder of plain files. Equal names hold equal bytes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from jobs.backup.archive_wal import SEGMENT, SUFFIX, Refused, check_segment, unpack
from service.core.errors import DamagedError, MismatchError, MissingError, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from jobs.backup.crypto import Keys
    from jobs.backup.programs import Programs
    from jobs.storage.tier import Storage

_ENCRYPTED = re.compile(r"\.aes-([0-9a-f]{16})$")
_RECORD = re.compile(r"lsn: ([0-9A-F]+/[0-9A-F]+), .*? desc: (\w+) ?(.*)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC")
_LAST_POSITION = re.compile(r"WAL record at ([0-9A-F]+/[0-9A-F]+)")


def parse_lsn(text: str) -> int:
    """The byte position a log sequence number names."""
    high, _, low = text.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def format_lsn(position: int) -> str:
    """The log sequence number of a byte position."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def segment_name(timeline: int, number: int, size: int) -> str:
    """The file name of a WAL segment."""
    per_log = (1 << 32) // size
    return f"{timeline:08X}{number // per_log:08X}{number % per_log:08X}"


def segment_number(name: str, size: int) -> int:
    """The number of a WAL segment, counted from the beginning of WAL."""
    return int(name[8:16], 16) * ((1 << 32) // size) + int(name[16:24], 16)


@dataclass(frozen=True)
class Fork:
    """A timeline's beginning: it left `parent` at `position`."""

    parent: int
    position: int


@dataclass(frozen=True)
class StoredWal:
    """One archived file and where it is.

    Attributes:
        name: as PostgreSQL calls it.
        path: below its storage.
        packed: stored by `archive_wal.pack`; False: plain, as received.
    """

    name: str
    storage: Storage
    path: str
    size: int
    packed: bool = True


@dataclass
class Listing:
    """All WAL of one system.

    Attributes:
        segments: complete ones, by name.
        partial: the unfinished end of the stream, by name of the segment.
        histories: of timelines after the first, by number.
        labels: backup history files; no restore reads them, but they too are what was archived.
    """

    system: int
    segments: dict[str, StoredWal] = field(default_factory=dict)
    partial: dict[str, StoredWal] = field(default_factory=dict)
    histories: dict[int, StoredWal] = field(default_factory=dict)
    labels: dict[str, StoredWal] = field(default_factory=dict)

    def timelines(self) -> list[int]:
        """Every timeline there is WAL or a history of."""
        return sorted({int(name[:8], 16) for name in self.segments} | set(self.histories))


@dataclass(frozen=True)
class WalPlace:
    """Where WAL lies: a storage and the prefix before the system's folder."""

    storage: Storage
    prefix: str = ""
    packed: bool = True


class WalArchive:
    """WAL in several places, nearest first.

    Args:
        places: looked through in this order.
        keys: for what is encrypted.
    """

    def __init__(self, places: Sequence[WalPlace], keys: Keys) -> None:
        self.places = tuple(places)
        self._keys = keys

    def listing(self, system: int) -> Listing:
        """What there is of one system."""
        found = Listing(system)
        for one in self.places:
            for entry in one.storage.entries(f"{one.prefix}{system}"):
                _sort_in(found, one, entry.path, entry.size)
        return found

    def systems(self) -> set[int]:
        """Systems there is WAL of."""
        found = set()
        for one in self.places:
            for entry in one.storage.entries(one.prefix.rstrip("/")):
                first = entry.path.removeprefix(one.prefix).partition("/")[0]
                if first.isdigit():
                    found.add(int(first))
        return found

    def read(self, stored: StoredWal, system: int) -> bytes:
        """A file's bytes, proved to be what was archived.

        Raises:
            DamagedError: they are not.
            MismatchError: they belong to another cluster.
        """
        data = stored.storage.get(stored.path)
        try:
            sealed = _ENCRYPTED.search(stored.path)
            if sealed:
                data = self._keys.by_id(sealed[1]).decrypt(data, stored.name)
            if stored.packed:
                data = unpack(data)
            if SEGMENT.fullmatch(stored.name):
                check_segment(stored.name, data, system)
        except Refused as error:
            kind = MismatchError if error.code == 51 else DamagedError
            raise kind(f"WAL file {stored.name} is not usable", detail=str(error)) from error
        except ValueError as error:
            raise DamagedError(
                f"WAL file {stored.name} is damaged",
                detail=f"{stored.storage.place}/{stored.path}: {error}",
                hint="magray backup list   # what can still be restored",
            ) from error
        return data

    def history(self, listing: Listing, timeline: int) -> dict[int, Fork]:
        """How a timeline came about: every one on the way, by number.

        Raises:
            MissingError: its history file is not archived.
        """
        if timeline == 1:
            return {}
        stored = listing.histories.get(timeline)
        if stored is None:
            raise MissingError(
                f"the history of timeline {timeline} is not archived", hint="magray backup list"
            )
        return parse_history(self.read(stored, listing.system).decode(), timeline)


def parse_history(text: str, timeline: int) -> dict[int, Fork]:
    """The forks a history file tells, by the timeline each began."""
    steps = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if len(words) >= 2:
            steps.append((int(words[0]), parse_lsn(words[1])))
    numbers = [number for number, _ in steps[1:]] + [timeline]
    return (
        {
            number: Fork(parent, position)
            for number, (parent, position) in zip(numbers, steps, strict=True)
        }
        if steps
        else {}
    )


def _sort_in(listing: Listing, one: WalPlace, path: str, size: int) -> None:
    name = _ENCRYPTED.sub("", path.rpartition("/")[2])
    if one.packed:
        if not name.endswith(SUFFIX):
            return
        name = name.removesuffix(SUFFIX)
    bare = name.removesuffix(".partial")
    stored = StoredWal(bare, one.storage, path, size, one.packed)
    if name.endswith(".history"):
        listing.histories.setdefault(int(name[:8], 16), stored)
    elif name.endswith(".partial"):
        if not one.packed:  # what the stream has so far; a promotion's leftover is not used
            listing.partial.setdefault(bare, stored)
    elif name.endswith(".backup"):
        listing.labels.setdefault(name, stored)
    elif SEGMENT.fullmatch(name):
        listing.segments.setdefault(name, stored)


def route(history: dict[int, Fork], timeline: int, size: int) -> list[tuple[int, int]]:
    """From which segment number on which timeline's files are read, oldest first."""
    steps = [(history[number].position // size, number) for number in sorted(history)]
    first = history[min(history)].parent if history else timeline
    return [(0, first), *steps]


def names_from(history: dict[int, Fork], timeline: int, position: int, size: int) -> Iterator[str]:
    """The segments recovery reads, from the one that holds `position`, without end."""
    steps = route(history, timeline, size)
    starts = [start for start, _ in steps]
    number = position // size
    while True:
        # of two that begin in the same segment the later is read
        yield segment_name(steps[bisect_right(starts, number) - 1][1], number, size)
        number += 1


def contiguous(names: Iterable[str], listing: Listing) -> tuple[list[StoredWal], str]:
    """The unbroken run of archived segments, and the first that is missing.

    The stream's unfinished segment counts as the last of a run.
    """
    run: list[StoredWal] = []
    for name in names:
        stored = listing.segments.get(name)
        if stored is None:
            unfinished = listing.partial.get(name)
            if unfinished is not None:
                run.append(unfinished)
            return run, name
        run.append(stored)
    return run, ""


def gaps(listing: Listing) -> list[tuple[str, str]]:
    """Holes between archived segments of a timeline: first and last missing name."""
    found = []
    for timeline in listing.timelines():
        names = sorted(name for name in listing.segments if int(name[:8], 16) == timeline)
        for before, after in pairwise(names):
            low, high = segment_number(before, 1 << 24), segment_number(after, 1 << 24)
            if high - low > 1:
                first = segment_name(timeline, low + 1, 1 << 24)
                found.append((first, segment_name(timeline, high - 1, 1 << 24)))
    return found


@dataclass(frozen=True)
class Event:
    """A record of the resource managers Transaction and XLOG.

    Attributes:
        position: where it begins.
        at: when, if it is a commit or an abort.
    """

    position: int
    at: datetime | None = None


def events(
    programs: Programs,
    folder: Path,
    timeline: int,
    start: int,
    last: str,
    size: int,
    *,
    unfinished: bool,
) -> Iterator[Event]:
    """Commits and other records in a folder of segments; the CRC of every record is checked.

    Args:
        programs: for pg_waldump.
        folder: holds the segments, all named by `timeline`.
        timeline: part of their names.
        start: a position to begin at.
        last: the name of the last segment, where reading ends.
        size: of a segment.
        unfinished: the last segment may end early.

    Raises:
        DamagedError: WAL ends before the end of the last segment.
    """
    # without an end pg_waldump waits five seconds for the segment after the last
    end = (segment_number(last, size) + 1) * size
    arguments = [
        "--path",
        str(folder),
        "--timeline",
        str(timeline),
        "--start",
        format_lsn(start),
        "--end",
        format_lsn(end),
        "--rmgr",
        "Transaction",
        "--rmgr",
        "XLOG",
    ]
    with programs.spawn("pg_waldump", arguments, env={"TZ": "UTC"}) as process:
        for line in process.lines():
            event = _event(line)
            if event is not None:
                yield event
        problem = process.errors()
    if not problem:
        if process.process.returncode:
            raise ToolError("pg_waldump ended early", detail=f"in {folder}")
        return
    if unfinished and ("invalid record length" in problem or _LAST_POSITION.search(problem)):
        return
    if "could not find a valid record after" in problem and unfinished:
        return
    raise DamagedError(
        "archived WAL does not read to its end", detail=problem.strip(), hint="magray backup list"
    )


def _event(line: str) -> Event | None:
    found = _RECORD.search(line)
    if found is None:
        return None
    position = parse_lsn(found[1])
    if found[2] in ("COMMIT", "ABORT", "COMMIT_PREPARED", "ABORT_PREPARED"):
        time = _TIME.search(found[3])
        if time is not None:
            at = datetime.fromisoformat(time[1]).replace(tzinfo=UTC)
            return Event(position, at)
    return Event(position)
