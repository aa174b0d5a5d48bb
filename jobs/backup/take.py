"""Takes a backup: pg_basebackup's stream, checked on its way, as packs in a tier.

Nothing of it counts before its manifest is written, which happens last: a run that is killed at any
moment leaves a folder without one, and the next run removes it.
"""

from __future__ import annotations

import re
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import msgspec
import psycopg
import structlog

from jobs.backup import catalogue
from jobs.backup.archiving import announce_histories, set_up, wait_until_archived
from jobs.backup.catalogue import FOLDER, Manifest, Witness
from jobs.backup.chain import Decision, decide_incremental, parent_for
from jobs.backup.folders import new_id, remove_folder, remove_incomplete
from jobs.backup.locks import exclusive
from jobs.backup.packs import PackWriter, read_pg_manifest, seal
from jobs.backup.wal import contiguous, names_from, parse_lsn, segment_name
from jobs.backup.watching import StreamCheck, Watch
from service.core.database import connect, without_password
from service.core.errors import BackupError, MismatchError, TimedOutError, ToolError
from service.core.memory import Backups

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.backup.catalogue import Catalogue
    from jobs.backup.repository import Repository
    from jobs.storage.tier import Storage
    from service.core.backend import Database
    from service.core.model.backups import ServerFacts

    Progress = Callable[[str, int, int | None], None]

log = structlog.get_logger("magray.backup")

_CHUNK = 1 << 20
_HARDEST = 19  # zstd level of the kind compressed
# The server answers these when it cannot tell what changed; a full needs no answer to that.
_NO_INCREMENTAL = re.compile(
    r"WAL summar|summariz|manifest (system|was)|timeline \d+ found in manifest|not in this server's"
    r"|little activity|incremental backup"
)
_TIERS = {"snapshot": "cloud", "compressed": "cold"}
_WITNESS_TRIES = 3


def quiet(stage: str, done: int, total: int | None) -> None:
    """Show no progress."""
    del stage, done, total


@dataclass
class _Streamed:
    """What came of pg_basebackup."""

    packs: list[catalogue.Pack]
    pg_manifest: bytes
    bytes: int


async def take(
    repository: Repository,
    database: Database,
    kind: str,
    *,
    why: str,
    progress: Progress = quiet,
    budget: float | None = None,
) -> Manifest:
    """Take a backup.

    Args:
        repository: where it goes.
        database: of what.
        kind: full, incremental, snapshot (to the cloud tier) or compressed (to the cold archive).
        why: who asked; stands in its manifest.
        progress: told stage, bytes done and bytes in all.
        budget: seconds it may take; by default `timeout_seconds`.

    Returns:
        The manifest. Its kind may be another than asked for; then `reason` says why.

    Raises:
        BackupError: it was refused or failed, and left nothing behind.
    """
    deadline = time.monotonic() + (budget or repository.settings.timeout_seconds)
    with exclusive(repository.local, "backup"):
        async with connect(database.url) as connection:
            run = _Run(repository, database, Backups(connection), progress, deadline)
            return await run.take(kind, why)


