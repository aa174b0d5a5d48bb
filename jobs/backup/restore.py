"""Restores to an instant, a mark, a position or the end of WAL; or refuses, and says what works.

plan       which backup, which timeline; everything that can be refused without reading is
prepare    the directory: empty, nobody's
bring      WAL from the backup to the record that decides, proved to be without a gap
unpack     every input of the chain, each verified, before they are combined
recover    PostgreSQL replays to that record, and is asked where it ended
check      every page, every b-tree; the layers answer
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import structlog

from jobs.backup.catalogue import quarantine
from jobs.backup.content import extract
from jobs.backup.instance import check_cluster, recovered, start_recovery
from jobs.backup.locks import exclusive, reading
from jobs.backup.packs import open_packs
from jobs.backup.plan import make_plan, preflight, refusal
from jobs.backup.replay import Reader, Stop, find_stop
from jobs.backup.take import quiet
from jobs.backup.wal import format_lsn, parse_lsn, segment_name
from service.core.embedded import EmbeddedServer
from service.core.embedded.site import HELD_BACK
from service.core.errors import (
    CheckError,
    DamagedError,
    NotRestorableError,
    TargetInUseError,
    ToolError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.backup.catalogue import Backup
    from jobs.backup.plan import Plan
    from jobs.backup.repository import Repository
    from jobs.backup.target import Target
    from service.core.model.backups import Replayed

    Progress = Callable[[str, int, int | None], None]

log = structlog.get_logger("magray.restore")

WORK = "restore.work"  # beside the new cluster while it is made


@dataclass
class Restored:
    """What was restored.

    Attributes:
        into: the data directory: `MAGRAY_DATA_DIR=… magray serve`.
        reached: time of the last commit in it; None when there was none since the backup.
        timeline: the new one it is on.
        checks: what was looked at, and what was found.
    """

    into: str
    target: str
    chain: list[str]
    reached: datetime | None
    lsn: str
    timeline: int
    from_timeline: int
    system: str
    checks: dict[str, Any] = field(default_factory=dict)
    layers: dict[str, list[str]] = field(default_factory=dict)


async def restore(
    repository: Repository,
    target: Target,
    into: Path,
    *,
    system: str | None = None,
    timeline: int | None = None,
    progress: Progress = quiet,
    durable: bool = True,
    memory: int | None = None,
    system_dir: Path = Path("/var/lib"),
) -> Restored:
    """Restore into a new data directory, held back until it is released.

    Args:
        repository: backups and WAL.
        target: what is asked for.
        into: a directory that is empty or not there.
        system: which cluster's; needed when the repository holds several.
        timeline: which branch; by default the one that was written at the target.
        progress: told stage, done, total.
        durable: False only in tests.
        memory: bytes the restored server may plan with while it recovers.
        system_dir: where root puts what the server's user cannot reach.

    Raises:
        BackupError: refused, or failed; the directory is as it was.
    """
    refuse_directory(into)
    plan = await anyio.to_thread.run_sync(make_plan, repository, target, system, timeline)
    preflight(repository, plan.chain[-1])
    made = _Making(repository, plan, into, progress, durable, memory, system_dir)
    ids = [one.id for one in plan.chain]
    with ExitStack() as stack:
        # one at a time: each takes a timeline that nobody else has
        stack.enter_context(exclusive(repository.local, "restore"))
        stack.enter_context(reading(repository.local, ids))
        try:
            return await made.run()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(made.clean_up)
            raise


def open_folder(prefix: str, below: Path | None = None) -> Path:
    """A scratch directory that the server's user can enter."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=below))
    folder.chmod(0o755)
    return folder


def refuse_directory(into: Path) -> None:
    """Refuse a directory that is anything but empty.

    Raises:
        TargetInUseError: it is in use, or holds something.
    """
    if not into.exists():
        return
    if not into.is_dir():
        raise TargetInUseError(
            f"{into} is no directory", hint="magray restore --into NEW_DIRECTORY"
        )
    for place in (into, into / "pg"):
        if (place / "postmaster.pid").exists():
            raise TargetInUseError(
                f"{into} holds a running PostgreSQL, or one that crashed",
                hint="magray restore --into NEW_DIRECTORY",
            )
    if into.stat().st_uid != os.geteuid():
        raise TargetInUseError(
            f"{into} belongs to another user",
            detail="A cluster in it could be read or replaced by them.",
            hint="magray restore --into NEW_DIRECTORY",
        )
    if any(into.iterdir()):
        raise TargetInUseError(
            f"{into} is not empty",
            detail="A restore never mixes with what is there, and deletes nothing.",
            hint="magray restore --into NEW_DIRECTORY",
        )


