"""Reads stored bytes again: what is not as it was written is found before a restore needs it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jobs.backup import wal_verdict
from jobs.backup.catalogue import quarantine, spread, verified_now
from jobs.backup.content import check_tar
from jobs.backup.packs import open_packs, read_pg_manifest
from jobs.backup.take import quiet
from jobs.backup.wal import gaps
from service.core.errors import (
    BackupError,
    ColdStorageError,
    DamagedError,
    MismatchError,
    TierError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from jobs.backup.catalogue import Backup, Catalogue
    from jobs.backup.repository import Repository

    Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: a backup's id, or a WAL file.
        ok: whether it is as it was written.
        detail: what is wrong.
    """

    what: str
    ok: bool
    detail: str = ""


def verify(
    repository: Repository,
    ids: Collection[str] = (),
    *,
    only: Callable[[Backup], bool] | None = None,
    with_wal: bool = True,
    progress: Progress = quiet,
) -> Iterator[Finding]:
    """Read backups and WAL in full.

    Args:
        repository: all tiers.
        ids: these backups only, and no WAL.
        only: leave out other backups than these: the work grows with new bytes only.
        with_wal: read archived WAL too.
        progress: told stage, done, total.
    """
    known = repository.catalogue()
    for name, (why, _) in known.incomplete.items():
        if not ids or name in ids:
            yield Finding(name, False, why)
    wanted = [known.get(one) for one in ids] if ids else known.backups
    if only is not None:
        wanted = [one for one in wanted if only(one)]
    total = sum(one.manifest.bytes for one in wanted)
    done = 0
    for one in wanted:  # oldest first: what builds on a damaged one is told of it
        finding = verify_backup(repository, one, partial(_told, progress, done, total))
        if not finding.ok:
            spread(known)
        yield finding
        done += one.manifest.bytes
    if with_wal and not ids:
        yield from _verify_wal(repository, known)


def _told(progress: Progress, done: int, total: int, count: int) -> None:
    progress("verifying", done + count, total)


def verify_backup(repository: Repository, one: Backup, advance: Callable[[int], None]) -> Finding:
    """Read one backup in full; one that is damaged is quarantined."""
    read = 0

    def count(size: int) -> None:
        nonlocal read
        read += size
        advance(read)

    try:
        with open_packs(one.tier, one.manifest, repository.keys, count) as stream:
            inside = check_tar(stream)
        if inside != read_pg_manifest(one.tier, one.manifest, repository.keys):
            raise DamagedError("PostgreSQL's manifest beside the backup is not the one inside")
    except ColdStorageError as error:
        return Finding(one.id, True, f"not read: {error.message}")
    except TierError as error:
        return Finding(one.id, False, error.in_a_line)
    except BackupError as error:
        quarantine(one, error)
        return Finding(one.id, False, error.in_a_line)
    unknown = one.verdict.damaged
    if one.verdict.damage is None and not unknown:
        verified_now(one)
    if unknown:
        return Finding(
            one.id, False, "verdict.json beside it was damaged; the backup itself is not"
        )
    return Finding(one.id, one.fault is None, one.fault or "")


def _verify_wal(repository: Repository, known: Catalogue) -> Iterator[Finding]:
    damaged = []
    try:
        wal_verdict.found(repository.local)
    except DamagedError as error:
        yield Finding("WAL", False, f"{error.message}; it is written anew")
    for system in sorted({one.manifest.system for one in known.backups}):
        listing = repository.wal.listing(int(system))
        for stored in (
            *listing.segments.values(),
            *listing.histories.values(),
            *listing.labels.values(),
        ):
            try:
                repository.wal.read(stored, listing.system)
            except (DamagedError, MismatchError, TierError) as error:
                damaged.append(stored.name)
                yield Finding(stored.name, False, error.detail or error.message)
        for first, last in gaps(listing):
            yield Finding(first, False, f"WAL from {first} to {last} is not archived")
        yield Finding(f"WAL of {system}", True, f"{len(listing.segments)} segments read")
    wal_verdict.note(repository.local, damaged)