class _Run:
    def __init__(
        self,
        repository: Repository,
        database: Database,
        server: Backups,
        progress: Progress,
        deadline: float,
    ) -> None:
        self._repository = repository
        self._database = database
        self._server = server
        self._progress = progress
        self._deadline = deadline

    async def take(self, kind: str, why: str) -> Manifest:
        repository = self._repository
        facts = await self._server.facts()
        self._refuse(facts)
        key = repository.keys.current()
        if key is not None and key.decrypt(key.encrypt(b"magray", "probe"), "probe") != b"magray":
            raise BackupError("the encryption key does not work")
        if self._database.server is not None:
            archive = repository.wal.places[0].storage.root
            await anyio.to_thread.run_sync(set_up, self._database.server, facts.system, archive)
            announce_histories(self._database.server, partial(repository.is_archived, facts.system))
        tier, note = self._tier_for(kind)
        known = repository.catalogue()
        await anyio.to_thread.run_sync(remove_incomplete, known, tier)
        decision = await self._decide(kind, facts, known)
        try:
            manifest = await self._stream(decision, tier, facts, known, f"{why}{note}")
        except ToolError as error:
            if decision.kind != "incremental" or not _NO_INCREMENTAL.search(error.detail):
                raise
            reason = f"a full instead of an incremental: {error.detail.splitlines()[-1]}"
            decision = Decision("full", None, reason)
            manifest = await self._stream(decision, tier, facts, known, f"{why}{note}")
        log.info(
            "backup taken",
            id=manifest.id,
            kind=manifest.kind,
            bytes=manifest.bytes,
            stored=manifest.stored,
            tier=tier.name,
            reason=manifest.reason,
        )
        return manifest

    def _refuse(self, facts: ServerFacts) -> None:
        held = self._database.server is not None and self._database.server.is_held_back
        if facts.in_recovery or held:
            raise MismatchError(
                "a restored cluster is not backed up before it is released",
                hint="magray restore --promote",
            )
        if facts.tablespaces:
            raise MismatchError(
                "clusters with tablespaces of their own cannot be backed up by magray",
                detail=f"There are {facts.tablespaces}.",
                hint="drop tablespace …",
            )
        if facts.archive_mode == "off":
            raise MismatchError(
                "the server does not archive its WAL, so no instant after the backup could be"
                " restored",
                hint="alter system set archive_mode = on; then restart the server",
            )

    def _tier_for(self, kind: str) -> tuple[Storage, str]:
        name = _TIERS.get(kind)
        tier = {"cloud": self._repository.cloud, "cold": self._repository.cold}.get(name or "")
        if tier is not None:
            return tier, ""
        note = f"; on the local disk, for backup.{name} is not set" if name else ""
        return self._repository.local, note

    async def _decide(self, kind: str, facts: ServerFacts, known: Catalogue) -> Decision:
        if kind != "incremental":
            return Decision(kind, None)
        parent = parent_for(facts, known.backups)
        whole = False
        if parent is not None and facts.summarize_wal == "on":
            made = parent.manifest
            whole = await self._server.summaries_from(made.timeline, made.start_lsn)
        return decide_incremental(
            facts,
            known.backups,
            whole,
            allow_untrusted=self._repository.settings.allow_untrusted_incremental,
            max_chain=self._repository.settings.max_chain,
        )

    async def _stream(
        self, decision: Decision, tier: Storage, facts: ServerFacts, known: Catalogue, why: str
    ) -> Manifest:
        backup_id = new_id(decision.kind, known, facts.now)
        folder = f"{FOLDER}/{backup_id}"
        try:
            streamed = await self._copy(decision, tier, folder, facts)
            manifest = await self._describe(decision, backup_id, facts, streamed, why, tier)
            await anyio.to_thread.run_sync(
                tier.put,
                f"{folder}/manifest.json",
                catalogue.encode(manifest, self._repository.keys),
            )
        except BaseException:
            with anyio.CancelScope(shield=True), suppress(BackupError):
                await anyio.to_thread.run_sync(remove_folder, tier, folder)
            raise
        return manifest

    async def _copy(
        self, decision: Decision, tier: Storage, folder: str, facts: ServerFacts
    ) -> _Streamed:
        settings = self._repository.settings
        level = _HARDEST if decision.kind == "compressed" else settings.compression_level
        writer = PackWriter(tier, folder, level=level, key=self._repository.keys.current())
        target, password = without_password(self._database.url)
        arguments = [
            "--pgdata=-",
            "--format=tar",
            "--wal-method=none",
            "--checkpoint=fast",
            "--manifest-checksums=SHA256",
            f"--label=magray {folder}",
            "--no-password",
            f"--dbname={target}",
        ]
        total = None if decision.parent else facts.bytes
        with tempfile.TemporaryDirectory(prefix="magray-backup-") as scratch:
            if decision.parent is not None:
                parent = decision.parent
                path = Path(scratch) / "backup_manifest"
                path.write_bytes(
                    read_pg_manifest(parent.tier, parent.manifest, self._repository.keys)
                )
                arguments.append(f"--incremental={path}")
            copy = partial(self._run_program, arguments, password, writer, total)
            try:
                return await anyio.to_thread.run_sync(copy, abandon_on_cancel=False)
            except BaseException:
                writer.abandon()
                raise

    def _run_program(
        self, arguments: list[str], env: dict[str, str], writer: PackWriter, total: int | None
    ) -> _Streamed:
        checker = StreamCheck()
        with self._repository.programs.spawn("pg_basebackup", arguments, env=env) as running:
            watch = Watch(
                running.process, self._deadline, self._repository.settings.archive_wait_seconds
            )
            done = 0
            try:
                for chunk in running.chunks(_CHUNK):
                    watch.alive()
                    done += len(chunk)
                    checker.feed(chunk)
                    writer.write(chunk)
                    self._progress("copying", done, total and max(total, done))
                problem = running.errors()
            finally:
                watch.stop()
                checker.end()
            if watch.expired:
                raise TimedOutError(
                    watch.expired,
                    detail=problem.strip()[-800:],
                    hint="magray check   # does archiving work?",
                )
            if running.process.returncode != 0:
                raise ToolError(
                    f"pg_basebackup failed with exit code {running.process.returncode}",
                    detail=problem.strip()[-2000:],
                )
        return _Streamed(writer.finish(), checker.result(), done)

    async def _describe(
        self,
        decision: Decision,
        backup_id: str,
        facts: ServerFacts,
        streamed: _Streamed,
        why: str,
        tier: Storage,
    ) -> Manifest:
        folder = f"{FOLDER}/{backup_id}"
        body = msgspec.json.decode(streamed.pg_manifest)
        ranges = body["WAL-Ranges"]
        if str(body["System-Identifier"]) != facts.system:
            raise MismatchError("pg_basebackup copied another cluster than the connection's")
        stop_lsn, timeline = ranges[-1]["End-LSN"], ranges[-1]["Timeline"]
        after = await self._server.facts()
        key = self._repository.keys.current()
        sealed, data = seal(
            streamed.pg_manifest,
            f"{folder}/backup_manifest.zst",
            self._repository.settings.compression_level,
            key,
        )
        await anyio.to_thread.run_sync(tier.put, f"{folder}/{sealed.name}", data)
        size = facts.segment_size
        await self._wait_for(facts, segment_name(timeline, (parse_lsn(stop_lsn) - 1) // size, size))
        witness = await self._witness(backup_id)
        # a commit after all of this, and in the archive: so `stopped_at` can be restored at once
        await self._server.heartbeat()
        await self._wait_for(facts, await self._server.switch_wal())
        manifest = Manifest(
            id=backup_id,
            kind=decision.kind,
            reason="; ".join(filter(None, (why, decision.reason))),
            parent=decision.parent.id if decision.parent else None,
            system=facts.system,
            timeline=timeline,
            started_at=_utc(facts.now),
            stopped_at=_utc(after.now),
            start_lsn=min((r["Start-LSN"] for r in ranges), key=parse_lsn),
            stop_lsn=stop_lsn,
            segment_size=size,
            bytes=streamed.bytes,
            stored=sum(pack.stored for pack in streamed.packs) + sealed.stored,
            packs=streamed.packs,
            pg_manifest=sealed,
            key=key.id if key else None,
            server={
                name: getattr(facts, name)
                for name in ("version", "version_num", "data_checksums", "preload", "extensions")
            },
            witness=witness,
        )
        if tier is not self._repository.local:
            await anyio.to_thread.run_sync(self._ship_needed, tier, manifest)
        return manifest

    async def _wait_for(self, facts: ServerFacts, segment: str) -> None:
        left = self._deadline - time.monotonic()
        seconds = max(0.0, min(left, self._repository.settings.archive_wait_seconds))
        is_there = partial(self._repository.is_archived, facts.system, segment)
        await wait_until_archived(is_there, self._server, segment, seconds)

    async def _witness(self, backup_id: str) -> Witness | None:
        """What the layers hold; None on a database without them, or when writers do not pause."""
        for _ in range(_WITNESS_TRIES):
            try:
                async with connect(self._database.url) as connection:
                    told = await self._server.witness(
                        f"magray witness {backup_id}", Backups(connection)
                    )
                return msgspec.convert(told, Witness, from_attributes=True)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                await anyio.sleep(0.5)
            except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
                return None
        log.warning("backup without a witness", id=backup_id, cause="writers did not pause")
        return None

    def _ship_needed(self, tier: Storage, manifest: Manifest) -> None:
        """A backup in a bucket brings the WAL along that makes it consistent."""
        listing = self._repository.wal.listing(int(manifest.system))
        history = self._repository.wal.history(listing, manifest.timeline)
        names = names_from(
            history, manifest.timeline, parse_lsn(manifest.start_lsn), manifest.segment_size
        )
        last = (parse_lsn(manifest.stop_lsn) - 1) // manifest.segment_size
        end = segment_name(manifest.timeline, last, manifest.segment_size)
        run, _ = contiguous(names, listing)
        needed = [one for one in run if one.name[8:] <= end[8:]]
        self._repository.ship(tier, listing, [*needed, *listing.histories.values()])


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