@dataclass
class _Making:
    repository: Repository
    plan: Plan
    into: Path
    progress: Progress
    durable: bool
    memory: int | None
    system_dir: Path
    made: EmbeddedServer | None = None
    existed: bool = True

    @property
    def server(self) -> EmbeddedServer:
        """The server of the new directory, once there is one."""
        if self.made is None:
            raise RuntimeError("the directory is not prepared yet")
        return self.made

    async def run(self) -> Restored:
        plan = self.plan
        self.existed = self.into.exists()
        self.into.mkdir(mode=0o700, parents=True, exist_ok=True)
        server = EmbeddedServer(
            self.into,
            durable=self.durable,
            memory=self.memory,
            system_dir=self.system_dir,
            bin_dir=self.repository.settings.bin_dir,
        )
        self.made = server
        if server.pgdata.exists() and any(server.pgdata.iterdir()):
            raise TargetInUseError(f"{server.pgdata} is not empty", hint="--into another directory")
        self._note({"state": "restoring", "target": str(plan.target)})
        work = server.home / WORK
        stop, reader = await anyio.to_thread.run_sync(self._bring_wal, work)
        await anyio.to_thread.run_sync(self._unpack, work)
        await anyio.to_thread.run_sync(self._histories, reader.folder)
        restored = await self._recover(stop, reader.folder)
        await anyio.to_thread.run_sync(shutil.rmtree, work)
        self._note({"state": "restored", **_plain(restored)})
        log.info("restored", into=str(self.into), target=str(plan.target), lsn=restored.lsn)
        return restored

    def clean_up(self) -> None:
        """Leave the directory as it was."""
        server = self.made
        if server is None:
            return
        if server.is_running or server.started_here:
            server.stop("immediate", force=True)
        if server.home != server.data_dir:
            shutil.rmtree(server.home, ignore_errors=True)
        for path in self.into.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not self.existed:
            self.into.rmdir()

    def _note(self, told: dict[str, Any]) -> None:
        (self.into / HELD_BACK).write_text(json.dumps(told, default=str, indent=1) + "\n")

    def _bring_wal(self, work: Path) -> tuple[Stop, Reader]:
        plan, base = self.plan, self.plan.chain[-1].manifest
        reader = Reader(
            self.repository,
            plan.listing,
            plan.timeline,
            plan.history,
            parse_lsn(base.start_lsn),
            base.segment_size,
            work / "wal",
            work / "scan",
            lambda done, total: self.progress("reading WAL", done, total),
        )
        try:
            stop = find_stop(reader, plan.target, parse_lsn(base.stop_lsn))
        except (NotRestorableError, DamagedError) as error:
            known = self.repository.catalogue()
            told = refusal(
                self.repository, known, plan.target, base.system, error.message, [error.detail]
            )
            raise type(error)(told.message, detail=told.detail, hint=told.hint) from error
        last = segment_name(
            plan.timeline, (parse_lsn(base.stop_lsn) - 1) // base.segment_size, base.segment_size
        )
        if not reader.names or max(name[8:] for name in reader.names) < last[8:]:
            raise refusal(
                self.repository,
                self.repository.catalogue(),
                plan.target,
                base.system,
                f"WAL {reader.missing}, which the backup needs, is not archived",
                [],
            )
        shutil.rmtree(reader.scan)
        return stop, reader

    def _unpack(self, work: Path) -> None:
        """Every input is proved in full before anything is made of them."""
        pgdata, chain = self.server.pgdata, self.plan.chain
        total = sum(one.manifest.bytes for one in chain)
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            self.progress("unpacking", done, total)

        folders = [pgdata] if len(chain) == 1 else [work / one.id for one in chain]
        for one, folder in zip(chain, folders, strict=True):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with open_packs(one.tier, one.manifest, self.repository.keys, advance) as stream:
                    extract(stream, folder)
                self._verify_input(one, folder)
            except DamagedError as error:
                quarantine(one, error)
                raise
        if len(chain) > 1:
            self._combine(folders, pgdata)
        self.server.account.owns(pgdata)

    def _verify_input(self, one: Backup, folder: Path) -> None:
        done = self.repository.programs.run(
            "pg_verifybackup", ["--no-parse-wal", "--quiet", str(folder)], check=False
        )
        if done.returncode != 0:
            raise DamagedError(
                f"backup {one.id} is damaged",
                detail=done.stderr.strip()[-1500:],
                hint="magray backup list   # what can still be restored",
            )

    def _combine(self, folders: list[Path], pgdata: Path) -> None:
        self.progress("combining", 0, None)
        flags = [] if self.durable else ["--no-sync"]
        arguments = ["--link", *flags, f"--output={pgdata}", *map(str, folders)]
        try:
            self.repository.programs.run("pg_combinebackup", arguments)
        except ToolError as error:
            raise NotRestorableError(
                "the chain of backups does not combine",
                detail=error.detail,
                hint="magray backup verify",
            ) from error
        for folder in folders:
            shutil.rmtree(folder)

    def _histories(self, folder: Path) -> None:
        """Bring every history, and a stand-in for timelines that others have taken already.

        PostgreSQL takes the first number that has none.
        """
        repository, listing = self.repository, self.plan.listing
        for timeline, stored in listing.histories.items():
            data = repository.wal.read(stored, listing.system)
            (folder / f"{timeline:08X}.history").write_bytes(data)
        for entry in repository.local.entries(f"timelines/{listing.system}"):
            timeline = int(entry.path.rpartition("/")[2].removesuffix(".json"))
            path = folder / f"{timeline:08X}.history"
            if not path.exists():
                path.write_text(f"{self.plan.timeline}\t0/0\ttaken by another restore\n")
        self.server.account.owns(folder)
        (self.server.home / WORK).chmod(0o711)

    async def _recover(self, stop: Stop, folder: Path) -> Restored:
        plan, base = self.plan, self.plan.chain[-1].manifest
        options = {
            "restore_command": f"cp {shlex.quote(str(folder)).replace('%', '%%')}/%f %p",
            "recovery_target_timeline": str(plan.timeline),
            "recovery_target_action": "promote",
            "hot_standby": "off",
        }
        if stop.position is None:
            options["recovery_target"] = "immediate"
        else:
            options["recovery_target_lsn"] = format_lsn(stop.position)
            options["recovery_target_inclusive"] = "on" if stop.inclusive else "off"
        self.progress("recovering", 0, None)
        server = await anyio.to_thread.run_sync(
            start_recovery,
            self.server,
            options,
            self.durable,
            self.memory,
            self.system_dir,
            self.repository.settings.bin_dir,
        )
        self.made = server
        try:
            facts, layers = await recovered(server)
            self._compare(stop, facts)
            path = f"timelines/{base.system}/{facts.timeline}.json"
            self.repository.local.put(path, json.dumps({"into": str(self.into)}).encode())
            self.progress("checking", 0, None)
            checks = await check_cluster(server, self.repository.programs)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(lambda: server.stop(force=True))
        await anyio.to_thread.run_sync(self._check_pages)
        return Restored(
            into=str(self.into),
            target=str(plan.target),
            chain=[one.id for one in plan.chain],
            reached=stop.last,
            lsn=facts.lsn,
            timeline=facts.timeline or plan.timeline,
            from_timeline=plan.timeline,
            system=base.system,
            layers=layers,
            checks={**checks, "pages": "every checksum is right"},
        )

    def _compare(self, stop: Stop, facts: Replayed) -> None:
        """Where PostgreSQL says it ended against where it had to."""
        found, base = facts.last_commit, self.plan.chain[-1].manifest
        wrong = None
        if facts.system != base.system:
            wrong = f"it is system {facts.system} instead of {base.system}"
        elif stop.position is not None and found != stop.told:
            wrong = f"its last commit is of {found}, that of the WAL before the target {stop.told}"
        elif self.plan.target.at is not None and found is not None and found > self.plan.target.at:
            wrong = f"its last commit is of {found}, after the target"
        if wrong is not None:
            raise CheckError(
                "recovery did not end at the target",
                detail=f"{wrong}.",
                hint="magray backup verify",
            )

    def _check_pages(self) -> None:
        done = self.repository.programs.run(
            "pg_checksums", ["--check", f"--pgdata={self.server.pgdata}"], check=False
        )
        if done.returncode != 0:
            raise CheckError(
                "pages of the restored cluster are damaged", detail=done.stderr.strip()[-1500:]
            )


def _plain(restored: Restored) -> dict[str, Any]:
    return {**restored.__dict__, "at": datetime.now(UTC)}
