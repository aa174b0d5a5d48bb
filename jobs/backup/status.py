"""What can be restored now, how archiving goes, what is proved; and the mirror of it all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from jobs.backup import wal_verdict
from jobs.backup.chain import chain_of
from jobs.backup.crypto import NAME_THE_KEY
from jobs.backup.wal import gaps
from jobs.backup.windows import windows_of
from service.core.database import connect
from service.core.errors import DamagedError, NotRestorableError
from service.core.memory import Backups
from service.core.model.operation import Condition
from service.core.readable import counted, shown

if TYPE_CHECKING:
    from jobs.backup.catalogue import Backup, Catalogue
    from jobs.backup.chain import Window
    from jobs.backup.repository import Repository
    from service.core.backend import Database
    from service.core.model.backups import Archiver

_BACKLOG = 8  # waiting segments that are worth a word: two minutes at 16 MB a quarter of one


def rows_of(known: Catalogue) -> list[dict[str, Any]]:
    """The catalogue as rows of the table that mirrors it, newest first."""
    return [_row(one, known) for one in reversed(known.backups)]


def _row(one: Backup, known: Catalogue) -> dict[str, Any]:
    made = one.manifest
    try:
        chain = chain_of(one, known.backups)[0].id
    except NotRestorableError:
        chain = made.parent or made.id
    return {
        "id": made.id,
        "kind": made.kind,
        "tier": one.tier.name,
        "parent": made.parent,
        "chain": chain,
        "reason": made.reason,
        "system": made.system,
        "timeline": made.timeline,
        "started_at": made.started_at,
        "stopped_at": made.stopped_at,
        "start_lsn": made.start_lsn,
        "stop_lsn": made.stop_lsn,
        "bytes": made.bytes,
        "stored_bytes": made.stored,
        "encrypted": made.key is not None,
        "fault": one.fault,
        "verified_at": one.verdict.verified_at,
        "proven_at": one.verdict.proven_at,
    }


def window_rows(windows: list[Window]) -> list[dict[str, Any]]:
    """Windows as rows."""
    return [
        {"system": w.system, "timeline": w.timeline, "since": w.since, "until": w.until}
        for w in windows
    ]


async def mirror(repository: Repository, database: Database) -> None:
    """Let the database show what the catalogue says; the catalogue alone counts."""
    known = await anyio.to_thread.run_sync(repository.catalogue)
    windows = await anyio.to_thread.run_sync(windows_of, repository, known)
    async with connect(database.url) as connection:
        await Backups(connection).mirror(rows_of(known), window_rows(windows))


def summary(repository: Repository) -> dict[str, Any]:
    """Chains, sizes, windows, gaps: what the repository alone can tell."""
    known = repository.catalogue()
    windows = windows_of(repository, known)
    systems = {one.manifest.system for one in known.backups}
    holes = [hole for system in systems for hole in gaps(repository.wal.listing(int(system)))]
    proven = [one.verdict.proven_at for one in known.backups if one.verdict.proven_at]
    read = [one.read_at for one in known.backups if one.fault is None and not one.tier.cold]
    try:
        verdict = wal_verdict.found(repository.local)
        damaged = [] if verdict is None else [f"{name} is damaged" for name in verdict.damaged]
    except DamagedError as error:
        damaged = [error.message]
    return {
        "backups": len(known.backups),
        "restorable": sum(one.fault is None for one in known.backups),
        "incomplete": sorted(known.incomplete),
        "locked": {name: error.message for name, error in sorted(known.locked.items())},
        "stored_bytes": sum(one.manifest.stored for one in known.backups),
        "windows": window_rows(windows),
        "wal_gaps": [f"{first} to {last}" for first, last in holes],
        "wal_damaged": damaged,
        "proven_until": max(proven, default=None),
        "all_read_since": min(read, default=None),
        "tiers": {tier.name: tier.place for tier in repository.tiers},
    }


def beside_the_data(repository: Repository, database: Database) -> str | None:
    """What to say of backups that are lost with the data: they lie in the same directory only."""
    server, root = database.server, repository.local.root
    if server is None or root is None or repository.cloud is not None:
        return None
    if not any(root.is_relative_to(place) for place in (server.data_dir, server.home)):
        return None
    return f"they lie in {root}, inside the data directory: one lost disk takes both"


APART = "set backup.directory (another disk) or backup.cloud in magray.toml"


async def conditions(repository: Repository, database: Database) -> list[Condition]:
    """Lines for `magray check`: backups, archiving, proof."""
    told = await anyio.to_thread.run_sync(summary, repository)
    async with connect(database.url) as connection:
        archiver = await Backups(connection).archiver()
    if not told["backups"] and not told["locked"]:
        return [_line("backups", False, "there is none", "magray backup full")]
    broken = told["backups"] - told["restorable"]
    counts = f"{told['restorable']} restorable, {broken} not"
    partial = set(told["incomplete"]) - set(told["locked"])
    if partial:
        counts += f", {len(partial)} incomplete"
    remedy = "magray backup list"
    if told["locked"]:
        counts += f", {len(told['locked'])} locked: " + ", ".join(
            sorted(set(told["locked"].values()))
        )
        remedy = NAME_THE_KEY
    now = datetime.now(UTC)
    proven = told["proven_until"]
    days = repository.settings.drill_days
    stale = days > 0 and (proven is None or now - proven > timedelta(days=days))
    read = told["all_read_since"]
    # read within a day of when it is due
    late = timedelta(days=repository.settings.verify_days + 1)
    unread = repository.settings.verify_days > 0 and read is not None and now - read > late
    failing = _is_failing(archiver)
    wal = [*told["wal_gaps"], *told["wal_damaged"]]
    together = beside_the_data(repository, database)
    return [
        _line("backups", not broken and not told["incomplete"], counts, remedy),
        _line("place of backups", together is None, together or "apart from the data", APART),
        _line("archived WAL", not wal, "; ".join(wal) or "without a gap", "magray backup full"),
        _line(
            "archiving",
            not failing and archiver.waiting < _BACKLOG,
            _archiving(archiver, failing),
            "df -h; the server's log says why it fails",
        ),
        _line(
            "verification",
            not unread,
            f"every byte read since {shown(read)}" if read else "nothing to read",
            "magray backup verify",
        ),
        _line(
            "proof",
            not stale,
            f"last restored {shown(proven) if proven else 'never'}",
            "magray backup drill",
        ),
    ]


def _is_failing(archiver: Archiver) -> bool:
    failed, done = archiver.last_failed_time, archiver.last_archived_time
    return failed is not None and (done is None or failed > done)


def _archiving(archiver: Archiver, failing: bool) -> str:
    waiting = counted(archiver.waiting, "segment waits", "segments wait")
    told = f"{waiting} ({archiver.waiting * 16} MB in pg_wal)"
    if failing and archiver.last_failed_time is not None:
        told += f", {archiver.last_failed_wal} fails since {shown(archiver.last_failed_time)}"
    return told


def _line(condition: str, ok: bool, detail: str, hint: str) -> Condition:
    return Condition(condition=condition, ok=ok, needed=False, detail=detail, hint=hint)
