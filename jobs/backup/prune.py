"""What may go: whole chains, and the WAL only they needed. The plan is the dry run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jobs.backup.catalogue import FOLDER
from jobs.backup.folders import remove_folder
from jobs.backup.locks import being_read, exclusive
from jobs.backup.wal import parse_lsn, segment_number
from service.core.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from jobs.backup.catalogue import Backup, Catalogue
    from jobs.backup.repository import Repository
    from jobs.backup.wal import Listing
    from jobs.storage.tier import Storage


@dataclass(frozen=True)
class Step:
    """One removal, or one move.

    Attributes:
        action: `remove` or `move` a backup, `remove wal`.
        what: its id, or the WAL's first and last name.
        paths: the objects, for WAL.
    """

    action: str
    what: str
    tier: str
    bytes: int
    reason: str
    paths: tuple[str, ...] = ()


def kept(
    backups: Sequence[Backup],
    now: datetime,
    *,
    keep_fulls: int,
    keep_days: float,
    held: Collection[str] = (),
) -> set[str]:
    """Ids of the backups that stay.

    Of each cluster these are the newest restorable fulls, those that lead back far enough, what
    somebody keeps or reads, and all that builds on them.
    """
    stay: set[str] = set()
    for system in {one.manifest.system for one in backups}:
        ours = [one for one in backups if one.manifest.system == system]
        roots = [one for one in ours if one.manifest.stands_alone and one.fault is None]
        roots.sort(key=_end, reverse=True)
        if not roots:
            stay.update(one.id for one in ours)
            continue
        since = now - timedelta(days=keep_days)
        chosen = roots[:keep_fulls]
        chosen += [one for one in roots if one.manifest.stopped_at > since]
        chosen += [one for one in roots if one.manifest.stopped_at <= since][:1]
        marked = {one.id for one in ours if one.verdict.keep} | set(held)
        wanted = {one.id for one in chosen} | marked
        stay |= {one.id for one in ours if _lineage(one, ours) & wanted}
        stay |= {name for one in ours if one.id in wanted for name in _lineage(one, ours)}
        # one that cannot be restored keeps nobody back, and is of no use
        newest = _end(roots[0])
        stay -= {
            one.id
            for one in ours
            if one.fault is not None and _end(one) < newest and one.id not in marked
        }
    return stay


def _end(one: Backup) -> tuple[datetime, int, str]:
    """Orders backups by their end; those that ended at one instant by their WAL."""
    return one.manifest.stopped_at, parse_lsn(one.manifest.stop_lsn), one.id


def _lineage(one: Backup, backups: Sequence[Backup]) -> set[str]:
    """A backup and all it builds on."""
    known = {backup.id: backup for backup in backups}
    found = {one.id}
    while one.manifest.parent in known and one.manifest.parent not in found:
        one = known[one.manifest.parent]
        found.add(one.id)
    return found


def make_steps(
    repository: Repository, known: Catalogue, now: datetime, held: Collection[str]
) -> list[Step]:
    """All that a run would do, in its order."""
    settings = repository.settings
    stay = kept(
        known.backups, now, keep_fulls=settings.keep_fulls, keep_days=settings.keep_days, held=held
    )
    steps = [
        Step("remove", one.id, one.tier.name, one.manifest.stored, _why(one))
        for one in reversed(known.backups)  # what builds on another goes first
        if one.id not in stay
    ]
    staying = [one for one in known.backups if one.id in stay]
    steps += _moves(repository, staying, held)
    for system in sorted({one.manifest.system for one in known.backups}):
        ours = [one for one in staying if one.manifest.system == system]
        if ours:
            steps += _wal(repository.wal.listing(int(system)), ours, repository)
    return steps


def _why(one: Backup) -> str:
    if one.fault is not None:
        return f"it cannot be restored: {one.fault}"
    return "newer fulls reach back far enough"


def _moves(repository: Repository, staying: list[Backup], held: Collection[str]) -> list[Step]:
    """Chains beyond the newest ones on the local disk move to the cloud tier."""
    if repository.cloud is None:
        return []
    local = [one for one in staying if one.tier is repository.local and one.fault is None]
    roots = sorted(
        (one for one in local if one.manifest.stands_alone),
        key=lambda one: one.manifest.stopped_at,
        reverse=True,
    )
    moving = {one.id for one in roots[repository.settings.local_fulls :]}
    return [
        Step("move", one.id, "cloud", one.manifest.stored, "newer fulls lie on the local disk")
        for one in local
        if _lineage(one, local) & moving and one.id not in held
    ]


def _wal(listing: Listing, staying: Iterable[Backup], repository: Repository) -> list[Step]:
    """WAL before the oldest backup that stays."""
    oldest = min(staying, key=lambda one: parse_lsn(one.manifest.start_lsn)).manifest
    first = parse_lsn(oldest.start_lsn) // oldest.segment_size
    steps = []
    for place in repository.wal.places:
        gone = []
        for entry in place.storage.entries(f"{place.prefix}{listing.system}"):
            name = entry.path.rpartition("/")[2][:24]
            is_segment = len(name) == 24 and all(char in "0123456789ABCDEF" for char in name)
            if is_segment and segment_number(name, oldest.segment_size) < first:
                gone.append((name, entry))
        if gone:
            gone.sort(key=lambda pair: pair[0])
            steps.append(
                Step(
                    "remove wal",
                    f"{gone[0][0]} to {gone[-1][0]}",
                    place.storage.name,
                    sum(entry.size for _, entry in gone),
                    "older than every backup that stays",
                    tuple(entry.path for _, entry in gone),
                )
            )
    return steps


def prune(repository: Repository, now: datetime, *, dry_run: bool) -> list[Step]:
    """Remove what may go; returns the steps, in a dry run those it would take."""
    if dry_run:
        return make_steps(repository, repository.catalogue(), now, being_read(repository.local))
    with exclusive(repository.local, "backup"):
        known = repository.catalogue()
        steps = make_steps(repository, known, now, being_read(repository.local))
        for step in steps:
            # a restore that began meanwhile wins
            if step.action != "remove wal" and step.what in being_read(repository.local):
                continue
            _take(repository, known, step)
        return steps


def _take(repository: Repository, known: Catalogue, step: Step) -> None:
    if step.action == "remove":
        one = known.get(step.what)
        remove_folder(one.tier, one.manifest.folder)
    elif step.action == "move":
        move(known.get(step.what), repository.tier(step.tier))
    else:
        place = next(p for p in repository.wal.places if p.storage.name == step.tier)
        place.storage.delete(step.paths)


def move(one: Backup, to: Storage) -> None:
    """Copy a backup to another tier, prove the copy, and only then remove the first.

    Raises:
        DamagedError: it is not as it was written any more.
    """
    for pack in one.manifest.objects():
        path = f"{one.manifest.folder}/{pack.name}"
        data = one.tier.get(path)
        if hashlib.sha256(data).hexdigest() != pack.sha256:
            raise DamagedError(f"{path} is damaged and was not moved", hint="magray backup verify")
        to.put(path, data)
    for name in ("verdict.json", "manifest.json"):
        path = f"{FOLDER}/{one.id}/{name}"
        if one.tier.exists(path):
            to.put(path, one.tier.get(path))
    remove_folder(one.tier, one.manifest.folder)
