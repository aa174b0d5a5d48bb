"""Clusters with backups for the tests, and what was acknowledged on them."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from jobs.backup.marks import close_window
from jobs.backup.repository import Repository, open_repository
from jobs.backup.restore import Restored, restore
from jobs.backup.status import conditions
from jobs.backup.take import take
from jobs.backup.target import Target, parse_target
from service.core.backend import Database
from service.core.embedded import EmbeddedServer
from service.core.migrate import Model, migrate
from service.core.settings import BackupSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobs.backup.catalogue import Manifest
    from service.core.model.operation import Condition

MEMORY = 128 << 20  # bytes a test server plans with
NAMESPACE = "ann"
STATE = "select id, encode(sha256(content::bytea), 'hex') from memory._memories"


@dataclass(frozen=True)
class Act:
    """Something acknowledged: between `began` and `acked` its effect is uncertain."""

    what: str
    id: str
    digest: str
    began: datetime
    acked: datetime


@dataclass
class Ledger:
    """Every acknowledged write, kept outside of the database."""

    acts: list[Act] = field(default_factory=list)

    def at(self, instant: datetime) -> dict[str, str]:
        """What has to be there at an instant that lies in no act."""
        state: dict[str, str] = {}
        for act in self.acts:
            if act.acked <= instant:
                if act.what == "write":
                    state[act.id] = act.digest
                elif act.what == "remove":
                    state.pop(act.id, None)
        return state

    def is_clear(self, instant: datetime) -> bool:
        """Whether nothing was under way at an instant."""
        return not any(act.began <= instant < act.acked for act in self.acts)


class Place:
    """A cluster of its own with a repository beside it."""

    def __init__(self, folder: Path, *, data: Path | None = None, **settings: Any) -> None:
        self.folder = folder
        self.data = data or folder / "data"
        self.settings = BackupSettings(
            **{"allow_untrusted_incremental": True, "archive_wait_seconds": 60, **settings}
        )
        self.server = self.new_server()
        self.ledger = Ledger()
        self.count = 0

    def new_server(self, **options: Any) -> EmbeddedServer:
        return EmbeddedServer(self.data, **{**self.options, **options})

    @property
    def options(self) -> dict[str, Any]:
        return {"memory": MEMORY, "durable": False, "system_dir": self.folder / "system"}

    @property
    def database(self) -> Database:
        return Database(url=self.server.url(), server=self.server)

    @property
    def repository(self) -> Repository:
        return open_repository(self.settings, self.server.home, self.server.bin_dir)

    def start(self, like: Place | None = None) -> None:
        """Start a migrated cluster: a copy of the stopped one of `like`, or a new one."""
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if like is not None:
            self.server.home.mkdir(mode=0o755, parents=True, exist_ok=True)
            # its files belong to the user the server runs as
            copy = ["cp", "-a", like.server.home / "pg", self.server.home / "pg"]
            subprocess.run(copy, check=True)
        self.server.start()
        if like is None:
            migrate(self.server.url(), Model(name="test-model", dim=8))
            self.sql("select memory.make_partitions()")

    def end(self) -> None:
        if self.server.is_running or self.server.started_here:
            self.server.stop("immediate", force=True)

    def sql(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            cursor = connection.execute(statement, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def write(self, number: int = 1, kind: str = "user_interaction") -> list[str]:
        """Store memories one by one, each noted in the ledger once acknowledged."""
        made = []
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            for _ in range(number):
                self.count += 1
                content = f"memory {self.count} of {self.folder.name}"
                began = now()
                row = connection.execute(
                    "select id from memory.remember(%s, %s, p_kind => %s)",
                    (NAMESPACE, content, kind),
                ).fetchone()
                assert row
                self._note("write", str(row[0]), content, began)
                made.append(str(row[0]))
        return made

    def forget(self, ids: list[str]) -> None:
        began = now()
        self.sql("select * from memory.forget(%s, %s::uuid[])", (NAMESPACE, ids))
        for one in ids:
            self._note("remove", one, "", began)

    def _note(self, what: str, one: str, content: str, began: datetime) -> None:
        digest = hashlib.sha256(content.encode()).hexdigest()
        self.ledger.acts.append(Act(what, one, digest, began, now()))

    def instant(self) -> datetime:
        """Now, apart from what comes before and after."""
        time.sleep(0.002)
        at = now()
        time.sleep(0.002)
        return at

    def take(self, kind: str = "full", **options: Any) -> Manifest:
        return asyncio.run(take(self.repository, self.database, kind, why="test", **options))

    def close_window(self) -> None:
        asyncio.run(close_window(self.repository, self.server.url()))

    def restore(self, target: Target | datetime, into: str = "restored", **more: Any) -> Restored:
        return restore_into(self.repository, target, self.folder / into, self.folder, **more)

    def state(self, server: EmbeddedServer | None = None) -> dict[str, str]:
        """What the layers hold: id → digest of the content."""
        url = (server or self.server).url()
        with psycopg.connect(url, autocommit=True) as connection:
            return {str(row[0]): row[1] for row in connection.execute(STATE)}


def restore_into(
    repository: Repository, target: Target | datetime, into: Path, folder: Path, **more: Any
) -> Restored:
    if isinstance(target, datetime):
        target = parse_target(target.isoformat())
    options = {"memory": MEMORY, "durable": False, "system_dir": folder / "system"}
    return asyncio.run(restore(repository, target, into, **options, **more))


def state_of(into: Path, folder: Path) -> dict[str, str]:
    """Start what was restored, as an operator would to look at it, and read the layers."""
    server = EmbeddedServer(into, memory=MEMORY, durable=False, system_dir=folder / "system")
    server.start()
    try:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            return {str(row[0]): row[1] for row in connection.execute(STATE)}
    finally:
        server.stop("immediate", force=True)


@dataclass
class Chain:
    """A repository with a chain, its ledger, and instants to go back to.

    Attributes:
        instants: one after each backup, between two writes.
    """

    folder: Path
    settings: BackupSettings
    bin_dir: Path
    ids: list[str]
    instants: list[datetime]
    ledger: Ledger

    @property
    def repository(self) -> Repository:
        return open_repository(self.settings, self.folder, self.bin_dir)

    @property
    def backups(self) -> Path:
        return self.folder / "repository" / "backups"

    @property
    def wal(self) -> Path:
        (system,) = (self.folder / "wal-archive").iterdir()
        return system / "00000001"

    def copy(self, to: Path) -> Chain:
        for name in ("repository", "wal-archive"):
            shutil.copytree(self.folder / name, to / name)
        return Chain(to, self.settings, self.bin_dir, self.ids, self.instants, self.ledger)

    def restore(self, target: Target | datetime, **more: Any) -> Restored:
        return restore_into(self.repository, target, self.folder / "restored", self.folder, **more)

    def state(self) -> dict[str, str]:
        return state_of(self.folder / "restored", self.folder)


def make_chain(folder: Path, like: Place) -> Chain:
    place = Place(folder)
    place.start(like)
    try:
        ids, instants = [], []
        for kind in ("full", "incremental", "incremental"):
            first = place.write(8)
            manifest = place.take(kind)
            assert manifest.kind == kind, manifest.reason
            ids.append(manifest.id)
            place.write(4)
            place.forget(first[:2])
            instants.append(place.instant())
            place.write(4)
            place.close_window()
        bin_dir = place.server.bin_dir
    finally:
        place.end()
    return Chain(place.server.home, place.settings, bin_dir, ids, instants, place.ledger)


def now() -> datetime:
    return datetime.now(UTC)


def objects(folder: Path) -> Iterator[Path]:
    """Every stored object below a folder."""
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def flip(path: Path, offset: int, bit: int = 1) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= bit
    path.write_bytes(bytes(data))


def line_of(place: Place, condition: str) -> Condition:
    """What `magray check` says of a condition."""
    lines = asyncio.run(conditions(place.repository, place.database))
    return next(one for one in lines if one.condition == condition)
